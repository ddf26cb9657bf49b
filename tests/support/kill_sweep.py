"""Kill one process, recover with another, hold the table against the raw files; many times.

Run as ``python -m support.kill_sweep FOLDER calls|lines|pairs|times``; prints one JSON document:
how many processes were killed, and every case that lost or doubled a row.

- ``calls``: before and after every mutating storage call, first and second run alike.
- ``lines``: at each line of the protocol, at every hit.
- ``pairs``: at a line of the first run, then at a line of the run that recovers; for a push,
  each line is the first of three pairs and the second of three.
- ``times``: whenever a timer says, be it within a library.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lakestream.failpoint import PROTOCOL_LINES, VARIABLE
from support.crash_pipeline import check_table, fill_landing, make_table, run_in_two_steps
from support.forked import KILLED, Ending, preload, run_forked
from support.kill_points import KillSwitch
from support.volume import NIGHTLY, SEED, at_volume, drawn_pairs

ONCE_A_RUN = ("claim", "recover", "discover")
#: Batches of a case of ``lines`` and ``pairs``: three files with rows and an empty one.
BATCHES = 4
#: A first run dies in its second batch: by then there is a commit to go back to.
_DIES_AT_HIT = 2
_PAIRS = 3
_DEAD = {KILLED, -signal.SIGALRM}


@dataclass
class Found:
    """What a sweep found."""

    calls: list[str] = field(default_factory=list)
    cases: int = 0
    kills: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One case: its name, and the runs of which each is meant to die."""

    name: str
    runs: tuple[Callable[[Path], None], ...]


def main(root: Path, kind: str) -> None:
    preload()
    found = Found()
    for number, case in enumerate(_cases(root, kind, found)):
        problem, killed = _outcome(root / str(number), case)
        found.cases += 1
        found.kills += killed
        if problem:
            found.failures.append(f"{case.name}: {problem}")
    sys.stdout.write(json.dumps(asdict(found)))


def _cases(root: Path, kind: str, found: Found) -> Iterator[Case]:
    match kind:
        case "calls":
            found.calls = json.loads(_checked(run_forked(lambda: _count(root / "count"))).output)
            yield from _call_cases(found.calls)
        case "lines":
            yield from _line_cases()
        case "pairs":
            yield from _pair_cases()
        case _:
            started = time.monotonic()
            _checked(run_forked(lambda: _count(root / "clean")))
            yield from _time_cases(time.monotonic() - started)


def _call_cases(calls: list[str]) -> Iterator[Case]:
    """Let a first run die before a call, the next after one of that number, or both alike.

    What lies in the log after a call is what lies there before the next, so a push leaves out
    that the first run dies after each (and data files are written at lines of their own).
    """
    for number, call in enumerate(calls):
        before = _dies_around(KillSwitch(at=number, when="before"))
        after = _dies_around(KillSwitch(at=number, when="after"))
        yield Case(f"before call {number} ({call}), then after one", (before, after))
        if NIGHTLY:
            yield Case(f"before call {number} ({call}) and again", (before, before))
            yield Case(f"after call {number} ({call}) and again", (after, after))


def _line_cases() -> Iterator[Case]:
    for line in PROTOCOL_LINES:
        for hit in range(1, 2 if line in ONCE_A_RUN else BATCHES + 1):
            yield Case(f"{line}, hit {hit}", (_dies_at(line, hit),))


def _pair_cases() -> Iterator[Case]:
    for line, second in drawn_pairs(PROTOCOL_LINES, push=_PAIRS):
        hit = 1 if line in ONCE_A_RUN else _DIES_AT_HIT
        yield Case(f"{line}, then {second}", (_dies_at(line, hit), _dies_at(second, 1)))


def _time_cases(longest_s: float) -> Iterator[Case]:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    for _ in range(at_volume(push=10, nightly=60)):
        delays = (rng.uniform(0.001, longest_s), rng.uniform(0.001, longest_s))
        name = f"after {delays[0]:.4f} s, then {delays[1]:.4f} s"
        yield Case(name, tuple(_dies_after(each) for each in delays))


def _count(folder: Path) -> str:
    switch = KillSwitch()
    switch.install()
    run_in_two_steps(folder, folder / "landing")
    return json.dumps(switch.calls)


def _dies_around(switch: KillSwitch) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        switch.install()
        run_in_two_steps(folder, folder / "landing")

    return run


def _dies_at(line: str, hit: int) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        os.environ[VARIABLE] = f"{line}:{hit}:kill"
        land_all(folder)
        make_table(folder, folder / "landing").run()

    return run


def _dies_after(seconds: float) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        # The signal's default is to end the process at once, as SIGKILL does: no handler runs.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        run_in_two_steps(folder, folder / "landing")

    return run


def land_all(folder: Path) -> None:
    """Land the first files and an empty one, each once: one batch has no rows."""
    fill_landing(folder / "landing")
    empty = folder / "landing" / "empty.json"
    if not empty.exists():
        empty.touch()


def _outcome(folder: Path, case: Case) -> tuple[str, int]:
    """Let each run die, then run to the end and check; give what is wrong, and the deaths."""
    kills = 0
    for run in case.runs:
        ending = run_forked(lambda run=run: run(folder) or "")
        kills += ending.code in _DEAD
        if ending.code not in _DEAD | {0}:
            return f"a run failed instead of dying: {ending.output}", kills
    fill_landing(folder / "landing", files=4)
    return run_forked(lambda: _recover(folder)).output, kills


def _recover(folder: Path) -> str:
    table = make_table(folder, folder / "landing")
    table.run()
    return check_table(folder, folder / "landing", table)


def _checked(ending: Ending) -> Ending:
    if ending.code != 0:
        raise SystemExit(ending.output)
    return ending


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
