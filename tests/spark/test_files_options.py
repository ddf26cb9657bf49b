"""The table of file options is whole, each row does what it says, and the docs are made of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from inspect import signature
from typing import Any, Final

import pytest
from support.auto_loader_options import PAGE, page

import lakestream as ls
from lakestream.errors import ConfigError, UnknownOptionError, UnsupportedOptionError
from lakestream.plan.nodes import Source
from lakestream.sources.files.describe import describe_files, option_names
from lakestream.sources.files.description import FilesDescription
from lakestream.spark import spark
from lakestream.spark.files_options import AUTO_LOADER, DEFAULTS, FORMATS, OWN, SHARED, SPARK
from lakestream.spark.files_reader import files_rows
from lakestream.spark.option_row import Row
from lakestream.spark.option_values import switch

#: Given by the builder itself, not as options.
BUILDER: Final = {"path", "schema", "format_options"}
QUEUE: Final = "https://sqs.eu-west-1.amazonaws.com/1/orders"
SUBSCRIPTION: Final = "projects/corp/subscriptions/orders"
#: Options that name other kinds of queues.
QUEUES: Final[dict[str, tuple[str, object]]] = {
    "cloudFiles.queueName": ("orders", ls.AzureStorageQueue("orders")),
    "cloudFiles.subscription": (SUBSCRIPTION, ls.PubSubSubscription(SUBSCRIPTION)),
}
AVRO: Final = '{"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}]}'
#: For each typed option but the switches a text that Spark code may give, and its typed value.
EXAMPLES: Final[dict[str, tuple[str, object]]] = {
    "avro_schema": (AVRO, AVRO),
    "backfill_interval": ("2 weeks", "2 weeks"),
    "clean_source": ("DELETE", "delete"),
    "clean_source_move_destination": ("s3://lake/done", "s3://lake/done"),
    "clean_source_retention": ("45 days", "45 days"),
    "fetch_parallelism": ("4", 4),
    "notifications": (QUEUE, ls.SqsQueue(QUEUE)),
    "path_rewrites": ('{"bucket/x": "/mnt/x"}', {"bucket/x": "/mnt/x"}),
    "schema_inference_max_bytes": ("1g", "1g"),
    "schema_inference_max_files": ("7", 7),
    "char_to_escape_quote_escaping": ("^", "^"),
    "column_name_of_corrupt_record": ("_bad", "_bad"),
    "comment": ("#", "#"),
    "date_format": ("dd.MM.yyyy", "dd.MM.yyyy"),
    "empty_value": ("-", "-"),
    "encoding": ("ISO-8859-1", "ISO-8859-1"),
    "escape": ("~", "~"),
    "line_sep": ("|", "|"),
    "exclude_patterns": ("**/archive", "**/archive"),
    "include_patterns": (r"re:_v\d\.json$", r"re:_v\d\.json$"),
    "listing_parallelism": ("8", 8),
    "order_by": ("key", "key"),
    "use_incremental_listing": ("Auto", "auto"),
    "full_listing_every": ("20", 20),
    "max_bad_ratio": ("0.25", 0.25),
    "max_bad_records": ("10", 10),
    "max_bytes_per_trigger": ("10g", "10g"),
    "max_file_age": ("90 days", "90 days"),
    "max_chars_per_column": ("40", 40),
    "max_columns": ("12", 12),
    "max_files_per_trigger": ("7", 7),
    "mode": ("FAILFAST", "failfast"),
    "modified_after": ("2026-01-01 00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
    "modified_before": ("2026-01-01T00:00:00+00:00", datetime(2026, 1, 1, tzinfo=UTC)),
    "nan_value": ("nan", "nan"),
    "negative_inf": ("-oo", "-oo"),
    "null_value": ("NULL", "NULL"),
    "partition_columns": ("year, month", ["year", "month"]),
    "path_glob_filter": ("*.json", "*.json"),
    "positive_inf": ("oo", "oo"),
    "quote": ("'", "'"),
    "attribute_prefix": ("@", "@"),
    "row_tag": ("book", "book"),
    "sampling_ratio": ("0.5", 0.5),
    "value_tag": ("text", "text"),
    "rescued_data_column": ("_rest", "_rest"),
    "schema_evolution": ("failOnNewColumns", "fail_on_new_columns"),
    "schema_hints": ("price DECIMAL(10,2)", "price DECIMAL(10,2)"),
    "sep": (";", ";"),
    "skip_rows": ("2", 2),
    "timestamp_format": ("dd.MM.yyyy HH:mm", "dd.MM.yyyy HH:mm"),
    "time_zone": ("Europe/Paris", "Europe/Paris"),
    "unescaped_quote_handling": ("SKIP_VALUE", "skip_value"),
}


def every_row() -> Iterator[tuple[str, Row]]:
    """Give the rows of each format as they are read by ``format("cloudFiles")``."""
    for name in FORMATS:
        yield from ((name, row) for row in FORMATS[name])
    yield from (("json", row) for row in (*AUTO_LOADER, *SHARED))


ROWS: Final = list(every_row())
MAPPED: Final = [
    (name, row) for name, row in ROWS if row.to and row.to != "format" and not row.storage_option
]
STORED: Final = [row for row in AUTO_LOADER if row.storage_option]
ACCEPTED: Final = [
    (name, row, value)
    for name, row in ROWS
    if not row.to
    for value in ((row.only or ()) if row.only is not None else ("any/thing",))
]
REFUSED: Final = [(name, row) for name, row in ROWS if not row.to and row.only is not None]


def described(format_name: str, *options: tuple[str, object]) -> FilesDescription:
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", format_name)
    if format_name == "xml":
        reader.option("rowTag", "row")
    for key, value in options:
        reader.option(key, value)
    return description(reader.load("/landing"))


def description(stream: ls.Stream) -> FilesDescription:
    assert isinstance(stream.plan, Source)
    assert isinstance(stream.plan.description, FilesDescription)
    return stream.plan.description


def typed(format_name: str, **options: Any) -> FilesDescription:
    """Describe what ``read_files`` makes, with the defaults that Spark code has otherwise."""
    common = set(signature(describe_files).parameters)
    options.setdefault("use_strict_globber", False)
    if format_name in {"json", "csv", "xml"}:
        options.setdefault("infer_types", False)
    if format_name == "xml":
        options.setdefault("row_tag", "row")
    options = {**DEFAULTS.get(format_name, {}), **options}
    own = {key: value for key, value in options.items() if key not in common}
    rest = {key: value for key, value in options.items() if key in common}
    return describe_files("/landing", format=format_name, format_options=own, **rest)


def example(name: str, row: Row) -> tuple[str, object]:
    """Give a text for an option and the value that it must become; of a switch the unusual one."""
    if row.read is not switch:
        return QUEUES.get(row.name) or EXAMPLES[row.to]
    usual = typed(name, **{row.to: True}) == typed(name)
    return ("False", False) if usual else ("true", True)


def ids(value: object) -> str | None:
    return value.name if isinstance(value, Row) else None


def test_table_when_compared_with_read_files_then_each_leads_to_the_other() -> None:
    known = set(signature(describe_files).parameters) - BUILDER
    known |= {option for name in FORMATS for option in option_names(name)}
    found = {row.to for _, row in [*ROWS, *(("", row) for row in (*OWN, *SPARK))]}
    found = {to for to in found if to and not to.startswith("storage_options.")}

    assert found == known, "give the option its row in lakestream/spark/files_options.py"


@pytest.mark.parametrize("name", FORMATS)
def test_table_when_a_format_is_chosen_then_its_options_are_those_of_the_format(name: str) -> None:
    common = set(signature(describe_files).parameters)
    own = {row.to for row in FORMATS[name] if row.to} - common

    assert own == set(option_names(name))


@pytest.mark.parametrize("auto_loader", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_table_when_names_are_counted_then_each_is_there_once(
    name: str, *, auto_loader: bool
) -> None:
    names = [row.name.lower() for row in files_rows(name, auto_loader=auto_loader)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "row"), MAPPED, ids=ids)
def test_option_when_given_as_text_then_it_is_the_typed_one(name: str, row: Row) -> None:
    text, value = example(name, row)

    found = described(name, (row.name, text))

    assert found == typed(name, **{row.to: value})
    assert found != described(name)


@pytest.mark.parametrize(("name", "row"), MAPPED, ids=ids)
def test_option_when_in_another_case_then_it_is_the_same(name: str, row: Row) -> None:
    text, _ = example(name, row)

    assert described(name, (row.name.upper(), text)) == described(name, (row.name, text))


@pytest.mark.parametrize("row", STORED, ids=ids)
def test_option_when_of_the_store_then_it_is_a_storage_option(row: Row) -> None:
    found = described("json", (row.name, "value"))

    assert found == typed("json", storage_options={row.storage_option: "value"})


@pytest.mark.parametrize(("name", "row", "value"), ACCEPTED, ids=ids)
def test_option_when_it_says_what_is_so_then_it_changes_nothing(
    name: str, row: Row, value: str
) -> None:
    assert described(name, (row.name, value)) == described(name)
    assert described(name, (row.name, value.upper())) == described(name)


@pytest.mark.parametrize(("name", "row"), REFUSED, ids=ids)
def test_option_when_it_is_not_there_then_refused_by_name_with_the_reason(
    name: str, row: Row
) -> None:
    given = row.name.replace("*", "team")

    with pytest.raises(UnsupportedOptionError) as raised:
        described(name, (given, "something"))

    assert row.name in raised.value.what
    assert row.why
    assert row.why in raised.value.what
    assert raised.value.fix == row.instead
    assert raised.value.code == "LS-CONF-004"


@pytest.mark.parametrize("row", OWN, ids=ids)
def test_option_when_spark_has_no_name_for_it_then_it_goes_by_its_own(row: Row) -> None:
    given: dict[str, tuple[object, object]] = {
        **EXAMPLES,
        "storage_options": ({"aws_region": "eu-central-1"},) * 2,
        "min_age": ("5 minutes", "5 minutes"),
    }
    text, value = given.get(row.to, ("name", "name"))

    assert described("json", (row.name, text)) == typed("json", **{row.to: value})


def test_option_when_it_is_a_storage_option_then_it_goes_with_the_others() -> None:
    found = described(
        "json", ("storage_options", {"aws_region": "eu-central-1"}), ("AWS_ENDPOINT", "http://x")
    )

    assert found == typed(
        "json", storage_options={"aws_region": "eu-central-1", "aws_endpoint": "http://x"}
    )


@pytest.mark.parametrize("nothing", ["", "\0", "\\0", "\\u0000"])
@pytest.mark.parametrize("option", ["quote", "escape", "comment"])
def test_option_when_the_character_is_sparks_nothing_then_none(option: str, nothing: str) -> None:
    assert described("csv", (option, nothing)) == typed("csv", **{option: None})


def test_option_when_a_boolean_is_meant_as_text_then_as_spark_writes_it() -> None:
    assert described("csv", ("nullValue", True)) == typed("csv", null_value="true")


@pytest.mark.parametrize("name", ["cloudFiles.awsSecretKey", "aws_secret_access_key"])
def test_option_when_of_the_store_then_it_may_be_resolved_late(name: str) -> None:
    found = described("json", (name, ls.env("SECRET")))

    assert found == typed("json", storage_options={"aws_secret_access_key": ls.env("SECRET")})
    with pytest.raises(ConfigError, match="cannot be a EnvPath"):
        described("json", ("multiLine", ls.env("SECRET")))


def test_queue_when_spark_says_whether_to_use_it_then_so() -> None:
    queue = ("cloudFiles.queueUrl", QUEUE)

    assert described("json", queue, ("cloudFiles.useNotifications", "true")) == typed(
        "json", notifications=ls.SqsQueue(QUEUE)
    )
    assert described("json", queue, ("CLOUDFILES.USENOTIFICATIONS", False)) == described("json")
    with pytest.raises(UnsupportedOptionError, match="useNotifications"):
        described("json", ("cloudFiles.useNotifications", "true"))


@pytest.mark.parametrize(
    ("option", "queue"),
    [
        ("cloudFiles.queueUrl", ls.SqsQueue(ls.env("QUEUE"))),
        ("cloudFiles.queueName", ls.AzureStorageQueue(ls.env("QUEUE"))),
    ],
)
def test_queue_when_it_is_to_be_resolved_late_then_so(option: str, queue: object) -> None:
    assert described("json", (option, ls.env("QUEUE"))) == typed("json", notifications=queue)


def test_option_when_misspelt_then_near_names() -> None:
    with pytest.raises(UnknownOptionError, match=r"did you mean 'cloudFiles\.schemaHints'"):
        described("json", ("cloudFiles.schemaHint", "a INT"))


@pytest.mark.parametrize(
    ("option", "owner"),
    [
        ("header", "format 'csv'"),
        ("mergeschema", "format 'csv'"),
        ("maxFilesPerTrigger", "Spark's own file sources"),
    ],
)
def test_option_when_of_another_source_then_said_whose_it_is(option: str, owner: str) -> None:
    with pytest.raises(UnknownOptionError, match=f"option '{option}' is of {owner}"):
        described("json", (option, "true"))


@pytest.mark.parametrize("row", [row for row in SPARK if row.to == ""], ids=ids)
def test_option_when_only_sparks_own_source_has_it_then_accepted_or_refused(row: Row) -> None:
    plain = description(spark.readStream.text("/landing"))
    accepted = "3" if row.only is None else next(iter(row.only), None)

    if accepted is not None:
        assert description(spark.readStream.text("/landing", **{row.name: accepted})) == plain
    if row.only is not None:
        with pytest.raises(UnsupportedOptionError, match=row.name):
            spark.readStream.text("/landing", **{row.name: "something"})


def test_option_when_of_auto_loader_but_it_is_not_meant_then_said() -> None:
    reader = spark.readStream.schema("id INT").option("cloudFiles.schemaHints", "id INT")

    with pytest.raises(UnknownOptionError, match="is of format 'cloudFiles'"):
        reader.json("/landing")


def test_option_when_given_under_two_names_then_refused() -> None:
    with pytest.raises(ConfigError, match="'sep' and 'delimiter' are one option"):
        described("csv", ("sep", ";"), ("delimiter", ";"))


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("multiLine", "yes", "true or false"),
        ("cloudFiles.maxFilesPerTrigger", "many", "a whole number"),
        ("cloudFiles.schemaHints", ["a INT"], "a text, a number or a boolean"),
    ],
)
def test_option_when_its_value_is_none_then_said_what_is_wanted(
    option: str, value: object, wanted: str
) -> None:
    with pytest.raises(ConfigError, match=wanted):
        described("json", (option, value))


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(), "run `make reliability`"
