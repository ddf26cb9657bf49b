from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DG = str(Path(sys.executable).with_name("dg"))


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        [DG, "check", "defs"],
    ],
    ids=["workspace.yaml", "tool.dg"],
)
def test_code_location_when_loaded_then_it_is_valid(command: list[str], tmp_path: Path) -> None:
    # Neither LAKE nor LANDING is set: loading reads no data.
    environment = {n: v for n, v in os.environ.items() if n not in {"LAKE", "LANDING"}}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
