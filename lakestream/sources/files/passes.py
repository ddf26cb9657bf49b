"""Passes through a landing place: where a listing begins, and what is kept of how far it came.

A discovery whose time is up leaves a durable cut, and the next one goes on behind it, so that a
place of any size is looked through in pieces. What appears behind the cut meanwhile is found by the
next pass. A run that has no time limit never goes on with a cut.

Incremental listing begins behind the newest name that was there before, where names grow with time.
What comes under an earlier name is found by the next listing of the whole place.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from lakestream.sources.files.ledger_rows import Candidate, microseconds, values
from lakestream.sources.files.listing import modified_of
from lakestream.sources.files.listing_log import Cut, ListingLog, ListingState, Position
from lakestream.sources.files.listing_policy import ListingPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arro3.core import RecordBatch

    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.description import FilesDescription

#: ``"auto"`` lists incrementally after so many whole listings in a row whose news came in order.
IN_ORDER: Final = 3
#: A position stays before files that are younger: writers side by side end in any order.
SETTLED: Final = timedelta(minutes=10)
#: A file dated further in the future holds nothing up: its time says nothing about its age, and
#: ``min_age`` takes it.
_SKEW: Final = timedelta(days=2)
_LOGGER: Final = logging.getLogger(__name__)


class Pass:
    """One look at the place: all of a pass, or a piece of one.

    Args:
        so_far: What earlier pieces came to; where it ends this look begins.
        base: The position before the pass, where positions are kept.
        keeps: What is to be kept of it: how far it came, or also a position.
        settled: For how long a file holds the next position up.
    """

    def __init__(
        self,
        so_far: Cut,
        base: Position | None,
        *,
        keeps: Literal["nothing", "cut", "position"],
        settled: timedelta,
    ) -> None:
        self.start_after = so_far.after or None
        self.base = base
        self.keeps = keeps
        self.is_in_order = True
        self._so_far = so_far
        self._reached, self._settled = so_far.after, so_far.settled
        self._found, self._late = so_far.found, so_far.late
        self._young_us = (
            microseconds(so_far.began_at - settled),
            microseconds(so_far.began_at + _SKEW),
        )

    def see(self, page: RecordBatch) -> None:
        """Follow the listing; one that is out of order cannot be gone on from."""
        if self.keeps == "nothing" or not self.is_in_order or not page.num_rows:
            return
        keys = values(page, "path")
        if self._reached > keys[0] or any(map(str.__gt__, keys, keys[1:])):
            self.is_in_order = False
            return
        if self.keeps == "position" and self._settled is None:
            oldest, newest = self._young_us
            for before, at in zip([self._reached, *keys], modified_of(page), strict=False):
                if oldest < at <= newest:
                    self._settled = before
                    break
        self._reached = keys[-1]

    def take(self, found: Iterable[Candidate]) -> None:
        """Count new files, and those whose names lie before the position."""
        for each in found:
            self._found += 1
            self._late += self.base is not None and each.key <= self.base.after

    @property
    def so_far(self) -> Cut:
        """What to go on with."""
        return msgspec.structs.replace(
            self._so_far,
            after=self._reached,
            settled=self._settled,
            found=self._found,
            late=self._late,
        )

    def position(self) -> Position | None:
        """Give where the next pass may begin, now that this one came to the end."""
        base, cut = self.base, self.so_far
        if not self.is_in_order:
            return None
        before = "" if base is None else base.after
        after = max(cut.after, before) if cut.settled is None else cut.settled
        if cut.incremental and base is not None:
            return msgspec.structs.replace(base, after=after, since_whole=base.since_whole + 1)
        if not after:
            return None
        in_order = 0 if base is None or cut.late else base.in_order
        if base is not None and cut.found and not cut.late:
            in_order = min(in_order + 1, IN_ORDER)
        return Position(after, cut.began_at, in_order=in_order, actions=cut.actions)


class Passes:
    """Begins the passes of one source and keeps what is needed to go on.

    Args:
        description: What is taken of the place, and when a listing may begin at a position. Beside
            a queue none does: it is there to find what no message told.
        context: The checkpoint, and the clock for when a pass began.
    """

    def __init__(self, description: FilesDescription, context: SourceContext) -> None:
        self._log = ListingLog(context.log, context.name)
        self._source = context.name
        self._clock = context.clock
        self._filters = filters_of(description)
        has_queue = description.notifications is not None
        self._policy = ListingPolicy() if has_queue else description.listing
        self._interval = description.backfill_interval
        self._settled = max(SETTLED, description.min_age)
        self._known: ListingState | None = None
        self._can_be_cut = False
        self._actions = 0
        self._late = 0
        self._kind = "whole"
        self.stopped_at: str | None = None
        """Where the next look goes on; None when the last one came to the end, or kept nothing."""

    def begin(
        self, last_seq: int, *, can_be_cut: bool, in_order: bool, purpose: str, actions: int
    ) -> Pass:
        """Begin a pass, or go on with the one that was cut.

        Args:
            last_seq: The newest place in the ledger.
            can_be_cut: Whether this look has a time limit, and may go on where another was cut.
            in_order: Whether all that belongs to the source is listed, in the order of keys.
            purpose: Why the place is listed.
            actions: Decisions about single files until now: what was forgotten may lie anywhere.
        """
        self._can_be_cut = can_be_cut = can_be_cut and in_order
        has_positions = in_order and self._policy.incremental is not False
        self._actions = actions
        self._known = self._load(last_seq) if can_be_cut or has_positions else None
        base = self._known.position if self._known is not None and has_positions else None
        cut = self._known.cut if self._known is not None and can_be_cut else None
        if cut is None or cut.purpose != purpose:
            after = self._start(base)
            cut = Cut(
                after or "",
                self._clock.now(),
                purpose,
                incremental=after is not None,
                actions=actions,
            )
        self._kind = "incremental" if cut.incremental else "whole"
        return Pass(
            cut,
            base,
            keeps="position" if has_positions else "cut" if can_be_cut else "nothing",
            settled=self._settled,
        )

    def end(self, look: Pass, last_seq: int, *, complete: bool) -> None:
        """Keep where a look came to; called when the ledger has all that it found.

        Args:
            look: From ``begin``.
            last_seq: The newest place in the ledger now.
            complete: Whether it came to the end of the place.
        """
        self.stopped_at = None
        if look.keeps == "nothing":
            return
        old = self._known or ListingState(self._filters, last_seq)
        if complete:
            found = look.position() if look.keeps == "position" else None
            self._tell(look)
            if old.cut is not None or not self._is_same(old.position, found):
                self._log.append(ListingState(self._filters, last_seq, position=found))
        elif self._can_be_cut and look.is_in_order and (cut := look.so_far).after:
            self._log.append(ListingState(self._filters, last_seq, cut, old.position))
            self.stopped_at = cut.after

    def take_metrics(self) -> dict[str, str]:
        """Tell how the place was listed last, and which files that came to light only later."""
        if self._policy.incremental is False:
            return {}
        late, self._late = self._late, 0
        return {"listing": self._kind, "numFilesFoundLate": str(late)}

    def _tell(self, look: Pass) -> None:
        """Count what incremental listings did not see; a listing of the whole place found it."""
        late = look.so_far.late
        if late and look.base is not None and look.base.since_whole:
            self._late += late
            _LOGGER.warning(
                "%s: %d files came under names before %r: incremental listings did not see them",
                self._source,
                late,
                look.base.after,
            )

    def _start(self, base: Position | None) -> str | None:
        """Give the position to begin at, or None where the whole place is due."""
        policy = self._policy
        if base is None or base.actions != self._actions:
            return None
        if policy.incremental == "auto" and base.in_order < IN_ORDER:
            return None
        if base.since_whole + 1 >= policy.full_every:
            return None
        # A clock that was put back says nothing about how long it is since.
        passed = self._clock.now() - base.whole_at
        if self._interval is not None and not timedelta(0) <= passed < self._interval:
            return None
        return base.after

    def _is_same(self, old: Position | None, new: Position | None) -> bool:
        """Tell whether there is no need to write: the time matters only once a position is used."""
        if old is None or new is None:
            return old is new
        if self._policy.incremental == "auto" and new.in_order < IN_ORDER:
            new = msgspec.structs.replace(new, whole_at=old.whole_at)
        return old == new

    def _load(self, last_seq: int) -> ListingState | None:
        state = self._log.newest()
        if state is None or state.filters != self._filters or state.last_seq > last_seq:
            return None
        return state


def filters_of(description: FilesDescription) -> str:
    """Give what a source takes of its place, as a text: with another one more may belong to it."""
    parts = (
        description.modified_after,
        description.modified_before,
        description.max_file_age,
        description.allow_overwrites,
    )
    return " ".join([description.selection(), *map(str, parts)])
