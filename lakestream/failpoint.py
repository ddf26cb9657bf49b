"""Named points of the batch protocol at which tests kill, raise or park a process.

Inert unless ``LAKESTREAM_FAILPOINT`` is set to ``<name>:<hit>:<action>``: at the ``hit``-th
passing of point ``name`` (1 is the first) the action is done: ``kill`` (``os._exit(137)``, as
after SIGKILL) or ``raise`` (``RuntimeError``). A test in this process watches the points that
its own thread passes with ``watched``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

VARIABLE: Final = "LAKESTREAM_FAILPOINT"

#: The ten lines of the life of a batch (README, "The life of a batch"), in their order.
PROTOCOL_LINES: Final = (
    "claim",
    "recover",
    "discover",
    "plan",
    "inspect",
    "read",
    "transform",
    "sink_commit",
    "commit_log",
    "committed",
)

_hits: dict[str, int] = {}
_watch: ContextVar[Callable[[str], None] | None] = ContextVar("failpoint_watch", default=None)


@contextmanager
def watched(watch: Callable[[str], None]) -> Iterator[None]:
    """Call ``watch`` with the name of each point that this thread passes; it may raise."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def failpoint(name: str) -> None:
    """Pass the point ``name``; do what ``LAKESTREAM_FAILPOINT`` says, which is mostly nothing."""
    watch = _watch.get()
    if watch is not None:
        watch(name)
    spec = os.environ.get(VARIABLE)
    if spec is None:
        return
    wanted, hit, action = spec.split(":")
    if wanted != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] != int(hit):
        return
    if action == "kill":
        os._exit(137)
    raise RuntimeError(f"failpoint {name}, hit {hit}")
