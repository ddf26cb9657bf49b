"""Rows of a table's data files, read through our own store with flat memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from arro3.core import Array, RecordBatch
from arro3.io import read_parquet

from lakestream.delta.errors import is_panic
from lakestream.delta.ranged import RangedFile
from lakestream.delta.reshape import column_as, constant, nulls, readable_as
from lakestream.errors import (
    BadFileError,
    DataLossError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    TableFeatureError,
)
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, spark_schema

if TYPE_CHECKING:
    from lakestream.delta.snapshot import DataFile
    from lakestream.storage.base import ObjectInfo, ReadStore

#: Files up to this size are fetched whole and side by side; larger ones in ranges, alone.
_SMALL_BYTES: Final = 16 * 2**20
_BUFFERED_BYTES: Final = 64 * 2**20
_WINDOW: Final = 64
_CONCURRENT_HEADS: Final = 16
_BATCH_ROWS: Final = 2**16
#: Characters of a value that a message shows.
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class OpenedDataFile:
    """One data file, about to be read.

    Args:
        file: Which.
        columns: Those that it has itself, under its own types; partition columns are none.
        batches: Its rows under the reader's schema, lazily, once.
    """

    file: DataFile
    columns: t.Struct
    batches: Iterator[RecordBatch]


class FileReader:
    """Reads data files as batches of one schema.

    Args:
        store: The table's folder.
        schema: The columns to give, in order: those of the table that are wanted.
        where: The table, for messages.
    """

    def __init__(self, store: ReadStore, schema: t.Struct, *, where: str) -> None:
        self._store = store
        self._schema = schema
        self._arrow = arrow_schema(schema)
        self._where = where

    def batches(self, files: Iterable[DataFile]) -> Iterator[tuple[DataFile, RecordBatch]]:
        """Give the rows of files in order, at most 65,536 at a time.

        Raises:
            DataLossError: A file is gone, or is another one now.
            BadFileError: A file is no Parquet file, or its columns are not the table's.
            TableFeatureError: A file lies outside the table's folder.
            AccessDeniedError, StorageUnavailableError.

        Cost: two requests a file, more for files over 16 MB; memory is at most 64 MB of files
        and one batch.
        """
        for opened in self.opened(files):
            for batch in opened.batches:
                yield opened.file, batch

    def opened(self, files: Iterable[DataFile]) -> Iterator[OpenedDataFile]:
        """Open files in order, each with its own columns; see ``batches``."""
        for window in _windows(files):
            for file, source in self._opened(window):
                with self._mapped(file, source):
                    columns, batches = _parquet(cast("BinaryIO", source), self._schema)
                yield OpenedDataFile(file, columns, self._rows(file, source, batches))

    def _opened(
        self, window: Sequence[DataFile]
    ) -> Iterator[tuple[DataFile, BinaryIO | RangedFile]]:
        infos = self._infos(window)
        if len(window) == 1 and infos[0].size_bytes > _SMALL_BYTES:
            yield window[0], RangedFile(self._store, infos[0])
            return
        contents = self._store.get_many(infos, max_buffered_bytes=_BUFFERED_BYTES)
        for file, content in zip(window, contents, strict=True):
            if isinstance(content, LakestreamError):
                raise self._lost(file, content) from content
            yield file, io.BytesIO(content)

    def _infos(self, window: Sequence[DataFile]) -> list[ObjectInfo]:
        if len(window) == 1:
            return [self._info(window[0])]
        with ThreadPoolExecutor(_CONCURRENT_HEADS, thread_name_prefix="lakestream-head") as pool:
            return list(pool.map(self._info, window))

    def _info(self, file: DataFile) -> ObjectInfo:
        if "://" in file.key or file.key.startswith("/"):
            raise TableFeatureError(
                "a file of the table lies outside its folder",
                where=self._where,
                fix="a shallow clone cannot be read: read the table it was cloned from",
            )
        try:
            return self._store.head(file.key)
        except ObjectNotFoundError as error:
            raise self._lost(file, error) from error

    def _lost(self, file: DataFile, error: LakestreamError) -> LakestreamError:
        if not isinstance(error, ObjectNotFoundError | ObjectChangedError):
            return error
        return DataLossError(
            "a file of the table is gone, or is another one now",
            where=self._store.uri_of(file.key),
            fix="a vacuum took it before it was read: bring it back, or reset the query and raise "
            "the table's delta.deletedFileRetentionDuration",
        )

    def _rows(
        self, file: DataFile, source: BinaryIO | RangedFile, batches: Iterator[RecordBatch]
    ) -> Iterator[RecordBatch]:
        while True:
            with self._mapped(file, source):
                batch = next(batches, None)
            if batch is None:
                return
            yield self._table_batch(file, batch)

    @contextmanager
    def _mapped(self, file: DataFile, source: BinaryIO | RangedFile) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if not (isinstance(error, Exception) or is_panic(error)):
                raise
            # Parquet readers raise their own kind for what the store raised below them.
            store_error = source.failure if isinstance(source, RangedFile) else None
            if store_error is not None:
                raise self._lost(file, store_error) from error
            raise BadFileError(
                "a file of the table cannot be read as Parquet",
                where=self._store.uri_of(file.key),
                fix="restore it from a backup, or rewrite the table without it",
            ) from error

    def _table_batch(self, file: DataFile, batch: RecordBatch) -> RecordBatch:
        have = {name.lower(): index for index, name in enumerate(batch.schema.names)}
        kinds = spark_schema(batch.schema)
        columns: list[Array] = []
        for name, kind in self._schema.fields:
            index = have.get(name.lower())
            if name in file.partition_values:
                columns.append(self._constant(file, name, kind, batch.num_rows))
            elif index is None:
                columns.append(nulls(kind, batch.num_rows))
            else:
                self._check(file, name, kinds.fields[index][1], kind)
                columns.append(column_as(batch.column(index), kind))
        return RecordBatch.from_arrays(columns, schema=self._arrow)

    def _constant(self, file: DataFile, name: str, kind: t.SparkType, rows: int) -> Array:
        text = file.partition_values[name]
        column = constant(text, kind, rows)
        if text and column.null_count:
            raise BadFileError(
                f"the log's value {text[:_SHOWN]!r} of partition column {name!r} is no"
                f" {t.type_name(kind)} that can be read",
                where=self._store.uri_of(file.key),
                fix="write the partition anew with a value of the column's type",
            )
        return column

    def _check(self, file: DataFile, name: str, have: t.SparkType, want: t.SparkType) -> None:
        if not readable_as(have, want):
            raise BadFileError(
                f"column {name!r} is {t.type_name(have)} in a file, {t.type_name(want)} in its "
                "table",
                where=self._store.uri_of(file.key),
                fix="rewrite the file with the table's type",
            )


def _windows(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    window: list[DataFile] = []
    for file in files:
        big = file.size_bytes > _SMALL_BYTES
        if window and (big or len(window) == _WINDOW):
            yield window
            window = []
        window.append(file)
        if big:
            yield window
            window = []
    if window:
        yield window


def _parquet(source: BinaryIO, wanted: t.Struct) -> tuple[t.Struct, Iterator[RecordBatch]]:
    found = read_parquet(source, batch_size=_BATCH_ROWS)
    columns = spark_schema(found.schema)
    if not _has_int96(columns, wanted):
        return columns, iter(found)
    source.seek(0)
    return columns, _int96_batches(source)


def _has_int96(have: t.SparkType, want: t.SparkType) -> bool:
    """Tell whether times are stored as Spark's INT96, which arro3 reads as nanoseconds.

    Those end in the year 2262; an INT96 shows as a naive time where the table's has a zone. It may
    stand in a part of a column whose other parts differ, too: by fields or types that came later.
    """
    match have, want:
        case t.Struct(), t.Struct():
            known = {name.lower(): kind for name, kind in want.fields}
            return any(
                _has_int96(kind, known[name.lower()])
                for name, kind in have.fields
                if name.lower() in known
            )
        case t.Array(one), t.Array(other):
            return _has_int96(one, other)
        case t.Map(key, one), t.Map(wanted_key, other):
            return _has_int96(key, wanted_key) or _has_int96(one, other)
        case _:
            return (have, want) == (t.TIMESTAMP_NTZ, t.TIMESTAMP)


def _int96_batches(source: BinaryIO) -> Iterator[RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(
        pa.PythonFile(cast("io.IOBase", source), mode="r"), coerce_int96_timestamp_unit="us"
    )
    for batch in parquet.iter_batches(_BATCH_ROWS, use_threads=False):
        yield RecordBatch.from_arrow(batch)
