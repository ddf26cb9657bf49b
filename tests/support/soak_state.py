"""Where a soak stands, kept in a file, so that one that was cut off goes on."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from support.soak_cases import HISTORY_KIND, Outcome
from support.soak_report import Tally

_LARGEST_SEED: Final = 10**9


@dataclass
class State:
    """The counts of a soak so far, and what of it is done.

    Args:
        seed: Of every choice.
        path: The file; None keeps nothing.
        tally: The counts.
        minutes: For how long cases other than histories were run.
        first: The number of the first case that was not begun.
        lots: The lots of histories that were played.
    """

    seed: int
    path: Path | None = None
    tally: Tally = field(default_factory=lambda: Tally(0, 0))
    minutes: float = 0.0
    first: int = 0
    lots: set[int] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, path: Path | None, *, seed: int | None) -> State:
        """Give what a file says, or a new state when there is none; its seed outlives ``seed``."""
        if path is None or not path.exists():
            drawn = random.SystemRandom().randrange(_LARGEST_SEED) if seed is None else seed
            return cls(drawn, path)
        kept: dict[str, Any] = json.loads(path.read_text())
        return cls(
            seed=kept["seed"],
            path=path,
            tally=Tally.of(kept),
            minutes=kept["minutes"],
            first=kept["first"],
            lots=set(kept["lots"]),
        )

    def count(self, outcome: Outcome) -> None:
        """Note a case that the tally has counted."""
        if outcome.kind == HISTORY_KIND:
            self.lots.add(outcome.number)
        else:
            self.first = max(self.first, outcome.number + 1)
            now = time.monotonic()
            self.minutes += (now - self._began) / 60
            self._began = now
        if self.path is not None:
            aside = self.path.with_suffix(".new")
            aside.write_text(json.dumps(self._written(), indent=2) + "\n")
            os.replace(aside, self.path)

    def _written(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "first": self.first,
            "lots": sorted(self.lots),
            "kills": self.tally.kills,
            "total": asdict(self.tally.total),
            "kinds": {name: asdict(each) for name, each in self.tally.kinds.items()},
            "faults": dict(sorted(self.tally.faults.items())),
            "failures": self.tally.failures,
        }
