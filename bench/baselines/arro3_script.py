"""The parser and the writer that lakestream is made of, and nothing else, for large files.

Usage: arro3_script.py LANDING TABLE. Blocks of whole lines go through arro3 into one append; no
tracking, no rescue: a line that does not fit the first block's schema ends it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from arro3.core import RecordBatch, RecordBatchReader
from arro3.io import infer_json_schema, read_json
from deltalake import write_deltalake

BLOCK_BYTES = 4 * 2**20

landing, table = sys.argv[1:]
files = sorted(Path(landing).glob("*.json"))


def blocks() -> Iterator[bytes]:
    """Cut each file behind the last whole line of every few MB."""
    for file in files:
        with file.open("rb") as lines:
            while block := lines.read(BLOCK_BYTES):
                yield block + lines.readline()


def batches() -> Iterator[RecordBatch]:
    """Parse block after block."""
    for block in blocks():
        yield from read_json(block, schema)


schema = infer_json_schema(next(blocks()))
write_deltalake(table, RecordBatchReader.from_batches(schema, batches()), mode="append")
