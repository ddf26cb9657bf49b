"""Parquet files: columns by name, types fitted without loss, the rest rescued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from lakestream.formats.columnar import BATCH_ROWS, OpenedFile, WholeFileFormat, columns_of
from lakestream.formats.lazy_pyarrow import Column

#: Of a batch, by what the file says of its rows.
_BATCH_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, slots=True)
class ParquetFormat(WholeFileFormat):
    """Parquet as it is, decoded by row group.

    Times of legacy INT96 columns are UTC; values are never rebased between calendars.
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
        return OpenedFile(columns_of(file.schema_arrow), _batches(file))


def _batches(file: Column) -> Iterator[Column]:
    """Decode row group by row group: a batch of the library's own may go across all of them."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        row_bytes = group.total_byte_size // max(group.num_rows, 1)
        rows = min(BATCH_ROWS, _BATCH_BYTES // max(row_bytes, 1)) or 1
        yield from file.iter_batches(batch_size=rows, row_groups=[number], use_threads=False)
