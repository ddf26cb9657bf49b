"""A log that is read from its beginning: entries put if absent, merged in tiers.

Entry N is created as ``<folder>/0/<N>`` and that name stays taken for ever, also after it was
merged: a late writer of N must still be refused, or it would give N a second meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.tiers import FAN_IN, WIDTH, Merge, Span, Tiers, widest_from
from lakestream.errors import CheckpointCorruptError, FencedError, ObjectNotFoundError
from lakestream.storage.base import LogStore

#: Listings in a row that bring the reader no further before a gap is believed.
_LOOKS: Final = 5


class TierEntry(msgspec.Struct, frozen=True):
    """One entry, or several merged: those numbered ``first`` to ``last``."""

    first: int
    last: int
    data: bytes


class TieredLog:
    """An append-only log whose reading stays a few requests, however long it gets.

    Args:
        store: The checkpoint.
        folder: The log's folder.
        merge: Joins the data of consecutive entries, in order; pure and associative.
    """

    def __init__(self, store: LogStore, folder: str, merge: Merge) -> None:
        self._store = store
        self._folder = folder
        self._log = EntryLog(store, f"{folder}/0", width=WIDTH)
        self._tiers = Tiers(store, folder)
        self._merge = merge
        self._next = 0
        self._merged_to = 0

    @property
    def next_id(self) -> int:
        """The number after the last entry that this object has read or appended. No request."""
        return self._next

    def append(self, number: int, data: bytes) -> bool:
        """Create entry ``number`` unless it exists.

        The caller has read the log to its end: an entry counts once it is on the gapless chain.

        Returns:
            False when it exists, by another writer or by an own try whose reply was lost:
            read on to know.

        Raises:
            FencedError: The entry before is gone: the query was reset since it was read.

        Atomic: yes. Cost: two requests.
        """
        # Behind a reset the entry would stand alone, and no chain would ever lead to it.
        if number and self._log.read(number - 1) is None:
            raise FencedError(
                "the query was reset while its input was looked at",
                where=self._log.where,
                fix="nothing is lost: run again",
            )
        created = self._log.append(number, data)
        if created and number == self._next:
            self._next += 1
        return created

    def read(self, start: int = 0) -> Iterator[TierEntry]:
        """Give the entries from ``start`` on, as large as they are merged, without a gap.

        Raises:
            CheckpointCorruptError: An entry is missing and later ones are there; not looked for
                within ten entries of a ``start`` above 0, where a missing one is the end.

        Cost: from the beginning two listings and a request an entry. From further on a request
        an entry and one that finds none, however long the log is; listings after ten entries.
        """
        position, looks = start, 0
        while position and position < start + FAN_IN:
            single = self._log.read(position)
            if single is None:
                return
            position += 1
            self._next = max(self._next, position)
            yield TierEntry(position - 1, position - 1, single)
        while looks < _LOOKS:
            chain, is_whole = self._chain(position)
            before = position
            for span in chain:
                data = self._data(span)
                if data is None:
                    is_whole = False
                    break
                position = span.last + 1
                self._next = max(self._next, position)
                yield TierEntry(span.first, span.last, data)
            if is_whole:
                return
            looks = looks + 1 if position == before else 0
        raise CheckpointCorruptError(
            f"entry {position} of a log is missing, and later ones are there",
            where=f"{self._store.uri}/{self._folder}",
            fix="restore the checkpoint folder from a backup, or reset the table",
        )

    def merge_due(self) -> None:
        """Merge what can be merged. Safe from several processes at once.

        Cost: nothing until ten entries are new; then a request each, a listing or two a tier.
        """
        if self._next // FAN_IN * FAN_IN <= self._merged_to:
            return
        position = max((span.last + 1 for span in self._tiers.spans()), default=0)
        while position + FAN_IN <= self._next:
            parts = [self._log.read(number) for number in range(position, position + FAN_IN)]
            data = [part for part in parts if part is not None]
            if len(data) < FAN_IN:
                return  # a gap, which reading reports
            self._tiers.put(Span(position, position + FAN_IN - 1), self._merge(data))
            position += FAN_IN
        self._tiers.grow(self._merge)
        self._merged_to = position

    def _chain(self, start: int) -> tuple[list[Span], bool]:
        """Give what leads from ``start`` to the end, and whether it gets there without a gap."""
        # At the beginning merged entries spare the listing of nearly all of tier 0.
        widest = widest_from(self._tiers.spans()) if start == 0 else {}
        after = start
        while after in widest:
            after = widest[after].last + 1
        single = set(self._numbers_from(after))
        if start and len(single) >= FAN_IN:
            widest = widest_from(self._tiers.spans())
        chain: list[Span] = []
        position = start
        while position in widest or position in single:
            span = widest.get(position, Span(position, position))
            chain.append(span)
            position = span.last + 1
        return chain, position > max(single, default=position - 1)

    def _numbers_from(self, start: int) -> list[int]:
        folder = f"{self._folder}/0"
        after = f"{folder}/{start - 1:0{WIDTH}d}" if start else None
        names = (key[len(folder) + 1 :] for key in self._store.list(folder, start_after=after))
        return [int(name) for name in names if len(name) == WIDTH and name.isdecimal()]

    def _data(self, span: Span) -> bytes | None:
        if span.first == span.last:
            return self._log.read(span.first)
        try:
            return self._tiers.read(span)
        except ObjectNotFoundError:
            return None
