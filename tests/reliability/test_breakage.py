"""The protocol broken on purpose: each breakage turns a quick test red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.breakage import Breakage, breakages

TESTS = Path(__file__).parents[1]
#: Those that the promise stands on most plainly; the list may grow, these stay.
LEAST = {"skip the plan digest", "write by URI", "step 9 before step 8"}


def outcomes() -> dict[str, Any]:
    """Break the protocol in children of one process, and run the tests that are named for it."""
    done = subprocess.run(
        [sys.executable, "-m", "support.breakage", "--named"],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.rsplit("\n", 1)[-1])
    return found


def test_protocol_when_broken_then_each_named_test_is_red_and_else_green() -> None:
    listed = breakages()
    named = {name for each in listed for name in each.caught_by}

    found = outcomes()

    assert found["sound"] == {"ran": len(named), "red": [], "ended": ""}
    assert {
        name: (verdict["ended"], set(verdict["red"])) for name, verdict in found["broken"].items()
    } == {each.name: ("", set(each.caught_by)) for each in listed}


@pytest.mark.parametrize("broken", breakages(), ids=lambda each: each.name)
def test_breakage_when_put_then_it_changes_code_that_is_there(broken: Breakage) -> None:
    assert broken.caught_by
    assert broken.edits
    for edit in broken.edits:
        assert edit.tree()


def test_list_when_it_grows_then_the_first_three_stay() -> None:
    assert {each.name for each in breakages()} >= LEAST
