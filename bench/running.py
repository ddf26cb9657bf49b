"""A query that runs on, one small file a batch: what a batch costs when nothing has to start."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import fingerprint
from bench.contenders import DELTA
from bench.data import Dataset
from bench.fingerprint import Fingerprint
from bench.measure import Bar, Pair
from bench.process import Usage, run


@dataclass(frozen=True, slots=True)
class Loop:
    """A script that lands files one by one and tells how long each took."""

    name: str
    script: Path

    def run(self, home: Path, files: Path, last: int, expected: Fingerprint) -> Usage:
        """Give the median seconds of the last batches, the mean CPU of all, the peak."""
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(files, home / "spare")
        (home / "landing").mkdir()
        folders = [home / name for name in ("spare", "landing", "table")]
        used, printed = run([sys.executable, self.script, *folders])
        fingerprint.check(DELTA, home / "table", expected, who=self.name)
        told = json.loads(printed)
        cpu_s = told["cpu_s"] / len(told["batches"])
        return Usage(median(told["batches"][-last:]), cpu_s, used.peak_mib)


@dataclass(frozen=True, slots=True)
class RunningQuery:
    """As many batches as the dataset has files, judged by the last of them."""

    key: str
    dataset: Dataset
    #: The batches at the end whose median counts.
    last: int
    ours: Loop
    baseline: Loop
    bars: dict[str, Bar]
    heavy: bool = True
    enough: int | None = None

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure in turns, and check each table's rows."""
        files = self.dataset.into(cache)
        expected = fingerprint.of_files(files.iterdir())
        (step,) = self.bars
        for _ in range(count):
            ours, baseline = (
                side.run(cache / "home", files, self.last, expected)
                for side in (self.ours, self.baseline)
            )
            yield {step: Pair(ours, baseline)}
