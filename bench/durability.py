"""What syncing costs on a local disk: ``python -m bench.durability [--batches N] [--folder PATH]``.

One running query, one file of 100 rows a batch. Of each two batches one syncs and the next one
does not (its ``fsync`` does nothing), so that both meet the same table, disk and machine; which
comes first changes with each pair. Prints a line for each, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import lakestream as ls
from lakestream.storage import local_sync

_ROWS: Final = 100
#: Batches at the start that do not count: imports, the table's making.
_WARM_UP: Final = 6


@dataclass(slots=True)
class Batch:
    """What one batch took."""

    is_synced: bool
    wall_s: float = 0.0
    cpu_s: float = 0.0
    syncs: int = 0
    #: The time in ``fsync``, added up over the threads that sync at once.
    syncing_s: float = 0.0


class Meter:
    """Stands in for ``fsync`` and counts, and leaves it out in batches that do not sync."""

    def __init__(self) -> None:
        self.batch = Batch(is_synced=True)
        self._fsync = os.fsync

    def __call__(self, descriptor: int) -> None:
        """Sync an open file or folder, or only pretend to."""
        self.batch.syncs += 1
        if self.batch.is_synced:
            started = time.perf_counter()
            self._fsync(descriptor)
            self.batch.syncing_s += time.perf_counter() - started


def measure(home: Path, count: int) -> list[Batch]:
    """Run ``count`` batches of a query in an empty folder; give what each took."""
    landing = home / "landing"
    landing.mkdir()
    meter = Meter()
    done: list[Batch] = []
    started: list[tuple[float, float]] = []

    @ls.streaming_table(home / "table")
    def readings() -> ls.Stream:
        return ls.read_files(landing, format="json")

    def begin() -> None:
        number = len(done)
        meter.batch = Batch(is_synced=number % 4 in {0, 3})
        records = ({"id": number * _ROWS + row, "value": row / 7} for row in range(_ROWS))
        text = "".join(json.dumps(each) + "\n" for each in records)
        (landing / f"{number:06d}.json").write_text(text, encoding="utf-8")
        started.append((time.perf_counter(), time.process_time()))

    def end(_: Any) -> None:  # noqa: ANN401  the progress is not looked at
        wall, cpu = started[-1]
        meter.batch.wall_s = time.perf_counter() - wall
        meter.batch.cpu_s = time.process_time() - cpu
        done.append(meter.batch)
        if len(done) < count:
            begin()

    local_sync.sync_descriptor = meter
    begin()
    readings.run(ls.processing_time("1 millisecond"), max_batches=count, on_progress=end)
    return done[_WARM_UP:]


def table(batches: Sequence[Batch]) -> str:
    """Give the medians as a table in Markdown."""
    lines = [
        "| batches | wall ms | CPU ms | syncs | ms in fsync |",
        "|---|---|---|---|---|",
    ]
    walls = []
    for name, is_synced in (("that sync", True), ("that do not", False)):
        of_kind = [each for each in batches if each.is_synced == is_synced]
        wall, cpu, syncing = (
            median(getattr(each, field) for each in of_kind) * 1000
            for field in ("wall_s", "cpu_s", "syncing_s")
        )
        syncs = median(each.syncs for each in of_kind)
        walls.append(wall)
        lines.append(
            f"| {len(of_kind)} {name} | {wall:.1f} | {cpu:.1f} | {syncs:.0f} | {syncing:.1f} |"
        )
    pairs = zip(batches[::2], batches[1::2], strict=False)
    ratios = [
        (one if one.is_synced else other).wall_s / (other if one.is_synced else one).wall_s
        for one, other in pairs
    ]
    lines.append(f"\nmedian of {len(ratios)} pairs: {median(ratios):.2f}x the wall time")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.durability", description=__doc__)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="on the disk to measure (the temporary one)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as home:
        print(table(measure(Path(home), options.batches + _WARM_UP)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
