"""What must be in a table, told without lakestream: plain json over the raw files."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path


def rows_of_files(folder: Path, columns: list[str]) -> Counter[tuple[object, ...]]:
    """Give the multiset of rows of all NDJSON files below a folder; bad lines are left out."""
    found: Counter[tuple[object, ...]] = Counter()
    for path in sorted(folder.rglob("*.json*")):
        raw = path.read_bytes()
        try:
            text = gzip.decompress(raw) if path.suffix == ".gz" else raw
        except (EOFError, OSError):
            continue
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            found[tuple(record.get(column) for column in columns)] += 1
    return found
