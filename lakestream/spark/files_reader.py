"""Spark's file sources and Auto Loader's, built by ``lakestream.read_files``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError, near_names
from lakestream.plan import types as t
from lakestream.read_files import read_files
from lakestream.spark.arguments import OptionTable
from lakestream.spark.files_options import AUTO_LOADER, DEFAULTS, FORMATS, OWN, SHARED, SPARK

if TYPE_CHECKING:
    from lakestream.spark.option_row import Row
    from lakestream.storage.location import PathLike
    from lakestream.stream import Stream

#: Formats whose values are texts, so that their types may be inferred or not.
_TEXTUAL: Final = frozenset({"json", "csv", "xml"})
_USE_QUEUE: Final = "cloudfiles.usenotifications"
_QUEUES: Final = frozenset({
    "cloudfiles.queuename", "cloudfiles.queueurl", "cloudfiles.subscription",
})  # fmt: skip
#: Formats with columns of their own.
_FIXED: Final = frozenset({"text", "binaryFile"})


def auto_loader(
    path: PathLike, schema: t.Struct | None, options: Mapping[str, object], *, where: str
) -> Stream:
    """Build the stream of ``format("cloudFiles")``, with Auto Loader's defaults.

    These differ from those of ``read_files``: inferred columns of JSON, CSV and XML are strings
    unless ``cloudFiles.inferColumnTypes`` is true, CSV files have no header when a schema is given,
    malformed quotes are read as Spark reads them, and stars in the path cross folders.
    """
    wanted = next((v for k, v in options.items() if k.lower() == "cloudfiles.format"), None)
    if wanted is None:
        raise ConfigError(
            "option 'cloudFiles.format' is missing",
            where=where,
            fix=f'add .option("cloudFiles.format", ...): {", ".join(FORMATS)}',
        )
    name = _format_name(str(wanted), where)
    table = files_table(name, auto_loader=True, where=where)
    arguments = table.arguments(_with_queue_or_without(options))
    del arguments["format"]
    arguments.setdefault("use_strict_globber", False)
    if name in _TEXTUAL:
        arguments.setdefault("infer_types", False)
    if name == "csv" and schema is not None:
        arguments.setdefault("header", False)
    return _stream(path, name, schema, arguments)


def _with_queue_or_without(options: Mapping[str, object]) -> dict[str, object]:
    """Let ``cloudFiles.useNotifications`` say whether the queue that is named is read."""
    wanted = {str(v).lower() for k, v in options.items() if k.lower() == _USE_QUEUE}
    has_queue = any(name.lower() in _QUEUES for name in options)
    if not has_queue or not wanted <= {"true", "false"}:
        return dict(options)
    left_out = {_USE_QUEUE} if wanted != {"false"} else _QUEUES
    return {name: value for name, value in options.items() if name.lower() not in left_out}


def spark_files(
    path: PathLike,
    format_name: str,
    schema: t.Struct | None,
    options: Mapping[str, object],
    *,
    where: str,
) -> Stream:
    """Build the stream of one of Spark's own file formats, with Spark's defaults.

    A schema is needed, a CSV file has no header, and folders that are no partitions are not
    entered, unless the options say otherwise.
    """
    name = _format_name(format_name, where)
    if schema is None and name not in _FIXED:
        raise ConfigError(
            "a stream of files needs a schema",
            where=where,
            fix='add .schema("id BIGINT, ..."), or let format("cloudFiles") infer one',
        )
    arguments = files_table(name, auto_loader=False, where=where).arguments(options)
    arguments.setdefault("recursive", False)
    if name == "csv":
        arguments.setdefault("header", False)
    return _stream(path, name, schema, arguments)


def files_rows(name: str, *, auto_loader: bool) -> tuple[Row, ...]:
    """Give the rows that apply to one format."""
    return (*FORMATS[name], *(AUTO_LOADER if auto_loader else SPARK), *SHARED)


def files_table(name: str, *, auto_loader: bool, where: str) -> OptionTable:
    """Give the options that one format understands."""
    rows = files_rows(name, auto_loader=auto_loader)
    return OptionTable(rows, OWN, where=where, elsewhere=_owners())


def _owners() -> dict[str, str]:
    """Tell whose an option is, of all those that some file source has."""
    found = {row.name.lower(): "Spark's own file sources" for row in SPARK}
    for name, rows in FORMATS.items():
        for row in rows:
            found.setdefault(row.name.lower(), f"format {name!r}")
    return found | {row.name.lower(): "format 'cloudFiles'" for row in AUTO_LOADER}


def is_format(name: str) -> bool:
    """Whether a name is that of a file format."""
    return name.lower() in {each.lower() for each in FORMATS}


def _format_name(given: str, where: str) -> str:
    names = {each.lower(): each for each in FORMATS}
    name = names.get(given.strip().lower())
    if name is None:
        raise ConfigError(
            f"there is no format {given!r}", where=where, fix=near_names(given, FORMATS)
        )
    return name


def _stream(
    path: PathLike, name: str, schema: t.Struct | None, arguments: Mapping[str, object]
) -> Stream:
    # What the type checker cannot follow: each argument was checked by its row of the table, and
    # is checked again by the function.
    typed: Any = {**DEFAULTS.get(name, {}), **arguments, "format": name, "schema": schema}
    stream: Stream = read_files(path, **typed)
    return stream
