"""Checks everything that ``read_files`` is given, without I/O."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from lakestream.errors import ConfigError, UnknownOptionError, near_names
from lakestream.formats.base import Format, ParseMode
from lakestream.plan import types as t
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.description import Evolution, FilesDescription
from lakestream.sources.files.glob import Glob, compile_glob, split_glob
from lakestream.storage.location import EnvPath, PathLike, display
from lakestream.storage.options import StorageOptions
from lakestream.units import parse_duration, parse_size

if TYPE_CHECKING:
    from lakestream.storage.options import OptionValue

FormatName = Literal["json", "csv", "parquet", "text", "binaryFile"]
EvolutionMode = Literal[
    "add_new_columns",
    "add_new_columns_with_type_widening",
    "rescue",
    "fail_on_new_columns",
    "none",
]
_FORMATS: Final = {
    "json": ("lakestream.formats.json", "JsonFormat"),
    "csv": ("lakestream.formats.csv", "CsvFormat"),
    "parquet": ("lakestream.formats.parquet", "ParquetFormat"),
    "text": ("lakestream.formats.text", "TextFormat"),
    "binaryFile": ("lakestream.formats.binary_file", "BinaryFileFormat"),
}
_RESCUED: Final = "_rescued_data"
_WHERE: Final = "read_files"


def describe_files(
    path: PathLike,
    *,
    format: str,  # noqa: A002 - Spark's word
    schema: object = None,
    schema_hints: str | None = None,
    infer_types: bool = True,
    schema_evolution: EvolutionMode | None = None,
    rescued_data_column: str | None = None,
    include_existing_files: bool = True,
    partition_columns: Iterable[str] | None = None,
    path_glob_filter: str | None = None,
    modified_after: datetime | str | None = None,
    modified_before: datetime | str | None = None,
    min_age: str | timedelta | float = 0,
    recursive: bool = True,
    max_files_per_trigger: int | None = None,
    max_bytes_per_trigger: str | int | None = None,
    metadata_column: str | None = None,
    mode: ParseMode = "permissive",
    column_name_of_corrupt_record: str = "_corrupt_record",
    reader_case_sensitive: bool = True,
    ignore_missing_files: bool = False,
    asset_key: str | Iterable[str] | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
    filesystem: object | None = None,
    format_options: Mapping[str, object] | None = None,
) -> FilesDescription:
    """Describe a file source; the arguments are those of ``lakestream.read_files``.

    What a format alone understands comes by name in ``format_options``.

    Raises:
        UnknownOptionError: An option that neither ``read_files`` nor the format has.
        ConfigError: A value of the wrong kind, or options that exclude each other.
        PlanError: The schema or the hints cannot be read.
    """
    switches = {
        "infer_types": infer_types,
        "include_existing_files": include_existing_files,
        "recursive": recursive,
        "reader_case_sensitive": reader_case_sensitive,
        "ignore_missing_files": ignore_missing_files,
    }
    for option, value in switches.items():
        _check_type(option, value, bool)
    reader = _build_format(format, dict(format_options or {}))
    declared = _schema(schema)
    if declared is not None and reader.fixed_schema is not None:
        raise ConfigError(
            f"format {reader.name!r} has columns of its own",
            where="schema",
            fix="leave schema out; select and cast what you need from the stream",
        )
    _check_hints(schema_hints, declared)
    evolution = _evolution(schema_evolution, declared, reader)
    after, before = (
        _moment(modified_after, "modified_after"),
        _moment(modified_before, "modified_before"),
    )
    if after and before and after >= before:
        raise ConfigError(
            "no time lies between modified_after and modified_before",
            where=_WHERE,
            fix="give an earlier modified_after or a later modified_before",
        )
    found = FilesDescription(
        path=_path(path),
        format=reader,
        schema=declared,
        schema_hints=schema_hints,
        infer_types=infer_types,
        evolution=evolution,
        rescued_column=_rescued(rescued_data_column, evolution, declared, reader),
        include_existing=include_existing_files,
        partition_columns=_names(partition_columns, "partition_columns"),
        name_filter=_name_filter(path_glob_filter),
        modified_after=after,
        modified_before=before,
        min_age=parse_duration(min_age, option="min_age"),
        recursive=recursive,
        limit=_limit(max_files_per_trigger, max_bytes_per_trigger),
        metadata_column=_column(metadata_column, "metadata_column"),
        mode=_one_of(mode, get_args(ParseMode), "mode"),
        corrupt_column=_column(column_name_of_corrupt_record, "column_name_of_corrupt_record")
        or "_corrupt_record",
        case_sensitive=reader_case_sensitive,
        ignore_missing=ignore_missing_files,
        asset_key=_asset_key(asset_key),
        storage_options=StorageOptions.of(storage_options, where=_WHERE),
        filesystem=filesystem,
    )
    _check_columns(found)
    return found


def _check_type(option: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise ConfigError(
            f"{option} must be {kind.__name__}, not {type(value).__name__}", where=_WHERE
        )


def _one_of(value: object, allowed: tuple[str, ...], option: str) -> Literal[ParseMode]:
    if value not in allowed:
        raise ConfigError(
            f"{option} cannot be {value!r}", where=_WHERE, fix=near_names(str(value), allowed)
        )
    return cast("ParseMode", value)


def _path(path: PathLike) -> PathLike:
    """Check a path and its glob; what an ``ls.env`` stands for is checked when it is resolved."""
    if not isinstance(path, EnvPath):
        try:
            text = path if isinstance(path, str) else path.__fspath__()
        except AttributeError:
            raise ConfigError(
                f"path must be a str, a path or ls.env(...), not {type(path).__name__}",
                where=_WHERE,
            ) from None
        if not isinstance(text, str) or not text.strip():
            raise ConfigError("path is empty", where=_WHERE, fix="name a folder, file or glob")
        path = text
    _, pattern = split_glob(display(path))
    if pattern is not None:
        compile_glob(pattern, option="path")
    return path


def _build_format(name: str, options: dict[str, object]) -> Format:
    """Build a format from its own options."""
    if name not in _FORMATS:
        raise ConfigError(
            f"unknown format {name!r}", where=_WHERE, fix=near_names(str(name), _FORMATS)
        )
    module, kind = _FORMATS[name]
    maker = getattr(import_module(module), kind)
    known = [each.name for each in fields(maker) if each.init]
    for option in options:
        if option not in known:
            raise _unknown_option(option, known, name)
    return cast("Format", maker(**options))


def _unknown_option(option: str, known: list[str], name: str) -> UnknownOptionError:
    """Build the error for an option that neither ``read_files`` nor the format has."""
    common = list(describe_files.__kwdefaults__ or {})
    everything = sorted({*known, *common} - {"format_options"})
    where = f"read_files(format={name!r})"
    for other, (module, kind) in _FORMATS.items():
        names = {each.name for each in fields(getattr(import_module(module), kind))}
        if option in names and not difflib.get_close_matches(option, everything, cutoff=0.9):
            return UnknownOptionError(
                f"option {option!r} is of format {other!r}, not of {name!r}",
                where=where,
                fix="leave it out, or read the other format",
            )
    return UnknownOptionError.from_names(option, everything, where=where)


def _schema(schema: object) -> t.Struct | None:
    """Read DDL text or anything with ``__arrow_c_schema__``."""
    if schema is None:
        return None
    if isinstance(schema, str):
        return t.schema_of_ddl(schema)
    if isinstance(schema, t.Struct):
        return schema
    if hasattr(schema, "__arrow_c_schema__"):
        from lakestream.plan.arrow_types import spark_schema  # noqa: PLC0415 - loads arro3

        return spark_schema(schema)
    raise ConfigError(
        f"schema cannot be a {type(schema).__name__}",
        where=_WHERE,
        fix='give DDL text, "id BIGINT, name STRING", or a pyarrow.Schema',
    )


def _check_hints(hints: str | None, declared: t.Struct | None) -> None:
    if hints is None:
        return
    _check_type("schema_hints", hints, str)
    if declared is not None:
        raise ConfigError(
            "schema and schema_hints exclude each other",
            where=_WHERE,
            fix="put the types into schema, or give hints alone and let the rest be inferred",
        )
    t.parse_ddl(hints)


def _evolution(
    wanted: EvolutionMode | None, declared: t.Struct | None, reader: Format
) -> Evolution:
    if wanted is None:
        return (
            "none"
            if declared is not None or reader.fixed_schema is not None
            else ("add_new_columns")
        )
    _one_of(wanted, get_args(EvolutionMode), "schema_evolution")
    if wanted == "add_new_columns_with_type_widening":
        raise ConfigError(
            "a Delta table's columns cannot be widened: deltalake cannot change a column's type",
            where=f"schema_evolution={wanted!r}",
            fix="use add_new_columns (values that do not fit are rescued), or pin a wider type"
            " with schema_hints",
        )
    if reader.fixed_schema is not None and wanted != "none":
        raise ConfigError(
            f"the columns of format {reader.name!r} never change",
            where=f"schema_evolution={wanted!r}",
            fix="leave schema_evolution out",
        )
    if wanted == "add_new_columns" and declared is not None:
        raise ConfigError(
            "add_new_columns cannot be used with a declared schema",
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
        return _column(name, "rescued_data_column")
    if reader.fixed_schema is not None:
        return None
    return _RESCUED if declared is None or evolution == "rescue" else None


def _column(name: str | None, option: str) -> str | None:
    if name is None:
        return None
    _check_type(option, name, str)
    if not name.strip():
        raise ConfigError(f"{option} is empty", where=_WHERE, fix="give a column name")
    return name


def _names(names: Iterable[str] | None, option: str) -> tuple[str, ...] | None:
    if names is None:
        return None
    found = (
        tuple(each.strip() for each in names.split(","))
        if isinstance(names, str)
        else (tuple(names))
    )
    found = tuple(each for each in found if each)
    if len({each.casefold() for each in found}) < len(found):
        raise ConfigError(f"{option} names a column twice", where=_WHERE, fix="name each once")
    return found


def _name_filter(text: str | None) -> Glob | None:
    if text is None:
        return None
    _check_type("path_glob_filter", text, str)
    if "/" in text:
        raise ConfigError(
            "path_glob_filter looks at file names only",
            where=f"path_glob_filter={text!r}",
            fix="put the folders into the path, which may be a glob",
        )
    return compile_glob(text, option="path_glob_filter")


def _moment(value: datetime | str | None, option: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(
                f"{option} is no time: {value!r}",
                where=_WHERE,
                fix='write it as "2026-11-21T10:00:00+00:00"; without a zone it is UTC',
            ) from error
    _check_type(option, value, datetime)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _limit(max_files: int | None, max_bytes: str | int | None) -> ReadLimit | None:
    if max_files is None and max_bytes is None:
        return None
    if max_files is not None:
        _check_type("max_files_per_trigger", max_files, int)
        if isinstance(max_files, bool) or max_files < 1:
            raise ConfigError(
                f"max_files_per_trigger must be at least 1, not {max_files!r}", where=_WHERE
            )
    size = None
    if max_bytes is not None:
        size = parse_size(max_bytes, option="max_bytes_per_trigger")
    return ReadLimit(max_files, size)


def _asset_key(key: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if key is None:
        return None
    found = tuple(key.split("/")) if isinstance(key, str) else tuple(key)
    if not found or not all(isinstance(each, str) and each for each in found):
        raise ConfigError(
            "asset_key has an empty part", where=_WHERE, fix='write it as "landing/orders"'
        )
    return found


def _check_columns(description: FilesDescription) -> None:
    """Refuse column names that meet, as far as they are known now."""
    beside = [description.rescued_column, description.metadata_column]
    names = [each.casefold() for each in beside if each is not None]
    if len(set(names)) < len(names):
        raise ConfigError(
            "rescued_data_column and metadata_column have one name", where=_WHERE, fix="rename one"
        )
    layout = description.declared_layout
    if layout is not None:
        layout.schema(description)
