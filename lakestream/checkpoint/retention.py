"""What a checkpoint forgets, and what it never does."""

from __future__ import annotations

import contextlib
import functools
from typing import Final

from lakestream.checkpoint import epochs, history
from lakestream.checkpoint.commit_log import CommitLog
from lakestream.checkpoint.offset_log import OffsetLog
from lakestream.checkpoint.tiers import FAN_IN
from lakestream.errors import ObjectNotFoundError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.storage.base import LogStore

_ATTEMPT_KEY: Final = lazy_pattern(r"batches/(\d+)-([^/]+)/.+")
#: The least that recovery and a paused run's own redo need.
_LEAST: Final = 2


def purge(store: LogStore, newest_commit: int, keep: int = 100) -> None:
    """Merge old batch records and delete what no recovery needs; works at every tenth batch.

    Deleted: offsets, commits and epochs older than the newest ``keep``; records of attempts
    that lost, below the newest commit. What a winner recorded is merged first, so that no fact
    about a file is ever lost, and only then are its own files deleted.

    Args:
        store: The checkpoint.
        newest_commit: The caller's own newest commit.
        keep: Batches whose log entries stay.

    Delivery: safe to repeat, to skip, to break off, and from several runs at once.

    Cost: nothing for nine batches of ten; then a few listings and a few requests a batch.
    """
    if newest_commit % FAN_IN:
        return
    # Less than the caller's when the query was reset since: those batches are still to come.
    newest_commit = min(newest_commit, CommitLog(store).newest() or 0)
    # Records that are gone were merged by another run at the same moment.
    with contextlib.suppress(ObjectNotFoundError):
        for span, commits in history.due(store, newest_commit):
            history.merge_batches(store, span, commits)
    for kind in (history.QUARANTINE, history.FILES):
        history.tiers_of(store, kind).grow(functools.partial(history.merge_kind, kind))
    merged_to = history.merged_to(store)
    _delete_attempts(store, newest_commit, merged_to)
    floor = min(newest_commit - max(keep, _LEAST) + 1, merged_to)
    for log in (OffsetLog(store), CommitLog(store)):
        log.delete([number for number in log.ids() if number < floor])
    epochs.purge(store, keep)


def _delete_attempts(store: LogStore, newest_commit: int, merged_to: int) -> None:
    """Delete the records of merged batches, and of attempts that lost."""
    keys = [match for key in store.list("batches") if (match := _ATTEMPT_KEY.fullmatch(key))]
    log = CommitLog(store)
    batches = {int(match[1]) for match in keys}
    winners = {number: log.read(number) for number in batches if merged_to <= number}
    gone = []
    for match in keys:
        number, attempt = int(match[1]), match[2]
        winner = winners.get(number)
        has_lost = winner is not None and winner.attempt != attempt
        if number < merged_to or (number < newest_commit and has_lost):
            gone.append(match[0])
    store.delete(gone)
