"""Parquet files: columns by name, types fitted without loss, the rest rescued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lakestream.formats.columnar import BATCH_ROWS, OpenedFile, WholeFileFormat, columns_of
from lakestream.formats.lazy_pyarrow import pyarrow


@dataclass(frozen=True, slots=True)
class ParquetFormat(WholeFileFormat):
    """Parquet as it is, decoded by row group.

    Times of legacy INT96 columns are UTC; values are never rebased between calendars.
    """

    title: ClassVar[str] = "Parquet"

    def opened(self, data: bytes) -> OpenedFile:
        """Open a file; its pages are held against their checksums, where they have some."""
        import pyarrow.parquet as pq

        file = pq.ParquetFile(
            pyarrow().BufferReader(data),
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
        )
        batches = file.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
        return OpenedFile(columns_of(file.schema_arrow), batches)
