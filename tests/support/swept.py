"""Sweeps of faults, each played in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_TESTS: Final = Path(__file__).parents[1]
_LONGEST_S: Final = 280.0


def swept(module: str, folder: Path, *words: str) -> dict[str, Any]:
    """Run ``python -m support.<module> FOLDER WORDS...`` to its end; give the JSON it printed."""
    done = subprocess.run(
        [sys.executable, "-m", f"support.{module}", str(folder), *words],
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
