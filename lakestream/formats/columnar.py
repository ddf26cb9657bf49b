"""What the formats of typed columns share: their schemas merged, their batches fitted to a plan.

A format brings a file's Arrow schema and its record batches (pyarrow's); which columns fit, what
is rescued and what drifts is decided here, for all of them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from arro3.core import RecordBatch

from lakestream.errors import BadFileError, SchemaInferenceError
from lakestream.formats.base import DecodedBatch, DecodePlan, InputFile, Outcomes
from lakestream.formats.column_layout import Layout, layout_of_header
from lakestream.formats.fixed_columns import output_schema
from lakestream.formats.infer import settled
from lakestream.formats.lazy_pyarrow import Column, null_column, pyarrow
from lakestream.formats.parquet_columns import Fitter, file_kind
from lakestream.formats.rescue import Rescued, rescued_data
from lakestream.formats.schema import check_limits, merge_drift
from lakestream.plan import types as t

#: Rows of a batch, where the format leaves the choice.
BATCH_ROWS: Final = 32_768


@contextmanager
def reading(uri: str, name: str) -> Iterator[None]:
    """Turn what a library raises for damaged bytes into a failure of the file.

    Args:
        uri: The file.
        name: The format's name, for people.
    """
    try:
        yield
    except (
        pyarrow().ArrowException, OSError, ValueError, OverflowError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        raise damaged(uri, name) from error


def damaged(uri: str, name: str) -> BadFileError:
    """Build the failure of a file that cannot be read as its format."""
    return BadFileError(
        f"the file cannot be read as {name}: it is damaged, cut off or of another format",
        where=uri,
        fix="write the file again; this version of it is listed in quarantine",
    )


def columns_of(schema: Column) -> t.Struct:
    """Give the columns of a file's Arrow schema as Spark types."""
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
        schema: Its columns.
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


def checked_batches(
    batches: Iterator[Column], uri: str, name: str, *, validate: bool = True
) -> Iterator[Column]:
    """Give the batches that have rows; what a library raises on the way fails the file.

    Args:
        batches: pyarrow's record batches.
        uri: The file.
        name: The format's name, for people.
        validate: Whether a library of C++ made them from the file's bytes: then text that is not
            UTF-8 would be undefined behaviour in Rust readers, so all is looked at.
    """
    while True:
        with reading(uri, name):
            batch = next(batches, None)
            if batch is not None and validate:
                batch.validate(full=True)
        if batch is None:
            return
        if batch.num_rows:
            yield batch
