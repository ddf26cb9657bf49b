"""Show 4: a kill before and after every mutating call, and at every line of the protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.crash_pipeline import check_table, fill_landing, make_table

from lakestream.failpoint import PROTOCOL_LINES, VARIABLE

TESTS = Path(__file__).parents[1]


def _python(code: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **variables}
    return subprocess.run(
        [sys.executable, *code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_run_when_killed_around_every_mutating_call_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    done = _python(["-m", "support.kill_sweep", str(tmp_path)])

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == []
    kinds = {re.sub(r"[0-9a-f-]*\d[0-9a-f-]*", "N", call) for call in found["calls"]}
    assert {"delta commit", "delta create", "put metadata", "put epochs/N"} <= kinds
    assert sum(call == "delta commit" for call in found["calls"]) >= 3
    assert found["kills"] >= 2 * len(found["calls"])


@pytest.mark.parametrize("hit", [1, 2])
@pytest.mark.parametrize("line", PROTOCOL_LINES)
def test_run_when_killed_at_a_protocol_line_then_recovery_is_exact(
    tmp_path: Path, line: str, hit: int
) -> None:
    landing = tmp_path / "landing"
    fill_landing(landing)

    done = _python(
        [
            "-c",
            "import sys; from pathlib import Path; from support.crash_pipeline import make_table\n"
            "make_table(Path(sys.argv[1]), Path(sys.argv[2])).run()",
            str(tmp_path),
            str(landing),
        ],
        **{VARIABLE: f"{line}:{hit}:kill"},
    )

    once_a_run = line in {"claim", "recover", "discover"}
    assert done.returncode == (0 if once_a_run and hit > 1 else 137), done.stderr
    table = make_table(tmp_path, landing)
    table.run()
    assert check_table(tmp_path, landing, table) == ""


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
