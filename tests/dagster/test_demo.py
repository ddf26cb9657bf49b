from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_demo_when_headless_then_it_proves_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "definitions.demo"],
        cwd=tmp_path,
        env=os.environ | {"HEADLESS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equal") == 5
    assert "DIFFERENT" not in done.stdout
    assert "336,775" in done.stdout
