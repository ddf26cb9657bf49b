"""Record batches as Parquet bytes and back, without pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Final

from arro3.core import RecordBatch, Table
from arro3.io import read_parquet, write_parquet

from lakestream.errors import CheckpointCorruptError

_BATCH_ROWS: Final = 65_536


def encode(data: RecordBatch | Table, metadata: Mapping[str, str]) -> bytes:
    """Write rows as one Parquet file: a pure function of its arguments.

    Args:
        data: The rows.
        metadata: Goes into the footer.
    """
    buffer = io.BytesIO()
    write_parquet(data, buffer, compression="zstd(1)", key_value_metadata=dict(metadata))
    return buffer.getvalue()


def decode(data: bytes, *, where: str) -> Iterator[RecordBatch]:
    """Read the rows of one Parquet file, at most 65,536 a batch.

    Args:
        data: The whole file.
        where: What it is, for the error.

    Raises:
        CheckpointCorruptError: It is no Parquet file, or damaged.
    """
    try:
        yield from read_parquet(data, batch_size=_BATCH_ROWS)
    except BaseException as error:
        if isinstance(error, (GeneratorExit, KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        # arro3 panics on a damaged footer, and its PanicException is a BaseException.
        raise CheckpointCorruptError(
            "a Parquet file of the checkpoint cannot be read",
            where=where,
            fix="restore the checkpoint folder from a backup",
        ) from error
