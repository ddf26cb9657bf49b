"""Count rows lost and doubled: ``python -m bench.correctness [--legs KEY ...] [--kills N]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.correctness.kills import Case, kill_cases
from bench.correctness.late import late_outcomes
from bench.correctness.legs import LEGS, Leg
from bench.correctness.report import LegResult, is_clean, kill_table, late_table, markdown, save

_ROOT: Final = Path(__file__).parents[2]
_CACHE: Final = _ROOT / ".bench" / "correctness"
_KEPT: Final = _ROOT / "bench" / "results" / "correctness.json"


def examine(leg: Leg, cache: Path) -> LegResult:
    """Kill a leg as often as it is due, and send it late files."""
    print(f"{leg.key}: {leg.kills} kills", flush=True)
    cases = []
    for case in kill_cases(leg, leg.kills, cache):
        cases.append(case)
        print(f"  {_line(case)}", flush=True)
    return LegResult(leg, tuple(cases), tuple(late_outcomes(leg, cache)))


def main(arguments: Sequence[str]) -> int:
    """Examine the legs that were asked for, print both tables of all that are known.

    Returns:
        0 when lakestream lost and doubled nothing, else 1.
    """
    parser = argparse.ArgumentParser(prog="make bench ARGS='--correctness ...'")
    keys = [leg.key for leg in LEGS]
    parser.add_argument("--legs", nargs="+", choices=keys, default=keys, help="only these")
    parser.add_argument("--kills", type=int, help="so many for each (50; fewer for slow ones)")
    parser.add_argument("--save-to", type=Path, default=_KEPT, help="where the figures are kept")
    options = parser.parse_args(arguments)
    record = {}
    for leg in LEGS:
        if leg.key in options.legs:
            due = leg if options.kills is None else replace(leg, kills=options.kills)
            record = save([examine(due, _CACHE)], options.save_to)
    for rows in (kill_table(record, keys), late_table(record, keys)):
        print(f"\n{markdown(rows)}")
    ours = record.get("lakestream")
    return 0 if ours is None or is_clean(ours) else 1


def _line(case: Case) -> str:
    moment, verdict = case.moment, case.verdict
    return (
        f"{case.number:3} {case.scene}, {moment.delay_s * 1000:.1f} ms after "
        f"{'its first write' if moment.where == 'before' else f'commit {moment.commit}'}"
        f"{', committed' if case.committed else ''}: {verdict.lost} lost, {verdict.doubled} doubled"
        f"{f', {verdict.foreign} foreign' if verdict.foreign else ''}"
        f"{f', {verdict.problem.splitlines()[-1]}' if verdict.problem else ''}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
