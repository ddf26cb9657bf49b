"""Count rows lost and doubled: ``python -m bench.correctness [--legs KEY ...] [--kills N]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.correctness.kills import Case, kill_cases
from bench.correctness.late import late_outcomes
from bench.correctness.legs import LEGS, Leg
from bench.correctness.report import (
    LegResult,
    is_clean,
    kill_table,
    late_table,
    load,
    markdown,
    save,
    write_documents,
)
from bench.peers.environments import PeerUnavailableError

_ROOT: Final = Path(__file__).parents[2]
_CACHE: Final = _ROOT / ".bench" / "correctness"
_KILLS: Final = 50
_KEPT: Final = _ROOT / "bench" / "results" / "correctness.json"
_DOCUMENTS: Final = (_ROOT / "README.md", _ROOT / "docs" / "benchmarks.md")


def examine(leg: Leg, kills: int, cache: Path) -> Iterator[LegResult]:
    """Send a leg late files, then kill it so often; gives what is known after each kill."""
    print(f"{leg.key}: late files, then {kills} kills", flush=True)
    late = tuple(late_outcomes(leg, cache))
    cases: list[Case] = []
    for case in kill_cases(leg, kills, cache):
        cases.append(case)
        print(f"  {_line(case)}", flush=True)
        yield LegResult(leg, tuple(cases), late)


def main(arguments: Sequence[str]) -> int:
    """Examine the legs that were asked for, print both tables of all that are known.

    Figures are kept after each kill: who is slow may be stopped, and counts with fewer kills.

    Returns:
        0 when lakestream lost and doubled nothing, else 1.
    """
    parser = argparse.ArgumentParser(prog="make bench-correctness ARGS=...")
    keys = [leg.key for leg in LEGS]
    parser.add_argument("--legs", nargs="+", choices=keys, default=keys, help="only these")
    parser.add_argument("--kills", type=int, default=_KILLS, help=f"so many for each ({_KILLS})")
    parser.add_argument("--save-to", type=Path, default=_KEPT, help="where the figures are kept")
    options = parser.parse_args(arguments)
    record = load(options.save_to)
    for leg in [each for each in LEGS if each.key in options.legs]:
        try:
            for result in examine(leg, options.kills, _CACHE):
                record = save([result], options.save_to)
                if options.save_to == _KEPT:
                    write_documents(record, keys, _DOCUMENTS)
        except PeerUnavailableError as error:
            print(f"{leg.key}: SKIPPED, {error}", flush=True)
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
