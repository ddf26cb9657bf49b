"""Binary files: one row a file, with its path, time, length and content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from arro3.core import Array, DataType

from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import (
    DecodedBatch,
    DecodePlan,
    FileChunk,
    Outcomes,
    Sample,
)
from lakestream.formats.fixed_columns import fixed_batch
from lakestream.plan import types as t

_SCHEMA: Final = t.Struct(
    (
        ("path", t.STRING),
        ("modificationTime", t.TIMESTAMP),
        ("length", t.LONG),
        ("content", t.BINARY),
    )
)
_BATCH_BYTES: Final = 16 * 2**20
_BATCH_FILES: Final = 4_096
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BinaryFileFormat:
    """Whole files as they are, as Spark's ``binaryFile`` reads them; it has no options."""

    @property
    def name(self) -> str:
        """The format's name."""
        return "binaryFile"

    @property
    def whole_files(self) -> bool:
        """A file is a row, so it comes whole."""
        return True

    @property
    def ranged(self) -> bool:
        """Files are read from their beginning on."""
        return False

    @property
    def compressible(self) -> bool:
        """The content is the file as it is, compressed or not."""
        return False

    @property
    def fixed_schema(self) -> t.Struct | None:
        """Path, modification time, length and content."""
        return _SCHEMA

    def options(self) -> Mapping[str, str]:
        """Give no options: there are none."""
        return {}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - the protocol's
        """Give the fixed schema, whatever the samples hold."""
        return _SCHEMA

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; every file that can be read is a row."""
        pending: list[FileChunk] = []
        size_bytes = 0
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, outcomes)
                continue
            pending.append(chunk)
            size_bytes += len(chunk.data)
            if size_bytes >= _BATCH_BYTES or len(pending) >= _BATCH_FILES:
                yield _batch(pending, plan, outcomes)
                pending, size_bytes = [], 0
        if pending:
            yield _batch(pending, plan, outcomes)


def _batch(files: list[FileChunk], plan: DecodePlan, outcomes: Outcomes) -> DecodedBatch:
    modified = [(each.file.info.modified - _EPOCH) // timedelta(microseconds=1) for each in files]
    columns = {
        "path": Array([each.file.uri for each in files], DataType.utf8()),
        "modificationTime": Array(modified, DataType.int64()).cast(
            DataType.timestamp("us", tz="UTC")
        ),
        "length": Array([len(each.data) for each in files], DataType.int64()),
        "content": Array([each.data for each in files], DataType.binary()),
    }
    for each in files:
        outcomes.files[each.file.index].rows = 1
    runs = [(each.file.index, 1) for each in files]
    return DecodedBatch(fixed_batch(columns, len(files), plan), runs)
