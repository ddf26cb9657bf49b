"""Looking at a query from outside a run: status, backlog, check, preview. Commits nothing."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lakestream.checkpoint import history
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK, Clock, epoch_ms, from_epoch_ms
from lakestream.plan.arrow_types import pyarrow_schema
from lakestream.plan.nodes import Node
from lakestream.plan.types import Struct
from lakestream.query.attempt import Attempt, PlanRunner
from lakestream.query.definition import QueryDefinition
from lakestream.query.micro_batch import MicroBatchExecution, new_attempt_id
from lakestream.query.open_query import OpenQuery, open_query
from lakestream.query.reporting import total_backlog
from lakestream.sources.base import Backlog, Offset, ReadLimit, ReplanNeeded, SourceReader
from lakestream.sources.files.expiry import Expiry, total_expiry
from lakestream.sources.files.reader import FilesReader
from lakestream.sources.files.states import FileState, file_states, with_cleaned
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from datetime import timedelta

    import pyarrow as pa

    from lakestream.sql.scope import Origin

State = Literal["never run", "up to date", "behind", "interrupted"]
_PREVIEW_LIMIT: Final = ReadLimit(max_files=10, max_bytes=8 * 2**20)


@dataclass(frozen=True, slots=True)
class TableStatus:
    """Where a streaming table stands.

    Args:
        name: The query's name.
        state: ``never run``; ``up to date``; ``behind``: something discovered waits;
            ``interrupted``: a planned batch is not committed, the next run redoes it.
        query_id: The query's id; None before the first batch.
        batch_id: The last committed batch.
        delta_version: The table's version that carries it.
        rows: Rows that the table has now; None when there is no table.
        backlog: What is discovered and not read; no news is looked for.
        last_commit_at: When the last committed batch was planned, aware UTC.
    """

    name: str
    state: State
    query_id: str | None
    batch_id: int | None
    delta_version: int | None
    rows: int | None
    backlog: Backlog
    last_commit_at: datetime | None


def discover(definition: QueryDefinition, clock: Clock, *, time_budget_s: float | None) -> Backlog:
    """Make what is new durable in the sources' ledgers, and tell how much waits.

    Safe beside a run. Cost: the sources' discovery.
    """
    query = open_query(definition, clock=clock)
    try:
        execution = MicroBatchExecution(query)
        execution.recover()
        execution.discover(time_budget_s=time_budget_s)
        return _backlog(query, execution)
    finally:
        query.close()


def status(definition: QueryDefinition, clock: Clock) -> TableStatus:
    """Tell where the query stands, from its checkpoint and its table."""
    with rehearsal(definition, clock) as (query, execution):
        backlog = _backlog(query, execution)
        last = query.commits.newest()
        commit = None if last is None else query.commits.read(last)
        plan = None if last is None else query.offsets.read(last)
        return TableStatus(
            name=definition.name,
            state=_state(query, execution, backlog),
            query_id=None if query.metadata is None else query.id,
            batch_id=last,
            delta_version=None if commit is None else commit.delta_version,
            rows=query.sink.row_count(),
            backlog=backlog,
            last_commit_at=None if plan is None else from_epoch_ms(plan.timestamp_ms),
        )


def validate(definition: QueryDefinition, clock: Clock) -> Struct:
    """Compile the query against its input and its table, as a run would.

    Raises:
        LakestreamError: What a run would raise before it reads a row.
    """
    with rehearsal(definition, clock) as (query, execution):
        execution.check_table()
        execution.discover()
        if not execution.has_pending:  # which was looked at when it was found
            for name, reader in query.readers.items():
                start = execution.positions[name]
                reader.plan(start, reader.latest(start), _PREVIEW_LIMIT)
        schema = PlanRunner(query).compile().schema
        query.sink.check(schema)
        return schema


def table_schema(definition: QueryDefinition, clock: Clock) -> Struct:
    """Give the table's columns when it exists, else those that a first run would make."""
    with rehearsal(definition, clock) as (query, execution):
        stored = query.sink.schema()
        if stored is not None:
            return stored
        execution.discover()
        return PlanRunner(query).compile().schema


def column_lineage(definition: QueryDefinition, clock: Clock) -> dict[str, list[Origin]]:
    """Give, for each column, the sources' and static tables' columns that it is made of."""
    from lakestream.sql import analysis

    with rehearsal(definition, clock) as (query, _):
        return analysis.column_lineage(definition.plan, PlanRunner(query).leaf_schemas())


def preview(definition: QueryDefinition, clock: Clock, *, rows: int) -> pa.Table:
    """Give the first rows of the waiting input, or of all input when nothing waits.

    Cost: the sources' discovery and about ten files; memory is those files' rows.
    """
    with rehearsal(definition, clock) as (query, execution):
        execution.discover()
        waiting = _backlog(query, execution).files > 0
        starts = {
            name: execution.positions[name] if waiting else _whole(reader)
            for name, reader in query.readers.items()
        }
        ends = {
            name: reader.plan(starts[name], reader.latest(starts[name]), _PREVIEW_LIMIT)
            for name, reader in query.readers.items()
        }
        runner = PlanRunner(query)
        while True:
            attempt = Attempt(AttemptRecords(query.log, 0, new_attempt_id()))
            try:
                attempt.open_reads(query.readers, starts, ends)
                return _first_rows(runner, attempt, rows, epoch_ms(clock.now()))
            except Exception as error:
                cause = attempt.cause(error)
                if not isinstance(cause, ReplanNeeded):
                    raise cause from error
            finally:
                attempt.close()


def preview_plan(plan: Node, *, rows: int) -> pa.Table:
    """Give the first rows of a stream that is written nowhere yet."""
    nowhere = Path(tempfile.gettempdir()) / f"lakestream-preview-{uuid.uuid4().hex}"
    definition = QueryDefinition("preview", plan, str(nowhere), StorageOptions())
    return preview(definition, SYSTEM_CLOCK, rows=rows)


def files(definition: QueryDefinition, clock: Clock) -> Iterator[FileState]:
    """Tell of each discovered file what became of it, in the order of discovery."""
    with rehearsal(definition, clock) as (query, _):
        for reader in query.readers.values():
            if isinstance(reader, FilesReader):
                outcomes = iter(history.file_outcomes(query.log))
                states = file_states(reader.known_files(), outcomes, reader.set_aside())
                yield from with_cleaned(states, reader.cleaned_files())


def expiring_files(
    definition: QueryDefinition, clock: Clock, *, max_age: timedelta | None
) -> Expiry:
    """Tell what ``max_file_age`` forgets and leaves out, over all file sources."""
    with rehearsal(definition, clock) as (query, _):
        readers = [each for each in query.readers.values() if isinstance(each, FilesReader)]
        return total_expiry(each.expiring(max_age) for each in readers)


def _whole(reader: SourceReader) -> Offset:
    """Give the position before all input; a vacuum may have taken files that a table had once."""
    from lakestream.sources.delta.reader import DeltaReader

    return reader.present() if isinstance(reader, DeltaReader) else reader.initial()


def _first_rows(runner: PlanRunner, attempt: Attempt, rows: int, timestamp_ms: int) -> pa.Table:
    import pyarrow as pa

    schema = pyarrow_schema(runner.compile().schema)
    runner.run(attempt, None, timestamp_ms=timestamp_ms)
    batches: list[pa.RecordBatch] = []
    missing = rows
    for batch in attempt.stream:
        batches.append(pa.record_batch(batch).slice(0, missing))
        missing -= batches[-1].num_rows
        if missing <= 0:
            break
    return pa.Table.from_batches(batches, schema)


@contextmanager
def rehearsal(
    definition: QueryDefinition, clock: Clock
) -> Iterator[tuple[OpenQuery, MicroBatchExecution]]:
    """Open the query on a copy in memory: the real code runs and nothing is written."""
    query = open_query(definition, clock=clock, rehearse=True)
    try:
        execution = MicroBatchExecution(query)
        execution.recover()
        yield query, execution
    finally:
        query.close()


def _backlog(query: OpenQuery, execution: MicroBatchExecution) -> Backlog:
    return total_backlog(
        reader.backlog(execution.positions[name]) for name, reader in query.readers.items()
    )


def _state(query: OpenQuery, execution: MicroBatchExecution, backlog: Backlog) -> State:
    if execution.has_pending:
        return "interrupted"
    if query.metadata is None:
        return "never run"
    return "behind" if backlog.files else "up to date"
