"""Parquet files: columns by name, types fitted without loss, the rest rescued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from arro3.core import RecordBatch

from lakestream.errors import BadFileError, SchemaInferenceError
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import (
    DecodedBatch,
    DecodePlan,
    FileChunk,
    InputFile,
    Outcomes,
    Sample,
)
from lakestream.formats.column_layout import Layout, layout_of_header
from lakestream.formats.fixed_columns import output_schema
from lakestream.formats.infer import settled
from lakestream.formats.lazy_pyarrow import Column, null_column, pyarrow
from lakestream.formats.parquet_columns import Fitter, file_kind
from lakestream.formats.rescue import Rescued, rescued_data
from lakestream.formats.schema import check_limits, merge_drift
from lakestream.plan import types as t

_BATCH_ROWS: Final = 32_768


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
        """Merge the files' own schemas, in first-seen order, as ``Format.infer`` says.

        Where types differ, the wider one of the widening table is taken, and the first where
        the table has none. Samples that are not whole files are left out.

        Raises:
            SchemaInferenceError: No sample is a readable Parquet file.
            SchemaRejectedError: The columns are too many, or nested too deep.
        """
        found = t.Struct(())
        empty: dict[str, t.SparkType] = {}
        for sample in samples:
            if not sample.whole:
                continue
            try:
                with _reading(sample.uri):
                    schema = _opened(sample.data).schema_arrow
            except BadFileError:
                continue
            kinds = [(each.name, file_kind(each.type)) for each in schema]
            empty.update((name, t.STRING) for name, kind in kinds if kind == t.VOID)
            known = t.Struct(tuple((n, settled(k)) for n, k in kinds if k != t.VOID))
            found = merge_drift(found, known, widen=True)
        found = merge_drift(found, t.Struct(tuple(empty.items())), widen=False)
        if not found.fields:
            raise SchemaInferenceError(
                "no sampled file is readable Parquet with columns",
                where="format parquet",
                fix="check the path and the format, or give the schema",
            )
        return found

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; memory is bounded by a row group."""
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, outcomes)
                continue
            try:
                yield from _FileDecoding(chunk.file, plan, outcomes).read(chunk.data)
            except BadFileError as error:
                fail_file(chunk.file, error, outcomes)


def _opened(data: bytes) -> Any:  # noqa: ANN401 - pyarrow's, as lazy_pyarrow says
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        pyarrow().BufferReader(data),
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    """Turn what the library raises for damaged bytes into a failure of the file."""
    try:
        yield
    except (
        pyarrow().ArrowException, OSError, ValueError, OverflowError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        raise BadFileError(
            "the file cannot be read as Parquet: it is damaged, cut off or of another format",
            where=uri,
            fix="write the file again; this version of it is listed in quarantine",
        ) from error


class _FileDecoding:
    """One file of a decode."""

    def __init__(self, file: InputFile, plan: DecodePlan, outcomes: Outcomes) -> None:
        self._file = file
        self._plan = plan
        self._outcomes = outcomes
        self._fitter = Fitter(plan, file.uri)

    def read(self, data: bytes) -> Iterator[DecodedBatch]:
        with _reading(self._file.uri):
            opened = _opened(data)
            names = tuple(each.name for each in opened.schema_arrow)
            kinds = {each.name: file_kind(each.type) for each in opened.schema_arrow}
        layout = layout_of_header(names, self._plan, where=self._file.uri)
        self._note_new(layout, kinds)
        for batch in self._checked_batches(opened):
            fitted = self._fit_checked(batch, layout)
            self._outcomes.files[self._file.index].rows += batch.num_rows
            yield DecodedBatch(fitted, [(self._file.index, batch.num_rows)])

    def _checked_batches(self, opened: Any) -> Iterator[Column]:  # noqa: ANN401 - pyarrow's
        batches = opened.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
        while True:
            with _reading(self._file.uri):
                batch = next(batches, None)
                if batch is not None:
                    # Text that is not UTF-8 would be undefined behaviour in Rust readers.
                    batch.validate(full=True)
            if batch is None:
                return
            if batch.num_rows:
                yield batch

    def _fit_checked(self, batch: Column, layout: Layout) -> RecordBatch:
        try:
            return self._fit(batch, layout)
        except pyarrow().ArrowInvalid as error:
            raise BadFileError(
                "the file has a value beyond the range of its column's type",
                where=self._file.uri,
                fix="times must lie within the years that microseconds reach",
            ) from error

    def _note_new(self, layout: Layout, kinds: Mapping[str, t.SparkType]) -> None:
        if self._plan.unknown == "evolve":
            new = [(each.name, settled(kinds[each.name])) for each in layout.strangers if each.new]
            self._note(new)

    def _note(self, fields: list[tuple[str, t.SparkType]]) -> None:
        if not fields:
            return
        before = self._outcomes.drift or t.Struct(())
        drift = merge_drift(before, t.Struct(tuple(fields)), widen=True)
        check_limits(drift, where=self._file.uri)
        self._outcomes.drift = drift

    def _fit(self, batch: Column, layout: Layout) -> RecordBatch:
        pa, plan = pyarrow(), self._plan
        columns: list[Column] = []
        rescued: dict[int, dict[str, Rescued]] = {}
        for (name, kind), source in zip(plan.schema.fields, layout.sources, strict=True):
            if source is None:
                columns.append(null_column(batch.num_rows, kind))
                continue
            fitted = self._fitter.fit(batch.column(source), kind)
            columns.append(fitted.column)
            for row, value in fitted.rescued.items():
                rescued.setdefault(row, {})[layout.names[source]] = value
            if fitted.drift is not None:
                self._note([(name, settled(fitted.drift))])
        if plan.rescued_column is not None:
            for stranger in layout.strangers:
                texts = self._fitter.texts(batch.column(stranger.index))
                for row, text in texts.items():
                    rescued.setdefault(row, {})[stranger.name] = text
            columns.append(self._rescued_column(batch.num_rows, rescued))
        made = pa.record_batch(columns, schema=pa.schema(output_schema(plan)))
        return RecordBatch.from_arrow(made)

    def _rescued_column(self, rows: int, rescued: Mapping[int, Mapping[str, Rescued]]) -> Column:
        texts: list[str | None] = [None] * rows
        for row, fields in rescued.items():
            texts[row] = rescued_data(fields, self._file.uri)
        self._outcomes.files[self._file.index].rescued += len(rescued)
        return pyarrow().array(texts, pyarrow().string())
