"""A virtual environment for each peer, made once from pinned versions and used again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_COMPLETE: Final = ".complete"
_INSTALL_TIMEOUT_S: Final = 900
_TOLD_LINES: Final = 3


class PeerUnavailableError(Exception):
    """A peer can't run here; says what is missing."""


def python_of(pins: Path, cache: Path) -> Path:
    """Give the interpreter of a peer's environment, and make that first if there is none.

    Args:
        pins: A file of pinned versions; another content is another environment.
        cache: Where environments are kept, the same for all who measure.

    Raises:
        PeerUnavailableError: The versions could not be installed.
    """
    name = pins.stem
    home = cache / "peers" / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:8]}"
    python = home / "bin" / "python"
    with _alone(home.with_name(f"{name}.lock")):
        if not (home / _COMPLETE).exists():
            print(f"{name}: installing its pinned versions, once", flush=True)
            shutil.rmtree(home, ignore_errors=True)
            _run(name, [sys.executable, "-m", "venv", "--without-pip", home])
            pip = [sys.executable, "-m", "pip", "--python", python]
            _run(name, [*pip, "install", "--quiet", "--requirement", pins])
            (home / _COMPLETE).touch()
    return python


def need_java() -> None:
    """Make sure that there is a Java to start.

    Raises:
        PeerUnavailableError: There is none.
    """
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=f"{home}/bin" if home else None):
        message = "no java on the PATH"
        raise PeerUnavailableError(message)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(name: str, command: list[str | Path]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{name}: not installed within {_INSTALL_TIMEOUT_S} s"
        raise PeerUnavailableError(message) from error
    if done.returncode != 0:
        told = " | ".join(done.stderr.strip().splitlines()[-_TOLD_LINES:])
        message = f"{name}: not installed: {told}"
        raise PeerUnavailableError(message)
