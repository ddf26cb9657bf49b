"""What a whole process costs, start-up and children included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_TREE: Final = Path(__file__).with_name("tree.py")
_MIB: Final = 2**20
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
#: ``ru_maxrss`` counts KiB on Linux and bytes on macOS.
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 2**10
_LONGEST_RUN_S: Final = 1_800


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds by the clock, user plus system CPU seconds, MiB of the largest process."""

    wall_s: float
    cpu_s: float
    peak_mib: float


class ScriptFailedError(Exception):
    """A measured script did not end well; carries what it printed."""


def run(command: Sequence[str | Path]) -> tuple[Usage, str]:
    """Run a command and measure it; give what it printed to its standard output, too.

    The clock stops when the command ends; CPU counts it and all its descendants until the last
    of them has ended. Bytecode is cached, whatever the environment says: an installed package is
    compiled once, not at each start.

    Raises:
        ScriptFailedError: The exit code was not 0, or it went on for half an hour.
    """
    environment = {key: os.environ[key] for key in os.environ if key != _NO_BYTECODE}
    # What earlier runs left to be written back must not slow this one.
    os.sync()
    read_end, write_end = os.pipe()
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        os.fdopen(read_end) as answer,
    ):
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", _TREE, str(write_end), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            pass_fds=[write_end],
            start_new_session=True,
        )
        os.close(write_end)
        try:
            launcher.wait(_LONGEST_RUN_S)
        except BaseException as error:
            os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"{_name(command)} went on for more than {_LONGEST_RUN_S} s"
                raise ScriptFailedError(message) from error
            raise
        used = json.loads(answer.read() or '{"code": "no figures"}')
        texts = [_text(file) for file in (output, errors)]
    if used["code"] != 0:
        message = f"{_name(command)} ended with {used['code']}:\n{''.join(texts)}"
        raise ScriptFailedError(message)
    return Usage(used["wall_s"], used["cpu_s"], used["peak"] * _RSS_UNIT / _MIB), texts[0]


def _name(command: Sequence[str | Path]) -> str:
    names = [Path(each).name for each in command]
    return next((name for name in names if name.endswith(".py")), names[0])


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
