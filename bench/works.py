"""The rows of the table: what is run, beside what, and how fast it has to be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import fingerprint
from bench.data import Dataset, warm
from bench.fingerprint import Fingerprint
from bench.process import Usage, run_script

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Contender:
    """A script that loads a landing folder into a Delta table."""

    name: str
    script: Path
    #: Whether it is told to keep a list of the files it has loaded; lakestream always knows.
    seen_list: bool = False

    def load(self, landing: Path, home: Path) -> Usage:
        """Run the script once over the folder; its table and its memory live in ``home``."""
        seen = [home / "seen.json"] if self.seen_list else []
        return run_script(self.script, [landing, home / "table", *seen])


LAKESTREAM: Final = Contender("lakestream", _HERE / "scripts" / "lakestream_script.py")
POLARS: Final = Contender("polars", _HERE / "baselines" / "polars_script.py")
POLARS_SEEN: Final = Contender(
    "polars + seen-list", _HERE / "baselines" / "polars_script.py", seen_list=True
)
DUCKDB: Final = Contender("duckdb", _HERE / "baselines" / "duckdb_script.py")
DUCKDB_SEEN: Final = Contender(
    "duckdb + seen-list", _HERE / "baselines" / "duckdb_script.py", seen_list=True
)


@dataclass(frozen=True, slots=True)
class Bar:
    """The most that ours may cost, as a share of the baseline's; None is not judged."""

    wall: float | None = None
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One run of each, in turns."""

    ours: Usage
    baseline: Usage


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """All files in one go into a table that does not exist yet."""

    key: str
    dataset: Dataset
    ours: Contender
    baseline: Contender
    bars: dict[str, Bar]

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure, and check each table's rows; gives one dict of step -> pair at a time."""
        landing = self.dataset.into(cache)
        expected = fingerprint.of_files(landing.iterdir())
        warm(landing)
        (step,) = self.bars
        for contender in (self.ours, self.baseline):
            # Not measured: the first run compiles the script's modules and warms the libraries.
            contender.load(landing, _empty(cache / "home"))
        for _ in range(count):
            ours, baseline = (
                _load_and_check(contender, landing, _empty(cache / "home"), expected)
                for contender in (self.ours, self.baseline)
            )
            yield {step: Pair(ours, baseline)}


@dataclass(frozen=True, slots=True)
class NextLoad:
    """A few files more, then nothing new, for those that have loaded the rest before."""

    key: str
    dataset: Dataset
    added: Dataset
    ours: Contender
    baseline: Contender
    bars: dict[str, Bar]

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure both steps, and check each table's rows after either."""
        contenders = {cache / "home-ours": self.ours, cache / "home-baseline": self.baseline}
        landing = _empty(cache / "landing")
        _link(self.dataset.into(cache), landing)
        for home, contender in contenders.items():
            contender.load(landing, _empty(home))
            _copy(home, _kept(home))
        _link(self.added.into(cache), landing)
        expected = fingerprint.of_files(landing.iterdir())
        warm(landing)
        for _ in range(count):
            for home in contenders:
                _copy(_kept(home), home)
            measured = {}
            for step in self.bars:
                ours, baseline = (
                    _load_and_check(contender, landing, home, expected)
                    for home, contender in contenders.items()
                )
                measured[step] = Pair(ours, baseline)
            yield measured


Work = FirstLoad | NextLoad

_SMALL: Final = Dataset(files=2_000, rows_per_file=200)
_ADDED: Final = Dataset(files=20, rows_per_file=200, first_id=400_000)
_TINY: Final = Dataset(files=20_000, rows_per_file=20)
_NEXT_BAR: Final = Bar(wall=0.7, cpu=0.7)
_NO_BAR: Final = Bar()

WORKS: Final[tuple[Work, ...]] = (
    FirstLoad(
        "first",
        _SMALL,
        LAKESTREAM,
        POLARS,
        {"2,000 files x 200 rows, first run": Bar(wall=0.75, cpu=0.75)},
    ),
    NextLoad(
        "next",
        _SMALL,
        _ADDED,
        LAKESTREAM,
        POLARS_SEEN,
        {"+20 files": _NEXT_BAR, "nothing new": _NEXT_BAR},
    ),
    NextLoad(
        "floor",  # what the bar of "next" reaches for; not judged
        _SMALL,
        _ADDED,
        LAKESTREAM,
        DUCKDB_SEEN,
        {"+20 files": _NO_BAR, "nothing new": _NO_BAR},
    ),
    FirstLoad(
        "tiny",
        _TINY,
        LAKESTREAM,
        DUCKDB,
        {"20,000 files x 20 rows, first run": Bar(cpu=1.0)},
    ),
)


def _load_and_check(
    contender: Contender, landing: Path, home: Path, expected: Fingerprint
) -> Usage:
    usage = contender.load(landing, home)
    fingerprint.check(home / "table", expected, who=contender.name)
    return usage


def _kept(home: Path) -> Path:
    return home.with_name(f"{home.name}-kept")


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _link(files: Path, landing: Path) -> None:
    for path in files.iterdir():
        (landing / path.name).hardlink_to(path)
