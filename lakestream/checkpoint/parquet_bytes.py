"""Record batches as Parquet bytes and back, without pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Final

from arro3.core import RecordBatch, RecordBatchReader, Schema
from arro3.io import read_parquet, write_parquet

from lakestream.errors import CheckpointCorruptError

_BATCH_ROWS: Final = 65_536


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
        write_parquet(reader, buffer, compression="zstd(1)")
    except BaseException as error:
        if failures:
            raise failures[0] from error
        raise
    return buffer.getvalue()


def decode(data: bytes, *, where: str) -> Iterator[RecordBatch]:
    """Read the rows of one Parquet file.

    Raises:
        CheckpointCorruptError: It is none, or damaged.
    """
    try:
        yield from read_parquet(io.BytesIO(data), batch_size=_BATCH_ROWS)
    except BaseException as error:
        # arro3 panics on a damaged footer, and its PanicException is a BaseException.
        if isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime":
            raise CheckpointCorruptError(
                "a Parquet file of the checkpoint cannot be read",
                where=where,
                fix="restore the checkpoint folder from a backup",
            ) from error
        raise
