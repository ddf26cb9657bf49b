"""The table that is printed and the file that is kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.measure import Bar, Pair
from bench.process import Usage
from bench.works import WORKS

FEWEST_PAIRS: Final = 5
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
    "ours wall / CPU, MiB",
    "theirs wall / CPU, MiB",
    "wall",
    "CPU",
    "bar",
    "",
)
_BEGIN: Final = "<!-- figures of bench/results/latest.json, written by make bench -->"
_END: Final = "<!-- end of figures -->"
#: Below this a ratio is told as a fraction.
_FRACTION: Final = 0.15
#: Below this a time is told in milliseconds.
_BRIEF_S: Final = 0.095


@dataclass(frozen=True, slots=True)
class Result:
    """The pairs of one step, and the bar they are held against."""

    key: str
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
        ours, bar = self.ours, self.bar
        held = (
            (bar.wall, self.wall_ratio),
            (bar.cpu, self.cpu_ratio),
            (bar.wall_s, ours.wall_s),
            (bar.peak_mib, ours.peak_mib),
        )
        return all(most is None or found <= most for most, found in held)

    @property
    def ours(self) -> Usage:
        """The medians of our runs."""
        return _median_usage([pair.ours for pair in self.pairs])

    @property
    def theirs(self) -> Usage:
        """The medians of the baseline's runs."""
        return _median_usage([pair.baseline for pair in self.pairs])

    def as_json(self) -> dict[str, object]:
        """Give the medians and every single run."""
        return {
            "key": self.key,
            "step": self.step,
            "baseline": self.baseline,
            "ours": asdict(self.ours),
            "theirs": asdict(self.theirs),
            "wall_ratio": round(self.wall_ratio, 4),
            "cpu_ratio": round(self.cpu_ratio, 4),
            "bar": asdict(self.bar),
            "verdict": _verdict(self),
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay kept figures out in plain columns."""
    cells = [_HEAD, *(tuple(_row(row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay kept figures out as the documents have them."""
    head = (*_HEAD[:-1], "verdict")
    lines = [head, tuple("---" for _ in head), *(tuple(_row(row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_documents(rows: Sequence[Mapping[str, Any]], documents: Sequence[Path]) -> None:
    """Put the table of the kept figures between the marks of each document that has them."""
    for document in documents:
        text = document.read_text()
        if _BEGIN in text:
            head, _, rest = text.partition(_BEGIN)
            tail = rest.partition(_END)[2]
            body = f"{markdown(rows)}\n{_origin(rows)}\n"
            document.write_text(f"{head}{_BEGIN}\n\n{body}{_END}{tail}")


def save(results: Sequence[Result], path: Path) -> list[dict[str, Any]]:
    """Keep the figures with the machine they were taken on, instead of older ones of their rows.

    Returns:
        All that is kept now, in the order of the table.
    """
    place = {work.key: number for number, work in enumerate(WORKS)}
    kept = load(path)
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    for result in results:
        kept[result.key, result.step, result.baseline] = {
            **result.as_json(),
            "measured_at": measured_at,
            "machine": machine(),
        }
    rows = [row for row in kept.values() if row["key"] in place]
    rows.sort(key=lambda row: place[row["key"]])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"results": rows}, indent=2) + "\n")
    return rows


def load(path: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Give the figures that are kept, by work, step and baseline."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_text())["results"]
    return {(row["key"], row["step"], row["baseline"]): row for row in rows}


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
        round(median(each.wall_s for each in usages), 4),
        round(median(each.cpu_s for each in usages), 4),
        round(median(each.peak_mib for each in usages), 1),
    )


def _origin(rows: Sequence[Mapping[str, Any]]) -> str:
    loads = sorted(row["machine"]["load_average"] for row in rows)
    days = sorted({row["measured_at"][:10] for row in rows})
    machines = {
        "{cores} cores of {cpu}, {memory_gib:.0f} GiB, {system}, Python {python}".format(
            **row["machine"]
        )
        for row in rows
    }
    return (
        f"Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} on {'; '.join(machines)}; load"
        f" average {loads[0]:.1f} to {loads[-1]:.1f} as each row began; {FEWEST_PAIRS} pairs where"
        " no other number stands.\n"
    )


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["step"]
    few = len(row["pairs"]) < FEWEST_PAIRS
    yield row["baseline"] + (f" (of {len(row['pairs'])})" if few else "")
    for side in (row["ours"], row["theirs"]):
        yield f"{_time(side['wall_s'])} / {_time(side['cpu_s'])}, {side['peak_mib']:.0f}"
    yield _ratio(row["wall_ratio"])
    yield _ratio(row["cpu_ratio"])
    yield _bar(Bar(**row["bar"])) or "none"
    yield row["verdict"]


def _bar(bar: Bar) -> str:
    told = (
        (bar.wall, lambda most: f"{_ratio(most)} wall"),
        (bar.cpu, lambda most: f"{_ratio(most)} CPU"),
        (bar.wall_s, _time),
        (bar.peak_mib, lambda most: f"{most:.0f} MiB"),
    )
    return ", ".join(tell(most) for most, tell in told if most is not None)


def _verdict(result: Result) -> str:
    if result.bar == Bar():
        return ""
    return "kept" if result.passed else "MISSED"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio > _FRACTION else f"1/{1 / ratio:.3g}"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < _BRIEF_S else f"{seconds:.2f} s"
