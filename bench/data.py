"""The input: flat readings of devices as NDJSON, the same for everyone and every time."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

_SEED: Final = 20130101
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DONE: Final = ".complete"
_BULK_ROW_BYTES: Final = 140
# Hashes of the number stand for chance: the same rows on any machine, with any count of threads.
_BULK: Final = """
SELECT id, printf('device-%05d', (hash(id) % 5000)::INT) AS device,
  strftime(TIMESTAMP '2026-01-01' + to_milliseconds(37 * id), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
  round((hash(id + 1) % 100000) / 2500 + 0.001, 2) AS temp,
  round((hash(id + 2) % 90000) / 1000 + 5, 3) AS humidity,
  (hash(id + 3) % 101)::INT AS battery, hash(id + 4) % 100 < 97 AS online,
  CASE WHEN hash(id + 5) % 10 > 6 THEN 'check ' || hash(id + 6) % 400 END AS note
FROM (SELECT range AS id FROM range({first}, {end}))
"""

#: The rows' columns, with the DuckDB types that tables are compared in.
COLUMNS: Final = {
    "id": "BIGINT",
    "device": "VARCHAR",
    "ts": "TIMESTAMP",
    "temp": "DOUBLE",
    "humidity": "DOUBLE",
    "battery": "BIGINT",
    "online": "BOOLEAN",
    "note": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Files of equally many rows, ids counted from ``first_id``."""

    files: int
    rows_per_file: int
    first_id: int = 0

    @property
    def name(self) -> str:
        """A folder name that tells datasets apart."""
        return f"{self.files}x{self.rows_per_file}-from-{self.first_id}"

    def into(self, cache: Path) -> Path:
        """Write the dataset once; later calls find it.

        Returns:
            The folder of the files, in ``cache``.
        """
        return _once(cache, self.name, self._write)

    def _write(self, folder: Path) -> None:
        for number, text in enumerate(self._texts()):
            path = folder / f"readings-{self.first_id + number * self.rows_per_file:09}.json"
            path.write_text(text)

    def _texts(self) -> Iterator[str]:
        chance = random.Random(_SEED + self.first_id)
        for number in range(self.files):
            first = self.first_id + number * self.rows_per_file
            rows = (_reading(each, chance) for each in range(first, first + self.rows_per_file))
            yield "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)


def _reading(number: int, chance: random.Random) -> dict[str, object]:
    at = _START + timedelta(milliseconds=37 * number)
    return {
        "id": number,
        "device": f"device-{chance.randrange(5_000):05}",
        "ts": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "temp": round(chance.gauss(21, 6), 2),
        "humidity": round(chance.uniform(5, 95), 3),
        "battery": chance.randrange(101),
        "online": chance.random() < 0.97,
        "note": None if chance.random() < 0.7 else f"check {chance.randrange(400)}",
    }


@dataclass(frozen=True, slots=True)
class Bulk:
    """Few large files, written by DuckDB: a gigabyte takes seconds. The same columns."""

    files: int
    size_bytes: int

    @property
    def name(self) -> str:
        """A folder name that tells datasets apart."""
        return f"bulk-{self.files}x{self.size_bytes}"

    def into(self, cache: Path) -> Path:
        """Write the dataset once; later calls find it."""
        return _once(cache, self.name, self._write)

    def _write(self, folder: Path) -> None:
        rows = self.size_bytes // _BULK_ROW_BYTES // self.files
        with duckdb.connect() as connection:
            for number in range(self.files):
                path = folder / f"readings-{number:03}.json"
                text = _BULK.format(first=number * rows, end=(number + 1) * rows)
                connection.execute(f"COPY ({text}) TO '{path}' (FORMAT json)")


Input = Dataset | Bulk


def warm(folder: Path) -> int:
    """Read every file, so that all who are measured find the page cache warm.

    Returns:
        The bytes read.
    """
    return sum(len(path.read_bytes()) for path in folder.iterdir())


def _once(cache: Path, name: str, write: Callable[[Path], None]) -> Path:
    folder, done = cache / name, cache / f"{name}{_DONE}"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(folder)
        done.touch()
    return folder
