"""Kill one process before and after every mutating call, recover with another, check the rows.

Run as ``python -m support.kill_sweep FOLDER``; prints one JSON document: the calls it found,
and every case that lost or doubled a row.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.crash_pipeline import check_table, fill_landing, make_table, run_in_two_steps
from support.forked import KILLED, Ending, run_forked
from support.kill_points import KillSwitch, When

import lakestream.delta.reading
import lakestream.formats.json
import lakestream.query.run
import lakestream.sources.delta
import lakestream.sources.files.description  # noqa: F401 - loaded before the forks


def main(root: Path) -> None:
    calls = json.loads(_checked(run_forked(lambda: _count(root / "count"))).output)
    failures: list[str] = []
    kills = 0
    for number in range(len(calls)):
        for when in ("before", "after"):
            case = root / f"{number}-{when}"
            problem, killed = _sweep_case(case, number, when)
            kills += killed
            if problem:
                failures.append(f"{when} call {number} ({calls[number]}): {problem}")
    sys.stdout.write(json.dumps({"calls": calls, "kills": kills, "failures": failures}))


def _count(folder: Path) -> str:
    switch = KillSwitch()
    switch.install()
    run_in_two_steps(folder, folder / "landing")
    return json.dumps(switch.calls)


def _sweep_case(folder: Path, number: int, when: When) -> tuple[str, int]:
    """Kill a first run at a call, and the second run at the same number; a third must be clean."""
    landing = folder / "landing"
    kills = 0
    for _ in range(2):
        ending = run_forked(lambda: _dying_run(folder, number, when))
        kills += ending.code == KILLED
        if ending.code not in {0, KILLED}:
            return f"a run failed instead of dying: {ending.output}", kills
    fill_landing(landing, files=4)
    ending = run_forked(lambda: _recover(folder))
    return (ending.output, kills) if ending.output else ("", kills)


def _dying_run(folder: Path, number: int, when: When) -> str:
    KillSwitch(at=number, when=when).install()
    run_in_two_steps(folder, folder / "landing")
    return ""


def _recover(folder: Path) -> str:
    table = make_table(folder, folder / "landing")
    table.run()
    return check_table(folder, folder / "landing", table)


def _checked(ending: Ending) -> Ending:
    if ending.code != 0:
        raise SystemExit(ending.output)
    return ending


if __name__ == "__main__":
    main(Path(sys.argv[1]))
