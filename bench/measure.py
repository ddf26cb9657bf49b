"""What every row of the table is made of: pairs of runs, and the bar they are held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.process import Usage


@dataclass(frozen=True, slots=True)
class Bar:
    """The most that ours may cost; None is not judged.

    Args:
        wall: As a share of the baseline's.
        cpu: As a share of the baseline's.
        wall_s: In seconds, whatever the baseline takes.
        peak_mib: Of our largest process.
    """

    wall: float | None = None
    cpu: float | None = None
    wall_s: float | None = None
    peak_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One run of each, in turns."""

    ours: Usage
    baseline: Usage


class Side(Protocol):
    """One who is measured."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...


class Work(Protocol):
    """One or more rows of the table, measured together."""

    @property
    def key(self) -> str:
        """Its name on the command line."""
        ...

    @property
    def bars(self) -> dict[str, Bar]:
        """The steps that it measures, and their bars."""
        ...

    @property
    def ours(self) -> Side:
        """Who is measured."""
        ...

    @property
    def baseline(self) -> Side:
        """Whom it is measured beside."""
        ...

    @property
    def heavy(self) -> bool:
        """Whether it takes minutes, and runs only when it is named or all are."""
        ...

    @property
    def enough(self) -> int | None:
        """How many pairs will do where one takes minutes; None: as many as for all others."""
        ...

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure so many pairs of every step."""
        ...
