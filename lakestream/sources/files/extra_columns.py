"""Columns that the bytes of a file do not have: partition values and ``_metadata``.

They are constant in a file, so they are built once a run of rows and spread by one ``take``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from lakestream.formats.base import InputFile
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, to_arrow
from lakestream.sources.files.layout import METADATA_TYPE
from lakestream.sources.files.ledger_rows import TIMESTAMP, int64_array, microseconds
from lakestream.sources.files.replays import landed_key

_METADATA_SCHEMA: Final = arrow_schema(METADATA_TYPE)


class PlannedFile(msgspec.Struct, frozen=True, gc=False):
    """A file of a batch with what its extra columns say.

    Args:
        input: The file as the format sees it.
        seq: Its place in the ledger.
        discovered_at: When it was found.
        partitions: Its partition values as texts, in the order of the columns.
    """

    input: InputFile
    seq: int
    discovered_at: datetime
    partitions: tuple[str | None, ...]


class Dressing(msgspec.Struct, frozen=True):
    """How decoded columns become the stream's: data, partitions, rescued, metadata.

    Args:
        partitions: Columns from folder names; they take the place of data of the same name.
        metadata: The metadata column's name, or None.
        schema: The stream's columns.
    """

    partitions: t.Struct
    metadata: str | None
    schema: t.Struct

    @property
    def plain(self) -> bool:
        """Whether what the format gives is the stream already."""
        return not self.partitions.fields and self.metadata is None

    def dress(
        self, batch: RecordBatch, runs: Sequence[tuple[int, int]], files: Sequence[PlannedFile]
    ) -> RecordBatch:
        """Add the extra columns to a decoded batch; ``runs`` are (file position, rows)."""
        if self.plain:
            return batch
        indices = array("i")
        for at, (_, rows) in enumerate(runs):
            indices.extend(array("i", (at,)) * rows)
        if not indices:
            return RecordBatch.from_arrays(
                [Array([], type=to_arrow(kind)) for _, kind in self.schema.fields],
                schema=arrow_schema(self.schema),
            )
        of_runs = [files[file] for file, _ in runs]
        spread = self._extra(of_runs).take(Array.from_buffer(indices))
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns.update({name: spread.column(name) for name in spread.schema.names})
        return RecordBatch.from_arrays(
            [columns[name] for name, _ in self.schema.fields], schema=arrow_schema(self.schema)
        )

    def _extra(self, files: Sequence[PlannedFile]) -> RecordBatch:
        """Build the extra columns, one row a file."""
        fields, arrays = [], []
        for at, (name, kind) in enumerate(self.partitions.fields):
            texts = Array([each.partitions[at] for each in files], type=DataType.utf8())
            fields.append(Field(name, to_arrow(kind)))
            arrays.append(texts if kind == t.STRING else texts.cast(to_arrow(kind)))
        if self.metadata is not None:
            fields.append(Field(self.metadata, to_arrow(METADATA_TYPE)))
            arrays.append(_metadata(files))
        return RecordBatch.from_arrays(arrays, schema=Schema(fields))


def _metadata(files: Sequence[PlannedFile]) -> Array:
    infos = [each.input.info for each in files]
    sizes = int64_array([each.size_bytes for each in infos])
    columns = [
        Array([each.input.uri for each in files], type=DataType.utf8()),
        Array([landed_key(each.key).rpartition("/")[2] for each in infos], type=DataType.utf8()),
        sizes,
        int64_array([microseconds(each.modified) for each in infos]).cast(TIMESTAMP),
        int64_array([0] * len(files)),
        sizes,
        int64_array([each.seq for each in files]),
        int64_array([microseconds(each.discovered_at) for each in files]).cast(TIMESTAMP),
    ]
    return Array.from_arrow(
        RecordBatch.from_arrays(columns, schema=_METADATA_SCHEMA).to_struct_array()
    )
