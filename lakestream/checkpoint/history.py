"""What became of each file of each committed batch, merged in tiers and never forgotten.

Only the winner of a batch counts. Its records stand in ``batches/<N>-<attempt>/`` until ten
batches are merged into ``batches/merged/<kind>/<tier>/<a>-<b>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.checkpoint.offset_log import OffsetLog
from lakestream.checkpoint.parquet_bytes import decode, encode
from lakestream.checkpoint.tiers import FAN_IN, Span, Tiers, widest_from
from lakestream.errors import CheckpointCorruptError, ObjectNotFoundError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.storage.base import LogStore

MERGED_FOLDER: Final = "batches/merged"
_LOOKS: Final = 5
_TIMESTAMP: Final = DataType.timestamp("us", tz="UTC")
_BATCH_FIELDS: Final = (
    Field("batch_id", DataType.int64(), nullable=False),
    Field("delta_version", DataType.int64()),
    Field("attempt", DataType.utf8(), nullable=False),
    Field("committed_at", _TIMESTAMP),
)


class Kind(msgspec.Struct, frozen=True):
    """A kind of record: its folder of merged ones, an attempt's file names, its columns."""

    name: str
    pattern: re.Pattern[str]
    schema: Schema


FILES: Final = Kind(
    "files",
    lazy_pattern(r"files\.parquet"),
    Schema(
        [
            *_BATCH_FIELDS,
            Field("seq", DataType.int64()),
            Field("key", DataType.utf8()),
            *(
                Field(name, DataType.int64())
                for name in ("size", "rows", "rescued", "bad", "dropped", "bytes")
            ),
            Field("state", DataType.utf8()),
            Field("reason", DataType.utf8()),
        ]
    ),
)
QUARANTINE: Final = Kind(
    "quarantine",
    lazy_pattern(r"quarantine-\d+\.parquet"),
    Schema(
        [
            *_BATCH_FIELDS,
            Field("file_key", DataType.utf8()),
            Field("line", DataType.int64()),
            Field("code", DataType.utf8()),
            Field("reason", DataType.utf8()),
            Field("raw", DataType.binary()),
        ]
    ),
)


class Rows(msgspec.Struct, frozen=True):
    """Rows that are read when they are asked for: by iteration, or as an Arrow stream."""

    store: LogStore
    kind: Kind
    start: int

    @property
    def schema(self) -> Schema:
        """The columns."""
        return self.kind.schema

    def __iter__(self) -> Iterator[RecordBatch]:
        """Read the rows from the checkpoint, batch by batch."""
        return _rows(self.store, self.kind, self.start)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Read the rows as an Arrow stream (``pyarrow.table(rows)``)."""
        reader = RecordBatchReader.from_batches(self.schema, iter(self))
        return reader.__arrow_c_stream__(requested_schema)


def file_outcomes(store: LogStore, *, start: int = 0) -> Rows:
    """Give what became of each file, batch by batch.

    Args:
        store: The checkpoint.
        start: The first batch wanted.

    Returns:
        A stream of ``FILES.schema``: batch_id, delta_version, attempt, committed_at (the
        batch's clock, as ``current_timestamp`` gives it), seq, key, size, rows, rescued, bad,
        dropped, bytes, state, reason.

    Raises:
        CheckpointCorruptError: A record of a winner is gone or damaged. Whoever takes the rows
            as an Arrow stream gets it as an exception of its own library.

    Cost: three listings; a request for each merged entry, and five for a batch not merged yet.
    """
    return Rows(store, FILES, start)


def quarantined(store: LogStore, *, start: int = 0) -> Rows:
    """Give the quarantined records and files, batch by batch.

    Args:
        store: The checkpoint.
        start: The first batch wanted.

    Returns:
        A stream of ``QUARANTINE.schema``: batch_id, delta_version, attempt, committed_at,
        file_key, line (null for a whole file), code, reason, raw.

    Raises:
        CheckpointCorruptError: As ``file_outcomes``.
    """
    return Rows(store, QUARANTINE, start)


def tiers_of(store: LogStore, kind: Kind) -> Tiers:
    """Give the merged records of a kind."""
    return Tiers(store, f"{MERGED_FOLDER}/{kind.name}")


def merge_batches(store: LogStore, span: Span, commits: list[CommitEntry]) -> None:
    """Write the merged records of ten batches. Files come last: they say that all is there."""
    for kind in (QUARANTINE, FILES):
        rows = (batch for commit in commits for batch in batch_rows(store, kind, commit))
        tiers_of(store, kind).put(span, encode(kind.schema, rows))


def merge_kind(kind: Kind, parts: list[bytes]) -> bytes:
    """Join merged records into larger ones."""
    rows = (
        _conformed(batch, kind)
        for part in parts
        for batch in decode(part, where=f"{MERGED_FOLDER}/{kind.name}")
    )
    return encode(kind.schema, rows)


def batch_rows(store: LogStore, kind: Kind, commit: CommitEntry) -> Iterator[RecordBatch]:
    """Give the records that the winner of one batch wrote.

    Raises:
        ObjectNotFoundError: They went away: merged by another process.
        CheckpointCorruptError: They are damaged.
    """
    if not commit.attempt:
        return  # a batch of Spark's
    records = AttemptRecords(store, commit.batch_id, commit.attempt)
    written = records.names()
    if not written:
        raise ObjectNotFoundError("a winner's records are gone", where=records.folder)
    names = [name for name in written if kind.pattern.fullmatch(name)]
    entry = OffsetLog(store).read(commit.batch_id)
    moment = None if entry is None else entry.timestamp_ms * 1000
    for name in sorted(names, key=lambda each: (len(each), each)):
        where = f"{store.uri}/{records.folder}/{name}"
        for batch in decode(records.get(name), where=where):
            yield _with_batch(batch, kind, commit, moment)


def _rows(store: LogStore, kind: Kind, start: int) -> Iterator[RecordBatch]:
    position, looks = start, 0
    while looks < _LOOKS:
        before = position
        try:
            for last, batches in _pieces(store, kind, position):
                yield from batches
                position = last + 1
        except ObjectNotFoundError:
            # Merged since the listing: what is merged is complete, so look again from here.
            looks = looks + 1 if position == before else 0
        else:
            return
    raise CheckpointCorruptError(
        f"the records of batch {position} are gone",
        where=f"{store.uri}/batches",
        fix="restore the checkpoint folder from a backup; the table itself is whole",
    )


def _pieces(store: LogStore, kind: Kind, start: int) -> Iterator[tuple[int, list[RecordBatch]]]:
    """Give the last batch and the rows of each merged entry and each single batch, in order."""
    # In this order: what is missing from one listing was merged before the next one, and the
    # files' merged entries come last, so that what they cover is there in every kind.
    tiers = tiers_of(store, kind)
    log = CommitLog(store)
    ids = log.ids()
    complete = merged_to(store)
    position = start
    for span in widest_from(tiers.spans()).values():
        if span.last < position or span.first >= complete:
            continue
        found = decode(tiers.read(span), where=f"{store.uri}/{MERGED_FOLDER}/{kind.name}")
        yield span.last, [_conformed(batch, kind) for batch in _from_batch(found, position)]
        position = span.last + 1
    for number in ids:
        if number < position:
            continue
        commit = log.read(number)
        if commit is None:
            raise ObjectNotFoundError("a commit was purged", where=f"{store.uri}/commits/{number}")
        rows = list(batch_rows(store, kind, commit))
        if merged_to(store) > number:
            raise ObjectNotFoundError("merged meanwhile", where=f"{store.uri}/batches/{number}")
        yield number, rows


def due(store: LogStore, newest_commit: int) -> Iterator[tuple[Span, list[CommitEntry]]]:
    """Give the groups of ten batches to be merged, all older than the newest commit."""
    log = CommitLog(store)
    ids = [number for number in log.ids() if number >= merged_to(store)]
    first = ids[0] // FAN_IN * FAN_IN if ids else newest_commit
    for start in range(first, newest_commit - FAN_IN + 1, FAN_IN):
        entries = [log.read(number) for number in ids if start <= number < start + FAN_IN]
        commits = [entry for entry in entries if entry is not None]
        yield Span(start, start + FAN_IN - 1), commits


def merged_to(store: LogStore) -> int:
    """Give the number before which every batch's records are merged."""
    return max((span.last + 1 for span in tiers_of(store, FILES).spans()), default=0)


def _from_batch(batches: Iterator[RecordBatch], start: int) -> Iterator[RecordBatch]:
    for batch in batches:
        ids: list[int] = batch.column("batch_id").to_pylist()  # type: ignore[assignment] # it gives a list
        yield batch.slice(sum(each < start for each in ids))


def _conformed(batch: RecordBatch, kind: Kind) -> RecordBatch:
    return RecordBatch.from_arrays(
        [batch.column(name) for name in kind.schema.names], schema=kind.schema
    )


def _with_batch(
    batch: RecordBatch, kind: Kind, commit: CommitEntry, moment_us: int | None
) -> RecordBatch:
    rows = batch.num_rows
    own = kind.schema.names[len(_BATCH_FIELDS) :]
    return RecordBatch.from_arrays(
        [
            Array([commit.batch_id] * rows, DataType.int64()),
            Array([commit.delta_version] * rows, DataType.int64()),
            Array([commit.attempt] * rows, DataType.utf8()),
            Array([moment_us] * rows, DataType.int64()).cast(_TIMESTAMP),
            *(batch.column(name) for name in own),
        ],
        schema=kind.schema,
    )
