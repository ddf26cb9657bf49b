"""``@streaming_table``: a function over streams that keeps a Delta table up to date."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

import msgspec

from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError, UnsupportedOperationError, near_names
from lakestream.plan.arrow_types import pyarrow_schema
from lakestream.plan.expectations import Expectation, Rule, named_expectations
from lakestream.plan.nodes import Source
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.query.run import OnProgress, QueryRun, RunOptions
from lakestream.query.streaming_query import StreamingQuery
from lakestream.sources.base import EVERYTHING, Backlog, DiscoveryFilter, SourceDescription
from lakestream.storage.location import PathLike, display
from lakestream.storage.options import OptionValue, StorageOptions
from lakestream.stream import Stream
from lakestream.table_files import TableFiles
from lakestream.triggers import AvailableNow, ProcessingTime, Trigger, check_trigger

if TYPE_CHECKING:
    import pyarrow as pa

    from lakestream.plan.types import Struct
    from lakestream.query.admin import ResetReport
    from lakestream.query.overview import TableStatus
    from lakestream.query.progress import QueryProgress
    from lakestream.sources.files.notifications.checking import QueueCheck
    from lakestream.sql.scope import Origin

OutputMode = Literal["append", "update", "complete"]
Widening = Literal["rewrite"]
TableFunction = Callable[..., Stream]
_OUTPUT_MODES: Final = ("append", "update", "complete")


class DagsterFace(msgspec.Struct, frozen=True):
    """How a table shows in Dagster; plain values, so that Dagster is not imported for them."""

    key: tuple[str, ...] | None = None
    key_prefix: tuple[str, ...] = ()
    deps: tuple[object, ...] = ()
    group: str | None = None
    kinds: frozenset[str] = frozenset()
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None


class StreamingTable(TableFiles):
    """A Delta table that a stream is written to, exactly once. Made by ``streaming_table``.

    Nothing is read or written before a method asks for it; the function's body runs once, at
    first need.
    """

    def __init__(
        self,
        function: TableFunction,
        path: PathLike,
        *,
        name: str,
        inputs: Mapping[str, StreamingTable],
        partition_by: tuple[str, ...],
        checkpoint: PathLike | None,
        trigger: Trigger,
        expectations: tuple[Expectation, ...],
        storage_options: StorageOptions,
        widens: bool,
        description: str | None,
        face: DagsterFace,
    ) -> None:
        self._function = function
        self._path = path
        self._given_inputs = inputs
        self._checkpoint = checkpoint
        self._trigger = trigger
        self._storage_options = storage_options
        self._widens = widens
        self.name: Final = name
        self.partition_by: Final = partition_by
        self.expectations: Final = expectations
        self.description: Final = description
        self.face: Final = face
        functools.update_wrapper(cast("Callable[..., Any]", self), function)

    def __repr__(self) -> str:
        """Give the name and the path."""
        return f"StreamingTable({self.name!r}, {self.path!r})"

    @property
    def path(self) -> str:
        """The table's path as declared; an ``ls.env`` shows by its name."""
        return display(self._path)

    @functools.cached_property
    def inputs(self) -> dict[str, StreamingTable]:
        """The streaming tables that this one reads, by parameter name.

        Raises:
            ConfigError: A parameter names no streaming table of the function's module.
        """
        return _resolve_inputs(self._function, self._given_inputs)

    @property
    def stream(self) -> Stream:
        """What the function returned.

        Raises:
            ConfigError: It returned something else than a stream.
        """
        return self._declared[0]

    @functools.cached_property
    def _declared(self) -> tuple[Stream, dict[Source, str]]:
        """The function's stream, and the names of the sources that are other tables."""
        streams = {name: table.read_stream() for name, table in self.inputs.items()}
        found = self._function(**streams)
        if not isinstance(found, Stream):
            raise ConfigError(
                f"the function returned {type(found).__name__}, not a stream",
                where=f"streaming table {self.name!r}",
                fix="return a stream: ls.read_files(...), a parameter, or ls.sql(...)",
            )
        names = {
            stream.plan: self.inputs[name].name
            for name, stream in streams.items()
            if isinstance(stream.plan, Source)
        }
        return found, names

    def read_stream(self) -> Stream:
        """Give this table as a stream: all its rows, then what each commit adds."""
        from lakestream.sources.delta.describe import describe_delta

        described = describe_delta(self._path, asset_key=self.asset_key)
        return Stream.from_source(replace(described, options=self._storage_options))

    @property
    def asset_key(self) -> tuple[str, ...]:
        """The parts of the table's Dagster asset key."""
        return self.face.key or (*self.face.key_prefix, self.name)

    @functools.cached_property
    def definition(self) -> QueryDefinition:
        """The query that keeps the table up to date."""
        stream, source_names = self._declared
        return QueryDefinition(
            name=self.name,
            plan=stream.plan,
            path=self._path,
            storage_options=self._storage_options,
            checkpoint=self._checkpoint,
            partition_by=self.partition_by,
            expectations=self.expectations,
            source_names=source_names,
            widens=self._widens,
        )

    @property
    def sources(self) -> list[SourceDescription]:
        """The streaming sources, in plan order; an input table counts as one."""
        return [description_of(each) for each in self.definition.named_sources().values()]

    def run(
        self,
        trigger: Trigger | None = None,
        *,
        discovery: DiscoveryFilter = EVERYTHING,
        max_batches: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[QueryProgress]:
        """Bring the table up to date in this thread.

        Args:
            trigger: When batches run; the table's own (``available_now``) by default.
            discovery: Narrows what the run discovers: a backfill.
            max_batches: End after so many batches.
            on_progress: Called after each batch.

        Returns:
            One progress a batch; empty when there was nothing new. A ``processing_time`` run
            without ``max_batches`` ends only by an error or an interrupt: follow it with
            ``on_progress``.

        Raises:
            LakestreamError: A batch could not be committed. What was committed before stays,
                and the next run goes on from there.

        Delivery: exactly once. Atomic: each batch is one Delta commit.
        """
        chosen = trigger or self._trigger
        endless = isinstance(chosen, ProcessingTime) and max_batches is None
        found: list[QueryProgress] = []

        def note(progress: QueryProgress) -> None:
            # An endless run never returns them, and may live for months.
            if not endless:
                found.append(progress)
            if on_progress is not None:
                on_progress(progress)

        QueryRun(
            self.definition,
            chosen,
            RunOptions(discovery, max_batches, note),
            clock=SYSTEM_CLOCK,
        ).execute()
        return found

    def start(self, trigger: Trigger | None = None) -> StreamingQuery:
        """Bring the table up to date in a thread; gives its handle.

        Delivery: exactly once, wherever the process ends.
        """
        return StreamingQuery(self.definition, trigger or self._trigger).start()

    def discover(self, time_budget_s: float | None = None) -> Backlog:
        """Look for what is new, record it, and tell how much is waiting; run no batch.

        Args:
            time_budget_s: Stop looking after so many seconds; the next call goes on.
        """
        from lakestream.query import overview

        return overview.discover(self.definition, SYSTEM_CLOCK, time_budget_s=time_budget_s)

    def status(self) -> TableStatus:
        """Tell where the table stands, from the checkpoint; changes nothing."""
        from lakestream.query import overview

        return overview.status(self.definition, SYSTEM_CLOCK)

    def validate(self) -> Struct:
        """Check the whole declaration against its input, without writing anything.

        Returns:
            The columns that the table gets.

        Raises:
            LakestreamError: What a run would stumble over: a misspelt column, an input without
                a file to infer the columns from, a table of other types. A landing folder that
                is not there yet is none when the columns are declared: files may still come.
        """
        from lakestream.query import overview

        return overview.validate(self.definition, SYSTEM_CLOCK)

    def check_queues(self) -> Sequence[QueueCheck]:
        """Ask the queues that tell of new files about themselves; takes no message.

        Returns:
            For each queue what its service tells, and what is to be seen to, with stable codes.

        Raises:
            ConfigError: The service's library is not installed, or a queue's name is none.
            QueueRefusedError: There is no such queue, or the credentials do not open it.
            QueueUnavailableError: A queue did not answer.
        """
        from lakestream.sources.files.description import FilesDescription
        from lakestream.sources.files.notifications.checking import check_queue

        files = [each for each in self.sources if isinstance(each, FilesDescription)]
        return [found for found in map(check_queue, files) if found is not None]

    def preview(self, n: int = 20) -> pa.Table:
        """Give the first rows that a first run would write; writes nothing."""
        from lakestream.query import overview

        return overview.preview(self.definition, SYSTEM_CLOCK, rows=n)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table: as stored when it exists, else as a run would make them."""
        from lakestream.query import overview

        return pyarrow_schema(overview.table_schema(self.definition, SYSTEM_CLOCK))

    def column_lineage(self) -> dict[str, list[Origin]]:
        """Tell for each column of the stream which columns of its leaves it is made of.

        Returns:
            Column to ``(description, column)`` pairs; columns that only choose rows (filters,
            join keys) do not count.

        Raises:
            LakestreamError: The stream's columns are not known yet, or it cannot be planned.
        """
        from lakestream.query import overview

        return overview.column_lineage(self.definition, SYSTEM_CLOCK)

    def read(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """Read the table at its newest version, in batches; memory stays flat.

        Args:
            columns: Which columns; None is all.
        """
        from lakestream.delta.reading import read_table

        location = self.definition.table_location
        return read_table(location.uri, self._storage_options, columns=columns)

    def reset(self, *, truncate: bool = False) -> ResetReport:
        """Forget all progress: the next run reads all input again, under a new query id.

        Args:
            truncate: Also delete the table's rows, in one Delta commit. Without it the rows
                that are there stay, and what is read again is added to them.

        A run that is under way is not waited for: it ends with ``FencedError``, and no batch of
        its lands behind the reset.
        """
        from lakestream.query import admin

        return admin.reset(self.definition, SYSTEM_CLOCK, truncate=truncate)

    def reset_report(self) -> ResetReport:
        """Tell what ``reset`` would forget; changes nothing."""
        from lakestream.query import admin

        return admin.reset_report(self.definition, SYSTEM_CLOCK)


def streaming_table(
    path: PathLike,
    *,
    name: str | None = None,
    inputs: Mapping[str, StreamingTable] | None = None,
    partition_by: Sequence[str] | str | None = None,
    checkpoint: PathLike | None = None,
    output_mode: OutputMode = "append",
    trigger: Trigger | None = None,
    expectations: Mapping[str, str | Rule] | None = None,
    widening: Widening | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
    description: str | None = None,
    key: Sequence[str] | str | None = None,
    key_prefix: Sequence[str] | str | None = None,
    deps: Sequence[object] = (),
    group: str | None = None,
    kinds: Sequence[str] = (),
    owners: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Callable[[TableFunction], StreamingTable]:
    """Declare a Delta table that a stream is written to, exactly once.

    The decorated function returns the stream. Each of its parameters is a streaming table of
    its module (or of that module's imports) with the same name, read as a stream.

    Args:
        path: The table: a folder, ``s3://...``, or ``ls.env("LAKE") / "bronze/orders"``.
        name: The query's name; the function's name by default. It marks the table's commits,
            so two queries that write one table need two names.
        inputs: Tables for parameters that the module does not resolve.
        partition_by: Columns to partition by, fixed when the table is made.
        checkpoint: The checkpoint's folder; ``<path>/_lakestream`` by default.
        output_mode: ``append``: rows are added and never change. ``update`` and ``complete``
            need an aggregation.
        trigger: When batches run by default; ``ls.available_now()``.
        expectations: Conditions on rows by name: an SQL text (counts and warns), or
            ``ls.expect(sql, on_fail="warn" | "drop" | "fail")``.
        widening: ``"rewrite"`` lets a column become wider when the stream's does (``INT`` to
            ``BIGINT``): the files that hold it are written anew, in one commit that brings no
            row. By default such a stream is refused.
        storage_options: For the table and the checkpoint, under object_store's names.
        description: For people; the function's docstring by default.
        key: The asset key in Dagster; ``[*key_prefix, name]`` by default.
        key_prefix: What stands before the name in the asset key.
        deps: More assets that this one depends on, for lineage only.
        group: The asset's group in Dagster.
        kinds: More kinds beside ``delta``.
        owners: Owners in Dagster.
        tags: Tags in Dagster.

    Raises:
        ConfigError: An option does not fit.
    """
    if callable(path):
        raise ConfigError(
            "the decorator is given a function, not a path",
            where="streaming_table",
            fix='write @ls.streaming_table("lake/bronze/orders") above the function',
        )
    _check_output_mode(output_mode)
    if trigger is not None:
        check_trigger(trigger, where="streaming_table(trigger=...)")
    _check_widening(widening)
    face = DagsterFace(
        key=_parts(key) or None,
        key_prefix=_parts(key_prefix),
        deps=tuple(deps),
        group=group,
        kinds=frozenset(kinds),
        owners=tuple(owners or ()),
        tags=dict(tags or {}),
    )

    def declare(function: TableFunction) -> StreamingTable:
        table_name = name or function.__name__
        return StreamingTable(
            function,
            path,
            name=table_name,
            inputs=dict(inputs or {}),
            partition_by=(partition_by,)
            if isinstance(partition_by, str)
            else tuple(partition_by or ()),
            checkpoint=checkpoint,
            trigger=trigger or AvailableNow(),
            expectations=named_expectations(expectations or {}),
            storage_options=StorageOptions.of(
                storage_options,
                where=f"storage_options of streaming table {table_name!r}",
                path=path,
            ),
            widens=widening is not None,
            description=description or inspect.getdoc(function),
            face=face,
        )

    return declare


def _check_output_mode(output_mode: str) -> None:
    """Hold Spark's table of operators against the mode: stateless plans only append to Delta."""
    if output_mode not in _OUTPUT_MODES:
        raise ConfigError(
            f"there is no output mode {output_mode!r}",
            where="streaming_table(output_mode=...)",
            fix=near_names(output_mode, _OUTPUT_MODES),
        )
    if output_mode != "append":
        raise UnsupportedOperationError(
            f"output mode {output_mode!r} needs a streaming aggregation, and there is none here",
            where="streaming_table(output_mode=...)",
            fix='leave output_mode at "append"',
        )


def _check_widening(widening: str | None) -> None:
    if widening not in {None, *get_args(Widening)}:
        raise ConfigError(
            f"there is no widening {widening!r}",
            where="streaming_table(widening=...)",
            fix='give "rewrite", or leave it out: then a column keeps its type',
        )


def _parts(key: Sequence[str] | str | None) -> tuple[str, ...]:
    if key is None:
        return ()
    return tuple(key.split("/")) if isinstance(key, str) else tuple(key)


def _resolve_inputs(
    function: TableFunction, given: Mapping[str, StreamingTable]
) -> dict[str, StreamingTable]:
    parameters = inspect.signature(function).parameters
    where = f"streaming table function {function.__qualname__!r}"
    unused = [name for name in given if name not in parameters]
    if unused:
        raise ConfigError(
            f"inputs names {unused[0]!r}, which is no parameter of the function",
            where=where,
            fix=near_names(unused[0], parameters),
        )
    scope: Mapping[str, Any] = function.__globals__
    tables = {name: each for name, each in scope.items() if isinstance(each, StreamingTable)}
    by_name = {each.name: each for each in tables.values()}
    found: dict[str, StreamingTable] = {}
    for name in parameters:
        table = given.get(name) or tables.get(name) or by_name.get(name)
        if table is None:
            raise ConfigError(
                f"parameter {name!r} names no streaming table",
                where=where,
                fix=f"{near_names(name, tables)} Import the table into the module, or pass it "
                f"with inputs={{{name!r}: table}}",
            )
        found[name] = table
    return found
