"""Checks everything that ``read_files`` is given, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args, get_type_hints

from lakestream.errors import ConfigError, UnknownOptionError
from lakestream.formats.base import Format, ParseMode
from lakestream.limits import FULL_LISTING_EVERY, SAMPLE_BYTES, SAMPLE_FILES
from lakestream.plan import types as t
from lakestream.sources.files.bad_limits import bad_limits
from lakestream.sources.files.clean_policy import CleanSource, clean_policy
from lakestream.sources.files.description import Evolution, FilesDescription
from lakestream.sources.files.listing_policy import Incremental, listing_policy
from lakestream.sources.files.members import archives_option
from lakestream.sources.files.notifications.routing import rewrites_of
from lakestream.sources.files.option_values import (
    WHERE,
    check_choice,
    check_type,
    checked_column,
    checked_interval,
    checked_max_age,
    checked_names,
    checked_parallelism,
    checked_path,
    checked_queue,
    moments,
    name_filter,
    read_limit,
)
from lakestream.sources.files.option_values import asset_key as read_asset_key
from lakestream.sources.files.order import OrderBy, checked_order
from lakestream.sources.files.patterns import path_patterns
from lakestream.sources.files.sample_limits import sample_limits
from lakestream.storage.location import PathLike
from lakestream.storage.options import StorageOptions
from lakestream.units import parse_duration

if TYPE_CHECKING:
    from lakestream.sources.files.notifications.base import Queue
    from lakestream.storage.options import OptionValue

FormatName = Literal["json", "csv", "parquet", "avro", "orc", "xml", "text", "binaryFile"]
EvolutionMode = Evolution
_FORMATS: Final = {
    "json": ("lakestream.formats.json", "JsonFormat"),
    "csv": ("lakestream.formats.csv", "CsvFormat"),
    "parquet": ("lakestream.formats.parquet", "ParquetFormat"),
    "avro": ("lakestream.formats.avro", "AvroFormat"),
    "orc": ("lakestream.formats.orc", "OrcFormat"),
    "xml": ("lakestream.formats.xml", "XmlFormat"),
    "text": ("lakestream.formats.text", "TextFormat"),
    "binaryFile": ("lakestream.formats.binary_file", "BinaryFileFormat"),
}
_RESCUED: Final = "_rescued_data"
_CORRUPT: Final = "_corrupt_record"


def describe_files(
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
    column_name_of_corrupt_record: str = _CORRUPT,
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
    format_options: Mapping[str, object] | None = None,
) -> FilesDescription:
    """Describe a file source; the arguments are those of ``lakestream.read_files``.

    What a format alone understands comes by name in ``format_options``.

    Raises:
        UnknownOptionError: An option that neither ``read_files`` nor the format has.
        ConfigError: A value of the wrong kind, or options that exclude each other.
        PlanError: The schema or the hints cannot be read.
    """
    _check_switches(
        infer_types=infer_types,
        include_existing_files=include_existing_files,
        use_strict_globber=use_strict_globber,
        recursive=recursive,
        reader_case_sensitive=reader_case_sensitive,
        allow_overwrites=allow_overwrites,
        ignore_missing_files=ignore_missing_files,
    )
    reader = _build_format(format, dict(format_options or {}))
    declared = _schema(schema, reader)
    evolution = _evolution(schema_evolution, declared, reader)
    after, before = moments(modified_after, modified_before)
    corrupt = checked_column(column_name_of_corrupt_record, "column_name_of_corrupt_record")
    found = FilesDescription(
        path=checked_path(path),
        format=reader,
        schema=declared,
        schema_hints=_checked_hints(schema_hints, declared),
        infer_types=infer_types,
        sample=sample_limits(schema_inference_max_files, schema_inference_max_bytes),
        evolution=evolution,
        rescued_column=_rescued(rescued_data_column, evolution, declared, reader),
        include_existing=include_existing_files,
        partition_columns=checked_names(partition_columns, "partition_columns"),
        name_filter=name_filter(path_glob_filter),
        patterns=path_patterns(include_patterns, exclude_patterns),
        strict_globs=use_strict_globber,
        order_by=checked_order(order_by, has_queue=notifications is not None),
        listing_parallelism=checked_parallelism(listing_parallelism, "listing_parallelism"),
        modified_after=after,
        modified_before=before,
        listing=listing_policy(use_incremental_listing, full_listing_every),
        min_age=parse_duration(min_age, option="min_age"),
        max_file_age=checked_max_age(max_file_age),
        recursive=recursive,
        limit=read_limit(max_files_per_trigger, max_bytes_per_trigger),
        metadata_column=checked_column(metadata_column, "metadata_column"),
        mode=_checked_mode(mode),
        bad_limits=bad_limits(max_bad_records, max_bad_ratio),
        corrupt_column=corrupt or _CORRUPT,
        case_sensitive=reader_case_sensitive,
        allow_overwrites=allow_overwrites,
        clean=clean_policy(
            clean_source,
            retention=clean_source_retention,
            destination=clean_source_move_destination,
            waits=clean_source_wait,
        ),
        archives=archives_option(archives, reader),
        ignore_missing=ignore_missing_files,
        asset_key=read_asset_key(asset_key),
        storage_options=StorageOptions.of(storage_options, where=WHERE, path=path),
        filesystem=filesystem,
        notifications=checked_queue(notifications),
        backfill_interval=checked_interval(backfill_interval),
        fetch_parallelism=checked_parallelism(fetch_parallelism, "fetch_parallelism"),
        path_rewrites=rewrites_of(path_rewrites),
    )
    return _checked_columns(found)


def _check_switches(**switches: bool) -> None:
    for option, value in switches.items():
        check_type(option, value, bool)


def _build_format(name: str, options: dict[str, object]) -> Format:
    """Build a format from its own options."""
    check_choice("format", name, tuple(_FORMATS))
    maker = _maker(name)
    kinds = get_type_hints(maker) if options else {}
    known = option_names(name)
    for option, value in options.items():
        if option not in known:
            raise _unknown_option(option, name)
        if not isinstance(value, kinds[option]) or (kinds[option] is int and value is True):
            wanted = getattr(kinds[option], "__name__", str(kinds[option]))
            raise ConfigError(
                f"{option} must be {wanted}, not {type(value).__name__}",
                where=f"read_files(format={name!r})",
            )
    return cast("Format", maker(**options))


def _maker(name: str) -> Any:  # noqa: ANN401 - each format's class has parameters of its own
    module, kind = _FORMATS[name]
    return getattr(import_module(module), kind)


def option_names(name: str) -> list[str]:
    """Give the options that a format alone understands."""
    return list(_maker(name).__match_args__)


def _unknown_option(option: str, name: str) -> UnknownOptionError:
    """Build the error for an option that neither ``read_files`` nor the format has."""
    where = f"read_files(format={name!r})"
    others = [each for each in _FORMATS if option in option_names(each)]
    if others:
        return UnknownOptionError(
            f"option {option!r} is of format {others[0]!r}, not of {name!r}",
            where=where,
            fix="leave it out, or read the other format",
        )
    common = set(describe_files.__kwdefaults__ or {}) - {"format_options"}
    return UnknownOptionError.from_names(option, common.union(option_names(name)), where=where)


def _schema(schema: object, reader: Format) -> t.Struct | None:
    """Read DDL text or anything with ``__arrow_c_schema__``."""
    if schema is None:
        return None
    if reader.fixed_schema is not None:
        raise ConfigError(
            f"format {reader.name!r} has columns of its own",
            where="schema",
            fix="leave schema out; select and cast what you need from the stream",
        )
    if isinstance(schema, str):
        return t.schema_of_ddl(schema)
    if isinstance(schema, t.Struct):
        return schema
    if hasattr(schema, "__arrow_c_schema__"):
        from lakestream.plan.arrow_types import spark_schema

        return spark_schema(schema)
    raise ConfigError(
        f"schema cannot be a {type(schema).__name__}",
        where=WHERE,
        fix='give DDL text, "id BIGINT, name STRING", or a pyarrow.Schema',
    )


def _checked_mode(mode: ParseMode) -> ParseMode:
    check_choice("mode", mode, get_args(ParseMode))
    return mode


def _checked_hints(hints: str | None, declared: t.Struct | None) -> str | None:
    if hints is None:
        return None
    check_type("schema_hints", hints, str)
    if declared is not None:
        raise ConfigError(
            "schema and schema_hints exclude each other",
            where=WHERE,
            fix="put the types into schema, or give hints alone and let the rest be inferred",
        )
    t.parse_ddl(hints)
    return hints


def _evolution(
    wanted: EvolutionMode | None, declared: t.Struct | None, reader: Format
) -> Evolution:
    if wanted is None:
        return (
            "none"
            if declared is not None or reader.fixed_schema is not None
            else ("add_new_columns")
        )
    check_choice("schema_evolution", wanted, get_args(EvolutionMode))
    if reader.fixed_schema is not None and wanted != "none":
        raise ConfigError(
            f"the columns of format {reader.name!r} never change",
            where=f"schema_evolution={wanted!r}",
            fix="leave schema_evolution out",
        )
    if wanted.startswith("add_new_columns") and declared is not None:
        raise ConfigError(
            f"{wanted} cannot be used with a declared schema",
            where=f"schema_evolution={wanted!r}",
            fix="give the schema as schema_hints instead: then new columns are added to it",
        )
    return wanted


def _rescued(
    name: str | None, evolution: Evolution, declared: t.Struct | None, reader: Format
) -> str | None:
    """Give the rescued column: by default where the schema is inferred or the mode needs it."""
    if name is not None:
        if reader.fixed_schema is not None:
            raise ConfigError(
                f"format {reader.name!r} has nothing to rescue",
                where=f"rescued_data_column={name!r}",
                fix="leave rescued_data_column out",
            )
        return checked_column(name, "rescued_data_column")
    if reader.fixed_schema is not None:
        return None
    return _RESCUED if declared is None or evolution == "rescue" else None


def _checked_columns(description: FilesDescription) -> FilesDescription:
    """Refuse column names that meet, as far as they are known now."""
    beside = [description.rescued_column, description.metadata_column]
    names = [each.casefold() for each in beside if each is not None]
    if len(set(names)) < len(names):
        raise ConfigError(
            "rescued_data_column and metadata_column have one name", where=WHERE, fix="rename one"
        )
    layout = description.declared_layout
    if layout is not None:
        layout.schema(description)
    return description
