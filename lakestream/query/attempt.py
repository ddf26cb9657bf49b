"""One attempt at a batch: the streams from the sources through the plan to the sink."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping

import msgspec
from arro3.core import RecordBatch, RecordBatchReader

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import from_epoch_ms
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.nodes import Node, Source, StaticTable, walk
from lakestream.plan.schema_diff import SchemaChange, schema_changes
from lakestream.plan.types import Struct
from lakestream.query.open_query import OpenQuery
from lakestream.query.progress import ExpectationCounts
from lakestream.query.summary import AttemptSummary, SourceSummary
from lakestream.sources.base import BatchRead, Offset, SourceReader
from lakestream.sources.delta.static import StaticDeltaTable, StaticSnapshot
from lakestream.sql.compile import Transform, TransformRun, compile_plan


class Attempt:
    """What one attempt holds open; thrown away as a whole when it fails."""

    def __init__(self, records: AttemptRecords) -> None:
        self.records = records
        self.reads: dict[str, BatchRead] = {}
        self.run: TransformRun | None = None
        self._stream: RecordBatchReader | None = None
        self._failure: BaseException | None = None

    @property
    def stream(self) -> RecordBatchReader:
        """The rows for the sink; set by ``PlanRunner.run``."""
        assert self._stream is not None, "the attempt was not transformed"  # noqa: S101
        return self._stream

    def open_reads(
        self,
        readers: Mapping[str, SourceReader],
        starts: Mapping[str, Offset],
        ends: Mapping[str, Offset],
    ) -> None:
        """Open ``(start, end]`` of each source that has anything there."""
        for name, reader in readers.items():
            if ends[name] != starts[name]:
                self.reads[name] = reader.read(starts[name], ends[name], self.records)

    def cause(self, error: BaseException) -> BaseException:
        """Give what really went wrong: an Arrow stream carries an exception only as its text."""
        failures = [read.failure for read in self.reads.values()]
        failures.append(self.run.failure if self.run is not None else None)
        failures.append(self._failure)
        return next((each for each in failures if each is not None), error)

    def close(self, error: BaseException | None = None) -> None:
        """Drop the streams, so that threads and connections behind them end.

        Args:
            error: What ended the attempt. The frames of its traceback hold the streams as well,
                so they let go of their variables; its text and lines stay.
        """
        if error is not None:
            _clear_frames(error)
        self._stream = None
        self.run = None
        self.reads = {}

    def finish_with(
        self, schema: Struct, table: Struct | None, widened: tuple[SchemaChange, ...]
    ) -> None:
        """Write the attempt's summary at the stream's end: after the rows, before the commit."""
        run = self.run
        assert run is not None, "the attempt was not transformed"  # noqa: S101
        changes = () if table is None else schema_changes(table, schema)
        added = tuple(each for each in changes if each.kind == "added")
        self._stream = RecordBatchReader.from_batches(
            arrow_schema(schema), self._counted(run, (*widened, *added))
        )

    def _counted(
        self, run: TransformRun, changes: tuple[SchemaChange, ...]
    ) -> Iterator[RecordBatch]:
        rows = 0
        # Iterated as a Python object, never through its C stream: below another arro3 stream of
        # Python's the C stream would run without the GIL.
        for batch in run.stream:
            rows += batch.num_rows
            yield batch
        try:
            self._summary(rows, run, changes).write(self.records)
        except BaseException as error:
            self._failure = error
            raise

    def _summary(
        self, rows: int, run: TransformRun, changes: tuple[SchemaChange, ...]
    ) -> AttemptSummary:
        return AttemptSummary(
            rows=rows,
            schema_changed=bool(changes),
            schema_changes=changes,
            sources={
                name: SourceSummary(
                    rows=read.report.rows,
                    files=read.report.files,
                    bytes=read.report.bytes,
                    rescued_rows=read.report.rescued_rows,
                    bad_records=read.report.bad_records,
                    bad_files=read.report.bad_files,
                    dropped_records=read.report.dropped_records,
                )
                for name, read in self.reads.items()
            },
            expectations={
                name: ExpectationCounts(count.passed, count.failed, count.dropped)
                for name, count in run.expectations.items()
            },
        )


def _clear_frames(error: BaseException) -> None:
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            traceback.clear_frames(each.__traceback__)
            pending += [each.__cause__, each.__context__]


class PlanRunner(msgspec.Struct):
    """The query's plan, compiled anew only when a schema below it has changed."""

    query: OpenQuery
    _transform: Transform | None = None
    _compiled_for: Mapping[Source | StaticTable, Struct] | None = None
    _snapshots: dict[StaticTable, StaticSnapshot] = msgspec.field(default_factory=dict)

    def compile(self, reads: Mapping[str, BatchRead] | None = None) -> Transform:
        """Give the plan compiled for its leaves' schemas.

        Args:
            reads: An attempt's reads, whose schemas are pinned; a source without one counts
                with the schema that it has now.

        Raises:
            PlanError: It names a column or function that is not there.
            SchemaInferenceError: A source has no schema yet.
        """
        schemas = self._schemas(reads or {})
        if self._transform is None or schemas != self._compiled_for:
            definition = self.query.definition
            self._transform = compile_plan(definition.plan, schemas, definition.expectations)
            self._compiled_for = schemas
        return self._transform

    def prepare(self) -> None:
        """Before a run's first plan: find mistakes in the query, and make the table if need be.

        Raises:
            PlanError: The plan names a column or function that is not there.
        """
        if self._transform is None:
            self.query.establish(self.compile().schema)

    def run(
        self,
        attempt: Attempt,
        table: Struct | None,
        *,
        timestamp_ms: int,
        widened: tuple[SchemaChange, ...] = (),
    ) -> None:
        """Lead the attempt's reads through the plan; nothing moves until the sink pulls.

        Args:
            attempt: Its reads are open; its stream is made here.
            table: The table's columns, to tell whether the attempt brings new ones.
            timestamp_ms: What ``current_timestamp`` gives, in milliseconds since 1970 UTC.
            widened: Which of the table's columns have become wider for this batch.
        """
        transform = self.compile(attempt.reads)
        sources = self.query.definition.named_sources()
        inputs: dict[Source | StaticTable, RecordBatchReader] = {
            source: attempt.reads[name].stream
            if name in attempt.reads
            else RecordBatchReader.from_batches(arrow_schema(self.query.readers[name].schema), [])
            for name, source in sources.items()
        }
        inputs |= {node: snapshot.reader() for node, snapshot in self._snapshots.items()}
        attempt.run = transform.run(inputs, now=from_epoch_ms(timestamp_ms))
        attempt.finish_with(transform.schema, table, widened)

    def leaf_schemas(self) -> Mapping[Source | StaticTable, Struct]:
        """Give the columns of what the plan reads, as of this moment."""
        return self._schemas({})

    def _schemas(self, reads: Mapping[str, BatchRead]) -> dict[Source | StaticTable, Struct]:
        schemas: dict[Source | StaticTable, Struct] = {
            source: (reads[name] if name in reads else self.query.readers[name]).schema
            for name, source in self.query.definition.named_sources().items()
        }
        self._snapshots = {
            node: _static_description(node).open()
            for node in static_tables(self.query.definition.plan)
        }
        return schemas | {node: each.schema for node, each in self._snapshots.items()}


def static_tables(plan: Node) -> tuple[StaticTable, ...]:
    """Give the static leaves of a plan, each once."""
    return tuple(dict.fromkeys(node for node in walk(plan) if isinstance(node, StaticTable)))


def _static_description(node: StaticTable) -> StaticDeltaTable:
    description = node.description
    assert isinstance(description, StaticDeltaTable), "static tables are Delta tables"  # noqa: S101
    return description
