"""Collected tests, run in forked children: a collection serves thousands of runs.

The process that collects runs no test itself, so that no thread of a library is lost in a fork
(mutmut 3 runs the tests before it forks: with deltalake's and obstore's pools its children hang).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from support.mutation import ROOT

_LARGEST_BYTES: Final = 6 * 2**30


@dataclass(frozen=True)
class Verdict:
    """What a run of tests said.

    Args:
        red: The tests that failed, in the order in which they ran.
        ran: How many ran.
        ended: How the child ended: "" as it should, else "timeout" or "crash".
        detail: What the child told besides.
    """

    red: tuple[str, ...]
    ran: int
    ended: str = ""
    detail: Any = None


class _Reds:
    """A plugin that keeps the names of failed tests."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.names:
            self.names.append(report.nodeid)


class Collected:
    """The tests of a session, to be run in children of this process."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self.items = {item.nodeid: item for item in session.items}

    def run(
        self,
        names: Sequence[str],
        *,
        prepare: Callable[[], None] = lambda: None,
        stop_at_first: bool = True,
        cpu_s: int = 30,
        wall_s: float = 60,
    ) -> Verdict:
        """Run tests in a child after ``prepare`` was called there.

        Args:
            names: The tests, in this order.
            prepare: What makes the child another one: puts a mutant.
            stop_at_first: Whether the first failure is the last test.
            cpu_s: CPU seconds after which the child is ended.
            wall_s: Seconds after which it is killed.
        """

        def work() -> Any:
            prepare()
            return self._run_here(names, stop_at_first=stop_at_first)

        ended, found = in_child(work, cpu_s=cpu_s, wall_s=wall_s)
        if ended:
            return Verdict((), 0, ended, found)
        return Verdict(tuple(found["red"]), found["ran"])

    def _run_here(self, names: Sequence[str], *, stop_at_first: bool) -> dict[str, Any]:
        reds = _Reds()
        plugins = self._session.config.pluginmanager
        plugins.unregister(name="terminalreporter")
        plugins.register(reds)
        ran = 0
        for number, name in enumerate(names):
            item = self.items[name]
            stays = names[number + 1 :] and self.items[names[number + 1]]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=stays or None)
            ran += 1
            if reds.names and stop_at_first:
                break
        return {"red": reds.names, "ran": ran}

    def trace(self, names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        """Run tests once and give, for each, its seconds and the lines that it ran.

        Args:
            names: The tests.
            paths: The files whose lines count.
        """
        ended, found = in_child(lambda: self._traced(names, paths), cpu_s=600, wall_s=900)
        if ended:
            raise SystemExit(f"the tests did not end: {ended} {found}")
        return dict(found)

    def _traced(self, names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        wanted = {str(ROOT / path): path for path in paths}
        lines: set[tuple[str, int]] = set()

        def on_call(frame: types.FrameType, event: str, argument: object) -> Any:
            path = wanted.get(frame.f_code.co_filename)
            if path is None:
                return None
            lines.add((path, frame.f_lineno))

            def on_line(inner: types.FrameType, event: str, argument: object) -> Any:
                lines.add((path, inner.f_lineno))
                return on_line

            return on_line

        found: dict[str, Any] = {}
        threading.settrace(on_call)
        for name in names:
            lines.clear()
            started = time.process_time()
            sys.settrace(on_call)
            done = self._run_here([name], stop_at_first=True)
            sys.settrace(None)
            found[name] = {
                "seconds": time.process_time() - started,
                "red": bool(done["red"]),
                "lines": sorted(f"{path}:{line}" for path, line in lines),
            }
        return found


def in_child(work: Callable[[], Any], *, cpu_s: int, wall_s: float) -> tuple[str, Any]:
    """Do ``work`` in a child of its own group and folder; give how it ended and what it gave."""
    folder = tempfile.mkdtemp(prefix="lakestream-mutant-")
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _be_a_child(folder, cpu_s)
        try:
            text = json.dumps(work())
        except BaseException as error:  # noqa: BLE001 - a child never returns
            text = json.dumps({"error": repr(error)})
        with os.fdopen(writable, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(writable)
    text, overdue = _read(readable, wall_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # and processes that its tests left
    _, status = os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    if not text:
        late = overdue or os.waitstatus_to_exitcode(status) == -signal.SIGXCPU
        return ("timeout" if late else "crash"), None
    found = json.loads(text)
    if isinstance(found, dict) and "error" in found:
        return "crash", found["error"]
    return "", found


def _be_a_child(folder: str, cpu_s: int) -> None:
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
    tempfile.tempdir = folder
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (_LARGEST_BYTES, _LARGEST_BYTES))


def _read(descriptor: int, wall_s: float) -> tuple[str, bool]:
    parts: list[bytes] = []
    deadline = time.monotonic() + wall_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            os.close(descriptor)
            return "", True
        part = os.read(descriptor, 2**16)
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode(), False
        parts.append(part)


class Session:
    """A plugin that hands the collected tests to ``work`` instead of running them."""

    def __init__(self, work: Callable[[Collected], None]) -> None:
        self._work = work

    def pytest_configure(self, config: pytest.Config) -> None:
        """Let property tests draw the same cases each time, and not look for smaller ones."""
        from hypothesis import HealthCheck, Phase, settings

        settings.register_profile(
            "mutants",
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Work instead of running the tests here."""
        gc.collect()
        gc.freeze()  # so that a child's collector does not touch, and so copy, every page
        self._work(Collected(session))
        return True


def collect(tests: Sequence[str], work: Callable[[Collected], None]) -> None:
    """Collect tests and give them to ``work``."""
    from support.forked import preload

    preload()
    arguments = ["-q", "-q", "--tb=no", "-n0", "-p", "no:cacheprovider", "--timeout=120"]
    markers = "not moto and not kill_sweep and not dagster_dev and not browser"
    code = pytest.main(
        [*arguments, "-m", markers, *(str(ROOT / each) for each in tests)],
        plugins=[Session(work)],
    )
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SystemExit(f"the tests could not be collected: {code!r}")
