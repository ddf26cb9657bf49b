"""Stages of a plan, and a batch's way through them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pyarrow as pa
from arro3.core import RecordBatch, RecordBatchReader, Schema

from lakestream.errors import ExpectationFailedError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, pyarrow_schema
from lakestream.plan.expectations import Expectation
from lakestream.plan.nodes import Alias, MapBatches, Node, Source, StaticTable, inputs_of, walk
from lakestream.sql import frames
from lakestream.sql import session as duck
from lakestream.sql.coercion import duck_type
from lakestream.sql.compile import ExpectationCount, Input
from lakestream.sql.dialect import parse_expression
from lakestream.sql.relation import Leaf, Resolver, output_columns


@dataclass(frozen=True, slots=True)
class Stage:
    """One query, and the Python function that its rows go to, if any.

    Args:
        query: DuckDB's SQL; None when the stage's input goes through as it is.
        tables: The registered name of each leaf that the query reads.
        columns: What the query puts out (behind them: one boolean for each expectation).
        function: What its rows go to.
        schema: What the stage puts out.
    """

    query: str | None
    tables: Mapping[Leaf, str]
    columns: t.Struct
    function: MapBatches | None
    schema: t.Struct


def stages(
    root: Node, schemas: Mapping[Input, t.Struct], expectations: tuple[Expectation, ...]
) -> tuple[Stage, ...]:
    """Cut a plan at its Python functions, inputs first, and check each query on empty tables."""
    known: dict[Leaf, t.Struct] = dict(schemas.items())
    resolver = Resolver(known)
    made = []
    for node in dict.fromkeys(walk(root)):
        if isinstance(node, MapBatches):
            stage = _stage(resolver, node.input, known, (), node)
            known[node] = stage.schema
            made.append(stage)
    if not isinstance(root, MapBatches) or expectations:
        made.append(_stage(resolver, root, known, expectations, None))
    return tuple(made)


def _stage(
    resolver: Resolver,
    root: Node,
    known: Mapping[Leaf, t.Struct],
    expectations: tuple[Expectation, ...],
    function: MapBatches | None,
) -> Stage:
    relation = resolver.resolve(root)
    output_columns(relation)
    columns = relation.schema
    schema = frames.output_schema(function, columns) if function else columns
    leaves = {leaf: resolver.leaves[leaf] for leaf in _leaves(root)}
    if len(leaves) == 1 and _is_leaf(root) and not expectations:
        return Stage(None, leaves, columns, function, schema)
    listed = [
        f"CAST({each.sql} AS {duck_type(each.kind)}) AS c{i}"
        for i, each in enumerate(relation.attributes)
    ]
    for i, each in enumerate(expectations):
        translator = resolver.translator(root, f"expectation {each.name!r}")
        held = translator.condition(parse_expression(each.sql))
        listed.append(f"CASE WHEN {held.sql} THEN true ELSE false END AS e{i}")
    query = f"SELECT {', '.join(listed)} FROM ({relation.sql})"  # noqa: S608 - made of quoted names by the translator
    duck.check(query, {name: known[leaf] for leaf, name in leaves.items()})
    return Stage(query, leaves, columns, function, schema)


def _is_leaf(node: Node) -> bool:
    while isinstance(node, Alias):
        node = node.input
    return isinstance(node, Source | StaticTable | MapBatches)


def _leaves(root: Node) -> tuple[Leaf, ...]:
    """Give what a stage's query reads: leaves, and Python functions without what is below."""
    found: dict[Leaf, None] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Source | StaticTable | MapBatches):
            found[node] = None
        else:
            pending.extend(inputs_of(node))
    return tuple(found)


@dataclass(slots=True)
class _Flow:
    """Rows on their way, and the columns that they have."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]


def start(  # noqa: PLR0917 - one caller
    plan: Sequence[Stage],
    inputs: Mapping[Input, RecordBatchReader],
    now: datetime,
    failures: list[BaseException],
    expectations: Sequence[Expectation],
    counts: Mapping[str, ExpectationCount],
) -> RecordBatchReader:
    """Put the stages behind each other and give the last one's rows as a stream."""
    flows: dict[Leaf, _Flow] = {
        leaf: _Flow(
            pa.schema(cast("Any", reader.schema)), (pa.record_batch(batch) for batch in reader)
        )
        for leaf, reader in inputs.items()
    }
    output: Iterable[pa.RecordBatch] = ()
    for stage in plan:
        output = _rows(stage, flows, now, failures)
        if stage.function is not None:
            output = frames.map_batches(stage.function, output, stage.schema)
            flows[stage.function] = _Flow(pyarrow_schema(stage.schema), output)
    if expectations:
        output = _counted(output, expectations, counts)
    schema = arrow_schema(plan[-1].schema)
    return RecordBatchReader.from_batches(schema, _given_out(output, schema, failures))


def _rows(
    stage: Stage, flows: Mapping[Leaf, _Flow], now: datetime, failures: list[BaseException]
) -> Iterator[pa.RecordBatch]:
    if stage.query is None:
        (leaf,) = stage.tables
        yield from _watched(flows[leaf].batches, failures)
        return
    with duck.session(now) as connection:
        for leaf, name in stage.tables.items():
            twice = stage.query.count(f"FROM {name} AS") > 1
            duck.register(connection, name, _reader(flows[leaf], failures), keep=twice)
        for batch in duck.stream(connection, stage.query):
            yield _named(batch, stage.columns)


def _reader(flow: _Flow, failures: list[BaseException]) -> pa.RecordBatchReader:
    """Give rows to the engine, under names that differ in more than case.

    Always a pyarrow reader: DuckDB lets go of the GIL while it pulls, and an arro3 iterator that
    is pulled below another arro3 iterator does not notice, which aborts the process.
    """
    fields = [field.with_name(f"c{i}") for i, field in enumerate(flow.schema)]
    schema = pa.schema(fields)
    renamed = (
        pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        for batch in _watched(flow.batches, failures)
    )
    return pa.RecordBatchReader.from_batches(schema, renamed)


def _named(batch: pa.RecordBatch, columns: t.Struct) -> pa.RecordBatch:
    """Give the query's columns their own names; the expectations' booleans stay behind them."""
    extra = batch.schema.names[len(columns.fields) :]
    return batch.rename_columns([*columns.names, *extra])


def _watched(
    batches: Iterable[pa.RecordBatch], failures: list[BaseException]
) -> Iterator[pa.RecordBatch]:
    """Pass rows on and keep what ended them early: DuckDB gives it on as a text only."""
    try:
        yield from batches
    except GeneratorExit:
        raise
    except BaseException as error:
        failures.append(error)
        raise


def _counted(
    batches: Iterable[pa.RecordBatch],
    expectations: Sequence[Expectation],
    counts: Mapping[str, ExpectationCount],
) -> Iterator[pa.RecordBatch]:
    """Count each expectation, leave rows out, and fail at the end rather than report success.

    Raises:
        ExpectationFailedError: Rows broke an expectation with ``on_fail="fail"``.
    """
    for batch in batches:
        first = batch.num_columns - len(expectations)
        kept = batch.select(range(first))
        verdicts = [batch.column(first + i) for i in range(len(expectations))]
        for each, held in zip(expectations, verdicts, strict=True):
            passed = cast("pa.BooleanArray", held).true_count
            count = counts[each.name]
            count.passed += passed
            count.failed += batch.num_rows - passed
            if each.on_fail == "drop":
                count.dropped += batch.num_rows - passed
        yield _without_dropped(kept, expectations, verdicts)
    broken = [e for e in expectations if e.on_fail == "fail" and counts[e.name].failed]
    if broken:
        told = ", ".join(f"{each.name!r} by {counts[each.name].failed:,}" for each in broken)
        error = ExpectationFailedError(
            f"rows broke an expectation: {told}",
            where="; ".join(f"{each.name}: {each.sql}" for each in broken),
            fix='mend the input or the condition, or declare on_fail="warn" or "drop"',
        )
        error.failed_rows = {each.name: counts[each.name].failed for each in broken}
        raise error


def _without_dropped(
    batch: pa.RecordBatch, expectations: Sequence[Expectation], verdicts: Sequence[pa.Array[Any]]
) -> pa.RecordBatch:
    for each, held in zip(expectations, verdicts, strict=True):
        if each.on_fail == "drop" and cast("pa.BooleanArray", held).false_count:
            break
    else:
        return batch
    import pyarrow.compute as pc

    masks = [v for e, v in zip(expectations, verdicts, strict=True) if e.on_fail == "drop"]
    return batch.filter(functools.reduce(pc.and_, masks))


def _given_out(
    batches: Iterable[pa.RecordBatch], schema: Schema, failures: list[BaseException]
) -> Iterator[RecordBatch]:
    """Give the last stage's rows as arro3 batches with exactly the promised types."""
    target = pa.schema(cast("Any", schema))
    try:
        for batch in batches:
            exact = batch if batch.schema.equals(target) else _exact(batch, target)
            yield RecordBatch.from_arrow(exact)
    except GeneratorExit:
        raise
    except BaseException as error:
        failures.append(error)
        raise


def _exact(batch: pa.RecordBatch, target: pa.Schema) -> pa.RecordBatch:
    """Cast what differs only in the names of list elements and map entries."""
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, target, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=target)
