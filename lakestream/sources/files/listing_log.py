"""``sources/<name>/listings/<n>``: how far listings of a place have come.

An append-only log of small JSON entries, of which only the newest counts. An entry is written after
the ledger has what was found before it, and decides only where a listing begins: who loses one, or
cannot read it, lists more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.tiers import WIDTH
from lakestream.storage.base import LogStore

#: Entries that are kept.
_KEPT: Final = 10


class Cut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pass through the place whose time was up.

    Args:
        after: The key it came to: the ledger has what it found up to there.
        began_at: When it began, aware UTC.
        purpose: Why the place was listed; a pass for another reason begins anew.
        incremental: Whether it began at a position.
        settled: The last key before the first file that is young, once there was one.
        found: New files so far.
        late: Those of them whose names lie before the position.
        actions: Decisions about single files that were known when it began.
    """

    after: str
    began_at: datetime
    purpose: str = ""
    incremental: bool = False
    settled: str | None = None
    found: int = 0
    late: int = 0
    actions: int = 0


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an incremental listing may begin.

    Args:
        after: The key behind which new names are expected; the ledger has what was found up to it.
        whole_at: When the last listing of the whole place began, aware UTC.
        since_whole: Incremental listings since.
        in_order: Listings of the whole place in a row whose news all came behind the position.
        actions: Decisions about single files that the last listing of the whole place knew.
    """

    after: str
    whole_at: datetime
    since_whole: int = 0
    in_order: int = 0
    actions: int = 0


class ListingState(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry.

    Args:
        filters: What was taken of the place; other filters make the rest void.
        last_seq: The newest place in the ledger; one that ends before it is another ledger.
        cut: The pass to go on with, or None.
        position: Of the last pass that came to the end, or None.
    """

    filters: str
    last_seq: int
    cut: Cut | None = None
    position: Position | None = None


class ListingLog:
    """The entries of one source. Not thread-safe.

    Args:
        store: The checkpoint.
        source: The source's name.
    """

    def __init__(self, store: LogStore, source: str) -> None:
        self._log = EntryLog(store, f"sources/{source}/listings", width=WIDTH)
        self._number: int | None = None
        self._newest: ListingState | None = None

    def newest(self) -> ListingState | None:
        """Give the newest entry; None before the first, or when it is none.

        Cost: a listing the first time, later a request that finds nothing.
        """
        if self._number is None:
            self._number = -1
            newest = self._log.newest()
            if newest is not None:
                self._number = newest - 1
        while (data := self._log.read(self._number + 1)) is not None:
            self._number += 1
            self._newest = _decoded(data)
        return self._newest

    def append(self, state: ListingState) -> None:
        """Add an entry after the newest that was read; another run's counts as well as ours."""
        number = (-1 if self._number is None else self._number) + 1
        if not self._log.append(number, msgspec.json.encode(state)):
            return
        self._number, self._newest = number, state
        if number >= _KEPT:
            self._log.delete([number - _KEPT])


def _decoded(data: bytes) -> ListingState | None:
    try:
        return msgspec.json.decode(data, type=ListingState)
    except msgspec.DecodeError:
        return None
