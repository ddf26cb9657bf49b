"""``sources/<name>/notifications/<n>``: when the place was last listed, and when the queue failed.

An append-only log of small JSON entries. It decides only when to list, never what is read: that
is the ledger's, so that a stale look at it costs a listing and loses nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Literal, cast

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.errors import CheckpointCorruptError
from lakestream.storage.base import LogStore

#: Entries that are kept.
_KEPT: Final = 100


class QueueEvent(msgspec.Struct, frozen=True):
    """One entry.

    Args:
        kind: ``listed``: the place was listed to its end while the queue could be reached;
            ``degraded``: the queue could not be read, and files were found by listing.
        queue: Which queue: ``Queue.identity``.
        started_at: Aware UTC.
        finished_at: Aware UTC.
        found: Files that only the listing found (``listed``, not the first time).
        reason: Why the queue could not be read (``degraded``).
        actions: Decisions about single files that were held before: forgotten files are found by a
            listing only.
        selection: What chose files; messages of others were passed over.
    """

    kind: Literal["listed", "degraded"]
    queue: str
    started_at: datetime
    finished_at: datetime
    found: int = 0
    reason: str = ""
    actions: int = 0
    selection: str = ""


class QueueLog:
    """What happened between a source and its queue.

    Args:
        store: The checkpoint.
        source: The source's name.
    """

    def __init__(self, store: LogStore, source: str) -> None:
        self._log = EntryLog(store, f"sources/{source}/notifications")

    def newest(self) -> QueueEvent | None:
        """Give the newest entry, or None before the first. Cost: a listing and a read.

        Raises:
            CheckpointCorruptError: It is none.
        """
        number = self._log.newest()
        data = None if number is None else self._log.read(number)
        if data is None:
            return None
        try:
            return msgspec.convert(json.loads(data), QueueEvent)
        except (ValueError, msgspec.ValidationError) as error:
            raise CheckpointCorruptError(
                "an entry about the notification queue cannot be read",
                where=f"{self._log.where}/{number}",
                fix="delete it: the place is listed once more, and nothing is lost",
            ) from error

    def append(self, event: QueueEvent) -> None:
        """Add an entry; another run's at the same moment counts as well as ours."""
        ids = self._log.ids()
        number = ids[-1] + 1 if ids else 0
        data = cast("dict[str, Any]", msgspec.to_builtins(event))
        self._log.append(number, json.dumps(data).encode())
        self._log.delete(each for each in ids if each <= number - _KEPT)
