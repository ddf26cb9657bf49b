"""The files that a table consists of at one version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec
from arro3.core import DataType

from lakestream.delta.errors import Otherwise, translated
from lakestream.delta.features import check_readable, refuse_deletion_vectors
from lakestream.delta.log import AddFile
from lakestream.delta.table import TableAddress, open_table, table_schema
from lakestream.errors import LakestreamError, SinkDamagedError, SourceError

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from lakestream.plan.types import Struct


class DataFile(msgspec.Struct, frozen=True):
    """One data file of a table.

    Args:
        key: Below the table's root.
        size_bytes: As the log has it.
        modified_ms: When it was written, as its writer put it into the log.
        partition_values: Text by partition column; None and "" are null.
    """

    key: str
    size_bytes: int
    modified_ms: int
    partition_values: Mapping[str, str | None]

    @classmethod
    def of(cls, add: AddFile) -> DataFile:
        """Give the file of an ``add`` action."""
        return cls(add.key, add.size, add.modification_time, add.partition_values)


class Snapshot(msgspec.Struct, frozen=True):
    """A table at one version.

    Args:
        version: Which.
        table_id: The table's id.
        schema: Its columns, partition columns among them.
        files: Ordered by (modification time, path), as Spark's Delta source reads a snapshot.
    """

    version: int
    table_id: str
    schema: Struct
    files: tuple[DataFile, ...]


def check_table(
    table: DeltaTable, *, where: str, failure: type[LakestreamError] = SourceError
) -> None:
    """Check that a table's files can be read as they are.

    Raises:
        TableFeatureError: They cannot.
        failure: Its deletion vectors cannot be looked at.
    """
    features = table.protocol().reader_features or []
    check_readable(features, dict(table.metadata().configuration), where=where)
    if "deletionVectors" in features:
        with translated(where=where, otherwise=_unlisted(failure)):
            found = table.deletion_vectors().read_all()
        refuse_deletion_vectors(found.num_rows, where=where)


def snapshot_of(
    table: DeltaTable, address: TableAddress, *, failure: type[LakestreamError] = SourceError
) -> Snapshot:
    """Read the files of a table at its handle's version.

    Raises:
        TableFeatureError: It uses what lakestream cannot read.
        failure: The files cannot be listed.

    Cost: memory for one entry a file, no request beyond the handle's own.
    """
    check_table(table, where=address.where, failure=failure)
    with translated(where=address.where, otherwise=_unlisted(failure)):
        return Snapshot(
            table.version(), str(table.metadata().id), table_schema(table), _files(table)
        )


def load_snapshot(
    address: TableAddress, version: int | None = None, *, failure: type[LakestreamError]
) -> Snapshot | None:
    """Load a table at its newest or an older version; None when there is none.

    Raises:
        TableFeatureError, StorageUnavailableError.
        failure: The version cannot be loaded (any more).
    """
    table = open_table(address, version=version, failure=failure)
    return None if table is None else snapshot_of(table, address, failure=failure)


def active_keys(table: DeltaTable, *, where: str) -> list[str]:
    """Give the keys of the files that a table consists of at its handle's version.

    Raises:
        StorageUnavailableError: The log did not come.
        SinkDamagedError: It cannot be read.
    """
    with translated(where=where, otherwise=_unlisted(SinkDamagedError)):
        return _keys(table.get_add_actions()["path"].to_pylist())


def _unlisted(failure: type[LakestreamError]) -> Otherwise:
    return Otherwise(failure, "the table's files cannot be listed", "the cause says why")


def _keys(paths: Iterable[str]) -> list[str]:
    """Give keys for paths, which deltalake gives as the log has them: URL-encoded."""
    return [unquote(path) for path in paths]


def _files(table: DeltaTable) -> tuple[DataFile, ...]:
    actions = table.get_add_actions(flatten=True)
    names = list(table.metadata().partition_columns)
    values = [actions[f"partition.{name}"].cast(DataType.utf8()).to_pylist() for name in names]
    keys = _keys(actions["path"].to_pylist())
    by_file = zip(*values, strict=True) if names else (() for _ in keys)
    found = [
        DataFile(key, size, modified, dict(zip(names, each, strict=True)))
        for key, size, modified, each in zip(
            keys,
            actions["size_bytes"].to_pylist(),
            actions["modification_time"].to_pylist(),
            by_file,
            strict=True,
        )
    ]
    return tuple(sorted(found, key=lambda file: (file.modified_ms, file.key)))
