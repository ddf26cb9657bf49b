"""Passes through a landing place: where a listing begins, and what is kept of how far it came.

A discovery whose time is up leaves a durable cut, and the next one goes on behind it, so that a
place of any size is looked through in pieces. What appears behind the cut meanwhile is found by the
next pass. A run that has no time limit lists the whole place, whatever was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestream.sources.files.ledger_rows import values
from lakestream.sources.files.listing_log import Cut, ListingLog, ListingState

if TYPE_CHECKING:
    from datetime import datetime

    from arro3.core import RecordBatch

    from lakestream.clock import Clock
    from lakestream.storage.base import LogStore


class Pass:
    """One look at the place: a whole pass, or a piece of one.

    Args:
        began_at: When the pass began, of which this may be a later piece.
        start_after: Give only what lies behind this key; None is all.
        watched: Whether anything is to be kept of it.
    """

    def __init__(self, began_at: datetime, start_after: str | None, *, watched: bool) -> None:
        self.began_at = began_at
        self.start_after = start_after
        self.reached = start_after
        self._is_watched = watched

    @property
    def is_watched(self) -> bool:
        """Whether what it came to can be gone on from."""
        return self._is_watched

    def see(self, page: RecordBatch) -> None:
        """Follow the listing; one that is out of order cannot be gone on from."""
        if not self._is_watched or not page.num_rows:
            return
        keys = values(page, "path")
        in_order = self.reached is None or self.reached <= keys[0]
        if in_order and all(map(str.__le__, keys, keys[1:])):
            self.reached = keys[-1]
        else:
            self._is_watched = False


class Passes:
    """Begins the passes of one source and keeps what is needed to go on.

    Args:
        store: The checkpoint.
        source: The source's name.
        clock: For when a pass began.
        filters: What is taken of the place, as a text.
    """

    def __init__(self, store: LogStore, source: str, clock: Clock, filters: str) -> None:
        self._log = ListingLog(store, source)
        self._clock = clock
        self._filters = filters
        self.stopped_at: str | None = None
        """Where the next look goes on; None when the last one came to the end, or kept nothing."""

    def begin(self, last_seq: int, *, keeps: bool, purpose: str) -> Pass:
        """Begin a pass, or go on with the one that was cut.

        Args:
            last_seq: The newest place in the ledger.
            keeps: Whether this look may be cut, and may go on where another was.
            purpose: Why the place is listed.
        """
        state = self._known(last_seq) if keeps else None
        if state is not None and state.cut is not None and state.cut.purpose == purpose:
            return Pass(state.cut.began_at, state.cut.after, watched=True)
        return Pass(self._clock.now(), None, watched=keeps)

    def end(self, look: Pass, last_seq: int, *, complete: bool, purpose: str) -> None:
        """Keep where a look stopped; called when the ledger has all that it found.

        Args:
            look: From ``begin``.
            last_seq: The newest place in the ledger now.
            complete: Whether it came to the end of the place.
            purpose: As for ``begin``.
        """
        self.stopped_at = None
        if complete:
            if look.start_after is not None:
                self._log.append(ListingState(self._filters, last_seq))
        elif look.is_watched and look.reached is not None:
            cut = Cut(look.reached, look.began_at, purpose)
            self._log.append(ListingState(self._filters, last_seq, cut))
            self.stopped_at = look.reached

    def _known(self, last_seq: int) -> ListingState | None:
        state = self._log.newest()
        if state is None or state.filters != self._filters or state.last_seq > last_seq:
            return None
        return state
