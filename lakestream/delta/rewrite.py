"""One data file of a table written anew under wider types, ready to take its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from arro3.core import RecordBatch, RecordBatchReader
from arro3.io import write_parquet

from lakestream.clock import epoch_ms
from lakestream.delta.append import DICTIONARY_BYTES, ROW_GROUP_ROWS
from lakestream.delta.errors import Otherwise, translated
from lakestream.delta.log import AddFile
from lakestream.errors import StorageUnavailableError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.storage import new_files

if TYPE_CHECKING:
    from lakestream.delta.files import OpenedDataFile
    from lakestream.delta.table import TableAddress
    from lakestream.storage.base import ReadStore

_OTHERWISE: Final = Otherwise(
    StorageUnavailableError,
    "a file of the table could not be written anew",
    "the cause says why: mostly there is no room. Nothing was changed; run again",
)
#: Characters that stand in a log entry's paths as they are.
_PLAIN: Final = "/=-_.~!*'():@&+$,"
_JSON: Final = msgspec.json.Encoder(decimal_format="number")


class FileStatistics(msgspec.Struct, frozen=True):
    """What a table's log says about a file's values, under the types of before.

    Args:
        minimum: By column, nested; None where it is not known.
        maximum: Likewise.
        nulls: How many, likewise.
    """

    minimum: Mapping[str, Any]
    maximum: Mapping[str, Any]
    nulls: Mapping[str, Any]

    def text(self, rows: int, schema: t.Struct) -> str:
        """Give them as an ``add`` action has them: a rewrite changes no value.

        Source: the Delta protocol, "Per-file Statistics".
        """
        tree = {
            "numRecords": rows,
            "minValues": _told(self.minimum, schema),
            "maxValues": _told(self.maximum, schema),
            "nullCount": _told(self.nulls, None),
        }
        return _JSON.encode(tree).decode()


def rewritten(
    opened: OpenedDataFile,
    address: TableAddress,
    store: ReadStore,
    *,
    schema: t.Struct,
    known: FileStatistics,
    partition_values: dict[str, str | None],
) -> AddFile:
    """Write the rows of a file under new types beside it, under a name of its own.

    Args:
        opened: The file, read under the new types.
        address: The table.
        store: The table's folder.
        schema: The columns that the file gets, in order: no partition columns.
        known: What the log says of the old one.
        partition_values: What the new one is in.

    Raises:
        StorageUnavailableError: It could not be written. What is there of it is never read.
        LakestreamError: The old one could not be read.

    Cost: the rows are read and written once; memory is a row group of a million rows at most.
    """
    rows = _Counted(opened.batches)
    folder, _, _ = opened.file.key.rpartition("/")
    key = f"{folder}/{_new_name()}" if folder else _new_name()
    with new_files.new_file(address.path, address.options, key) as file:
        try:
            with translated(where=address.where, otherwise=_OTHERWISE):
                write_parquet(
                    RecordBatchReader.from_batches(arrow_schema(schema), rows.batches()),
                    file,
                    compression="zstd(1)",
                    max_row_group_size=ROW_GROUP_ROWS,
                    dictionary_page_size_limit=DICTIONARY_BYTES,
                )
        except StorageUnavailableError as error:
            # An Arrow stream carries an exception of ours only as its text.
            raise rows.failure or error from error.__cause__
    info = store.head(key)
    return AddFile(
        path=quote(key, safe=_PLAIN),
        size=info.size_bytes,
        modification_time=epoch_ms(info.modified),
        data_change=False,
        partition_values=partition_values,
        stats=known.text(rows.count, schema),
    )


def partition_text(text: str | None, kind: t.SparkType, wider: t.SparkType) -> str | None:
    """Give a partition value as a log has it under a wider type, or under its own.

    Args:
        text: As deltalake gives it, which writes times otherwise than it reads them.
        kind: Its type so far.
        wider: Its type from now on.

    Source: the Delta protocol, "Partition Value Serialization".
    """
    if not text:
        return text
    if kind in {t.TIMESTAMP, t.TIMESTAMP_NTZ}:
        return text.replace("T", " ").removesuffix("Z")
    if (kind, wider) == (t.FLOAT, t.DOUBLE):
        return repr(unpack("<f", pack("<f", float(text)))[0])
    return text


class _Counted:
    """Rows on their way into a file: how many, and what ended them early."""

    def __init__(self, batches: Iterator[RecordBatch]) -> None:
        self._batches = batches
        self.count = 0
        self.failure: BaseException | None = None

    def batches(self) -> Iterator[RecordBatch]:
        try:
            for batch in self._batches:
                self.count += batch.num_rows
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise


def _new_name() -> str:
    return f"part-00000-{os.urandom(16).hex()}-c000.zstd.parquet"


def _told(values: Mapping[str, Any], schema: t.Struct | None) -> dict[str, Any]:
    """Give what is known, as JSON has it; of a column that is no longer there nothing."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        kind = t.LONG if schema is None else schema.get(name)
        if value is None or kind is None:
            continue
        if isinstance(value, Mapping):
            inner = None if schema is None else kind
            found[name] = _told(value, inner if isinstance(inner, t.Struct) else None)
        else:
            found[name] = _text(value, kind)
    return found


def _text(value: object, kind: t.SparkType) -> object:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() if kind == t.TIMESTAMP_NTZ:
            return f"{value.isoformat()}T00:00:00"
        case _:
            return value
