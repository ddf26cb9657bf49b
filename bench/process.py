"""What a whole process costs, start-up and children included."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MIB: Final = 2**20
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
#: ``ru_maxrss`` counts KiB on Linux and bytes on macOS.
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds by the clock, user plus system CPU seconds, MiB of the largest process."""

    wall_s: float
    cpu_s: float
    peak_mib: float


class ScriptFailedError(Exception):
    """A measured script did not end well; carries what it printed."""


def run_script(script: Path, arguments: Sequence[Path]) -> Usage:
    """Run a script in a fresh interpreter and measure it until it has ended.

    CPU counts the process and all descendants that it waited for. Bytecode is cached, whatever
    the environment says: an installed package is compiled once, not at each start.

    Raises:
        ScriptFailedError: The exit code was not 0.
    """
    environment = {key: os.environ[key] for key in os.environ if key != _NO_BYTECODE}
    # What earlier runs left to be written back must not slow this one.
    os.sync()
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            message = f"{script.name} ended with {child.returncode}:\n{text}"
            raise ScriptFailedError(message)
    return Usage(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * _RSS_UNIT / _MIB)
