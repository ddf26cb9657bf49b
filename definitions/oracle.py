"""What must be in the tables, found by reading the raw files without lakestream."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

TEXT: Final = ("carrier", "tailnum", "origin", "dest")
NUMBERS: Final = (
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time",
    "sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour", "minute", "speed_mph",
)  # fmt: skip
TIME: Final = "time_hour"
SILVER: Final = (
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "dep_delay",
    "arr_delay",
    "distance",
)

Row = tuple[object, ...]
_FITTING: Final = frozenset({int, float, type(None)})
_TEXT_OF: Final = itemgetter(*TEXT)
_SILVER_OF: Final = itemgetter(*SILVER)


@dataclass(slots=True)
class Expected:
    """The oracle's findings.

    Attributes:
        bronze: How often each (file, row) must be there.
        silver: How often each row must be there.
        rescued: Rows with a value of another type, by file.
        bad_records: Lines that are no JSON, by file.
        bad_files: Files that cannot be read to their end.
    """

    bronze: Counter[int] = field(default_factory=Counter)
    silver: Counter[int] = field(default_factory=Counter)
    rescued: Counter[str] = field(default_factory=Counter)
    bad_records: Counter[str] = field(default_factory=Counter)
    bad_files: list[str] = field(default_factory=list)


def expected(landing: Path) -> Expected:
    """Read all raw files, with Python's own gzip and json."""
    found = Expected()
    for path in sorted((landing / "flights").iterdir()):
        try:
            lines = _text(path).splitlines()
        except (EOFError, OSError, zlib.error):
            found.bad_files.append(path.name)
            continue
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                found.bad_records[path.name] += 1
                continue
            _note(found, path.name, record)
    return found


def actual_bronze(batches: Iterable[pa.RecordBatch]) -> Counter[int]:
    """Count the table's (file, row)s."""
    return Counter(map(hash, rows(batches, "_metadata.file_name", *TEXT, *NUMBERS, TIME)))


def actual_silver(batches: Iterable[pa.RecordBatch]) -> Counter[int]:
    """Count the table's rows."""
    return Counter(map(hash, rows(batches, *SILVER)))


def rows(batches: Iterable[pa.RecordBatch], *names: str) -> Iterator[Row]:
    """Give some columns, row by row; a dot leads into a struct.

    Column by column, as there are a million rows to hold against each other: a dict for each
    would take most of the demo's time.
    """
    for batch in batches:
        yield from zip(*(_values(batch, name) for name in names), strict=True)


def _values(batch: pa.RecordBatch, name: str) -> list[object]:
    first, _, inner = name.partition(".")
    column = batch.column(first)
    values: list[object] = (column.field(inner) if inner else column).to_pylist()
    return values


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def _note(found: Expected, name: str, record: dict[str, Any]) -> None:
    numbers = tuple(map(record.get, NUMBERS))
    if not _FITTING.issuperset(map(type, numbers)):
        found.rescued[name] += 1
        numbers = tuple(each if type(each) in _FITTING else None for each in numbers)
        record |= zip(NUMBERS, numbers, strict=True)
    found.bronze[hash((name, *_TEXT_OF(record), *numbers, _time(record[TIME])))] += 1
    if record["dep_time"] is not None:
        found.silver[hash(_SILVER_OF(record))] += 1


@cache
def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
