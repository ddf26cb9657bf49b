"""The checkpoint's Parquet bytes carry a sum: damage is told before anything is decoded."""

from __future__ import annotations

import io
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arro3.core import RecordBatch
from arro3.io import write_parquet

from lakestream.checkpoint.parquet_bytes import decode, encode
from lakestream.errors import CheckpointCorruptError

ROWS = {"id": list(range(50)), "name": ["lakestream.crc32\x18\x08", *(f"n{n}" for n in range(49))]}
BATCH = RecordBatch.from_arrow(pa.record_batch(ROWS))
KEY = b"lakestream.crc32"


def rows_of(data: bytes) -> dict[str, list[object]]:
    return pa.Table.from_batches(
        [pa.record_batch(each) for each in decode(data, where="x")]
    ).to_pydict()


def test_bytes_when_written_then_any_parquet_reader_has_the_rows_and_the_sum_is_of_the_rest() -> (
    None
):
    data = encode(BATCH.schema, [BATCH])
    found = pq.read_table(io.BytesIO(data))
    assert found.to_pydict() == ROWS == rows_of(data)
    told = pq.read_metadata(io.BytesIO(data)).metadata[KEY]
    at = data.rindex(told)
    assert int(told, 16) == zlib.crc32(data[:at] + b"0" * 8 + data[at + 8 :])


def test_byte_when_any_is_damaged_then_told_or_it_was_the_sums_own_name() -> None:
    data = encode(BATCH.schema, [BATCH])
    name = range(data.rindex(KEY), data.rindex(KEY) + len(KEY) + 2)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        try:
            assert rows_of(bytes(damaged)) == ROWS
        except CheckpointCorruptError:
            continue
        assert at in name


@pytest.mark.parametrize("cut", [1, 8, 100])
def test_bytes_when_cut_off_or_followed_by_others_then_told(cut: int) -> None:
    data = encode(BATCH.schema, [BATCH])
    for damaged in (data[:-cut], data[cut:], data + bytes(cut)):
        with pytest.raises(CheckpointCorruptError):
            rows_of(damaged)


def test_bytes_when_written_before_there_was_a_sum_then_read() -> None:
    plain = {"id": [1], "name": ["a"]}
    without = io.BytesIO()
    write_parquet(RecordBatch.from_arrow(pa.record_batch(plain)), without)
    assert rows_of(without.getvalue()) == plain
