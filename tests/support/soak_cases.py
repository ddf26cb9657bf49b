"""The cases of the soak: what happens to the runs of one pipeline before it must be whole again.

A case is a pure function of the soak's seed and the case's number: which kind it is (``PATTERN``
in turn), and every choice in it. What the machine decides is only where a random time falls.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from lakestream.errors import StorageUnavailableError
from lakestream.failpoint import PROTOCOL_LINES, watched
from support.crash_pipeline import FILES, Verdict, fill_landing, judge_table, make_table
from support.forked import KILLED, Ending, die, run_forked
from support.kill_points import KillSwitch, When
from support.kill_sweep import ONCE_A_RUN, land_all
from support.race import FINE, start_runner

#: No run of these few rows takes nearly so long; one that does hangs.
LONGEST_RUN_S: Final = 90.0
_KILLS: Final = frozenset({KILLED, -signal.SIGKILL})
_RUNNERS: Final = 3
_FAULT_PROBABILITY: Final = 0.05
_GLANCE_S: Final = 0.002


@dataclass(frozen=True)
class Clean:
    """A run without faults on this machine: its mutating calls and how long it takes."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a case, or of several that were played in one process.

    ``problem`` is "" when every row is there once and all is in order.
    """

    number: int
    kind: str
    faults: Mapping[str, int]
    runs: int
    rows: int
    lost: int
    doubled: int
    problem: str
    cases: int = 1

    @property
    def unrecovered(self) -> bool:
        """Whether something other than rows is wrong: a run that failed, hung or left disorder."""
        return bool(self.problem) and not self.lost and not self.doubled


@dataclass
class Scene:
    """One case on its own folder: its dice, and what has happened so far."""

    folder: Path
    clean: Clean
    dice: random.Random
    ordinal: int
    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def landing(self) -> Path:
        """Where the case's files land."""
        return self.folder / "landing"

    def run_that_dies(
        self, fault: str, work: Callable[[], None], *, kill_after_s: float | None = None
    ) -> None:
        """Run in a child that is meant to die; one that comes to its end first is no fault."""
        ending = self._forked(lambda: work() or "", kill_after_s or LONGEST_RUN_S)
        if ending.overdue and kill_after_s is None:
            self.problems.append(f"a run hung, meant for: {fault}")
        elif ending.code in _KILLS:
            self.faults[fault] += 1
        elif ending.code != 0:
            self.problems.append(f"a run failed, meant for: {fault}: {ending.output}")

    def run_that_reports(self, work: Callable[[], Mapping[str, int]]) -> None:
        """Run in a child that meets faults, survives or stops in order, and counts them."""
        ending = self._forked(lambda: json.dumps(work()), LONGEST_RUN_S)
        if ending.code == 0:
            self.faults.update(json.loads(ending.output))
        else:
            self.problems.append(f"a run failed at a fault: {ending.output or ending.code}")

    def finish(self, tamper: Callable[[Path], None] | None) -> Verdict:
        """Let new files land, run without faults, and hold the table against the files."""
        fill_landing(self.landing, files=FILES + 1)
        ending = self._forked(lambda: _recover(self.folder, tamper), LONGEST_RUN_S)
        if ending.code != 0:
            return Verdict(0, 0, 0, f"the last run failed: {ending.output or ending.code}")
        return Verdict(**json.loads(ending.output))

    def _forked(self, work: Callable[[], str], kill_after_s: float) -> Ending:
        self.runs += 1
        return run_forked(work, kill_after_s=kill_after_s)


def _recover(folder: Path, tamper: Callable[[Path], None] | None) -> str:
    table = make_table(folder, folder / "landing")
    table.run()
    if tamper is not None:
        tamper(folder)
    return json.dumps(asdict(judge_table(folder, folder / "landing", table)))


def _one_line(scene: Scene) -> None:
    """Die at one line; every line comes as often as every other."""
    _die_at_line(scene, PROTOCOL_LINES[scene.ordinal % len(PROTOCOL_LINES)])


def _several_lines(scene: Scene) -> None:
    """Die at a line, then again and again while recovering."""
    for _ in range(scene.dice.randint(2, 4)):
        _die_at_line(scene, scene.dice.choice(PROTOCOL_LINES))


def _die_at_line(scene: Scene, line: str) -> None:
    land_all(scene.folder)
    most_files = scene.dice.choice((1, 1, 2))
    batches = -(-(FILES + 1) // most_files)
    last = 1 if line in ONCE_A_RUN or scene.runs else batches
    hit = scene.dice.randint(1, last)

    def work() -> None:
        hits = itertools.count(1)

        def watch(name: str) -> None:
            if name == line and next(hits) == hit:
                die()

        with watched(watch):
            make_table(scene.folder, scene.landing, most_files=most_files).run()

    scene.run_that_dies(f"killed at {line}", work)


def _around_calls(scene: Scene) -> None:
    """Die just before or just after a call that changes something; mostly twice."""
    for _ in range(scene.dice.randint(1, 2)):
        when: When = scene.dice.choice(("before", "after"))
        at = scene.dice.randrange(scene.clean.calls)
        switch = KillSwitch(at=at, when=when)

        def work(switch: KillSwitch = switch) -> None:
            switch.install()
            land_all(scene.folder)
            make_table(scene.folder, scene.landing).run()

        scene.run_that_dies(f"killed {when} a storage call", work)


def _at_any_time(scene: Scene) -> None:
    """Get a SIGKILL from outside, whatever the process is doing; up to three times."""
    land_all(scene.folder)
    for _ in range(scene.dice.randint(1, 3)):
        scene.run_that_dies(
            "killed at a random time",
            lambda: make_table(scene.folder, scene.landing).run() and None,
            kill_after_s=scene.dice.uniform(0.001, scene.clean.seconds),
        )


def _lost_replies(scene: Scene) -> None:
    """Lose the reply of a put or of the Delta commit: it was done, and looks failed."""
    land_all(scene.folder)
    for _ in range(scene.dice.randint(1, 3)):
        put, commit = scene.dice.randint(1, 12), scene.dice.randint(1, FILES + 1)
        kind = scene.dice.choice(("loses", "exists", "commit"))
        scene.run_that_reports(
            lambda put=put, commit=commit, kind=kind: _run_without_a_reply(scene, kind, put, commit)
        )


def _run_without_a_reply(scene: Scene, kind: str, put: int, commit: int) -> Mapping[str, int]:
    from lakestream.testing.fault_kinds import loses_reply, says_exists
    from lakestream.testing.faults import FaultPlan

    lost = _lose_commit_reply(commit) if kind == "commit" else Counter[str]()
    plan = FaultPlan()
    if kind != "commit":
        plan.on("put", "*", loses_reply() if kind == "loses" else says_exists(), first=put)
    with plan.installed(), contextlib.suppress(StorageUnavailableError):
        make_table(scene.folder, scene.landing).run()
    return lost + plan.injected


def _lose_commit_reply(nth: int) -> Counter[str]:
    """Let this process's n-th Delta commit raise after it was made; give the live count."""
    from lakestream.sinks.delta import DeltaInspection

    commit, numbers, lost = DeltaInspection.commit, itertools.count(1), Counter[str]()

    def commits(inspection: DeltaInspection, *args: Any) -> None:
        commit(inspection, *args)
        if next(numbers) == nth:
            lost["Delta commit: loses its reply"] += 1
            raise OSError(110, "timed out")

    DeltaInspection.commit = commits
    return lost


def _failing_store(scene: Scene) -> None:
    """Let any storage call fail by chance, in up to three runs."""
    land_all(scene.folder)
    for _ in range(scene.dice.randint(1, 3)):
        seed = scene.dice.getrandbits(32)
        scene.run_that_reports(lambda seed=seed: _run_on_a_failing_store(scene, seed))


def _run_on_a_failing_store(scene: Scene, seed: int) -> Mapping[str, int]:
    from lakestream.testing.faults import FaultPlan

    plan = FaultPlan.seeded(seed, probability=_FAULT_PROBABILITY)
    with plan.installed(), contextlib.suppress(StorageUnavailableError):
        make_table(scene.folder, scene.landing).run()
    return plan.injected


def _race(scene: Scene) -> None:
    """Let three runners work at once while files land; nobody is disturbed."""
    with _racing(scene):
        pass


def _race_with_kills(scene: Scene) -> None:
    """Kill one or two of three runners while they race."""
    with _racing(scene) as runners:
        for runner in scene.dice.sample(runners, scene.dice.randint(1, 2)):
            time.sleep(scene.dice.uniform(0, scene.clean.seconds / 2))
            os.kill(runner, signal.SIGKILL)


def _race_with_pauses(scene: Scene) -> None:
    """Stop a runner in mid-work, let the others go on, wake it: it comes back from the past."""
    with _racing(scene) as runners:
        sleeper, others = runners[0], runners[1:]
        time.sleep(scene.dice.uniform(0, scene.clean.seconds))
        os.kill(sleeper, signal.SIGSTOP)
        for runner in others:
            _await(scene, runner)
        _, status = os.waitpid(sleeper, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            scene.faults["paused while others went on"] += 1
            os.kill(sleeper, signal.SIGCONT)
        else:
            _note(scene, sleeper, status)
            runners.remove(sleeper)
        for runner in others:
            runners.remove(runner)


@contextlib.contextmanager
def _racing(scene: Scene) -> Iterator[list[int]]:
    """Start the runners and give their process ids; those left in the list are waited for."""
    fill_landing(scene.landing)
    # Safety must not rest on the epoch: every second race goes without its check.
    fenced = scene.ordinal % 2 == 0
    runners = [start_runner(scene.folder, scene.landing, fenced=fenced) for _ in range(_RUNNERS)]
    scene.runs += _RUNNERS
    how = "with" if fenced else "without"
    scene.faults[f"race of {_RUNNERS} runners {how} epochs"] += 1
    fill_landing(scene.landing, first=FILES, files=FILES)
    yield runners
    for runner in runners:
        _await(scene, runner)


def _await(scene: Scene, runner: int) -> None:
    ends = time.monotonic() + LONGEST_RUN_S
    while time.monotonic() < ends:
        found, status = os.waitpid(runner, os.WNOHANG)
        if found:
            _note(scene, runner, status)
            return
        time.sleep(_GLANCE_S)
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    scene.problems.append("a runner of a race hung")


def _note(scene: Scene, runner: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        scene.faults["killed in a race"] += 1
    elif code not in FINE:
        written = scene.folder / f"{runner}.txt"
        why = written.read_text() if written.exists() else f"code {code}"
        scene.problems.append(f"a runner of a race failed: {why}")


STORIES: Final[Mapping[str, Callable[[Scene], None]]] = {
    "one line": _one_line,
    "several lines": _several_lines,
    "around calls": _around_calls,
    "any time": _at_any_time,
    "lost replies": _lost_replies,
    "failing store": _failing_store,
    "race": _race,
    "race with kills": _race_with_kills,
    "race with pauses": _race_with_pauses,
}
#: Random histories of the model machine, which are played apart from these (soak_histories).
HISTORY_KIND: Final = "histories"
KINDS: Final = (*STORIES, HISTORY_KIND)
#: Kills come more often than races, which cost more.
PATTERN: Final = (
    "one line", "several lines", "any time", "around calls", "lost replies",
    "one line", "race", "one line", "any time", "failing store",
    "one line", "around calls", "race with kills", "one line", "several lines",
    "any time", "one line", "lost replies", "race with pauses", "around calls",
)  # fmt: skip


def kind_of(number: int) -> tuple[str, int]:
    """Give a case's kind, and how many cases of that kind come before it."""
    rounds, place = divmod(number, len(PATTERN))
    kind = PATTERN[place]
    return kind, rounds * PATTERN.count(kind) + PATTERN[:place].count(kind)


def run_case(
    root: Path,
    seed: int,
    number: int,
    clean: Clean,
    *,
    tamper: Callable[[Path], None] | None = None,
) -> Outcome:
    """Run one case on a fresh folder below ``root``; the folder stays only if something is wrong.

    Args:
        root: Where the case makes its folder, named by its number.
        seed: The soak's.
        number: The case's.
        clean: What a run without faults does here.
        tamper: Done to the case's folder before its table is checked: shows that the check sees
            it.
    """
    kind, ordinal = kind_of(number)
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    folder = root / str(number)
    folder.mkdir(parents=True)
    outcome = _outcome(Scene(folder, clean, dice, ordinal), number, kind, tamper)
    if not outcome.problem:
        shutil.rmtree(folder)
    return outcome


def _outcome(
    scene: Scene, number: int, kind: str, tamper: Callable[[Path], None] | None
) -> Outcome:
    STORIES[kind](scene)
    verdict = scene.finish(tamper)
    problems = [*scene.problems, verdict.problem]
    if not verdict.problem and verdict.rows == 0:
        problems.append("there was no row to check")
    return Outcome(
        number=number,
        kind=kind,
        faults=dict(scene.faults),
        runs=scene.runs,
        rows=verdict.rows,
        lost=verdict.lost,
        doubled=verdict.doubled,
        problem="; ".join(each for each in problems if each),
    )


def measure_clean(root: Path) -> Clean:
    """Run once without faults: tells how many calls there are to die at, and how long it takes."""
    folder = root / "clean"

    def work() -> str:
        switch = KillSwitch()
        switch.install()
        land_all(folder)
        make_table(folder, folder / "landing").run()
        return str(len(switch.calls))

    started = time.monotonic()
    ending = run_forked(work, kill_after_s=LONGEST_RUN_S)
    seconds = time.monotonic() - started
    if ending.code != 0:
        raise SystemExit(f"a run without faults failed: {ending.output}")
    shutil.rmtree(folder)
    return Clean(int(ending.output), seconds)
