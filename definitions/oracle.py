"""What must be in the tables, found by reading the raw files without lakestream."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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


def actual_bronze(rows: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """Count the table's (file, row)s."""
    return Counter(hash((row["_metadata"]["file_name"], *_bronze(row, row[TIME]))) for row in rows)


def actual_silver(rows: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """Count the table's rows."""
    return Counter(hash(tuple(row[name] for name in SILVER)) for row in rows)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def _note(found: Expected, name: str, record: dict[str, Any]) -> None:
    typed = {key: _number(record.get(key)) for key in NUMBERS}
    if any(typed[key] is None and record.get(key) is not None for key in NUMBERS):
        found.rescued[name] += 1
    row = record | typed
    found.bronze[hash((name, *_bronze(row, _time(record[TIME]))))] += 1
    if row["dep_time"] is not None:
        found.silver[hash(tuple(row[key] for key in SILVER))] += 1


def _bronze(row: Mapping[str, Any], time: datetime) -> Iterator[object]:
    yield from (row[name] for name in TEXT)
    yield from (row.get(name) for name in NUMBERS)
    yield time


def _number(value: object) -> float | int | None:
    return value if isinstance(value, int | float) else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
