"""The options of Spark's and Auto Loader's file sources, and what each is here.

docs/auto_loader_options.md is made of it. tests/spark/test_files_options.py is red when
``read_files`` or a format has an option that no row leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakestream.spark.option_row import Row
from lakestream.spark.option_values import (
    azure_queue,
    character,
    fraction,
    lower,
    mapping,
    number,
    size,
    snake_case,
    sqs_queue,
    subscription,
    switch,
    switch_or_auto,
)

_CREDENTIALS: Final = "give the credentials of the files' store, or rely on the cloud's usual chain"

_AT_ONCE: Final = "Spark takes files away at once; here they stay for some time after their commit"
_CLEAN: Final = 'use format("cloudFiles") with cloudFiles.cleanSource'

#: A setting of the session there.
_SAMPLE: Final = "spark.databricks.cloudFiles.schemaInference.sampleSize"

#: Options of Auto Loader alone.
AUTO_LOADER: Final = (
    Row("cloudFiles.format", "format"),
    Row("cloudFiles.includeExistingFiles", "include_existing_files", switch),
    Row("cloudFiles.allowOverwrites", "allow_overwrites", switch),
    Row("cloudFiles.maxFilesPerTrigger", "max_files_per_trigger", number),
    Row("cloudFiles.maxBytesPerTrigger", "max_bytes_per_trigger", size),
    Row("cloudFiles.maxFileAge", "max_file_age"),
    Row(
        "cloudFiles.backfillInterval",
        "backfill_interval",
        why="a day unless it is given, where Auto Loader never lists again",
    ),
    Row("cloudFiles.cleanSource", "clean_source", lower),
    Row("cloudFiles.cleanSource.retentionDuration", "clean_source_retention"),
    Row("cloudFiles.cleanSource.moveDestination", "clean_source_move_destination"),
    Row("cloudFiles.cleanSource.waitForCompletion", "clean_source_wait", switch),
    Row("cloudFiles.partitionColumns", "partition_columns"),
    Row(
        "cloudFiles.useStrictGlobber",
        "use_strict_globber",
        switch,
        why="off unless it is `true`, as in Auto Loader; `read_files` has it on",
    ),
    Row(
        "cloudFiles.validateOptions",
        only=("true",),
        why="options are always checked where they are written",
    ),
    Row(
        "cloudFiles.schemaLocation",
        only=None,
        why="each version of the schema is kept in the checkpoint",
    ),
    Row("cloudFiles.inferColumnTypes", "infer_types", switch),
    Row("cloudFiles.schemaEvolutionMode", "schema_evolution", snake_case),
    Row("cloudFiles.schemaHints", "schema_hints"),
    Row("cloudFiles.rescuedDataColumn", "rescued_data_column"),
    Row(f"{_SAMPLE}.numFiles", "schema_inference_max_files", number),
    Row(
        f"{_SAMPLE}.numBytes",
        "schema_inference_max_bytes",
        size,
        why="64 MB unless it is given, where Auto Loader has 50 GB",
    ),
    Row(
        "cloudFiles.useIncrementalListing",
        "use_incremental_listing",
        switch_or_auto,
        why="the whole place is listed at the latest after `full_listing_every` (8) or"
        " `cloudFiles.backfillInterval` (a day)",
    ),
    Row(
        "cloudFiles.useNotifications",
        only=("false",),
        why="`true` goes with the name of a queue, which is made before a stream, not by it",
        instead="make a queue with `lakestream notifications apply`, and name it",
    ),
    Row("cloudFiles.queueUrl", "notifications", sqs_queue),
    Row(
        "cloudFiles.queueName",
        "notifications",
        azure_queue,
        why="in the account of `azure_account_name`; the whole URL may be given, too",
    ),
    Row(
        "cloudFiles.subscription",
        "notifications",
        subscription,
        why="with its project: `projects/<project>/subscriptions/<name>`",
    ),
    Row("cloudFiles.fetchParallelism", "fetch_parallelism", number),
    Row("cloudFiles.pathRewrites", "path_rewrites", mapping),
    Row(
        "cloudFiles.resourceTag.*",
        why="queues are made before a stream, not by it",
        instead="give --tag to `lakestream notifications apply`",
    ),
    Row(
        "cloudFiles.useManagedFileEvents",
        only=("false",),
        why="managed events are a service that Databricks runs beside its catalogue",
    ),
    Row("cloudFiles.region", "storage_options.aws_region"),
    Row("cloudFiles.awsAccessKey", "storage_options.aws_access_key_id"),
    Row("cloudFiles.awsSecretKey", "storage_options.aws_secret_access_key"),
    Row("cloudFiles.roleArn", "storage_options.aws_role_arn"),
    Row("cloudFiles.roleSessionName", "storage_options.aws_role_session_name"),
    Row("cloudFiles.stsEndpoint", "storage_options.aws_endpoint_url_sts"),
    Row(
        "cloudFiles.roleExternalId",
        why="object_store takes a role without an external id",
        instead="let a profile of the AWS configuration take the role",
    ),
    Row(
        "cloudFiles.restrictNotificationSetupToSameAWSAccountId",
        only=("true",),
        why="a queue is always made for buckets of its own account",
    ),
    Row("cloudFiles.clientId", "storage_options.azure_client_id"),
    Row("cloudFiles.clientSecret", "storage_options.azure_client_secret"),
    Row("cloudFiles.tenantId", "storage_options.azure_tenant_id"),
    Row(
        "cloudFiles.connectionString",
        why="a connection string is a secret that would stand in the code",
        instead="give azure_account_name, and azure_account_key or azure_sas_key by ls.env",
    ),
    *(
        Row(
            f"cloudFiles.{name}",
            why="queues are made before a stream, not by it",
            instead="give the storage account to the Terraform module of infra/azure",
        )
        for name in ("resourceGroup", "subscriptionId")
    ),
    Row(
        "cloudFiles.projectId",
        why="a subscription is named with its project",
        instead="write projects/<project>/subscriptions/<name> in cloudFiles.subscription",
    ),
    *(
        Row(
            f"cloudFiles.{name}",
            why="a Google key is given whole, not in parts",
            instead='give option("google_service_account", "key.json")',
        )
        for name in ("client", "clientEmail", "privateKey", "privateKeyId")
    ),
    Row(
        "databricks.serviceCredential",
        why="a service credential is an object of Databricks' catalogue",
        instead=_CREDENTIALS,
    ),
)

#: Options that the file sources share, Auto Loader's among them.
SHARED: Final = (
    Row(
        "ignoreCorruptFiles",
        only=("true",),
        why="a file that cannot be read always goes to quarantine whole, with the reason",
        instead="leave it out; `lakestream quarantine` lists such files",
    ),
    Row("ignoreMissingFiles", "ignore_missing_files", switch),
    Row("modifiedAfter", "modified_after", why="without a zone it is UTC"),
    Row("modifiedBefore", "modified_before", why="without a zone it is UTC"),
    Row("pathGlobFilter", "path_glob_filter"),
    Row("fileNamePattern", "path_glob_filter"),
    Row("recursiveFileLookup", "recursive", switch),
)

#: Options of Spark's own file sources (``readStream.format("json")``).
SPARK: Final = (
    Row("maxFilesPerTrigger", "max_files_per_trigger", number),
    Row("maxBytesPerTrigger", "max_bytes_per_trigger", size),
    Row(
        "latestFirst",
        only=("false",),
        why="files come in the order of their discovery, oldest first",
    ),
    Row(
        "fileNameOnly",
        only=("false",),
        why="a file is known by its whole path",
    ),
    Row(
        "maxFileAge",
        only=None,
        why="files are remembered for ever, unless max_file_age says otherwise",
    ),
    Row("maxCachedFiles", only=None, why="discovery holds no such cache"),
    Row("discardCachedInputRatio", only=None, why="discovery holds no such cache"),
    Row("cleanSource", only=("off",), why=_AT_ONCE, instead=_CLEAN),
    Row("sourceArchiveDir", why=_AT_ONCE, instead=_CLEAN),
)

#: Options of records that may be malformed or not fit.
_RECORDS: Final = (
    Row("mode", "mode", lower),
    Row("columnNameOfCorruptRecord", "column_name_of_corrupt_record"),
    Row("rescuedDataColumn", "rescued_data_column"),
    Row("readerCaseSensitive", "reader_case_sensitive", switch),
    Row(
        "badRecordsPath",
        why="bad records are kept in the table's quarantine, committed with their batch",
        instead="leave it out; `lakestream quarantine` lists them",
    ),
)
_COLUMNS: Final = (
    Row("rescuedDataColumn", "rescued_data_column"),
    Row("readerCaseSensitive", "reader_case_sensitive", switch),
)
_VARIANT: Final = Row(
    "singleVariantColumn",
    why="deltalake writes no VARIANT",
    instead='read format "text": each record is kept whole, as a string',
)
_DATES: Final = (
    Row("dateFormat", "date_format"),
    Row("timestampFormat", "timestamp_format"),
    Row("timeZone", "time_zone", why="UTC unless it is given: there is no session's zone"),
)
_MERGED: Final = Row(
    "mergeSchema",
    only=("true",),
    why="the schemas of the sampled files are always merged",
)
_LOCALE: Final = Row(
    "locale",
    only=("en-us", "us"),
    why="date_format and timestamp_format take numbers only, no names of months or days",
)
_REBASED: Final = "values are never rebased between calendars"

#: Options of one format, by format.
FORMATS: Final[Mapping[str, tuple[Row, ...]]] = {
    "json": (
        Row("multiLine", "multi_line", switch),
        Row("allowNonNumericNumbers", "allow_non_numeric_numbers", switch),
        Row("inferTimestamp", "infer_timestamp", switch),
        Row("prefersDecimal", "prefers_decimal", switch),
        Row("primitivesAsString", "primitives_as_string", switch),
        Row("dropFieldIfAllNull", "drop_field_if_all_null", switch),
        *_DATES,
        Row("allowBackslashEscapingAnyCharacter", "allow_backslash_escaping_any_character", switch),
        Row("allowComments", "allow_comments", switch),
        Row("allowNumericLeadingZeros", "allow_numeric_leading_zeros", switch),
        Row(
            "allowSingleQuotes",
            "allow_single_quotes",
            switch,
            why="on unless it is false, as in Spark; `read_files` has it off",
        ),
        Row("allowUnquotedControlChars", "allow_unquoted_control_chars", switch),
        Row("allowUnquotedFieldNames", "allow_unquoted_field_names", switch),
        Row("encoding", "encoding"),
        Row("charset", "encoding"),
        Row("lineSep", "line_sep"),
        _LOCALE,
        _VARIANT,
        *_RECORDS,
    ),
    "csv": (
        Row("header", "header", switch),
        Row("sep", "sep"),
        Row("delimiter", "sep"),
        Row("quote", "quote", character),
        Row("escape", "escape", character),
        Row("charToEscapeQuoteEscaping", "char_to_escape_quote_escaping", character),
        Row("comment", "comment", character),
        Row("skipRows", "skip_rows", number),
        Row("lineSep", "line_sep"),
        Row("multiLine", "multi_line", switch),
        Row("encoding", "encoding"),
        Row("charset", "encoding"),
        Row("nullValue", "null_value"),
        Row("emptyValue", "empty_value"),
        Row("nanValue", "nan_value"),
        Row("positiveInf", "positive_inf"),
        Row("negativeInf", "negative_inf"),
        *_DATES,
        Row("preferDate", "prefer_date", switch),
        Row("inferSchema", "infer_types", switch),
        Row("ignoreLeadingWhiteSpace", "ignore_leading_white_space", switch),
        Row("ignoreTrailingWhiteSpace", "ignore_trailing_white_space", switch),
        Row("maxColumns", "max_columns", number),
        Row("maxCharsPerColumn", "max_chars_per_column", number),
        Row(
            "enforceSchema",
            only=("false",),
            why="columns go by the names of the header, never by their position",
            instead='for columns by position give option("header", "false") and skipRows 1',
        ),
        _LOCALE,
        _MERGED,
        Row("parserCaseSensitive", "reader_case_sensitive", switch),
        Row(
            "unescapedQuoteHandling",
            "unescaped_quote_handling",
            lower,
            why="STOP_AT_DELIMITER unless it is given, as in Spark; `read_files` has `raise_error`",
        ),
        *_RECORDS,
    ),
    "parquet": (
        _MERGED,
        Row("datetimeRebaseMode", only=("corrected",), why=_REBASED),
        Row("int96RebaseMode", only=("corrected",), why=_REBASED),
        *_COLUMNS,
    ),
    "avro": (
        Row("avroSchema", "avro_schema"),
        _MERGED,
        Row("datetimeRebaseMode", only=("corrected",), why=_REBASED),
        *_COLUMNS,
    ),
    "orc": (_MERGED, *_COLUMNS),
    "xml": (
        Row("rowTag", "row_tag"),
        Row("samplingRatio", "sampling_ratio", fraction),
        Row("excludeAttribute", "exclude_attribute", switch),
        Row("attributePrefix", "attribute_prefix"),
        Row("valueTag", "value_tag"),
        Row("encoding", "encoding"),
        Row("charset", "encoding"),
        Row("ignoreSurroundingSpaces", "ignore_surrounding_spaces", switch),
        Row("ignoreNamespace", "ignore_namespace", switch),
        Row("nullValue", "null_value"),
        Row("inferSchema", "infer_types", switch),
        *_DATES,
        Row(
            "timestampNTZFormat",
            why="one pattern reads timestamps with and without a zone",
            instead="give timestampFormat",
        ),
        Row(
            "rowValidationXSDPath",
            why="rows are not validated against XML Schema, which no small library reads",
            instead="declare a schema, and write expectations for what it does not say",
        ),
        _LOCALE,
        _VARIANT,
        *_RECORDS,
    ),
    "text": (
        Row("wholeText", "whole_text", switch),
        Row("lineSep", "line_sep"),
        Row("encoding", "encoding"),
        Row("mode", "mode", lower),
        Row("columnNameOfCorruptRecord", "column_name_of_corrupt_record"),
    ),
    "binaryFile": (),
}

#: What the typed options are where Spark code does not say: its defaults, not ``read_files``'.
DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "json": {"allow_single_quotes": True},
    "csv": {"unescaped_quote_handling": "stop_at_delimiter"},
}

#: Typed options that Spark has no name for: they are given by their own.
OWN: Final = (
    Row("include_patterns", "include_patterns"),
    Row("exclude_patterns", "exclude_patterns"),
    Row("order_by", "order_by"),
    Row("listing_parallelism", "listing_parallelism", number),
    Row("full_listing_every", "full_listing_every", number),
    Row("archives", "archives"),
    Row("min_age", "min_age"),
    Row("max_bad_records", "max_bad_records", number),
    Row("max_bad_ratio", "max_bad_ratio", fraction),
    Row("metadata_column", "metadata_column"),
    Row("asset_key", "asset_key"),
    Row("storage_options", "storage_options"),
    Row("filesystem", "filesystem"),
)
