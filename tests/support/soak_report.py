"""What a soak has done and found so far, as a table, and as the figures that the docs show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lakestream.failpoint import PROTOCOL_LINES
from support.soak_cases import HISTORY_KIND, KINDS, Outcome

FIGURES: Final = Path(__file__).parents[1] / "reliability" / "soak.json"
_HEAD: Final = (
    "kind",
    "cases",
    "faults",
    "runs",
    "rows checked",
    "rows lost",
    "rows doubled",
    "unrecovered",
)
#: What the faults in histories are counted under, apart from those in other cases.
IN_HISTORY: Final = "in a history: "
_SHOWN_FAILURES: Final = 20
_LONGEST_FAILURE: Final = 1_000


@dataclass
class Figures:
    """The counts of one kind of case."""

    cases: int = 0
    faults: int = 0
    runs: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    unrecovered: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one case."""
        self.cases += outcome.cases
        self.faults += sum(outcome.faults.values())
        self.runs += outcome.runs
        self.rows += outcome.rows
        self.lost += outcome.lost
        self.doubled += outcome.doubled
        self.unrecovered += outcome.unrecovered


@dataclass
class Tally:
    """The counts of a soak.

    Args:
        least_kills: Killed processes that a whole soak has at least.
        least_per_line: Kills at each line of the protocol that it has at least.
        least_histories: Histories of the model machine that it has at least.
    """

    least_kills: int
    least_per_line: int
    least_histories: int = 0
    kinds: dict[str, Figures] = field(default_factory=lambda: {kind: Figures() for kind in KINDS})
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> Tally:
        """Give back what was written: ``kinds``, ``faults`` and, if there are, ``failures``."""
        found = cls(0, 0)
        kinds = counts.get("kinds", {})
        found.kinds.update({name: Figures(**each) for name, each in kinds.items()})
        found.faults.update(counts.get("faults", {}))
        found.failures += counts.get("failures", [])
        return found

    def has(self, *, histories: bool) -> bool:
        """Whether histories were played, or else whether other cases were."""
        return any(
            each.cases for name, each in self.kinds.items() if (name == HISTORY_KIND) is histories
        )

    def add(self, outcome: Outcome) -> None:
        """Count one case."""
        self.kinds[outcome.kind].add(outcome)
        self.faults.update(outcome.faults)
        if outcome.problem:
            self.failures.append(f"case {outcome.number} ({outcome.kind}): {outcome.problem}")

    @property
    def total(self) -> Figures:
        """All kinds together."""
        added = [asdict(each) for each in self.kinds.values()]
        return Figures(**{name: sum(each[name] for each in added) for name in asdict(Figures())})

    @property
    def kills(self) -> int:
        """Processes that were killed."""
        return sum(times for fault, times in self.faults.items() if fault.startswith("killed"))

    @property
    def red(self) -> bool:
        """Whether a row was lost or doubled, or a case was not recovered."""
        total = self.total
        return bool(total.lost or total.doubled or total.unrecovered or self.failures)

    def missing(self) -> list[str]:
        """Say which part of the volume was not reached."""
        found = []
        if self.kills < self.least_kills:
            found.append(f"{self.kills:,} kills of at least {self.least_kills:,}")
        for line in PROTOCOL_LINES:
            kills = self.faults[f"killed at {line}"]
            if kills < self.least_per_line:
                found.append(f"{kills:,} kills at {line} of at least {self.least_per_line:,}")
        histories = self.kinds[HISTORY_KIND].cases
        if histories < self.least_histories:
            found.append(f"{histories:,} histories of at least {self.least_histories:,}")
        return found

    def text(self) -> str:
        """Give the table, the faults by kind, and what went wrong."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        rows = [_HEAD]
        for name, figures in [*self.kinds.items(), ("all", self.total)]:
            rows.append((name, *(f"{count:,}" for count in asdict(figures).values())))
        yield from _aligned(rows)
        yield ""
        yield from _aligned(
            [
                ("fault", "injected"),
                *((name, f"{times:,}") for name, times in sorted(self.faults.items())),
                ("processes killed", f"{self.kills:,}"),
            ]
        )
        for failure in self.failures[:_SHOWN_FAILURES]:
            yield f"\nWRONG {_shortened(failure)}"
        for missing in self.missing():
            yield f"VOLUME NOT REACHED: {missing}"


def save(tally: Tally, facts: Mapping[str, Any], path: Path) -> None:
    """Write the figures: ``facts`` (when, how long, seed), then all counts.

    Histories and the other cases may be of two soaks: of what this one did not play, the counts
    and facts in the file stay.
    """
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    old = Tally.of(before)
    whole = Tally(tally.least_kills, tally.least_per_line)
    for name in KINDS:
        is_new = tally.has(histories=name == HISTORY_KIND)
        whole.kinds[name] = (tally if is_new else old).kinds[name]
    for told, is_ours in ((old, False), (tally, True)):
        for fault, times in told.faults.items():
            if tally.has(histories=fault.startswith(IN_HISTORY)) is is_ours:
                whole.faults[fault] = times
    cases = {name: value for name, value in before.items() if name in facts}
    histories = before.get("histories", {})
    figures = {
        **(facts if tally.has(histories=False) else cases),
        "histories": facts if tally.has(histories=True) else histories,
        "kills": whole.kills,
        "total": asdict(whole.total),
        "kinds": {name: asdict(each) for name, each in whole.kinds.items()},
        "faults": dict(sorted(whole.faults.items())),
        "events": before.get("events", {}),
    }
    path.write_text(json.dumps(figures, indent=2) + "\n")


def keep_events(path: Path, route: str, figures: Mapping[str, int]) -> None:
    """Write what a soak of notifications counted on one way of the events; the rest stays."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept.setdefault("events", {})[route] = {"day": f"{datetime.now(UTC):%Y-%m-%d}", **figures}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def _shortened(failure: str) -> str:
    """Leave out the middle of a long traceback: its end says what it was."""
    if len(failure) <= _LONGEST_FAILURE:
        return failure
    half = _LONGEST_FAILURE // 2
    return f"{failure[:half]}\n...\n{failure[-half:]}"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        first, *rest = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *rest))
