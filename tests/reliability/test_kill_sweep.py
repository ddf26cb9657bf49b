"""C1 to C4: kills around every mutating call, at every line of the protocol, at any time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.kill_sweep import BATCHES, ONCE_A_RUN
from support.swept import swept
from support.volume import at_volume

from lakestream.failpoint import PROTOCOL_LINES

pytestmark = pytest.mark.kill_sweep


def test_c1_c2_c4_run_when_killed_around_every_mutating_call_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("kill_sweep", tmp_path, "calls")

    assert found["failures"] == []
    kinds = {re.sub(r"[0-9a-f-]*\d[0-9a-f-]*", "N", call) for call in found["calls"]}
    assert {"delta commit", "delta create", "put metadata", "put epochs/N"} <= kinds
    assert sum(call == "delta commit" for call in found["calls"]) >= 3
    assert found["cases"] == at_volume(push=1, nightly=3) * len(found["calls"])
    assert found["kills"] >= found["cases"]


def test_c1_run_when_killed_at_any_hit_of_a_protocol_line_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("kill_sweep", tmp_path, "lines")

    assert found["failures"] == []
    once = len(ONCE_A_RUN)
    assert found["cases"] == once + (len(PROTOCOL_LINES) - once) * BATCHES
    assert found["kills"] == found["cases"]


def test_c2_recovery_when_killed_at_each_line_after_a_kill_at_each_line_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("kill_sweep", tmp_path, "pairs")

    assert found["failures"] == []
    assert found["cases"] == at_volume(push=3, nightly=len(PROTOCOL_LINES)) * len(PROTOCOL_LINES)
    assert found["kills"] == 2 * found["cases"]


def test_c3_run_when_killed_at_random_times_then_each_row_is_there_once(tmp_path: Path) -> None:
    found = swept("kill_sweep", tmp_path, "times")

    assert found["failures"] == []
    assert found["kills"] > 0


def test_protocol_lines_are_the_ten_of_the_design() -> None:
    assert PROTOCOL_LINES == (
        "claim",
        "recover",
        "discover",
        "plan",
        "inspect",
        "read",
        "transform",
        "sink_commit",
        "commit_log",
        "committed",
    )
