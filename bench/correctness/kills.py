"""Kills around the commit: a leg dies at a seeded moment, is run to completion, and is judged."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bench.correctness.judge import Verdict
from bench.correctness.legs import Leg
from bench.correctness.process import Timeline, run_killed
from bench.correctness.scenes import LATER_NS, Scene, loaded
from bench.data import Dataset

_SEED: Final = 20130101
_FIRST: Final = Dataset(files=200, rows_per_file=50)
_NEXT: Final = Dataset(files=50, rows_per_file=50, first_id=10_000)
_BEFORE_SHARE: Final = 0.4
_SHORT_S: Final = 0.02
#: A run may come to its end before its kill does; such a case is drawn again.
_MOST_DRAWS: Final = 20

Where = Literal["before", "after"]


class NoKillError(Exception):
    """A leg always ended before it could be killed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so long after the leg first writes anything, or after its n-th commit."""

    where: Where
    commit: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Case:
    """What became of one kill.

    Args:
        number: The case's number; with the seed it gives all its choices.
        scene: Whether it was the first load or one of more files.
        moment: When the kill was meant to come.
        committed: Whether a commit of this run was there when it came.
        verdict: What it had written after it was run to completion.
    """

    number: int
    scene: str
    moment: Moment
    committed: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene to be killed in, and when its leg does what without faults."""

    name: str
    scene: Scene
    timeline: Timeline


def kill_cases(
    leg: Leg, count: int, cache: Path, *, first: Dataset = _FIRST, more: Dataset = _NEXT
) -> Iterator[Case]:
    """Kill a leg so often, half of the times in its first load, half in one of more files.

    Raises:
        LegFailedError: It does not load its files without faults.
        NoKillError: It always ended before its kill.
    """
    folder = cache / "kills" / leg.key
    empty = Scene(leg, folder / "first")
    empty.clear()
    empty.keep()
    empty.land(first.into(cache).iterdir())
    known = loaded(leg, folder / "next", first.into(cache))
    known.land(more.into(cache).iterdir(), LATER_NS)
    stages = []
    for name, scene in (("first load", empty), ("more files", known)):
        stages.append(Stage(name, scene, scene.load_cleanly()))
    for number in range(count):
        yield _case(number, stages[number % len(stages)])


def draw_moment(timeline: Timeline, dice: random.Random) -> Moment:
    """Choose when to kill, by what happens when in a run without faults.

    Two fifths come between the first file written and a commit, evenly. The others come after a
    commit: a third at once, a third within 20 ms, a third at any time until the next commit or
    the end.
    """
    commit = dice.randrange(len(timeline.commits_s))
    at_s = timeline.commits_s[commit]
    if dice.random() < _BEFORE_SHARE:
        return Moment("before", commit, dice.uniform(0, max(0.0, at_s - timeline.stirred_s)))
    next_s = [*timeline.commits_s, timeline.ended_s][commit + 1]
    longest_s = dice.choice([0.0, min(_SHORT_S, next_s - at_s), next_s - at_s])
    return Moment("after", commit, dice.uniform(0, longest_s))


def _case(number: int, stage: Stage) -> Case:
    scene = stage.scene
    dice = random.Random(_SEED + number)
    for _ in range(_MOST_DRAWS):
        moment = draw_moment(stage.timeline, dice)
        scene.put_back()
        mark = scene.leg.mark(scene.home)
        before = mark()
        if run_killed(scene.command, _trigger(scene, moment), moment.delay_s).code is not None:
            continue
        committed = mark() > before
        return Case(number, stage.name, moment, committed, scene.recover())
    message = f"{scene.leg.name} ended {_MOST_DRAWS} times before its kill, case {number}"
    raise NoKillError(message)


def _trigger(scene: Scene, moment: Moment) -> Callable[[], bool]:
    watch = scene.watch()
    if moment.where == "before":
        return watch.has_stirred
    return lambda: watch.has_committed() and watch.commits > moment.commit
