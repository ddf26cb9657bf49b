from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.checkpoint.offset_log import Offset
from lakestream.errors import CheckpointCorruptError
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.planner import Sized, batch_end, from_offset, to_offset


@given(st.integers(-1, 2**62))
def test_offset_when_written_reads_back(seq: int) -> None:
    assert from_offset(to_offset(seq)) == seq


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"seqNum":"1"}', '{"seqNum":-2}', "-"])
def test_offset_when_foreign_is_corrupt(text: str) -> None:
    with pytest.raises(CheckpointCorruptError):
        from_offset(Offset(text))


def test_offset_reads_auto_loaders() -> None:
    assert from_offset(Offset('{"seqNum":7,"sourceVersion":3,"lastInputPath":"s3://b"}')) == 7


@pytest.mark.parametrize(
    ("limit", "end"),
    [
        (ReadLimit(), 4),
        (ReadLimit(max_files=2), 2),
        (ReadLimit(max_bytes=1), 0),
        (ReadLimit(max_bytes=10), 0),
        (ReadLimit(max_bytes=11), 2),
        (ReadLimit(max_files=1, max_bytes=100), 0),
        (ReadLimit(max_files=3, max_bytes=11), 2),
    ],
)
def test_batch_ends_at_the_first_limit_reached(limit: ReadLimit, end: int) -> None:
    rows = [Sized(0, 10), Sized(1, None), Sized(2, 10), Sized(3, 10), Sized(4, 10)]
    assert batch_end(rows, limit) == end


def test_batch_when_one_file_is_over_the_byte_limit_takes_it() -> None:
    assert batch_end([Sized(5, 10**12)], ReadLimit(max_bytes=1)) == 5


def test_batch_when_all_files_are_ignored_has_no_end() -> None:
    assert batch_end([Sized(0, None), Sized(1, None)], ReadLimit()) is None
