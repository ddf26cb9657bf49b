"""A whole table as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from arro3.core import RecordBatch, RecordBatchReader

from lakestream.delta.files import FileReader
from lakestream.delta.snapshot import Snapshot, load_snapshot
from lakestream.delta.table import TableAddress
from lakestream.errors import SourceError, SourceNotFoundError, UnknownColumnError
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import Struct

if TYPE_CHECKING:
    import pyarrow as pa

    from lakestream.storage.location import PathLike
    from lakestream.storage.options import StorageOptions


def newest_snapshot(address: TableAddress) -> Snapshot:
    """Load a table at its newest version.

    Raises:
        SourceNotFoundError: There is no table.
        TableFeatureError, SourceError, StorageUnavailableError.
    """
    found = load_snapshot(address, failure=SourceError)
    if found is None:
        raise SourceNotFoundError(
            "there is no Delta table",
            where=address.where,
            fix="check the path, or run first what writes the table",
        )
    return found


def snapshot_rows(
    address: TableAddress, snapshot: Snapshot, columns: Sequence[str] | None = None
) -> RecordBatchReader:
    """Give the rows of a snapshot, lazily.

    Args:
        address: The table.
        snapshot: Which version of it.
        columns: Names in the wanted order; None gives all.

    Raises:
        UnknownColumnError: One of them is no column.

    Cost: two requests a file; memory is at most 64 MB of files and one batch.
    """
    schema = _selected(snapshot.schema, columns, address.where)
    reader = FileReader(address.store(), schema, where=address.where)

    def batches() -> Iterator[RecordBatch]:
        for _, batch in reader.batches(snapshot.files):
            yield batch

    return RecordBatchReader.from_batches(arrow_schema(schema), batches())


def read_table(
    path: PathLike, options: StorageOptions | None = None, columns: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """Give the rows of a table at its newest version, lazily.

    The files are read through our own store: pyarrow's datasets over a Delta table abort the
    process at its exit now and then.

    Raises:
        SourceNotFoundError: There is no table.
        UnknownColumnError: One of ``columns`` is no column.
        TableFeatureError, SourceError, StorageUnavailableError.
    """
    import pyarrow as pa

    address = TableAddress.of(path, options)
    rows = snapshot_rows(address, newest_snapshot(address), columns)
    return pa.RecordBatchReader.from_stream(rows)


def _selected(schema: Struct, columns: Sequence[str] | None, where: str) -> Struct:
    if columns is None:
        return schema
    kinds = dict(schema.fields)
    for name in columns:
        if name not in kinds:
            raise UnknownColumnError.from_names(name, kinds, where=where)
    return Struct(tuple((name, kinds[name]) for name in columns))
