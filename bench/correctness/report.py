"""The two tables of correctness, and the file that keeps every case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.correctness.kills import Case
from bench.correctness.late import ARRIVALS, Outcome
from bench.correctness.legs import Leg
from bench.report import machine

_BEGIN: Final = (
    "<!-- counts of bench/results/correctness.json, written by make bench-correctness -->"
)
_END: Final = "<!-- end of counts -->"
_KILL_HEAD: Final = (
    "who",
    "writes",
    "kills",
    "after a commit",
    "rows lost",
    "rows doubled",
    "cases with loss",
    "with doubles",
    "unrecovered",
)
_LATE_HEAD: Final = ("who", "writes", *(arrival.title for arrival in ARRIVALS))


@dataclass(frozen=True, slots=True)
class LegResult:
    """All that one leg went through."""

    leg: Leg
    cases: tuple[Case, ...]
    late: tuple[Outcome, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the sums and every single case."""
        return {
            "name": self.leg.name,
            "writes": self.leg.output.kind,
            "settings": self.leg.settings,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "kills": _sums(self.cases),
            "late": {outcome.arrival: asdict(outcome) for outcome in self.late},
            "each_case": [asdict(case) for case in self.cases],
        }


def save(results: Sequence[LegResult], path: Path) -> dict[str, Any]:
    """Keep the figures; legs that were not measured now keep those they had.

    Returns:
        All that the file holds, by the legs' keys.
    """
    record = load(path) | {result.leg.key: result.as_json() for result in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    return record


def load(path: Path) -> dict[str, Any]:
    """Give what is kept, by the legs' keys."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def is_clean(leg: dict[str, Any]) -> bool:
    """Whether a leg's record shows no row lost, doubled or foreign, and no failure."""
    verdicts = [each["verdict"] for each in (*leg["each_case"], *leg["late"].values())]
    return not any(
        verdict[word] for verdict in verdicts for word in ("lost", "doubled", "foreign", "problem")
    )


def kill_table(record: dict[str, Any], order: Sequence[str]) -> list[tuple[str, ...]]:
    """Give the rows of the first table, its head included."""
    return [_KILL_HEAD, *(_kill_row(record[key]) for key in order if key in record)]


def late_table(record: dict[str, Any], order: Sequence[str]) -> list[tuple[str, ...]]:
    """Give the rows of the second table, its head included."""
    return [_LATE_HEAD, *(_late_row(record[key]) for key in order if key in record)]


def write_documents(
    record: dict[str, Any], order: Sequence[str], documents: Sequence[Path]
) -> None:
    """Put both tables between the marks of each document that has them."""
    tables = (kill_table(record, order), late_table(record, order))
    body = "\n\n".join([*map(markdown, tables), _origin(record)])
    for document in documents:
        head, begin, rest = document.read_text().partition(_BEGIN)
        if begin:
            tail = rest.partition(_END)[2]
            document.write_text(f"{head}{begin}\n\n{body}\n\n{_END}{tail}")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out as a Markdown table."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _origin(record: dict[str, Any]) -> str:
    days = sorted({leg["measured_at"][:10] for leg in record.values()})
    machines = {
        "{cores} cores of {cpu}, {memory_gib:.0f} GiB, {system}, Python {python}".format(
            **leg["machine"]
        )
        for leg in record.values()
    }
    span = " to ".join(dict.fromkeys((days[0], days[-1])))
    return f"Counted {span} on {'; '.join(sorted(machines))}."


def _sums(cases: Sequence[Case]) -> dict[str, int]:
    verdicts = [case.verdict for case in cases]
    return {
        "cases": len(cases),
        "after_a_commit": sum(case.committed for case in cases),
        "rows_lost": sum(each.lost for each in verdicts),
        "rows_doubled": sum(each.doubled for each in verdicts),
        "rows_foreign": sum(each.foreign for each in verdicts),
        "cases_with_loss": sum(each.lost > 0 for each in verdicts),
        "cases_with_doubles": sum(each.doubled > 0 for each in verdicts),
        "unrecovered": sum(bool(each.problem) for each in verdicts),
    }


def _kill_row(leg: dict[str, Any]) -> tuple[str, ...]:
    kills = leg["kills"]
    counts = (
        "cases",
        "after_a_commit",
        "rows_lost",
        "rows_doubled",
        "cases_with_loss",
        "cases_with_doubles",
        "unrecovered",
    )
    return leg["name"], leg["writes"], *(f"{kills[count]:,}" for count in counts)


def _late_row(leg: dict[str, Any]) -> tuple[str, ...]:
    return leg["name"], leg["writes"], *(_late_cell(leg["late"][each.title]) for each in ARRIVALS)


def _late_cell(outcome: dict[str, Any]) -> str:
    verdict = outcome["verdict"]
    if verdict["problem"]:
        return "fails"
    words = ("lost", "doubled", "foreign")
    return ", ".join(f"{verdict[word]:,} {word}" for word in words if verdict[word]) or "ok"
