"""Works that load files: all in one go, and a few more after that."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import fingerprint
from bench.contenders import Contender
from bench.data import Input, warm
from bench.fingerprint import Fingerprint
from bench.measure import Bar, Pair
from bench.process import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What is loaded, by whom, and the bar of each step."""

    key: str
    dataset: Input
    ours: Contender
    baseline: Contender
    bars: dict[str, Bar]
    heavy: bool = False
    enough: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLoad(_Load):
    """All files in one go into a table that does not exist yet."""

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure, and check each table's rows; gives one dict of step -> pair at a time."""
        landing = self.dataset.into(cache)
        expected = fingerprint.of_files(landing.iterdir())
        warm(landing)
        (step,) = self.bars
        for contender in (self.ours, self.baseline):
            # Not measured: the first run compiles the script's modules and warms the libraries.
            contender.load(landing, _empty(cache / "home"), cache)
        for _ in range(count):
            ours, baseline = (
                _load_and_check(contender, landing, _empty(cache / "home"), cache, expected)
                for contender in (self.ours, self.baseline)
            )
            yield {step: Pair(ours, baseline)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLoad(_Load):
    """A few files more, then nothing new, for those that have loaded the rest before."""

    added: Input

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure both steps, and check each table's rows after either."""
        contenders = {cache / "home-ours": self.ours, cache / "home-baseline": self.baseline}
        landing = _empty(cache / "landing")
        _link(self.dataset.into(cache), landing)
        for home, contender in contenders.items():
            contender.load(landing, _empty(home), cache)
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
                    _load_and_check(contender, landing, home, cache, expected)
                    for home, contender in contenders.items()
                )
                measured[step] = Pair(ours, baseline)
            yield measured


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLife(_Load):
    """A first load, a few files more, then nothing new, one after the other in one home."""

    added: Input
    heavy: bool = True

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure the steps in turns, and check each table's rows after each."""
        contenders = {cache / "home-ours": self.ours, cache / "home-baseline": self.baseline}
        landing = cache / "landing"
        first, then = self.dataset.into(cache), self.added.into(cache)
        loaded = fingerprint.of_files(first.iterdir())
        expected = fingerprint.of_files([*first.iterdir(), *then.iterdir()])
        for number in range(count + 1):
            _link(first, _empty(landing))
            for home in contenders:
                _empty(home)
            measured = {}
            for place, step in enumerate(self.bars):
                if place == 1:
                    _link(then, landing)
                warm(landing)
                ours, baseline = (
                    _load_and_check(contender, landing, home, cache, expected if place else loaded)
                    for home, contender in contenders.items()
                )
                measured[step] = Pair(ours, baseline)
            if number:  # the round before the first is not measured, as above
                yield measured


def _load_and_check(
    contender: Contender, landing: Path, home: Path, cache: Path, expected: Fingerprint
) -> Usage:
    usage = contender.load(landing, home, cache)
    fingerprint.check(contender.output, contender.table(home), expected, who=contender.name)
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
