"""Record batches as Parquet bytes and back, without pyarrow.

The bytes carry their own sum: a CRC-32 of the whole file, in its footer's metadata, taken with
zeros in the sum's place. Any reader of Parquet passes over it. It is looked at before anything is
decoded, because arro3 ends the process on some damaged pages. Files written before there was a
sum have none, and are read without.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from arro3.core import RecordBatch, RecordBatchReader, Schema
from arro3.io import read_parquet, write_parquet

from lakestream.errors import CheckpointCorruptError

_BATCH_ROWS: Final = 65_536
_SUM_KEY: Final = "lakestream.crc32"
#: Where the sum will stand: its key and, after the value's tag and length (two bytes), itself.
_NO_SUM: Final = b"0" * 8
_BEFORE_SUM: Final = _SUM_KEY.encode() + b"\x18\x08"


def encode(schema: Schema, batches: Iterable[RecordBatch]) -> bytes:
    """Write rows as one Parquet file; equal rows give equal bytes."""
    buffer = io.BytesIO()
    failures: list[BaseException] = []

    def watched() -> Iterator[RecordBatch]:
        try:
            yield from batches
        except BaseException as error:
            failures.append(error)  # an Arrow stream would carry on its text only
            raise

    try:
        reader = RecordBatchReader.from_batches(schema, watched())
        write_parquet(
            reader, buffer, compression="zstd(1)", key_value_metadata={_SUM_KEY: _NO_SUM.decode()}
        )
    except BaseException as error:
        if failures:
            raise failures[0] from error
        raise
    data = buffer.getvalue()
    at = _sum_place(data)
    return data[:at] + _sum(data) + data[at + len(_NO_SUM) :]


def _sum_place(data: bytes) -> int:
    """Give where the sum stands, the last place that looks like it, or 0 if there is none."""
    found = data.rfind(_BEFORE_SUM)
    return found + len(_BEFORE_SUM) if found >= 0 else 0


def _sum(*parts: bytes | memoryview) -> bytes:
    """Give the sum of bytes, in parts, that have zeros in its place."""
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return b"%08x" % found


def _is_whole(data: bytes) -> bool:
    """Tell whether bytes are those that were written, as far as they have a sum."""
    at = _sum_place(data)
    if not at:
        return True
    end = at + len(_NO_SUM)
    view = memoryview(data)  # an entry may be large: no copy
    return data[at:end] == _sum(view[:at], _NO_SUM, view[end:])


def decode(data: bytes, *, where: str) -> Iterator[RecordBatch]:
    """Read the rows of one Parquet file.

    Raises:
        CheckpointCorruptError: It is none, or damaged.
    """
    if not _is_whole(data):
        raise _unreadable(where)
    try:
        yield from read_parquet(io.BytesIO(data), batch_size=_BATCH_ROWS)
    except BaseException as error:
        # arro3 panics on a damaged footer, and its PanicException is a BaseException.
        if isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime":
            raise _unreadable(where) from error
        raise


def _unreadable(where: str) -> CheckpointCorruptError:
    return CheckpointCorruptError(
        "a Parquet file of the checkpoint cannot be read",
        where=where,
        fix="restore the checkpoint folder from a backup",
    )
