"""Whole process trees: run to their end, or killed at a moment of their work."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

#: No run of these few rows takes nearly so long; one that does hangs.
LONGEST_RUN_S: Final = 300.0
_GLANCE_S: Final = 0.0003
_NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run came to its end; ``code`` is None for one that was killed."""

    code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """When things happened in a run, in seconds from its start.

    Args:
        stirred_s: The first change in the folders it writes to.
        commits_s: Each growth of its mark that was seen.
        ended_s: Its end.
    """

    stirred_s: float
    commits_s: tuple[float, ...]
    ended_s: float


class Watch:
    """Looks at a run's folders until something happens.

    Args:
        home: Everything that it writes.
        mark: A number that grows with each of its commits.
    """

    def __init__(self, home: Path, mark: Callable[[], int]) -> None:
        self._home, self._mark = home, mark
        self._before, self._seen = _census(home), mark()
        self.commits = 0

    def has_stirred(self) -> bool:
        """Whether anything has changed since the watch began."""
        return _census(self._home) != self._before

    def has_committed(self) -> bool:
        """Whether the mark has grown since it was last asked."""
        mark = self._mark()
        grown, self._seen = mark > self._seen, mark
        self.commits += grown
        return grown


def run(command: Sequence[str | Path]) -> Ending:
    """Run a command to its end; one that hangs is killed and counts as failed."""
    with _started(command) as (child, output):
        try:
            child.wait(LONGEST_RUN_S)
        except subprocess.TimeoutExpired:
            _kill_session(child)
            return Ending(-1, f"went on for more than {LONGEST_RUN_S:g} s")
        return Ending(child.returncode, _text(output))


def run_watched(command: Sequence[str | Path], watch: Watch) -> tuple[Ending, Timeline]:
    """Run a command to its end and note when it did what."""
    with _started(command) as (child, output):
        begun = time.monotonic()
        stirred, commits = None, []
        while child.poll() is None and time.monotonic() - begun < LONGEST_RUN_S:
            if stirred is None and watch.has_stirred():
                stirred = time.monotonic() - begun
            if watch.has_committed():
                commits.append(time.monotonic() - begun)
            time.sleep(_GLANCE_S)
        ended = time.monotonic() - begun
        _kill_session(child)
        timeline = Timeline(stirred or 0.0, tuple(commits), ended)
        return Ending(child.returncode, _text(output)), timeline


def run_killed(
    command: Sequence[str | Path], reached: Callable[[], bool], delay_s: float
) -> Ending:
    """Run a command and kill it with all its children, ``delay_s`` after a moment is reached."""
    with _started(command) as (child, output):
        ends = time.monotonic() + LONGEST_RUN_S
        while not reached() and child.poll() is None and time.monotonic() < ends:
            time.sleep(_GLANCE_S)
        if delay_s:
            time.sleep(delay_s)
        code = child.poll()
        _kill_session(child)
        return Ending(code, _text(output))


@contextmanager
def _started(
    command: Sequence[str | Path],
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    environment = {key: os.environ[key] for key in os.environ if key != _NO_BYTECODE}
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        try:
            yield child, output
        finally:
            _kill_session(child)


def _kill_session(leader: subprocess.Popen[bytes]) -> None:
    """Kill the group at once, then whoever of the session has left it, until none is there."""
    if leader.poll() is None:
        os.killpg(leader.pid, signal.SIGKILL)
    while members := _session_members(leader.pid):
        for pid in members:
            _kill(pid)
    leader.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _session_members(session: int) -> list[int]:
    """List the living processes of a session; zombies have done all they will."""
    members = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything; state, parent, group, session follow it.
            state, _, _, its_session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_session) == session and state not in "ZX":
            members.append(int(entry.name))
    return members


def _census(folder: Path) -> tuple[int, int]:
    """Count the files of a folder and their bytes; files that come and go meanwhile may miss."""
    files, size = 0, 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(f"{parent}/{name}").st_size  # noqa: PTH116  asked thousands of times
            except FileNotFoundError:
                continue
            files += 1
    return files, size


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")
