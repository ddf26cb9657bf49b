"""Merged entries of a log: ten into one, ten of those into one, and so on.

A merged entry ``<tier>/<a>-<b>`` is a pure function of what it was merged from, so that two
processes that merge at the same moment write the same bytes and either may win.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from lakestream.errors import ObjectNotFoundError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.storage.base import LogStore

#: Entries that are merged into one.
FAN_IN: Final = 10
#: Names are padded to this width, so that they sort as numbers.
WIDTH: Final = 20
#: Entries that are larger together stay apart: a merge is done in memory.
_MAX_MERGE_BYTES: Final = 64 * 2**20
_NAME: Final = lazy_pattern(r"(\d+)/(\d{20})-(\d{20})")

Merge = Callable[[list[bytes]], bytes]


class Span(msgspec.Struct, frozen=True, order=True):
    """A merged entry: it holds the entries ``first`` to ``last``."""

    first: int
    last: int

    @property
    def tier(self) -> int:
        """How often its content was merged: 1 for ten entries, 2 for a hundred."""
        return len(str(self.last - self.first + 1)) - 1

    def holds(self, other: Span) -> bool:
        """Whether ``other`` is a part of this one."""
        return self != other and self.first <= other.first and other.last <= self.last


class Tiers:
    """The merged entries below a folder, from tier 1 on."""

    def __init__(self, store: LogStore, folder: str) -> None:
        self._store = store
        self._folder = folder

    def spans(self) -> list[Span]:
        """List the merged entries. Cost: one listing, which leaves tier 0 out."""
        skip = len(self._folder) + 1
        # "0" follows "/": every key of tier 0 is less.
        keys = self._store.list(self._folder, start_after=f"{self._folder}/00")
        matches = (_NAME.fullmatch(key[skip:]) for key in keys)
        return sorted(Span(int(match[2]), int(match[3])) for match in matches if match)

    def read(self, span: Span) -> bytes:
        """Give a merged entry's bytes.

        Raises:
            ObjectNotFoundError: It went into a larger one: list again.
        """
        return self._store.get(self._key(span))

    def put(self, span: Span, data: bytes) -> None:
        """Create a merged entry, unless another process was faster with the same bytes."""
        self._store.put_absent(self._key(span), data)

    def grow(self, merge: Merge) -> None:
        """Merge every ten aligned neighbours, tier by tier, and delete what was merged.

        Safe from several processes: whoever finds an input gone leaves the rest to the other.
        """
        with contextlib.suppress(ObjectNotFoundError):
            while True:
                spans = self.spans()
                self._delete_held(spans)
                if not self._grow_once(spans, merge):
                    return

    def _grow_once(self, spans: Sequence[Span], merge: Merge) -> bool:
        there = set(spans)
        grown = False
        for span in spans:
            size = span.last - span.first + 1
            wide = Span(span.first, span.first + FAN_IN * size - 1)
            parts = [
                Span(first, first + size - 1) for first in range(span.first, wide.last + 1, size)
            ]
            if span.first % (FAN_IN * size) or wide in there or not there.issuperset(parts):
                continue
            data = [self.read(part) for part in parts]
            if sum(map(len, data)) <= _MAX_MERGE_BYTES:
                self.put(wide, merge(data))
                grown = True
        return grown

    def _delete_held(self, spans: Iterable[Span]) -> None:
        held: list[Span] = []
        widest: Span | None = None
        for span in sorted(spans, key=lambda each: (each.first, -each.last)):
            if widest is not None and widest.holds(span):
                held.append(span)
            else:
                widest = span
        self._store.delete([self._key(span) for span in held])

    def _key(self, span: Span) -> str:
        return f"{self._folder}/{span.tier}/{span.first:0{WIDTH}d}-{span.last:0{WIDTH}d}"


def widest_from(spans: Iterable[Span]) -> dict[int, Span]:
    """Give the largest merged entry that begins at each number, in the order of the numbers."""
    found: dict[int, Span] = {}
    for span in sorted(spans):
        found[span.first] = span
    return found
