"""``ls.read_files``: files that land in a folder or bucket, as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, overload

from lakestream.limits import FULL_LISTING_EVERY, SAMPLE_BYTES, SAMPLE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta
    from typing import Required, Unpack

    from lakestream.formats.base import ParseMode
    from lakestream.sources.files.clean_policy import CleanSource
    from lakestream.sources.files.describe import EvolutionMode
    from lakestream.sources.files.listing_policy import Incremental
    from lakestream.sources.files.notifications.base import Queue
    from lakestream.sources.files.order import OrderBy
    from lakestream.storage.location import PathLike
    from lakestream.storage.options import OptionValue
    from lakestream.stream import Stream


class FilesOptions(TypedDict, total=False):
    """The options of every format; ``read_files`` describes each."""

    schema: object
    schema_hints: str | None
    infer_types: bool
    schema_inference_max_files: int
    schema_inference_max_bytes: str | int
    schema_evolution: EvolutionMode | None
    rescued_data_column: str | None
    include_existing_files: bool
    partition_columns: Iterable[str] | None
    path_glob_filter: str | None
    include_patterns: str | Iterable[str] | None
    exclude_patterns: str | Iterable[str] | None
    use_strict_globber: bool
    order_by: OrderBy | None
    listing_parallelism: int
    use_incremental_listing: Incremental
    full_listing_every: int
    modified_after: datetime | str | None
    modified_before: datetime | str | None
    min_age: str | timedelta | float
    max_file_age: str | timedelta | float | None
    recursive: bool
    max_files_per_trigger: int | None
    max_bytes_per_trigger: str | int | None
    metadata_column: str | None
    mode: ParseMode
    max_bad_records: int | None
    max_bad_ratio: float | None
    column_name_of_corrupt_record: str
    reader_case_sensitive: bool
    allow_overwrites: bool
    clean_source: CleanSource
    clean_source_retention: str | timedelta | float
    clean_source_move_destination: PathLike | None
    clean_source_wait: bool
    archives: bool | str | None
    ignore_missing_files: bool
    asset_key: str | Iterable[str] | None
    storage_options: Mapping[str, OptionValue] | None
    filesystem: object | None
    notifications: Queue | None
    backfill_interval: str | timedelta | float | None
    fetch_parallelism: int
    path_rewrites: Mapping[str, str] | None


class JsonOptions(FilesOptions, total=False):
    """JSON's own options; ``lakestream.formats.json.JsonFormat`` describes each."""

    multi_line: bool
    allow_non_numeric_numbers: bool
    infer_timestamp: bool
    prefers_decimal: bool
    primitives_as_string: bool
    drop_field_if_all_null: bool
    timestamp_format: str | None
    date_format: str | None
    time_zone: str | None
    encoding: str
    line_sep: str | None
    allow_comments: bool
    allow_single_quotes: bool
    allow_unquoted_field_names: bool
    allow_unquoted_control_chars: bool
    allow_backslash_escaping_any_character: bool
    allow_numeric_leading_zeros: bool


class CsvOptions(FilesOptions, total=False):
    """CSV's own options; ``lakestream.formats.csv.CsvFormat`` describes each."""

    header: bool
    sep: str
    quote: str | None
    escape: str | None
    comment: str | None
    skip_rows: int
    line_sep: str | None
    multi_line: bool
    encoding: str
    null_value: str
    empty_value: str
    nan_value: str
    positive_inf: str
    negative_inf: str
    date_format: str | None
    timestamp_format: str | None
    time_zone: str | None
    prefer_date: bool
    ignore_leading_white_space: bool
    ignore_trailing_white_space: bool
    max_columns: int
    max_chars_per_column: int
    char_to_escape_quote_escaping: str | None
    unescaped_quote_handling: str


class AvroOptions(FilesOptions, total=False):
    """Avro's own options; ``lakestream.formats.avro.AvroFormat`` describes each."""

    avro_schema: str


class XmlOptions(FilesOptions, total=False):
    """XML's own options; ``lakestream.formats.xml.XmlFormat`` describes each."""

    row_tag: Required[str]
    encoding: str | None
    attribute_prefix: str
    value_tag: str
    exclude_attribute: bool
    ignore_surrounding_spaces: bool
    ignore_namespace: bool
    null_value: str | None
    sampling_ratio: float
    timestamp_format: str | None
    date_format: str | None
    time_zone: str | None


class TextOptions(FilesOptions, total=False):
    """Text's own options; ``lakestream.formats.text.TextFormat`` describes each."""

    whole_text: bool
    line_sep: str | None
    encoding: str


@overload
def read_files(
    path: PathLike, *, format: Literal["json"], **options: Unpack[JsonOptions]
) -> Stream: ...
@overload
def read_files(
    path: PathLike, *, format: Literal["csv"], **options: Unpack[CsvOptions]
) -> Stream: ...
@overload
def read_files(
    path: PathLike, *, format: Literal["xml"], **options: Unpack[XmlOptions]
) -> Stream: ...
@overload
def read_files(
    path: PathLike, *, format: Literal["text"], **options: Unpack[TextOptions]
) -> Stream: ...
@overload
def read_files(
    path: PathLike, *, format: Literal["avro"], **options: Unpack[AvroOptions]
) -> Stream: ...
@overload
def read_files(
    path: PathLike,
    *,
    format: Literal["parquet", "orc", "binaryFile"],
    **options: Unpack[FilesOptions],
) -> Stream: ...
def read_files(
    path: PathLike,
    *,
    format: str,  # noqa: A002 - Spark's word
    schema: object = None,
    schema_hints: str | None = None,
    infer_types: bool = True,
    schema_inference_max_files: int = SAMPLE_FILES,
    schema_inference_max_bytes: str | int = SAMPLE_BYTES,
    schema_evolution: EvolutionMode | None = None,
    rescued_data_column: str | None = None,
    include_existing_files: bool = True,
    partition_columns: Iterable[str] | None = None,
    path_glob_filter: str | None = None,
    include_patterns: str | Iterable[str] | None = None,
    exclude_patterns: str | Iterable[str] | None = None,
    use_strict_globber: bool = True,
    order_by: OrderBy | None = None,
    listing_parallelism: int = 1,
    use_incremental_listing: Incremental = False,
    full_listing_every: int = FULL_LISTING_EVERY,
    modified_after: datetime | str | None = None,
    modified_before: datetime | str | None = None,
    min_age: str | timedelta | float = 0,
    max_file_age: str | timedelta | float | None = None,
    recursive: bool = True,
    max_files_per_trigger: int | None = None,
    max_bytes_per_trigger: str | int | None = None,
    metadata_column: str | None = None,
    mode: ParseMode = "permissive",
    max_bad_records: int | None = None,
    max_bad_ratio: float | None = None,
    column_name_of_corrupt_record: str = "_corrupt_record",
    reader_case_sensitive: bool = True,
    allow_overwrites: bool = False,
    clean_source: CleanSource = "off",
    clean_source_retention: str | timedelta | float = "30 days",
    clean_source_move_destination: PathLike | None = None,
    clean_source_wait: bool = False,
    archives: bool | str | None = None,
    ignore_missing_files: bool = False,
    asset_key: str | Iterable[str] | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
    filesystem: object | None = None,
    notifications: Queue | None = None,
    backfill_interval: str | timedelta | float | None = "1 day",
    fetch_parallelism: int = 1,
    path_rewrites: Mapping[str, str] | None = None,
    **format_options: object,
) -> Stream:
    """Read the files that land in a folder or bucket as a stream, each file exactly once.

    Nothing is read here: options are checked, and the stream is read by a run.

    Args:
        path: A folder, a file, or a glob (``? * [abc] [a-z] [^a] {ab,cd}``; ``*`` stays within
            a folder, and a matched folder brings all that is below it), local or a URI;
            ``ls.env`` may stand in it. Names that start with ``.`` or ``_`` are skipped as in
            Spark, except ``_name=value`` folders.
        format: ``json`` (a record a line), ``csv``, ``parquet``, ``avro``, ``orc``, ``text`` or
            ``binaryFile``.
            Textual formats may be compressed: ``.gz``, ``.zst``, ``.bz2``, ``.xz``, ``.lz4``.
        schema: The columns as DDL (``"id BIGINT, price DECIMAL(10,2)"``), a ``pyarrow.Schema``
            or anything with ``__arrow_c_schema__``. None infers them from a sample.
        schema_hints: DDL that pins types of inferred columns, nested ones by dotted paths
            (``a.b INT, tags.element STRING``), and adds columns that were not seen yet.
        infer_types: False reads the columns of JSON and CSV as strings.
        schema_inference_max_files: The columns are inferred from so many of the newest files at
            most.
        schema_inference_max_bytes: And from so many bytes of them, ``"64m"`` unless given. Of a
            file of more than 1 MB only the beginning counts and is read, where the format can do
            with that.
        schema_evolution: What an unknown column does. ``add_new_columns`` adds it within the
            batch (the default when the schema is inferred);
            ``add_new_columns_with_type_widening`` does so, too, and makes a column wider for a
            value that needs it, where the table has ``widening="rewrite"``; ``rescue`` keeps its
            values in the rescued data column; ``fail_on_new_columns`` stops; ``none`` leaves it
            out, or rescues it if there is a rescued data column (the default with ``schema``).
        rescued_data_column: Name of the string column for values that do not fit. By default
            ``_rescued_data`` when the schema is inferred, and none with ``schema``.
        include_existing_files: False ignores what is there before the first start. Looked at
            on the first start only.
        partition_columns: ``key=value`` folders to make columns of; absent ones are null. None
            takes all when the schema is inferred. They win over data of the same name.
        path_glob_filter: Glob on the file's name.
        include_patterns: One or several globs over the path below the folder that is read; a file
            has to match one of them. ``**`` stands for any number of folders, and a matched
            folder brings all that is below it. ``re:`` begins a regular expression, which is
            searched for in the path.
        exclude_patterns: The same for what is left out; it wins over ``include_patterns``.
        use_strict_globber: False lets ``*`` in ``path`` cross folders and the glob match the
            beginning of a path, as Auto Loader does unless it is told to be strict.
        order_by: ``key`` or ``modification_time`` sorts all new files of a discovery, so that
            batches have them in this order; files that come later are in later batches. None
            gives the oldest first, as far as 50,000 of them are held at a time.
        listing_parallelism: So many folders of a cloud's store are listed at the same time, 1 to
            64: for places with many files in each folder, where listing takes long.
        use_incremental_listing: True lists only what sorts behind the newest names that were there
            before, where the store lists in order; ``"auto"`` once names proved to grow. What
            comes under an earlier name waits for the next listing of the whole place.
        full_listing_every: That is the last of so many listings, and one that begins
            ``backfill_interval`` after the last of the whole place.
        modified_after: Only files modified after this time (exclusive; without a zone UTC).
        modified_before: Only files modified before this time (exclusive).
        min_age: Files younger than this wait for a later discovery: for writers that fill
            local files slowly in place. By default nothing waits.
        max_file_age: Files that were written longer ago than this are not taken, and known ones
            are forgotten, so that memory does not grow with the years. At least ``"14 days"``;
            ``"90 days"`` is a good choice. By default all files are remembered.
        recursive: False does not enter folders, except ``key=value`` ones.
        max_files_per_trigger: At most so many files a batch. None adapts.
        max_bytes_per_trigger: A batch ends with the file that crosses this size (``"10g"`` or
            bytes of files as they are stored). None adapts.
        metadata_column: Name of a struct column to add: ``file_path``, ``file_name``,
            ``file_size``, ``file_modification_time``, ``file_block_start``,
            ``file_block_length``, ``seq`` (its place in the ledger) and ``discovered_at``.
        mode: What a malformed record does: ``permissive`` puts it into quarantine,
            ``dropmalformed`` counts and drops it, ``failfast`` stops the batch.
        max_bad_records: A batch with more malformed records stops the query before anything of it
            is committed. A file that cannot be read counts as one. None is no limit.
        max_bad_ratio: The same for their part of the batch's records, 0 to 1.
        column_name_of_corrupt_record: Where the schema has a string column of this name,
            malformed records become rows with their text in it, instead of going to quarantine.
        reader_case_sensitive: False matches names whatever their case.
        allow_overwrites: True reads a file again when it is overwritten: each version once, whole.
            A version that was overwritten before it was read is left to its newer one, and
            recorded. By default a path is read once, ever.
        clean_source: What becomes of files whose rows are in the table: ``off`` leaves them,
            ``move`` and ``delete`` take them away, if they are still the version that was read.
        clean_source_retention: How long after the commit; for ``delete`` at least 7 days.
        clean_source_move_destination: Where ``move`` moves them: a folder beside ``path``, of the
            same bucket or disk. They keep their paths below it.
        clean_source_wait: True cleans all whose time has come before a run ends, instead of a
            thousand files a batch.
        archives: Whether members of ``.zip``, ``.tar`` and compressed ``.tar`` files are read as
            files; a glob (``"*.csv"``) takes those whose names match. By default they are, except
            by ``binaryFile``.
        ignore_missing_files: True leaves files out that were removed or overwritten between
            discovery and read, and records them; by default they stop the query.
        asset_key: The Dagster asset that is this location: ``"landing/orders"`` or its parts.
        storage_options: For the store, under object_store's names, or what the fsspec filesystem
            of any other scheme takes; values may be ``ls.env``. See docs/storage.md.
        filesystem: An fsspec filesystem to read through, in place of ``storage_options``.
        notifications: The queue that the store tells of new files: ``ls.SqsQueue(url)``,
            ``ls.AzureStorageQueue(url)``, ``ls.PubSubSubscription(name)``. The
            place is then listed at the first start, and after that each ``backfill_interval``.
        backfill_interval: Between listings beside a queue, for what no message told; None is
            never again. With ``use_incremental_listing`` between listings of the whole place.
        fetch_parallelism: Receives from the queue at a time, 1 to 64.
        path_rewrites: Where buckets and folders that the queue names are to be found:
            ``{"bucket/folder": "/mnt/folder"}``.
        **format_options: What the format alone understands: see ``lakestream.formats``.

    Returns:
        A stream of the data columns, partition columns, rescued data column (string, null where
        all fits) and metadata column, in this order; all are nullable.

    Raises:
        UnknownOptionError: An option that neither ``read_files`` nor the format has.
        ConfigError: A value of the wrong kind, or options that exclude each other.
        PlanError: The schema or the hints cannot be read.

    Delivery: exactly once for each discovered file; a file is known by its path, so one that is
    overwritten after discovery is not read again, unless ``allow_overwrites``. Malformed records
    and unreadable files are listed in quarantine with a reason.

    Cost: one listing a discovery; memory does not grow with the number or size of files in a
    batch, beyond about 1 KB a file.
    """
    from lakestream.sources.files.describe import describe_files
    from lakestream.stream import Stream

    description = describe_files(
        path,
        format=format,
        schema=schema,
        schema_hints=schema_hints,
        infer_types=infer_types,
        schema_inference_max_files=schema_inference_max_files,
        schema_inference_max_bytes=schema_inference_max_bytes,
        schema_evolution=schema_evolution,
        rescued_data_column=rescued_data_column,
        include_existing_files=include_existing_files,
        partition_columns=partition_columns,
        path_glob_filter=path_glob_filter,
        include_patterns=include_patterns,
        exclude_patterns=exclude_patterns,
        use_strict_globber=use_strict_globber,
        order_by=order_by,
        listing_parallelism=listing_parallelism,
        use_incremental_listing=use_incremental_listing,
        full_listing_every=full_listing_every,
        modified_after=modified_after,
        modified_before=modified_before,
        min_age=min_age,
        max_file_age=max_file_age,
        recursive=recursive,
        max_files_per_trigger=max_files_per_trigger,
        max_bytes_per_trigger=max_bytes_per_trigger,
        metadata_column=metadata_column,
        mode=mode,
        max_bad_records=max_bad_records,
        max_bad_ratio=max_bad_ratio,
        column_name_of_corrupt_record=column_name_of_corrupt_record,
        reader_case_sensitive=reader_case_sensitive,
        allow_overwrites=allow_overwrites,
        clean_source=clean_source,
        clean_source_retention=clean_source_retention,
        clean_source_move_destination=clean_source_move_destination,
        clean_source_wait=clean_source_wait,
        archives=archives,
        ignore_missing_files=ignore_missing_files,
        asset_key=asset_key,
        storage_options=storage_options,
        filesystem=filesystem,
        notifications=notifications,
        backfill_interval=backfill_interval,
        fetch_parallelism=fetch_parallelism,
        path_rewrites=path_rewrites,
        format_options=format_options,
    )
    return Stream.from_source(description)
