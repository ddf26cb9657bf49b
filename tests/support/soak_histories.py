"""The soak's share of the model machine: a few random histories a case, by a seed."""

from __future__ import annotations

import json
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from support.forked import run_forked

#: How many histories a case plays: about as long as the longest of the other cases.
HISTORIES: Final = 3
_STEPS: Final = 25
_LONGEST_S: Final = 180.0
_NOTHING: Final = {"rows": 0, "lost": 0, "doubled": 0}
#: What the machine counts among its happenings that is a fault.
_FAULTS: Final = ("crash", "drop", "fault", "second run")


def play(folder: Path, seed: int) -> dict[str, Any]:
    """Play histories in a child; give what happened in them and what was wrong.

    Args:
        folder: An empty one, for the histories' own folders.
        seed: Equal seeds play equal histories.
    """
    ending = run_forked(lambda: json.dumps(_played(folder, seed)), kill_after_s=_LONGEST_S)
    if ending.code != 0:
        problem = "it hung" if ending.overdue else ending.output or f"code {ending.code}"
        return {**_NOTHING, "faults": {}, "problem": f"a history failed: {problem}"}
    found: dict[str, Any] = json.loads(ending.output)
    return found


def _played(folder: Path, seed: int) -> dict[str, Any]:
    import hypothesis
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.stateful import run_state_machine_as_test

    from lakestream.testing import RowsDifferError, check_exactly_once
    from support import model_machine

    found: dict[str, Any] = {**_NOTHING, "problem": ""}

    def check(expected: Iterable[tuple[str, object]], there: Iterable[tuple[str, object]]) -> None:
        wanted = list(expected)
        found["rows"] += len(wanted)
        check_exactly_once(wanted, there)

    tempfile.tempdir = str(folder)
    model_machine.check_exactly_once = check
    machine = hypothesis.seed(seed)(model_machine.LakeMachine)
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=HISTORIES,
                stateful_step_count=_STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    except RowsDifferError as error:
        found["lost"] = sum(error.lost.values())
        found["doubled"] = sum(error.doubled.values()) + sum(error.unexpected.values())
        found["problem"] = traceback.format_exc()
    happened = model_machine.LakeMachine.happened
    faults = {name: n for name, n in happened.items() if name.startswith(_FAULTS) and n}
    return {**found, "faults": {f"in a history: {name}": n for name, n in faults.items()}}
