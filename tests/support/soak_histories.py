"""The soak's share of the model machine: random histories, many to a process, by a seed."""

from __future__ import annotations

import contextlib
import json
import random
import sys
import traceback
from collections.abc import Iterable
from typing import Any, Final

from support.forked import run_forked
from support.soak_cases import HISTORY_KIND, Outcome

#: How many histories a lot has, which one process plays. The first that hypothesis draws are
#: short, so few processes play more of substance than many would.
HISTORIES: Final = 100
_STEPS: Final = 25
#: So often a lot is begun by another seed.
_SEEDS: Final = 10
#: A history takes a sixth of a second of a quiet machine.
LONGEST_LOT_S: Final = 900.0
_NOTHING: Final = {"rows": 0, "lost": 0, "doubled": 0}
#: What the machine counts among its happenings that is a fault.
_FAULTS: Final = (
    "clock set", "compact", "crash", "drop", "fault", "full disk", "overwrite", "restore",
    "second run", "throttled store", "vacuum",
)  # fmt: skip


def play(seed: int, number: int, *, histories: int) -> Outcome:
    """Play histories in a child; give what happened in them and what was wrong.

    Args:
        seed: The soak's; equal seeds and numbers play equal histories.
        number: Of this lot of histories.
        histories: How many.
    """
    dice = random.Random(f"{seed}/histories/{number}")  # noqa: S311 - repeatable, not secret
    drawn = dice.getrandbits(32)
    ending = run_forked(lambda: json.dumps(_played(drawn, histories)), kill_after_s=LONGEST_LOT_S)
    if ending.code != 0:
        why = "it hung" if ending.overdue else ending.output or f"code {ending.code}"
        problem = f"a history failed: {why}"
        return Outcome(number, HISTORY_KIND, {}, runs=0, **_NOTHING, problem=problem, cases=0)
    return Outcome(number, HISTORY_KIND, **json.loads(ending.output))


def _played(seed: int, histories: int) -> dict[str, Any]:
    from hypothesis.errors import FlakyStrategyDefinition

    from lakestream.testing import RowsDifferError, check_exactly_once
    from support import lake_model
    from support.model_machine import LakeMachine

    found: dict[str, Any] = {**_NOTHING, "problem": ""}

    def check(expected: Iterable[tuple[str, object]], there: Iterable[tuple[str, object]]) -> None:
        wanted = list(expected)
        found["rows"] += len(wanted)
        check_exactly_once(wanted, there)

    lake_model.check_exactly_once = check
    try:
        for again in range(_SEEDS):
            try:
                _play_by(seed + again, histories - LakeMachine.happened["history"])
            except FlakyStrategyDefinition:
                # Two histories began alike and differed by what depends on no draw, as a disk that
                # is full a few bytes earlier. Both were right; hypothesis has to begin anew.
                if again == _SEEDS - 1:
                    raise
            else:
                break
    except RowsDifferError as error:
        found["lost"] = sum(error.lost.values())
        found["doubled"] = sum(error.doubled.values()) + sum(error.unexpected.values())
        found["problem"] = traceback.format_exc()
    happened = LakeMachine.happened
    faults = {name: n for name, n in happened.items() if name.startswith(_FAULTS) and n}
    return {
        **found,
        "cases": happened["history"],
        "runs": happened["run"],
        "faults": {f"in a history: {name}": n for name, n in faults.items()},
    }


def _play_by(seed: int, histories: int) -> None:
    import hypothesis
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.stateful import run_state_machine_as_test

    from support.model_machine import LakeMachine

    # What hypothesis prints is not for the one who reads what the workers tell.
    with contextlib.redirect_stdout(sys.stderr):
        run_state_machine_as_test(
            hypothesis.seed(seed)(LakeMachine),
            settings=settings(
                max_examples=max(1, histories),
                stateful_step_count=_STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
