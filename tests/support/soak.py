"""The soak: kills, races, lost replies and failing stores for as long as asked, and the count.

``make soak`` runs ``python -m support.soak [--minutes 20] [--histories 20000] [--seed N]
[--save]``. Two worker processes run cases of ``support.soak_cases`` for the minutes, each on a
fresh folder, each held against the raw files at its end; then they play the histories of
``support.model_machine``, however long that takes. Ends with 1 if a row was lost or doubled, a
case was not recovered, or the volume (1,000 kills, 50 at each line of the protocol, the
histories) was not reached. With ``--state FILE`` a soak that was cut off goes on when it is
started again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from support.soak_cases import LONGEST_RUN_S, Outcome
from support.soak_histories import HISTORIES, LONGEST_LOT_S
from support.soak_report import FIGURES, Tally, save
from support.soak_state import State
from support.soak_worker import TAMPERS

_WORKERS: Final = 2
_TESTS: Final = Path(__file__).parents[1]
#: A case that began at the last moment still has its runs to do.
_GRACE_S: Final = 2 * LONGEST_RUN_S
_TELL_EVERY_S: Final = 30.0
_DONE: Final = ""


@dataclass(frozen=True)
class Plan:
    """What to run.

    Args:
        minutes: For how long cases are begun.
        lots: The lots of histories to play: number and size of each.
        seed: Of every choice in every case.
        cases: No more cases than these in each worker; None is no limit.
        first: The number of the first case.
        tamper: What spoils each table before it is checked, or None.
    """

    minutes: float
    seed: int
    lots: Sequence[tuple[int, int]] = ()
    cases: int | None = None
    first: int = 0
    tamper: str | None = None

    @property
    def longest_s(self) -> float:
        """Give the seconds after which a worker hangs."""
        return self.minutes * 60 + _GRACE_S + len(self.lots) * LONGEST_LOT_S / _WORKERS

    def command(self, folder: Path, worker: int) -> list[str]:
        """Give the command line of one worker."""
        numbers = (self.seed, self.first + worker, _WORKERS, self.minutes * 60)
        words = [sys.executable, "-m", "support.soak_worker", str(folder), *map(str, numbers)]
        words += ["--lots", *(f"{lot}:{size}" for lot, size in self.lots[worker::_WORKERS])]
        if self.cases is not None:
            words += ["--cases", str(self.cases)]
        if self.tamper is not None:
            words += ["--tamper", self.tamper]
        return words


def soak(
    plan: Plan, tally: Tally, folder: Path, *, counted: Callable[[Outcome], None] = lambda _: None
) -> None:
    """Run the workers to their end and count what they tell; progress goes to stderr."""
    ends = time.monotonic() + plan.longest_s
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    workers = [
        subprocess.Popen(
            plan.command(folder, worker), env=environment, stdout=subprocess.PIPE, text=True
        )
        for worker in range(_WORKERS)
    ]
    try:
        for line in _lines_of(workers, ends, tally):
            outcome = Outcome(**json.loads(line))
            tally.add(outcome)
            counted(outcome)
        for number, worker in enumerate(workers):
            if worker.wait(max(1.0, ends - time.monotonic())) != 0:
                tally.failures.append(f"worker {number} ended with {worker.returncode}")
    except (TimeoutError, subprocess.TimeoutExpired):
        tally.failures.append("a worker went on for too long")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _lines_of(workers: Sequence[subprocess.Popen[str]], ends: float, tally: Tally) -> Iterator[str]:
    """Give the workers' lines as they come, until all have closed their output."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    for worker in workers:
        assert worker.stdout is not None
        threading.Thread(target=_pass_on, args=(worker.stdout, lines), daemon=True).start()
    running, tell = len(workers), time.monotonic() + _TELL_EVERY_S
    while running:
        try:
            line = lines.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if line == _DONE:
            running -= 1
            continue
        yield line
        if time.monotonic() >= tell:
            tell += _TELL_EVERY_S
            total = tally.total
            sys.stderr.write(
                f"{total.cases:,} cases, {tally.kills:,} kills, {total.lost:,} rows lost, "
                f"{total.doubled:,} doubled, {total.unrecovered:,} unrecovered\n"
            )


def _pass_on(output: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in output:
        lines.put(line)
    lines.put(_DONE)


def main(arguments: Sequence[str]) -> int:
    """Run a soak, print its table, keep its figures if asked.

    Returns:
        0 when nothing was wrong and the volume was reached, else 1.
    """
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (20)")
    parser.add_argument("--seed", type=int, help="of all choices (drawn, and printed)")
    parser.add_argument("--histories", type=int, default=20_000, help="how many (20000)")
    parser.add_argument("--state", type=Path, help="keep counts here; go on from there if any")
    parser.add_argument("--cases", type=int, help="no more than these in each worker")
    parser.add_argument("--first", type=int, default=0, help="the first case's number (0)")
    parser.add_argument("--kills", type=int, default=1_000, help="fewer are a failure (1000)")
    parser.add_argument("--per-line", type=int, default=50, help="fewer at a line are one (50)")
    parser.add_argument("--tamper", choices=TAMPERS, help="spoil each table: goes red")
    parser.add_argument("--save", action="store_true", help="keep the figures for the docs")
    options = parser.parse_args(arguments)
    state = State.load(options.state, seed=options.seed)
    seed, tally = state.seed, state.tally
    tally.least_kills, tally.least_per_line = options.kills, options.per_line
    tally.least_histories = options.histories
    lots = {
        first // HISTORIES: min(HISTORIES, options.histories - first)
        for first in range(0, options.histories, HISTORIES)
    }
    plan = Plan(
        minutes=max(0.0, options.minutes - state.minutes),
        seed=seed,
        lots=[each for each in lots.items() if each[0] not in state.lots],
        cases=options.cases,
        first=max(options.first, state.first),
        tamper=options.tamper,
    )
    started = time.monotonic() - state.minutes * 60
    _say(
        f"soak: {plan.minutes:g} minutes, then {sum(size for _, size in plan.lots):,} histories, "
        f"seed {seed}, {_WORKERS} workers"
    )
    folder = Path(tempfile.mkdtemp(prefix="lakestream-soak-"))
    try:
        soak(plan, tally, folder, counted=state.count)
    finally:
        if not tally.red:
            # After an interrupt a worker's child may still be writing.
            shutil.rmtree(folder, ignore_errors=True)
    minutes = (time.monotonic() - started) / 60
    _say(f"\n{tally.text()}\n{minutes:.1f} minutes, seed {seed}")
    if tally.red:
        _say(f"the folders of what went wrong are kept: {folder}")
        _say(f'case N again: make soak SEED={seed} ARGS="--first N --cases 1 --histories 0"')
        return 1
    if options.save:
        save(tally, {**_machine(), "minutes": round(minutes, 1), "seed": seed}, FIGURES)
    return 1 if tally.missing() else 0


def _machine() -> dict[str, str | int]:
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
