"""The rows of the file ledger: their columns, and candidates on their way to becoming rows."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from lakestream.checkpoint.parquet_bytes import decode, encode
from lakestream.errors import CheckpointCorruptError
from lakestream.storage.base import ObjectInfo

#: How a file came into the ledger: found by listing; there before the first start and not
#: wanted (never read); given a new place on purpose; told of by a queue; or found by a listing
#: although a queue should have told of it.
Via = Literal["listing", "existing", "replay", "notification", "backfill"]
IGNORED: Final = "existing"
NOTIFIED: Final = "notification"
RESCUED: Final = "backfill"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FIRST_SEQ: Final = "lakestream.firstSeq"
LAST_SEQ: Final = "lakestream.lastSeq"

TIMESTAMP: Final = DataType.timestamp("us", tz="UTC")
_COLUMNS: Final = {
    "seq": DataType.int64(),
    "key": DataType.utf8(),
    "size": DataType.int64(),
    "etag": DataType.utf8(),
    "version": DataType.utf8(),
    "mtime": TIMESTAMP,
    "discovered_at": TIMESTAMP,
    "via": DataType.utf8(),
}
SCHEMA: Final = Schema([Field(name, kind) for name, kind in _COLUMNS.items()])


class Candidate(NamedTuple):
    """A file version that a listing shows; ``modified_us`` is microseconds since 1970 UTC.

    A tuple, because a first listing makes one for each file.
    """

    modified_us: int
    key: str
    size_bytes: int
    etag: str | None
    version: str | None


def candidate_of(info: ObjectInfo) -> Candidate:
    """Give a file that was looked up as a listing shows it."""
    return Candidate(
        microseconds(info.modified), info.key, info.size_bytes, info.etag, info.version
    )


class LedgerFile(msgspec.Struct, frozen=True, gc=False):
    """One row of the ledger."""

    seq: int
    info: ObjectInfo
    discovered_at: datetime
    via: str


def values(batch: RecordBatch, name: str) -> list[Any]:
    """Give a column as Python values."""
    return cast("list[Any]", batch.column(name).to_pylist())


def int64_array(values: Sequence[int]) -> Array:
    """Build an int64 column, the empty one included."""
    if not values:
        return Array([], type=DataType.int64())
    return Array.from_buffer(array("q", values))


def microseconds(moment: datetime) -> int:
    """Give exact microseconds since 1970 UTC."""
    return (moment - EPOCH) // MICROSECOND


def moments(batch: RecordBatch, name: str) -> list[datetime | None]:
    """Give a timestamp column as aware UTC.

    Not by ``values``: for each timestamp with a zone arro3 goes through Python's ``zoneinfo``.
    """
    found = cast("list[int | None]", batch.column(name).cast(DataType.int64()).to_pylist())
    known = {each: None if each is None else EPOCH + each * MICROSECOND for each in set(found)}
    return [known[each] for each in found]


def newest_moments(batch: RecordBatch) -> list[int]:
    """Give when each file was last written or found, in microseconds since 1970 UTC."""
    columns = (
        cast("list[int]", batch.column(name).cast(DataType.int64()).to_pylist())
        for name in ("mtime", "discovered_at")
    )
    return [max(each) for each in zip(*columns, strict=True)]


def rows_of(
    candidates: Sequence[Candidate], *, first_seq: int, discovered_at: datetime, via: Via
) -> RecordBatch:
    """Number candidates in their order, starting at ``first_seq``."""
    count = len(candidates)
    found = microseconds(discovered_at)
    columns = [
        int64_array(range(first_seq, first_seq + count)),
        Array([each.key for each in candidates], type=DataType.utf8()),
        int64_array([each.size_bytes for each in candidates]),
        Array([each.etag for each in candidates], type=DataType.utf8()),
        Array([each.version for each in candidates], type=DataType.utf8()),
        int64_array([each.modified_us for each in candidates]).cast(TIMESTAMP),
        int64_array([found] * count).cast(TIMESTAMP),
        Array([via] * count, type=DataType.utf8()),
    ]
    return RecordBatch.from_arrays(columns, schema=SCHEMA)


def to_bytes(rows: RecordBatch) -> bytes:
    """Write rows as a ledger entry, the range of their places in its footer."""
    seqs = rows.column("seq")
    return _encode([rows], seqs[0].as_py(), seqs[-1].as_py())


def _encode(batches: Iterable[RecordBatch], first: int, last: int) -> bytes:
    return encode(SCHEMA.with_metadata({FIRST_SEQ: str(first), LAST_SEQ: str(last)}), batches)


def merge(entries: list[bytes]) -> bytes:
    """Join neighbouring entries into one: a pure function, so two mergers write the same.

    Cost: the last entry is decoded twice; memory is that of the entries' bytes and one batch.
    """
    first = next(_rows_of_all(entries[:1])).column("seq")[0].as_py()
    (end,) = deque(_rows_of_all(entries[-1:]), maxlen=1)
    return _encode(_rows_of_all(entries), first, end.column("seq")[-1].as_py())


def _rows_of_all(entries: list[bytes]) -> Iterator[RecordBatch]:
    for entry in entries:
        yield from from_bytes(entry, where="a ledger entry")


def from_bytes(data: bytes, *, where: str) -> Iterator[RecordBatch]:
    """Read a ledger entry.

    Raises:
        CheckpointCorruptError: It is none, or its places are not without a gap.
    """
    following: int | None = None
    for batch in decode(data, where=where):
        if batch.schema.names != list(_COLUMNS):
            raise CheckpointCorruptError("not an entry of a file ledger", where=where)
        if batch.num_rows == 0:
            continue
        seqs = batch.column("seq")
        first, last = seqs[0].as_py(), seqs[-1].as_py()
        if (following is not None and first != following) or last - first + 1 != batch.num_rows:
            raise CheckpointCorruptError("places are missing in a ledger entry", where=where)
        following = last + 1
        yield batch


def files_of(rows: RecordBatch) -> list[LedgerFile]:
    """Give the files of some rows that are to be read."""
    columns: list[list[Any]] = [
        moments(rows, name) if kind == TIMESTAMP else values(rows, name)
        for name, kind in _COLUMNS.items()
    ]
    return [
        LedgerFile(seq, ObjectInfo(key, size, etag, version, mtime), discovered, via)
        for seq, key, size, etag, version, mtime, discovered, via in zip(*columns, strict=True)
        if via != IGNORED
    ]
