"""Random stateless plans against a naive evaluation in Python."""

import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
from arro3.core import RecordBatchReader
from hypothesis import given, settings
from hypothesis import strategies as st
from support.volume import examples

import lakestream.functions as F  # noqa: N812 - PySpark's habit
from lakestream.plan import types as t
from lakestream.plan.arrow_types import pyarrow_schema
from lakestream.plan.nodes import leaves_of
from lakestream.sql.compile import compile_plan
from lakestream.stream import Stream

SCHEMA = t.schema_of_ddl("a BIGINT, b BIGINT, s STRING, ok BOOLEAN")
KINDS = {"a": "number", "b": "number", "s": "text", "ok": "truth"}
NAMES = ["a", "b", "s", "ok", "c", "d", "Odd name"]


@dataclass(frozen=True)
class Described:
    declared_schema: t.Struct = SCHEMA
    kind: str = "memory"
    location: str = "memory"
    description: str = "memory"
    asset_key: None = None


VALUES = {
    "number": st.none() | st.integers(-9, 9),
    "text": st.none() | st.text("aB ü€", max_size=3),
    "truth": st.none() | st.booleans(),
}
ROWS = st.lists(st.fixed_dictionaries({n: VALUES[k] for n, k in KINDS.items()}), max_size=6)


def known(function):
    """Give null when an argument is one."""
    return lambda *given: None if None in given else function(*given)


def both(left, right):
    return False if False in (left, right) else None if None in (left, right) else True


def either(left, right):
    return True if True in (left, right) else None if None in (left, right) else False


#: What it makes, of what, as a Column and in Python.
OPERATIONS = [
    ("number", ["number", "number"], lambda x, y: x + y, known(lambda x, y: x + y)),
    ("number", ["number", "number"], lambda x, y: x - y, known(lambda x, y: x - y)),
    ("number", ["number"], lambda x: -x, known(lambda x: -x)),
    ("number", ["text"], lambda x: F.length(x).cast("bigint"), known(len)),
    ("number", ["number", "number"], F.coalesce, lambda x, y: y if x is None else x),
    ("text", ["text"], F.upper, known(str.upper)),
    ("text", ["text", "text"], F.concat, known(lambda x, y: x + y)),
    ("text", ["number"], lambda x: x.cast("string"), known(str)),
    ("truth", ["number", "number"], lambda x, y: x < y, known(lambda x, y: x < y)),
    ("truth", ["text", "text"], lambda x, y: x == y, known(lambda x, y: x == y)),
    ("truth", ["number", "number"], lambda x, y: x.eqNullSafe(y), lambda x, y: x == y),
    ("truth", ["text"], lambda x: x.isNull(), lambda x: x is None),
    ("truth", ["truth", "truth"], lambda x, y: x & y, both),
    ("truth", ["truth", "truth"], lambda x, y: x | y, either),
    ("truth", ["truth"], lambda x: ~x, known(lambda x: not x)),
    (
        "number",
        ["truth", "number", "number"],
        lambda test, x, y: F.when(test, x).otherwise(y),
        lambda test, x, y: x if test else y,
    ),
]


@st.composite
def expressions(draw, kinds, wanted, depth=3):
    """Give a Column and the function of a row that it stands for."""
    names = [name for name, kind in kinds.items() if kind == wanted]
    choices = ["value", *(["name"] * 3 if names else []), *(["operation"] * 4 if depth else [])]
    match draw(st.sampled_from(choices)):
        case "name":
            name = draw(st.sampled_from(names))
            return F.col(f"`{name}`"), lambda row: row[name]
        case "operation":
            fitting = [each for each in OPERATIONS if each[0] == wanted]
            _, wants, build, compute = draw(st.sampled_from(fitting))
            made = [draw(expressions(kinds, each, depth - 1)) for each in wants]
            column = build(*(each for each, _ in made))
            return column, lambda row: compute(*(value(row) for _, value in made))
        case _:
            value = draw(VALUES[wanted])
            ddl = {"number": "bigint", "text": "string", "truth": "boolean"}[wanted]
            return F.lit(value).cast(ddl), lambda _row: value


@st.composite
def plans(draw):
    """Give a stream and the function of rows that it stands for."""
    stream, kinds, steps = Stream.from_source(Described()), dict(KINDS), []
    for _ in range(draw(st.integers(1, 6))):
        stream, kinds, step = draw(steps_of(stream, kinds))
        steps.append(step)

    def evaluate(rows):
        for step in steps:
            rows = step(rows)
        return rows

    return stream, kinds, evaluate


@st.composite
def steps_of(draw, stream, kinds):
    name = draw(st.sampled_from(list(kinds)))
    match draw(st.sampled_from(["filter", "column", "columns", "select", "drop", "rename"])):
        case "filter":
            test, holds = draw(expressions(kinds, "truth"))
            return stream.filter(test), kinds, lambda rows: [r for r in rows if holds(r)]
        case "column" | "columns":
            new, kind = draw(st.sampled_from(NAMES)), draw(st.sampled_from(list(VALUES)))
            column, value = draw(expressions(kinds, kind))
            return (
                stream.withColumn(new, column),
                {**kinds, new: kind},
                lambda rows: [{**row, new: value(row)} for row in rows],
            )
        case "select":
            kept = draw(st.lists(st.sampled_from(list(kinds)), min_size=1, unique=True))
            return (
                stream.select(*(F.col(f"`{each}`") for each in kept)),
                {each: kinds[each] for each in kept},
                lambda rows: [{each: row[each] for each in kept} for row in rows],
            )
        case "drop" if len(kinds) > 1:
            return (
                stream.drop(name),
                {each: kind for each, kind in kinds.items() if each != name},
                lambda rows: [{k: v for k, v in row.items() if k != name} for row in rows],
            )
        case _:
            new = draw(st.sampled_from([each for each in NAMES if each not in kinds] or [name]))
            return (
                stream.withColumnRenamed(name, new),
                {(new if each == name else each): kind for each, kind in kinds.items()},
                lambda rows: [{(new if k == name else k): v for k, v in r.items()} for r in rows],
            )


def values_of(rows, names):
    return [tuple(row[name] for name in names) for row in rows]


@settings(max_examples=examples(150), deadline=None)
@given(plans(), ROWS, st.integers(1, 4))
def test_plan_when_random_then_rows_and_types_are_those_of_a_naive_evaluation(plan, rows, size):
    stream, kinds, evaluate = plan
    (leaf,) = leaves_of(stream.plan)
    transform = compile_plan(stream.plan, {leaf: SCHEMA})
    table = pa.Table.from_pylist(rows, schema=pyarrow_schema(SCHEMA))
    batches = RecordBatchReader.from_stream(
        pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=size))
    )

    given_out = [
        pa.record_batch(each)
        for each in transform.run({leaf: batches}, now=dt.datetime.now(dt.UTC)).stream
    ]

    assert all(each.schema == pyarrow_schema(transform.schema) for each in given_out)
    assert transform.schema == stream.struct
    assert list(transform.schema.names) == list(kinds)
    found = itertools.chain.from_iterable(each.to_pylist() for each in given_out)
    assert Counter(values_of(found, kinds)) == Counter(values_of(evaluate(rows), kinds))
