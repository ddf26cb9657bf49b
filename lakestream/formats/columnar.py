"""What the formats of typed columns share: their schemas merged, their batches fitted to a plan.

A format brings a file's Arrow schema and its record batches (pyarrow's); which columns fit, what
is rescued and what drifts is decided here, for all of them alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import SEEK_CUR, SEEK_END, SEEK_SET
from typing import ClassVar, Final

import msgspec
from arro3.core import RecordBatch

from lakestream.errors import BadFileError, SchemaInferenceError
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import (
    DecodedBatch,
    DecodePlan,
    FileChunk,
    FileFailedError,
    InputFile,
    Outcomes,
    Ranges,
    Sample,
)
from lakestream.formats.column_layout import Layout, layout_of_header
from lakestream.formats.fixed_columns import output_schema
from lakestream.formats.infer import settled
from lakestream.formats.lazy_pyarrow import Column, null_column, pyarrow
from lakestream.formats.parquet_columns import Fitter, file_kind
from lakestream.formats.read_types import retyped
from lakestream.formats.rescue import Rescued, rescued_data
from lakestream.formats.schema import check_limits, merge_drift
from lakestream.plan import types as t

#: Rows of a batch, where the format leaves the choice.
BATCH_ROWS: Final = 32_768


class Places:
    """A file that is read in places, as the one that pyarrow reads.

    Args:
        ranges: The file.

    Attributes:
        failure: What reading raised: a library may tell no more of it than its text.
    """

    closed = False

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._at = 0
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read anywhere."""
        return True

    def tell(self) -> int:
        """Give the place."""
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to a place."""
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._ranges.size_bytes}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes."""
        left = max(0, self._ranges.size_bytes - self._at)
        start, size = self._at, left if size < 0 else min(size, left)
        if not size:
            return b""
        try:
            data = self._ranges.read(start, start + size)
        except BaseException as error:
            self.failure = error
            raise
        self._at += len(data)
        return data

    def close(self) -> None:
        """Read no more."""
        self.closed = True


@contextmanager
def reading(uri: str, name: str, places: Places | None = None) -> Iterator[None]:
    """Turn what a library raises for damaged bytes into a failure of the file.

    Args:
        uri: The file.
        name: The format's name, for people.
        places: What the library reads from; what that raised comes through as it was.
    """
    try:
        yield
    except (
        pyarrow().ArrowException, OSError, ValueError, OverflowError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        if places is not None and places.failure is not None:
            raise places.failure from error
        raise damaged(uri, name) from error


def damaged(uri: str, name: str) -> BadFileError:
    """Build the failure of a file that cannot be read as its format."""
    return BadFileError(
        f"the file cannot be read as {name}: it is damaged, cut off or of another format",
        where=uri,
        fix="write the file again; this version of it is listed in quarantine",
    )


def columns_of(schema: Iterable[Column]) -> t.Struct:
    """Give the columns of a file's Arrow schema, or of its fields, as Spark types."""
    return t.Struct(tuple((each.name, file_kind(each.type)) for each in schema))


def merged(schemas: Iterable[t.Struct], name: str) -> t.Struct:
    """Merge the files' own schemas, in first-seen order, as ``Format.infer`` says.

    Where types differ, the wider one of the widening table is taken, and the first where the
    table has none. Columns that are null in every file become strings.

    Raises:
        SchemaInferenceError: There is no column.
        SchemaRejectedError: The columns are too many, or nested too deep.
    """
    found = t.Struct(())
    empty: dict[str, t.SparkType] = {}
    for schema in schemas:
        empty.update((column, t.STRING) for column, kind in schema.fields if kind == t.VOID)
        known = tuple((column, settled(kind)) for column, kind in schema.fields if kind != t.VOID)
        found = merge_drift(found, t.Struct(known), widen=True)
    found = merge_drift(found, t.Struct(tuple(empty.items())), widen=False)
    if not found.fields:
        raise SchemaInferenceError(
            f"no sampled file is readable {name} with columns",
            where=f"format {name.lower()}",
            fix="check the path and the format, or give the schema",
        )
    return found


class FileColumns:
    """One file of a decode: its batches fitted to the plan.

    Args:
        file: Which.
        schema: Its columns, as they are read.
        plan: What is wanted.
        outcomes: Takes rows, rescued values and drift.

    Raises:
        BadFileError: Two columns of the file have one name.
        NewColumnsError: ``unknown="fail"``, and the file has a new column.
    """

    def __init__(
        self, file: InputFile, schema: t.Struct, plan: DecodePlan, outcomes: Outcomes
    ) -> None:
        self._file = file
        self._kinds = [kind for _, kind in schema.fields]
        self._plan = plan
        self._outcomes = outcomes
        self._fitter = Fitter(plan, file.uri)
        self._layout = layout_of_header(schema.names, plan, where=file.uri)
        if plan.unknown == "evolve":
            kinds = dict(schema.fields)
            strangers = (each.name for each in self._layout.strangers if each.new)
            self._note([(name, settled(kinds[name])) for name in strangers])

    def fit(self, batch: Column) -> DecodedBatch:
        """Fit a batch that has rows.

        Raises:
            BadFileError: A value is beyond the range of its column's type.
            NewColumnsError: ``unknown="fail"``, and a nested field is new.
        """
        try:
            fitted = self._fit(batch, self._layout)
        except pyarrow().ArrowInvalid as error:
            raise BadFileError(
                "the file has a value beyond the range of its column's type",
                where=self._file.uri,
                fix="times must lie within the years that microseconds reach",
            ) from error
        self._outcomes.files[self._file.index].rows += batch.num_rows
        return DecodedBatch(fitted, [(self._file.index, batch.num_rows)])

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
            column = retyped(batch.column(source), self._kinds[source], kind)
            fitted = self._fitter.fit(column, kind)
            columns.append(fitted.column)
            for row, value in fitted.rescued.items():
                rescued.setdefault(row, {})[layout.names[source]] = value
            if fitted.drift is not None:
                self._note([(name, settled(fitted.drift))])
        if plan.rescued_column is not None:
            for stranger in layout.strangers:
                column = batch.column(stranger.index)
                kind = self._kinds[stranger.index]
                texts = self._fitter.texts(retyped(column, kind, kind))
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


def _source(given: FileChunk | Sample) -> tuple[Column, Places | None]:
    """Give a file as pyarrow reads it, and what it reads from where that is not memory."""
    if given.ranges is None:
        return pyarrow().BufferReader(given.data), None
    places = Places(given.ranges)
    return pyarrow().PythonFile(places, mode="r"), places


class OpenedFile(msgspec.Struct, frozen=True):
    """A file opened by its library.

    Args:
        columns: What it has.
        batches: pyarrow's record batches, decoded as they are asked for.
    """

    columns: t.Struct
    batches: Iterator[Column]


class WholeFileFormat(ABC):
    """A format whose files say at their end what they hold, so they come whole; no options.

    A damaged file fails as a whole. There are no bad records: parse modes do not matter.
    """

    __slots__ = ()

    #: The format's name for people.
    title: ClassVar[str]

    @abstractmethod
    def opened(self, source: Column) -> OpenedFile:
        """Open a file of pyarrow's; what it raises for damaged bytes is the caller's to map."""

    @property
    def name(self) -> str:
        """The format's name."""
        return self.title.lower()

    @property
    def whole_files(self) -> bool:
        """The footer stands at the end."""
        return True

    @property
    def ranged(self) -> bool:
        """The footer says where everything is."""
        return True

    @property
    def compressible(self) -> bool:
        """These formats compress parts of their own."""
        return False

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The schema is the files' own."""
        return None

    def options(self) -> Mapping[str, str]:
        """Give no options: there are none."""
        return {}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - the files are typed
        """Merge the files' own schemas, as ``merged`` says; samples that are cut are left out.

        Raises:
            SchemaInferenceError: No sample is a readable file of the format.
            SchemaRejectedError: The columns are too many, or nested too deep.
        """
        return merged(self._schemas(samples), self.title)

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says.

        Memory is a small file, or one row group or stripe of a large one, and a batch of it.
        """
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, outcomes)
                continue
            try:
                yield from self._decoded(chunk, plan, outcomes)
            except FileFailedError as failed:
                fail_file(chunk.file, failed.failure, outcomes)
            except BadFileError as error:
                fail_file(chunk.file, error, outcomes)

    def _schemas(self, samples: Iterable[Sample]) -> Iterator[t.Struct]:
        for sample in samples:
            if not sample.whole:
                continue
            source, places = _source(sample)
            try:
                with reading(sample.uri, self.title, places):
                    columns = self.opened(source).columns
            except (BadFileError, FileFailedError):
                continue
            yield columns

    def _decoded(
        self, chunk: FileChunk, plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        uri = chunk.file.uri
        source, places = _source(chunk)
        with reading(uri, self.title, places):
            opened = self.opened(source)
        columns = FileColumns(chunk.file, opened.columns, plan, outcomes)
        while True:
            with reading(uri, self.title, places):
                batch = next(opened.batches, None)
                if batch is not None:
                    # Text that is not UTF-8 would be undefined behaviour in Rust readers.
                    batch.validate(full=True)
            if batch is None:
                return
            if batch.num_rows:
                yield columns.fit(batch)
