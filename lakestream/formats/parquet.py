"""Parquet files: columns by name, types fitted without loss, the rest rescued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from lakestream.formats.columnar import BATCH_ROWS, OpenedFile, WholeFileFormat, columns_of
from lakestream.formats.lazy_pyarrow import Column, arrow_type
from lakestream.formats.read_types import mapped
from lakestream.plan import types as t

#: Of a batch, by what the file says of its rows.
_BATCH_BYTES: Final = 8 * 2**20
#: Of a batch as it is decoded, by what the one before it was.
_DECODED_BYTES: Final = 64 * 2**20
#: Of the first batch of a row group whose rows may be larger than they are stored, and how many
#: times as many the next one may have.
_FIRST_ROWS: Final = 256
_GROWTH: Final = 4
#: Writers cut the least and the greatest value at so many bytes, or leave long ones out.
_CUT_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class ParquetFormat(WholeFileFormat):
    """Parquet as it is, decoded by row group.

    Times of legacy INT96 columns, which Spark writes unless told otherwise, are instants as they
    are there; values are never rebased between calendars.
    """

    title: ClassVar[str] = "Parquet"

    def opened(self, source: Column) -> OpenedFile:
        """Open a file; its pages are held against their checksums, where they have some.

        Nothing is read ahead: that would be by other threads, and more than a row group.
        """
        import pyarrow.parquet as pq

        file = pq.ParquetFile(
            source,
            pre_buffer=False,
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
        )
        return OpenedFile(columns_of(_read_as(file)), _batches(file))


def _read_as(file: Column) -> list[Column]:
    """Give the fields, INT96 as instants: the library takes them for times without a zone."""
    legacy = [file.schema.column(at).physical_type == "INT96" for at in range(len(file.schema))]
    if not any(legacy):
        return list(file.schema_arrow)
    leaves, instant = iter(legacy), arrow_type(t.TIMESTAMP)

    def leaf(field: Column) -> Column:
        return instant if next(leaves) else field.type

    return [each.with_type(mapped(each, leaf)) for each in file.schema_arrow]


def _batches(file: Column) -> Iterator[Column]:
    """Decode row group by row group: a batch of the library's own may go across all of them.

    A file says how large its rows are as they are stored. A long text that a dictionary has once
    may stand in each of them, so batches grow only as their rows turn out to be small enough.
    """
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        row_bytes = group.total_byte_size // max(group.num_rows, 1)
        most = min(BATCH_ROWS, _BATCH_BYTES // max(row_bytes, 1)) or 1
        rows = min(most, _FIRST_ROWS) if _repeats(group, most) else most
        for batch in file.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
            yield batch
            fitting = _DECODED_BYTES * batch.num_rows // max(_decoded_bytes(batch), 1)
            rows = min(most, rows * _GROWTH, fitting) or 1
            file.reader.set_batch_size(rows)  # of the next one


def _decoded_bytes(batch: Column) -> int:
    """Give the size of a batch; columns that come as dictionaries are decoded later."""
    return sum(
        len(each) * each.dictionary.nbytes // max(len(each.dictionary), 1)
        if hasattr(each, "dictionary")
        else each.nbytes
        for each in batch.columns
    )


def _repeats(group: Column, rows: int) -> bool:
    """Tell whether so many rows may be large as they are decoded, by what dictionaries hold."""
    columns = (group.column(at) for at in range(group.num_columns))
    row_bytes = sum(
        _longest(each) * each.num_values // max(group.num_rows, 1)
        for each in columns
        if each.has_dictionary_page and each.physical_type == "BYTE_ARRAY"
    )
    return bool(row_bytes * rows > _DECODED_BYTES)


def _longest(column: Column) -> int:
    """Guess the bytes of a column's longest value: where both its ends are short, so are others."""
    found = column.statistics
    if found is not None and found.has_min_max:
        longer = max(len(found.min_raw), len(found.max_raw))
        if longer < _CUT_BYTES:
            return longer
    return int(column.total_uncompressed_size)
