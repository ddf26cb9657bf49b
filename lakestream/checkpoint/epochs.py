"""Fencing numbers: each run claims the next epoch, an older run that sees it stops early.

A courtesy that saves work. Nothing is unsafe when two epochs run at once: the logs, the ledger
and the table's mark are each compare-and-set.
"""

from __future__ import annotations

import json
import platform
from typing import Final

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.clock import Clock
from lakestream.errors import FencedError
from lakestream.storage.base import LogStore

FOLDER: Final = "epochs"
_KEEP: Final = 100


class Epoch(msgspec.Struct, frozen=True):
    """A run's number."""

    number: int


def claim(store: LogStore, run_id: str, clock: Clock) -> Epoch:
    """Take the next number for a run.

    Cost: a listing and a put; some more when several runs start at once. Epochs beyond the
    newest hundred are deleted, so that runs without batches leave nothing behind.
    """
    log = EntryLog(store, FOLDER)
    record = json.dumps(
        {"runId": run_id, "host": platform.node(), "startedAt": clock.now().isoformat()}
    ).encode()
    ids = log.ids()
    number = ids[-1] + 1 if ids else 0
    while not log.append(number, record):
        # Taken: by another run, or by our own try whose reply was lost.
        if log.read(number) == record:
            break
        number += 1
    if len(ids) > 2 * _KEEP:
        log.delete(ids[:-_KEEP])
    return Epoch(number)


def check(store: LogStore, epoch: Epoch) -> None:
    """Stop when another run has claimed a higher epoch.

    Raises:
        FencedError: A newer run has taken over.

    Cost: one request.
    """
    if (EntryLog(store, FOLDER).newest() or 0) > epoch.number:
        raise FencedError(
            "a newer run of this query has taken over",
            where=store.uri,
            fix="nothing is lost: the newer run goes on where this one stops",
        )


def purge(store: LogStore, keep: int) -> None:
    """Delete all but the newest epochs; the newest one always stays."""
    log = EntryLog(store, FOLDER)
    log.delete(log.ids()[: -max(keep, 1)])
