"""How the command line speaks: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakestream.errors import LakestreamError

#: What goes into a pipe is not cut to a terminal's width: it is searched and cut by others.
_PIPE_WIDTH: Final = 400
OUT: Final = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
ERR: Final = Console(stderr=True, soft_wrap=True)
_UNITS: Final = ("B", "KB", "MB", "GB", "TB")
_KILO: Final = 1024
_CAUSE: Final = re.compile(r"\bcause\b")
_CAUSE_CHARS: Final = 500
#: Of a longer text a table shows the beginning; JSON has it whole.
_CELL_CHARS: Final = 1000
#: Where a Rust error goes over to its call stack, or to its fields.
_DETAILS: Final = re.compile(r"\n   0: |\n\nDebug source:\n")
#: The parts of an address that may hold a password or a signature.
_USER: Final = re.compile(r"://[^\s/?#]*@")
_QUERY: Final = re.compile(r"(https?://[^\s?]+)\?[^\s)\"']+")


def print_json(value: object) -> None:
    """Print one JSON document on a line of its own."""
    sys.stdout.write(json.dumps(value, default=_plain) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows under their columns; None is a dash, numbers stand right, long texts fold."""
    found = list(rows)
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        values = [row.get(column) for row in found]
        numeric = any(isinstance(each, int | float) for each in values)
        table.add_column(
            escape(printable(column)),
            justify="right" if numeric else "left",
            no_wrap=not any(isinstance(each, str | bytes | dict | list) for each in values),
            overflow="fold",
        )
    for row in found:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    OUT.print(table)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Give a count with its noun: ``1 file``, ``2,000 files``, ``3 batches``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def human_bytes(count: float) -> str:
    """Give a size as people read it: ``1.4 MB``."""
    unit = 0
    while count >= _KILO and unit < len(_UNITS) - 1:
        count /= _KILO
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def told(error: LakestreamError) -> str:
    """Give an error's message, with its cause on a line of its own where the message names it."""
    cause = error.__cause__
    if cause is None or isinstance(cause, LakestreamError) or not _CAUSE.search(error.fix or ""):
        return str(error)
    said = _DETAILS.split(str(cause), maxsplit=1)[0]
    text = _QUERY.sub(r"\1?...", _USER.sub("://...@", " ".join(said.split())))
    said = f"{type(cause).__name__}: {text[:_CAUSE_CHARS]}"
    return f"{error}\n  cause: {printable(said)}"


def printable(text: str) -> str:
    """Give a text with control characters escaped: a file's name must not steer a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, dict | list):
        value = json.dumps(value, default=_plain, ensure_ascii=False)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    text = str(value)
    cut = f"{text[:_CELL_CHARS]}... ({len(text):,} characters)"
    return escape(printable(cut if len(text) > _CELL_CHARS else text))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    return str(value)
