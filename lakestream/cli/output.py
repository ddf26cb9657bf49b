"""How the command line speaks: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

OUT: Final = Console(soft_wrap=False)
ERR: Final = Console(stderr=True, soft_wrap=True)
_UNITS: Final = ("B", "KB", "MB", "GB", "TB")
_KILO: Final = 1024


def print_json(value: object) -> None:
    """Print one JSON document on a line of its own."""
    sys.stdout.write(json.dumps(value, default=_plain) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows under their columns; None is a dash, text is shown as it is."""
    table = Table(title=escape(title), title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    OUT.print(table)


def human_bytes(count: float) -> str:
    """Give a size as people read it: ``1.4 MB``."""
    unit = 0
    while count >= _KILO and unit < len(_UNITS) - 1:
        count /= _KILO
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


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
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return escape(printable(str(value)))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
