"""Three processes on one checkpoint: each row once, whoever wins which line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.volume import at_volume

TESTS = Path(__file__).parents[1]
ROUNDS = at_volume(push=4, nightly=32)


def test_two_runners_when_they_share_a_checkpoint_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.race", str(tmp_path), str(ROUNDS), "3"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == []
    assert found["batches"] == ROUNDS * 6
