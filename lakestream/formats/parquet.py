"""Parquet files: columns by name, types fitted without loss, the rest rescued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lakestream.errors import BadFileError
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, Outcomes, Sample
from lakestream.formats.columnar import (
    BATCH_ROWS,
    FileColumns,
    checked_batches,
    columns_of,
    merged,
    reading,
)
from lakestream.formats.lazy_pyarrow import pyarrow
from lakestream.plan import types as t

_NAME: Final = "Parquet"


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Parquet as it is; it has no options.

    A damaged file fails as a whole. There are no bad records: parse modes do not matter. Times
    of legacy INT96 columns are UTC; values are never rebased between calendars.
    """

    @property
    def name(self) -> str:
        """The format's name."""
        return "parquet"

    @property
    def whole_files(self) -> bool:
        """The footer stands at the end, so files come whole."""
        return True

    @property
    def compressible(self) -> bool:
        """Parquet compresses its own pages."""
        return False

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The schema is the files' own."""
        return None

    def options(self) -> Mapping[str, str]:
        """Give no options: there are none."""
        return {}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - Parquet is typed
        """Merge the files' own schemas, as ``columnar.merged`` says.

        Samples that are not whole files are left out.

        Raises:
            SchemaInferenceError: No sample is a readable Parquet file.
            SchemaRejectedError: The columns are too many, or nested too deep.
        """
        return merged(_schemas(samples), _NAME)

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; memory is bounded by a row group."""
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, outcomes)
                continue
            try:
                yield from _decoded(chunk, plan, outcomes)
            except BadFileError as error:
                fail_file(chunk.file, error, outcomes)


def _schemas(samples: Iterable[Sample]) -> Iterator[t.Struct]:
    for sample in samples:
        if not sample.whole:
            continue
        try:
            with reading(sample.uri, _NAME):
                schema = _opened(sample.data).schema_arrow
        except BadFileError:
            continue
        yield columns_of(schema)


def _decoded(chunk: FileChunk, plan: DecodePlan, outcomes: Outcomes) -> Iterator[DecodedBatch]:
    uri = chunk.file.uri
    with reading(uri, _NAME):
        opened = _opened(chunk.data)
        schema = columns_of(opened.schema_arrow)
    columns = FileColumns(chunk.file, schema, plan, outcomes)
    batches = opened.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
    for batch in checked_batches(batches, uri, _NAME):
        yield columns.fit(batch)


def _opened(data: bytes) -> Any:  # noqa: ANN401 - pyarrow's, as lazy_pyarrow says
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        pyarrow().BufferReader(data),
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )
