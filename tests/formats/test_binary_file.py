from support.format_runs import MODIFIED, decode, plan_of

from lakestream.errors import BadFileError
from lakestream.formats.binary_file import BinaryFileFormat

SCHEMA = BinaryFileFormat().fixed_schema
assert SCHEMA is not None


def test_binary_file_gives_a_row_a_file() -> None:
    found = decode(BinaryFileFormat(), {"a.bin": b"\x00\xff", "b.bin": b""}, plan_of(SCHEMA))
    assert found.rows == [
        {
            "path": "s3://landing/a.bin",
            "modificationTime": MODIFIED,
            "length": 2,
            "content": b"\x00\xff",
            "_rescued_data": None,
        },
        {
            "path": "s3://landing/b.bin",
            "modificationTime": MODIFIED,
            "length": 0,
            "content": b"",
            "_rescued_data": None,
        },
    ]
    assert found.files == [0, 1]


def test_binary_file_that_fails_is_no_row() -> None:
    failure = BadFileError("gone")
    found = decode(BinaryFileFormat(), {"a": (b"", failure), "b": b"x"}, plan_of(SCHEMA))
    assert found.files == [1]
    assert found.outcomes.files[0].failure is failure


def test_binary_file_batches_are_bounded_by_bytes() -> None:
    files = {str(i): b"x" * 6 * 2**20 for i in range(6)}
    assert decode(BinaryFileFormat(), files, plan_of(SCHEMA)).batches == 2


def test_binary_file_of_wider_schema_fills_nulls() -> None:
    plan = plan_of("content BINARY, length INT, more STRUCT<x: INT>", rescued=None)
    found = decode(BinaryFileFormat(), {"a": b"xy"}, plan)
    assert found.rows == [{"content": b"xy", "length": 2, "more": None}]
