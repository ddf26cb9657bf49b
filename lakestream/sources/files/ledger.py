"""The file ledger: which files are known, and each one's place (``seq``), for ever.

It is a tiered log under ``sources/<name>/files`` whose entries are Parquet. Every append is a
compare-and-set, so several processes may discover at once: whoever loses compares its
candidates again with what is known by then.

Which files are known is loaded whole and compared as whole texts: ``known`` says how they are held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, cast

import msgspec
from arro3.core import RecordBatch

from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.errors import (
    CheckpointCorruptError,
    CommitConflictError,
    StorageUnavailableError,
)
from lakestream.sources.base import Backlog
from lakestream.sources.files import identity, ledger_rows
from lakestream.sources.files.known import KnownFiles
from lakestream.sources.files.ledger_rows import (
    Candidate,
    LedgerFile,
    Via,
    files_of,
    newest_moments,
    rows_of,
    values,
)
from lakestream.sources.files.planner import Sized
from lakestream.storage.base import LogStore

#: Rows kept decoded, newest first, so that a batch is planned without reading again. Of an entry
#: that has more a stretch is kept, so that memory does not follow how far entries were merged.
_CACHED_ROWS: Final = 200_000
#: Entries kept: one of a single file takes 12 KB, and a stream that runs for weeks has many.
_CACHED_ENTRIES: Final = 1_000
#: The known files are gone through anew when so much time of them has expired.
_STEP_US: Final = 86_400_000_000
#: Appends that others may win in a row before this one gives up.
_MAX_TRIES: Final = 20


class Segment(msgspec.Struct, frozen=True):
    """One entry of the log as loaded: its number, the places it holds, and what lies there.

    ``newest_us`` is the last moment at which a file of it was written or found; None where that
    was not asked for, since no file expired.
    """

    entry: int
    first_seq: int
    last_seq: int
    files: int
    size_bytes: int
    newest_us: int | None = None


class Ledger:
    """The known files of one source. Not thread-safe.

    Args:
        store: The checkpoint.
        folder: ``sources/<name>/files``.
        versions: Whether each version of a file is one of its own, not only each path.
    """

    def __init__(self, store: LogStore, folder: str, *, versions: bool = False) -> None:
        self._versions = versions
        self._where = f"{store.uri}/{folder}"
        self._log = TieredLog(store, folder, ledger_rows.merge)
        self._known = KnownFiles()
        self._segments: list[Segment] = []
        self._next_entry = 0
        self._next_seq = 0
        self._cache: OrderedDict[int, list[RecordBatch]] = OrderedDict()
        self._cached_rows = 0
        self._forgotten: dict[str, int] = {}
        self.expired_us: int | None = None
        """What was written and found before this moment is not remembered."""
        self.only_ignored = True
        """Whether no row yet is one to be read."""

    @property
    def remembered(self) -> int:
        """How many files the next look is compared with; one with two places may count twice."""
        return len(self._known)

    @property
    def last_seq(self) -> int:
        """The newest place given out; -1 when there is none."""
        return self._next_seq - 1

    def refresh(self) -> None:
        """Load what was appended since the last look. Costs one listing when there is nothing."""
        for entry in self._log.read(self._next_entry):
            where = f"{self._where}, entry {entry.first}"
            self._load(entry.first, ledger_rows.from_bytes(entry.data, where=where), where)
            self._next_entry = entry.last + 1

    def _load(self, number: int, batches: Iterable[RecordBatch], where: str) -> None:
        first, files, size_bytes = self._next_seq, 0, 0
        following = first
        newest_us: int | None = None
        kept: deque[RecordBatch] = deque()
        for batch in batches:
            if following == first and _first_seq(batch) != first:
                break
            following += batch.num_rows
            newest_us = self._know(batch, newest_us)
            if self._forgotten:
                self._know_again(batch)
            sizes = values(batch, "size")
            vias = values(batch, "via")
            ignored = vias.count(ledger_rows.IGNORED)
            files += len(vias) - ignored
            size_bytes += (
                sum(sizes)
                if not ignored
                else sum(s for s, v in zip(sizes, vias, strict=True) if v != ledger_rows.IGNORED)
            )
            kept.append(batch)
            while following - _first_seq(kept[0]) - kept[0].num_rows >= _CACHED_ROWS:
                kept.popleft()
        if following == first:
            raise CheckpointCorruptError(
                "an entry of the file ledger does not follow the one before it",
                where=where,
                fix="restore the checkpoint folder from a backup",
            )
        self._next_seq = following
        if files:
            self.only_ignored = False
        self._segments.append(Segment(number, first, following - 1, files, size_bytes, newest_us))
        self._keep(number, list(kept))

    def _know(self, batch: RecordBatch, newest_us: int | None = None) -> int | None:
        """Remember a batch's files; where they expire, give when the newest was of the moment."""
        found = identity.of_rows(batch, versions=self._versions)
        if self.expired_us is None:
            self._known.add(found)
            return None
        moments = newest_moments(batch)
        expired = self.expired_us
        self._known.add(
            [each for each, moment in zip(found, moments, strict=True) if moment >= expired]
        )
        return max(moments) if newest_us is None else max(newest_us, *moments)

    def expire(self, before_us: int) -> None:
        """Forget which files there were whose time and discovery lie before a moment.

        Their places stay. The moment never goes back, and in memory it moves by whole days.

        Cost: when it moves, the entries that hold younger files are read once more.
        """
        if self.expired_us is not None and before_us < self.expired_us + _STEP_US:
            return
        self.expired_us = before_us
        self._known = KnownFiles()
        for segment in self._segments:
            if segment.newest_us is None or segment.newest_us >= before_us:
                for batch in self.rows(segment.first_seq - 1, segment.last_seq):
                    self._know(batch)

    def unseen(self, identities: Sequence[str]) -> list[int]:
        """Give the positions of the identities that the ledger does not have, once each.

        The one membership question: compared as whole texts, never by hash alone. An identity
        is a key, or with ``versions`` what ``identity`` makes of key and version.
        """
        fresh = self._known.absent(identities)
        if self._forgotten:
            forgotten = self._forgotten
            again = (
                at
                for at, each in enumerate(identities)
                if identity.key_of(each, versions=self._versions) in forgotten
            )
            fresh = sorted({*fresh, *again})
        if len(fresh) == len({identities[at] for at in fresh}):
            return fresh
        first = {identities[at]: at for at in reversed(fresh)}
        return sorted(first.values())

    def unseen_on(self, page: RecordBatch) -> list[int]:
        """Give the positions of the files of a listing page that the ledger does not have."""
        return self.unseen(identity.of_page(page, versions=self._versions))

    def forget(self, keys: Iterable[str], *, after: int) -> None:
        """Take files as unseen until they get a place after ``after``."""
        newer = {each.info.key for each in self.files(after, self.last_seq)}
        for key in keys:
            if key not in newer:
                self._forgotten[key] = max(after, self._forgotten.get(key, after))

    @property
    def forgotten(self) -> AbstractSet[str]:
        """The keys that are taken as unseen."""
        return self._forgotten.keys()

    def _know_again(self, batch: RecordBatch) -> None:
        for seq, key in zip(values(batch, "seq"), values(batch, "key"), strict=True):
            if self._forgotten.get(key, seq) < seq:
                del self._forgotten[key]

    def append(self, candidates: Sequence[Candidate], *, via: Via, found_at: datetime) -> None:
        """Make those of the candidates that are not known durable, in their order.

        After a refusal or an unknown reply they are compared again, never renumbered; an
        append counts once it is seen on the gapless chain.

        Raises:
            CommitConflictError: Others won every try.
            StorageUnavailableError: The store did not answer, or not when asked what landed.
                Nothing is lost: the next discovery compares again.
        """

        def wanted() -> list[Candidate]:
            found = identity.of_candidates(candidates, versions=self._versions)
            return [candidates[at] for at in self.unseen(found)]

        self._append(wanted, via, found_at)

    def append_again(
        self, candidates: Sequence[Candidate], *, found_at: datetime, after: int
    ) -> None:
        """Give known files a new place (``via="replay"``), unless they got one after ``after``.

        Raises:
            CommitConflictError, StorageUnavailableError: As ``append``.
        """

        def wanted() -> list[Candidate]:
            newer = {each.info.key for each in self.files(after, self.last_seq)}
            return [each for each in candidates if each.key not in newer]

        self._append(wanted, "replay", found_at)

    def _append(self, wanted: Callable[[], list[Candidate]], via: Via, found_at: datetime) -> None:
        failure: StorageUnavailableError | None = None
        for _ in range(_MAX_TRIES):
            fresh = wanted()
            if not fresh:
                return
            rows = rows_of(fresh, first_seq=self._next_seq, discovered_at=found_at, via=via)
            try:
                self._log.append(self._next_entry, ledger_rows.to_bytes(rows))
            except StorageUnavailableError as error:
                failure = error
            self.refresh()
        raise failure or CommitConflictError(
            f"other runs appended to the file ledger {_MAX_TRIES} times in a row",
            where=self._where,
            fix="run again; the next discovery finds these files",
        )

    def merge_due(self) -> None:
        """Merge full tiers, so that loading stays a few requests. Safe from several processes."""
        self._log.merge_due()

    def rows(self, start: int, end: int) -> Iterator[RecordBatch]:
        """Give the rows of ``(start, end]`` in order, reading only the entries they lie in."""
        at = bisect_right(self._segments, start, key=lambda each: each.last_seq)
        for segment in self._segments[at:]:
            if segment.first_seq > end:
                return
            last = min(end, segment.last_seq)
            for batch in self._batches(segment, max(start + 1, segment.first_seq), last):
                first = _first_seq(batch)
                low = max(start + 1 - first, 0)
                high = min(end + 1 - first, batch.num_rows)
                if low < high:
                    yield batch.slice(low, high - low)

    def files(self, start: int, end: int) -> Iterator[LedgerFile]:
        """Give the files to be read in ``(start, end]``, in order."""
        for rows in self.rows(start, end):
            yield from files_of(rows)

    def sized(self, start: int, end: int) -> Iterator[Sized]:
        """Give ``(start, end]`` as the planner sees it."""
        for rows in self.rows(start, end):
            columns = (values(rows, name) for name in ("seq", "size", "via"))
            for seq, size_bytes, via in zip(*columns, strict=True):
                yield Sized(seq, None if via == ledger_rows.IGNORED else size_bytes)

    def backlog(self, start: int, end: int | None = None) -> Backlog:
        """Count the files to be read in ``(start, end]``; without ``end`` all after ``start``."""
        end = self.last_seq if end is None else end
        at = bisect_right(self._segments, start, key=lambda each: each.last_seq)
        files, size_bytes = 0, 0
        for segment in self._segments[at:]:
            if segment.first_seq > end:
                break
            if start < segment.first_seq and segment.last_seq <= end:
                files += segment.files
                size_bytes += segment.size_bytes
                continue
            sizes = [
                each.size_bytes
                for each in self.sized(
                    max(start, segment.first_seq - 1), min(end, segment.last_seq)
                )
                if each.size_bytes is not None
            ]
            files += len(sizes)
            size_bytes += sum(sizes)
        return Backlog(files, size_bytes)

    def _batches(self, segment: Segment, first: int, last: int) -> Iterator[RecordBatch]:
        """Give the batches of an entry that hold ``first`` to ``last``, from memory or by a read.

        There may be others among them.
        """
        for batch in self._cache.get(segment.entry, ()):
            begin = _first_seq(batch)
            if begin <= first < begin + batch.num_rows:
                yield batch
                first = begin + batch.num_rows
                if first > last:
                    return
        yield from self._read(segment, first, last)

    def _read(self, segment: Segment, first: int, last: int) -> Iterator[RecordBatch]:
        """Read an entry; keep it decoded, or where it is too large, what follows ``first``."""
        is_large = segment.last_seq - segment.first_seq >= _CACHED_ROWS
        kept: list[RecordBatch] = []
        rows = 0
        try:
            for batch in self._decoded(segment):
                begin = _first_seq(batch)
                if is_large and begin + batch.num_rows <= first:
                    continue
                if rows < _CACHED_ROWS:
                    kept.append(batch)
                    rows += batch.num_rows
                elif begin > last:
                    break
                yield batch
        finally:
            self._keep(segment.entry, kept)

    def _decoded(self, segment: Segment) -> Iterator[RecordBatch]:
        """Read a segment's rows, also where its entry was merged with its followers meanwhile."""
        where = f"{self._where}, entry {segment.entry}"
        following = segment.first_seq
        for entry in self._log.read(segment.entry):
            for batch in ledger_rows.from_bytes(entry.data, where=where):
                count = min(batch.num_rows, segment.last_seq + 1 - following)
                yield batch.slice(0, count)
                following += count
                if following > segment.last_seq:
                    return
        raise CheckpointCorruptError("an entry of the file ledger is gone", where=where)

    def _keep(self, entry: int, batches: list[RecordBatch]) -> None:
        """Keep a stretch of an entry decoded; the oldest go when there are too many rows."""
        self._cached_rows += _count(batches) - _count(self._cache.pop(entry, []))
        self._cache[entry] = batches
        while len(self._cache) > 1 and (
            self._cached_rows > _CACHED_ROWS or len(self._cache) > _CACHED_ENTRIES
        ):
            _, dropped = self._cache.popitem(last=False)
            self._cached_rows -= _count(dropped)


def _first_seq(batch: RecordBatch) -> int:
    return cast("int", batch.column("seq")[0].as_py())


def _count(batches: Iterable[RecordBatch]) -> int:
    return sum(each.num_rows for each in batches)
