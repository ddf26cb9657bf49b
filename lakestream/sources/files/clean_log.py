"""Which files were moved or deleted after their commit, in the order of their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from lakestream.checkpoint.parquet_bytes import decode, encode
from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.sources.files.ledger_rows import (
    TIMESTAMP,
    int64_array,
    microseconds,
    moments,
    values,
)

if TYPE_CHECKING:
    from lakestream.storage.base import LogStore

Act = Literal["move", "delete", "gone", "kept"]
_SCHEMA: Final = Schema(
    [
        Field("seq", DataType.int64()),
        Field("batch_id", DataType.int64()),
        Field("act", DataType.utf8()),
        Field("place", DataType.utf8()),
        Field("reason", DataType.utf8()),
        Field("cleaned_at", TIMESTAMP),
    ]
)


class Cleaned(msgspec.Struct, frozen=True, gc=False):
    """What became of one committed file.

    Args:
        seq: Its place in the ledger.
        batch_id: The batch that read it.
        act: ``move`` or ``delete``; ``gone``: somebody else was faster; ``kept``: it stays.
        place: Where it was moved.
        reason: Why it stays.
        cleaned_at: Aware UTC.
    """

    seq: int
    batch_id: int
    act: Act
    place: str | None
    reason: str | None
    cleaned_at: datetime


class CleanLog:
    """``sources/<name>/cleaned``. Not thread-safe.

    Args:
        store: The checkpoint.
        folder: ``sources/<name>/cleaned``.
    """

    def __init__(self, store: LogStore, folder: str) -> None:
        self._where = f"{store.uri}/{folder}"
        self._log = TieredLog(store, folder, self._merge)
        self._next = 0
        self.last_seq = -1
        """The newest file that was seen to; -1 when there is none."""
        self.last_batch = 0
        """The batch that this file came in."""

    def refresh(self) -> None:
        """Load what was appended since the last look."""
        newest: bytes | None = None
        for entry in self._log.read(self._next):
            newest, self._next = entry.data, entry.last + 1
        if newest is not None:
            *_, last = self._decoded(newest)
            self.last_seq, self.last_batch = last.seq, last.batch_id

    def append(self, files: Sequence[Cleaned]) -> None:
        """Make durable what was done; when another run was faster, its record stands."""
        self._log.append(self._next, encode(_SCHEMA, [_rows(files)]))
        self.refresh()
        self._log.merge_due()

    def read(self) -> Iterator[Cleaned]:
        """Give all, in the order of ``seq``."""
        for entry in self._log.read():
            yield from self._decoded(entry.data)

    def _decoded(self, data: bytes) -> Iterator[Cleaned]:
        for batch in decode(data, where=self._where):
            names = ("seq", "batch_id", "act", "place", "reason")
            columns: list[list[Any]] = [values(batch, name) for name in names]
            times = cast("list[datetime]", moments(batch, "cleaned_at"))
            for row in zip(*columns, times, strict=True):
                yield Cleaned(*row)

    def _merge(self, entries: Sequence[bytes]) -> bytes:
        return encode(
            _SCHEMA, [batch for data in entries for batch in decode(data, where=self._where)]
        )


def _rows(files: Sequence[Cleaned]) -> RecordBatch:
    texts = (
        [each.act for each in files], [each.place for each in files],
        [each.reason for each in files],
    )  # fmt: skip
    columns = [
        int64_array([each.seq for each in files]),
        int64_array([each.batch_id for each in files]),
        *(Array(each, type=DataType.utf8()) for each in texts),
        int64_array([microseconds(each.cleaned_at) for each in files]).cast(TIMESTAMP),
    ]
    return RecordBatch.from_arrays(columns, schema=_SCHEMA)
