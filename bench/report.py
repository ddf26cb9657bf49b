"""The table that is printed and the file that is kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

from bench.process import Usage
from bench.works import Bar, Pair

_LIBRARIES: Final = (
    "lakestream",
    "arro3-core",
    "deltalake",
    "duckdb",
    "msgspec",
    "obstore",
    "polars",
)
_HEAD: Final = (
    "work",
    "beside",
    "ours wall/CPU s, MiB",
    "theirs wall/CPU s, MiB",
    "wall",
    "bar",
    "CPU",
    "bar",
    "",
)


@dataclass(frozen=True, slots=True)
class Result:
    """The pairs of one step, and the bar they are held against."""

    step: str
    baseline: str
    bar: Bar
    pairs: tuple[Pair, ...]

    def ratio(self, of: Callable[[Usage], float]) -> float:
        """Give the median over the pairs of ours / theirs, which a slow minute hits alike."""
        return median(of(pair.ours) / of(pair.baseline) for pair in self.pairs)

    @property
    def wall_ratio(self) -> float:
        """Ours / theirs by the clock."""
        return self.ratio(lambda usage: usage.wall_s)

    @property
    def cpu_ratio(self) -> float:
        """Ours / theirs in CPU seconds."""
        return self.ratio(lambda usage: usage.cpu_s)

    @property
    def passed(self) -> bool:
        """Whether every bar that is set was kept."""
        pairs = ((self.bar.wall, self.wall_ratio), (self.bar.cpu, self.cpu_ratio))
        return all(bar is None or ratio <= bar for bar, ratio in pairs)

    def as_json(self) -> dict[str, object]:
        """Give the medians and every single run."""
        return {
            "step": self.step,
            "baseline": self.baseline,
            "ours": asdict(_median_usage([pair.ours for pair in self.pairs])),
            "theirs": asdict(_median_usage([pair.baseline for pair in self.pairs])),
            "wall_ratio": round(self.wall_ratio, 3),
            "cpu_ratio": round(self.cpu_ratio, 3),
            "bar": asdict(self.bar),
            "verdict": _verdict(self),
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def table(results: Sequence[Result]) -> str:
    """Lay the results out in plain columns."""
    rows = [_HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def save(results: Sequence[Result], path: Path) -> None:
    """Keep the figures with the machine they were taken on."""
    record = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "results": [result.as_json() for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


def machine() -> dict[str, object]:
    """Describe the machine: what a reader needs to place the figures, and no names of it."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _median_usage(usages: Sequence[Usage]) -> Usage:
    return Usage(
        round(median(each.wall_s for each in usages), 3),
        round(median(each.cpu_s for each in usages), 3),
        round(median(each.peak_mib for each in usages), 1),
    )


def _row(result: Result) -> tuple[str, ...]:
    sides = [[getattr(pair, side) for pair in result.pairs] for side in ("ours", "baseline")]
    ours, theirs = (_median_usage(side) for side in sides)
    return (
        result.step,
        result.baseline,
        *(f"{each.wall_s:.2f} / {each.cpu_s:.2f}, {each.peak_mib:.0f}" for each in (ours, theirs)),
        f"{result.wall_ratio:.2f}x",
        _bar(result.bar.wall),
        f"{result.cpu_ratio:.2f}x",
        _bar(result.bar.cpu),
        _verdict(result),
    )


def _verdict(result: Result) -> str:
    if result.bar == Bar():
        return ""
    return "pass" if result.passed else "MISSED"


def _bar(most: float | None) -> str:
    return "-" if most is None else f"{most:.2f}x"
