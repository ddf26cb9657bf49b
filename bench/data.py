"""The input: flat readings of devices as NDJSON, the same for everyone and every time."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_SEED: Final = 20130101
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DONE: Final = ".complete"

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
        folder = cache / self.name
        if not (cache / f"{self.name}{_DONE}").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for number, text in enumerate(self._texts()):
                path = folder / f"readings-{self.first_id + number * self.rows_per_file:09}.json"
                path.write_text(text)
            (cache / f"{self.name}{_DONE}").touch()
        return folder

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


def warm(folder: Path) -> int:
    """Read every file, so that all who are measured find the page cache warm.

    Returns:
        The bytes read.
    """
    return sum(len(path.read_bytes()) for path in folder.iterdir())
