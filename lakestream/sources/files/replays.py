"""Quarantined records that people gave another try, mended or as they are.

They become files that live in the checkpoint, under keys that no landing place has, and go
through the ledger and the batches like any other: so each comes once, whatever fails. An entry of
``sources/<name>/replays`` says who took which records, when and why, and a record is taken once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.checkpoint.tiers import WIDTH
from lakestream.digest import sha256
from lakestream.errors import (
    CheckpointCorruptError,
    CommitConflictError,
    LakestreamError,
    ObjectChangedError,
    StorageUnavailableError,
)
from lakestream.formats.archives import SEPARATOR, member_uri, outer_key
from lakestream.sources.files.ledger_rows import Candidate, microseconds
from lakestream.storage.base import LogStore, ObjectInfo, ReadStore

if TYPE_CHECKING:
    from arro3.core import RecordBatch

#: No file that lands is found under it: discovery passes over names with an underscore.
_PREFIX: Final = "_lakestream/replays/"
#: Behind the original key, whose ending may say that the file was compressed.
_END: Final = "~"
#: Before the original key: the prefix's two parts, the replay's id, the file's number.
_PARTS_BEFORE: Final = 4
#: Appends that others may win in a row before this one gives up.
_MAX_TRIES: Final = 20
_UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ReplayFile(msgspec.Struct, frozen=True):
    """One file of a replay: its key among the landed ones, its size and the tag of its bytes."""

    key: str
    size_bytes: int
    etag: str


class Replay(msgspec.Struct, frozen=True):
    """One decision to replay records, or the note that its files are in the ledger.

    Args:
        id: Random.
        records: What ``table.quarantine()`` calls their ``id``.
        files: The files that they became.
        after: The ledger's last place when it was decided.
        at: Aware UTC.
        by: Who decided.
        reason: Why.
        entered: Whether this is the note.
    """

    id: str
    records: tuple[str, ...] = ()
    files: tuple[ReplayFile, ...] = ()
    after: int = -1
    at: datetime = _UNKNOWN_TIME
    by: str = ""
    reason: str = ""
    entered: bool = False

    def candidates(self) -> list[Candidate]:
        """Give its files as discovery would."""
        modified = microseconds(self.at)
        return [
            Candidate(modified, each.key, each.size_bytes, each.etag, None) for each in self.files
        ]


class ReplayLog:
    """The replays of one source. Not thread-safe.

    Args:
        store: The checkpoint.
        folder: ``sources/<name>/replays``.
    """

    def __init__(self, store: LogStore, folder: str) -> None:
        self._where = f"{store.uri}/{folder}"
        self._log = TieredLog(store, folder, b"".join)
        self._single = EntryLog(store, f"{folder}/0", width=WIDTH)
        self._entries: list[Replay] = []

    def refresh(self) -> None:
        """Read on. Cost: one request when there is nothing."""
        known = len(self._entries)
        # A log that was never written to is not listed.
        if known or self._single.read(0) is not None:
            for entry in self._log.read(known):
                self._entries += self._decoded(entry.data)

    @property
    def replays(self) -> Sequence[Replay]:
        """What was decided, oldest first."""
        return [each for each in self._entries if not each.entered]

    @property
    def waiting(self) -> Sequence[Replay]:
        """Those whose files may not be in the ledger yet."""
        entered = {each.id for each in self._entries if each.entered}
        return [each for each in self.replays if each.id not in entered]

    @property
    def taken(self) -> set[str]:
        """The records that were replayed."""
        return {record for each in self._entries for record in each.records}

    def append(self, replay: Replay) -> None:
        """Make a decision, or a note, durable.

        Raises:
            CommitConflictError: Somebody else replays one of these records, or others won every
                try. Nothing was replayed.
            StorageUnavailableError, FencedError.
        """
        failure: StorageUnavailableError | None = None
        self.refresh()
        for _ in range(_MAX_TRIES):
            if both := self.taken.intersection(replay.records):
                raise CommitConflictError(
                    f"{len(both):,} of these records were replayed by somebody else just now",
                    where=self._where,
                    fix="run the command again: it takes what is left",
                )
            try:
                self._log.append(len(self._entries), msgspec.json.encode(replay) + b"\n")
            except StorageUnavailableError as error:
                failure = error
            known = len(self._entries)
            self.refresh()
            if replay in self._entries[known:]:
                self._log.merge_due()
                return
        raise failure or CommitConflictError(
            f"others appended to the log of replays {_MAX_TRIES} times in a row",
            where=self._where,
            fix="run the command again",
        )

    def _decoded(self, data: bytes) -> list[Replay]:
        try:
            return [
                msgspec.json.decode(line, type=Replay, strict=False) for line in data.splitlines()
            ]
        except msgspec.DecodeError as error:
            raise CheckpointCorruptError(
                "an entry of the log of replays is damaged",
                where=self._where,
                fix="restore the checkpoint folder from a backup, or reset the table",
            ) from error


class ReplayStore:
    """A landing place and, among its files, those of replays. A ``ReadStore``.

    Args:
        inner: The landing place.
        log: The checkpoint.
        folder: ``sources/<name>/replayed``.
    """

    def __init__(self, inner: ReadStore, log: LogStore, folder: str) -> None:
        self._inner = inner
        self._log = log
        self._folder = folder

    @property
    def uri(self) -> str:
        """The landing place."""
        return self._inner.uri

    @property
    def lists_in_order(self) -> bool:
        """As the landing place."""
        return self._inner.lists_in_order

    def uri_of(self, key: str) -> str:
        """Give the file that landed: where a replayed record came from."""
        landed = landed_key(key)
        if (archive := outer_key(landed)) == landed:
            return self._inner.uri_of(landed)
        return member_uri(self._inner.uri_of(archive), landed[len(archive) + len(SEPARATOR) :])

    def list(
        self, prefix: str = "", *, start_after: str | None = None, parallelism: int = 1
    ) -> Iterator[RecordBatch]:
        """List what landed."""
        return self._inner.list(prefix, start_after=start_after, parallelism=parallelism)

    def head(self, key: str) -> ObjectInfo:
        """Look one file up."""
        if not is_replay(key):
            return self._inner.head(key)
        data = self._log.get(self._path(key))
        return ObjectInfo(key, len(data), tag_of(data), None, _UNKNOWN_TIME)

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read bytes of exactly this version."""
        if not is_replay(info.key):
            return self._inner.get(info, start=start, end=end)
        data = self._log.get(self._path(info.key))
        if tag_of(data) != info.etag:
            raise ObjectChangedError(
                "a replayed file is damaged", where=f"{self._log.uri}/{self._path(info.key)}"
            )
        return data[start:end]

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read whole files, results in order."""
        for replayed, some in groupby(infos, key=lambda each: is_replay(each.key)):
            if not replayed:
                yield from self._inner.get_many(list(some), max_buffered_bytes=max_buffered_bytes)
                continue
            for info in some:
                try:
                    yield self.get(info)
                except LakestreamError as error:
                    yield error

    def put(self, key: str, data: bytes) -> ReplayFile:
        """Write a file of a replay, before the replay is decided."""
        self._log.put_absent(self._path(key), data)
        return ReplayFile(key, len(data), tag_of(data))

    def _path(self, key: str) -> str:
        replay, number = key.removeprefix(_PREFIX).split("/")[:2]
        return f"{self._folder}/{replay}/{number}"


def replay_key(replay: str, number: int, key: str) -> str:
    """Give the key for records of a file; its folders may be partitions."""
    return f"{_PREFIX}{replay}/{number}/{landed_key(key)}{_END}"


def landed_key(key: str) -> str:
    """Give the key of the file that landed, also of one that was replayed."""
    if not is_replay(key):
        return key
    return key.split("/", _PARTS_BEFORE)[_PARTS_BEFORE].removesuffix(_END)


def tag_of(data: bytes) -> str:
    """Give the entity tag of a replayed file."""
    return f'"{sha256(data).hexdigest()[:32]}"'


def is_replay(key: str) -> bool:
    """Tell whether a key is that of a replayed file, which lies in the checkpoint."""
    return key.startswith(_PREFIX)
