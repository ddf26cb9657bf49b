"""Calls of the DataFrame API against Spark's answers, kept in golden_frames.json."""

# ruff: noqa: BLE001, S307 - a case's error is of any kind; the cases are ours

import datetime as dt
import decimal
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader
from frame_cases import COLUMNS, EDGES, FRAMES, OTHER_ROWS, OTHER_SCHEMA, ROWS, SCHEMA, lines
from spark_values import arrow_value, expected, plain

from lakestream import functions
from lakestream.errors import LakestreamError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import pyarrow_schema
from lakestream.plan.column import Column
from lakestream.plan.nodes import leaves_of
from lakestream.sql.compile import compile_plan
from lakestream.stream import Stream

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden_frames.json").read_text(encoding="utf-8"))
NOW = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
#: What Spark computes and we refuse when the plan is made, each with its reason.
REFUSED = json.loads((HERE / "refused_frames.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Described:
    location: str
    declared_schema: t.Struct
    kind: str = "memory"
    asset_key: None = None

    @property
    def description(self):
        return self.location


def table_of(ddl, rows):
    schema = t.schema_of_ddl(ddl)
    made = [arrow_value(schema, row) for row in rows]
    return pa.Table.from_pylist(made, schema=pyarrow_schema(schema))


TABLES = {"s": table_of(SCHEMA, ROWS), "r": table_of(OTHER_SCHEMA, OTHER_ROWS)}


def names():
    return {
        "F": functions,
        "dt": dt,
        "Decimal": decimal.Decimal,
        "s": Stream.from_source(Described("s", t.schema_of_ddl(SCHEMA))),
        "r": Stream.from_static(Described("r", t.schema_of_ddl(OTHER_SCHEMA))),
    }


def run(transform, tables):
    inputs = {leaf: RecordBatchReader.from_stream(each) for leaf, each in tables.items()}
    done = transform.run(inputs, now=NOW)
    try:
        return pa.table(done.stream)
    except Exception as error:
        raise done.failure or error from None


def values_of(transform, leaf, table):
    """Give each row's value, or an error's name where only that row fails."""
    kind = transform.schema.fields[-1][1]
    try:
        found = run(transform, {leaf: table}).column(transform.schema.names[-1]).to_pylist()
        return [plain(kind, each) for each in found]
    except LakestreamError:
        if table.num_rows == 1:
            return [{"error": ""}]
    slices = [table.slice(i, 1) for i in range(table.num_rows)]
    return [value for each in slices for value in values_of(transform, leaf, each)]


def without_conditions(values):
    """Spark's words for an error are not ours."""
    return [{"error": ""} if isinstance(v, dict) and "error" in v else v for v in values]


def transform_of(stream):
    leaves = leaves_of(stream.plan)
    schemas = {leaf: leaf.description.declared_schema for leaf in leaves}
    return compile_plan(stream.plan, schemas), leaves


def column_answer(text):
    made = names()
    stream = made["s"].select(eval(text, made).alias("r"))
    transform, (leaf,) = transform_of(stream)
    return t.type_name(transform.schema.fields[0][1]), values_of(transform, leaf, TABLES["s"])


def cases(part, *, answered):
    return [c for c in GOLDEN[part] if ("error" not in c) == answered and c["case"] not in REFUSED]


def ids(case):
    return case["case"]


@pytest.mark.parametrize("case", cases("columns", answered=True), ids=ids)
def test_column_when_spark_gives_values_then_ours_are_equal(case):
    kind, found = column_answer(case["case"])

    assert kind == case["type"]
    assert found == expected(without_conditions(case["values"]))


@pytest.mark.parametrize("case", cases("columns", answered=False), ids=ids)
def test_column_when_spark_refuses_then_ours_is_an_error_when_written(case):
    with pytest.raises((LakestreamError, TypeError, AttributeError)):
        column_answer(case["case"])


@pytest.mark.parametrize("text", [each for each in REFUSED if not each.startswith("cast ")])
def test_call_when_refused_then_it_is_a_coded_error_and_never_another_value(text):
    with pytest.raises((LakestreamError, TypeError, AttributeError)):
        (frame_answer if text in lines(FRAMES) else column_answer)(text)


def frame_answer(text):
    transform, leaves = transform_of(eval(text, names()))
    tables = {leaf: TABLES[leaf.description.location] for leaf in leaves}
    columns = [[name, t.type_name(kind)] for name, kind in transform.schema.fields]
    rows = run(transform, tables).to_pylist()
    found = [[plain(k, row[name]) for name, k in transform.schema.fields] for row in rows]
    return columns, sorted(found, key=functools.partial(json.dumps, default=str))


@pytest.mark.parametrize("case", cases("frames", answered=True), ids=ids)
def test_frame_when_spark_gives_rows_then_ours_are_equal(case):
    columns, rows = frame_answer(case["case"])

    assert columns == case["columns"]
    assert rows == expected(case["rows"])


EDGE_ROWS = {
    source: GOLDEN["casts"][i * len(EDGES) + list(EDGES).index(source)]["values"]
    for i, source in enumerate(EDGES)
}


def golden_value(kind, value):
    """Give a golden value as what pyarrow takes."""
    inner = next(iter(value.values())) if isinstance(value, dict) else value
    if kind == t.TIMESTAMP_NTZ:
        return dt.datetime.fromisoformat(inner)
    return arrow_value(kind, inner)


def cast_ids(case):
    return f"{case['source']}-{case['target']}"


def cast_answer(case, method):
    source = t.parse_type(case["source"])
    schema = t.Struct((("v", source),))
    rows = [{"v": golden_value(source, each)} for each in EDGE_ROWS[case["source"]]]
    table = pa.Table.from_pylist(rows, schema=pyarrow_schema(schema))
    stream = Stream.from_source(Described("v", schema))
    cast = getattr(functions.col("v"), method)(case["target"])
    transform, (leaf,) = transform_of(stream.select(cast.alias("r")))
    assert t.type_name(transform.schema.fields[0][1]) == case["target"]
    return transform, leaf, table


def refused(case):
    return f"cast {case['source']} to {case['target']}" in REFUSED


@pytest.mark.parametrize(
    "case", [c for c in GOLDEN["casts"] if "values" in c and not refused(c)], ids=cast_ids
)
def test_cast_when_spark_allows_it_then_values_and_errors_are_spark_s(case):
    wanted = without_conditions(case["values"])
    gentle = values_of(*cast_answer(case, "try_cast"))
    transform, leaf, table = cast_answer(case, "cast")
    failing = [i for i, value in enumerate(wanted) if value == {"error": ""}]
    fitting = table.take([i for i in range(len(wanted)) if i not in failing])

    assert gentle == expected([None if v == {"error": ""} else v for v in wanted])
    assert values_of(transform, leaf, fitting) == expected(
        [v for v in wanted if v != {"error": ""}]
    )
    for i in failing:
        assert (i, values_of(transform, leaf, table.slice(i, 1))) == (i, [{"error": ""}])


@pytest.mark.parametrize(
    "case", [c for c in GOLDEN["casts"] if "error" in c or refused(c)], ids=cast_ids
)
def test_cast_when_not_allowed_then_refused_before_any_row(case):
    with pytest.raises(LakestreamError):
        cast_answer(case, "cast")


def test_golden_when_read_then_it_answers_exactly_the_cases():
    assert [c["case"] for c in GOLDEN["columns"]] == lines(COLUMNS)
    assert [c["case"] for c in GOLDEN["frames"]] == lines(FRAMES)
    assert len(GOLDEN["casts"]) == len(EDGES) ** 2


def test_functions_when_public_then_each_has_an_answer_of_spark():
    answered = " ".join(c["case"] for c in cases("columns", answered=True))

    assert set(functions.__all__) == set(re.findall(r"\bF\.(\w+)\(", answered))


#: Described by tests/stream; they give no rows that Spark could be asked for.
OTHER_METHODS = {
    "plan", "struct", "schema", "columns", "dtypes", "isStreaming", "printSchema", "explain",
    "preview", "mapBatches", "writeStream", "from_source", "from_static",
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "kind", "other"),
    [("columns", Column, {"expression", "when", "otherwise"}), ("frames", Stream, OTHER_METHODS)],
)
def test_methods_when_public_then_each_has_an_answer_of_spark(part, kind, other):
    answered = " ".join(c["case"] for c in cases(part, answered=True))
    public = {name for name in vars(kind) if not name.startswith("_")} - other

    assert public <= set(re.findall(r"\.(\w+)\(", answered))
