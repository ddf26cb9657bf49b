"""Running a function in a forked child that may be killed.

A fork of a process that has imported everything costs milliseconds where a new interpreter
costs half a second, so a sweep can afford a child a case. The parent must not have used
deltalake or obstore before: their thread pools do not survive a fork. So sweeps run in a
process of their own (``python -m support.<sweep>``), started by the test.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

KILLED = 137
#: What a run and the check after it import at first need: without them here every child would
#: pay a second of its own for pyarrow, pandas and their like.
_LOADED_LATE: Final = (
    "dateutil.parser",
    "deltalake",
    "getpass",
    "lakestream.read_files",
    "lakestream.streaming_table",
    "pandas",
    "pyarrow",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "rich.console",
    "rich.progress",
    "rich.table",
    "support.oracle",
    "typer",
    "zoneinfo",
)
_PACKAGES: Final = ("checkpoint", "delta", "formats", "query", "sinks", "sources.files", "storage")


@dataclass(frozen=True)
class Ending:
    """How a child ended: its exit code (negative: the signal) and what it wrote to its pipe.

    ``overdue``: it was killed because its time was up.
    """

    code: int
    output: str
    overdue: bool = False


def preload() -> None:
    """Import, once and before the forks, what the children would import each for itself."""
    for name in _LOADED_LATE:
        importlib.import_module(name)
    for name in _PACKAGES:
        package = importlib.import_module(f"lakestream.{name}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # so that a child's collector does not touch, and so copy, every page


def die() -> None:
    """End this process as a power cut would: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)


def run_forked(function: Callable[[], str], *, kill_after_s: float | None = None) -> Ending:
    """Run ``function`` in a child; what it returns comes back as ``output``.

    A child that raises ends with code 1 and the traceback as its output; one that is killed
    by a fail point ends with ``KILLED``. One that has not ended after ``kill_after_s`` seconds
    gets a SIGKILL.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        code = 0
        try:
            text = function()
        except BaseException:  # noqa: BLE001 - a child never returns
            text, code = traceback.format_exc(), 1
        with os.fdopen(writable, "w") as pipe:
            pipe.write(text)
        sys.stdout.flush()
        os._exit(code)
    os.close(writable)
    # A child writes when it is done, so a silent pipe is a child at work.
    overdue = not select.select([readable], [], [], kill_after_s)[0]
    if overdue:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(readable) as pipe:
        output = pipe.read()
    _, status = os.waitpid(child, 0)
    return Ending(os.waitstatus_to_exitcode(status), output, overdue)
