"""Spark's own answers, kept in golden_spark.json, against ours."""

# ruff: noqa: BLE001 - tests read as sentences; the reader's own errors are of any kind

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader
from spark_values import arrow_value, expected, plain

from lakestream.errors import LakestreamError, QueryError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.nodes import Project, Source
from lakestream.sql.compile import compile_plan
from lakestream.sql.dialect import parse_expression

GOLDEN = json.loads(Path(__file__).with_name("golden_spark.json").read_text(encoding="utf-8"))
SCHEMA = t.schema_of_ddl(GOLDEN["schema"])
NOW = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
#: Where we refuse what Spark computes: an error when the plan is made, never another value.
REFUSED = set(json.loads(Path(__file__).with_name("refused.json").read_text(encoding="utf-8")))


def table() -> pa.Table:
    rows = [arrow_value(SCHEMA, row) for row in GOLDEN["rows"]]
    return pa.Table.from_pylist(rows, schema=pa.schema(arrow_schema(SCHEMA)))


def answer(expression: str):
    source = Source(None)
    made = parse_expression(f"{expression} AS r")
    transform = compile_plan(Project(source, (made,)), {source: SCHEMA})
    run = transform.run({source: RecordBatchReader.from_stream(table())}, now=NOW)
    try:
        values = pa.table(run.stream).column("r").to_pylist()
    except Exception as error:
        raise run.failure or error from None
    return transform.schema.fields[0][1], values


def ids(case):
    return case["expression"]


@pytest.mark.parametrize(
    "case",
    [c for c in GOLDEN["cases"] if "values" in c and c["expression"] not in REFUSED],
    ids=ids,
)
def test_expression_when_spark_gives_values_then_ours_are_equal(case):
    kind, values = answer(case["expression"])

    assert t.type_name(kind) == case["type"]
    assert [plain(kind, each) for each in values] == expected(case["values"])


@pytest.mark.parametrize("case", [c for c in GOLDEN["cases"] if "error" in c], ids=ids)
def test_expression_when_spark_raises_then_ours_raises_a_coded_error(case):
    with pytest.raises((LakestreamError, QueryError)):
        answer(case["expression"])


@pytest.mark.parametrize("expression", sorted(REFUSED))
def test_expression_when_refused_then_it_is_a_coded_error_and_never_another_value(expression):
    with pytest.raises(LakestreamError):
        answer(expression)
