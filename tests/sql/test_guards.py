"""The left side of AND and OR guards the right one, wherever the condition stands, as in Spark."""

import datetime as dt
import itertools

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader

from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.expectations import Expectation
from lakestream.sql.compile import compile_plan
from lakestream.stream import Stream

SCHEMA = t.schema_of_ddl("text STRING, a BOOLEAN, b BOOLEAN, c BOOLEAN")
NUMBER = "text <> 'x' AND CAST(text AS INT) > 1"
TEXTS = ["x", "1", "2", None]


class Described:
    kind = "files"
    description = "files[x]"
    location = "x"
    asset_key = None
    declared_schema = SCHEMA


def started(change, rows, expectations=()):
    leaf = Stream.from_source(Described())
    transform = compile_plan(change(leaf).plan, {leaf.plan: SCHEMA}, expectations)
    table = pa.Table.from_pylist(rows, schema=pa.schema(arrow_schema(SCHEMA)))
    reader = RecordBatchReader.from_arrow(table)
    run = transform.run({leaf.plan: reader}, now=dt.datetime(2024, 5, 6, tzinfo=dt.UTC))
    return pa.table(run.stream), run


def computed(expression, rows):
    made, _ = started(lambda stream: stream.selectExpr(f"{expression} AS found"), rows)
    return made.column("found").to_pylist()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (NUMBER, [False, False, True, None]),
        (f"NOT ({NUMBER})", [True, True, False, None]),
        ("text = 'x' OR CAST(text AS INT) > 1", [True, False, True, None]),
        (f"coalesce({NUMBER}, false)", [False, False, True, False]),
        (f"({NUMBER}) IS TRUE", [False, False, True, False]),
        (f"exists(array(1), e -> {NUMBER})", [False, False, True, None]),
        (f"CASE WHEN NOT ({NUMBER}) THEN 1 ELSE 0 END = 1", [True, True, False, False]),
    ],
)
def test_guard_when_it_stands_left_then_the_right_side_is_not_computed(expression, expected):
    assert computed(expression, [{"text": each} for each in TEXTS]) == expected


@pytest.mark.parametrize("condition", [f"NOT ({NUMBER})", f"({NUMBER}) = false"])
def test_guard_when_it_stands_in_a_filter_then_rows_are_chosen(condition):
    made, _ = started(lambda stream: stream.where(condition), [{"text": each} for each in TEXTS])
    assert made.column("text").to_pylist() == ["x", "1"]


def test_guard_when_it_stands_in_an_expectation_then_the_row_breaks_it():
    rows = [{"text": each} for each in TEXTS]
    _, run = started(lambda stream: stream, rows, (Expectation("number", NUMBER, "warn"),))
    counts = run.expectations["number"]
    assert (counts.passed, counts.failed) == (1, 3)


def both(left, right):
    return False if left is False or right is False else None if None in (left, right) else True


def negative(value):
    return None if value is None else not value


def either(left, right):
    return negative(both(negative(left), negative(right)))


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        ("a AND b", lambda a, b, _: both(a, b)),
        ("a OR b", lambda a, b, _: either(a, b)),
        ("NOT (a AND NOT b)", lambda a, b, _: either(negative(a), b)),
        ("(a OR b) AND NOT (b OR c)", lambda a, b, c: both(either(a, b), negative(either(b, c)))),
        ("NOT NOT (a OR (b AND c))", lambda a, b, c: either(a, both(b, c))),
    ],
)
def test_logic_when_values_are_null_then_it_has_three_values(expression, truth):
    rows = [
        dict(zip("abc", each, strict=True))
        for each in itertools.product((True, False, None), repeat=3)
    ]
    assert computed(expression, rows) == [truth(each["a"], each["b"], each["c"]) for each in rows]
    made, _ = started(lambda stream: stream.where(expression), rows)
    assert made.num_rows == sum(truth(*each.values()) is True for each in rows)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("text NOT LIKE '%x%'", [False, True, True, None]),
        ("text NOT ILIKE '%X%'", [False, True, True, None]),
        ("text NOT LIKE '!%' ESCAPE '!'", [True, True, True, None]),
        ("text NOT LIKE 'x' ESCAPE '!'", [False, True, True, None]),
        ("NOT text NOT LIKE 'x'", [True, False, False, None]),
        ("text NOT LIKE 'x' AND text NOT LIKE '1'", [False, False, True, None]),
        ("exists(array(text), e -> e NOT LIKE 'x')", [False, True, True, None]),
        ("text NOT RLIKE 'x'", [False, True, True, None]),
        ("text NOT IN ('x')", [False, True, True, None]),
        ("text NOT BETWEEN 'x' AND 'y'", [False, True, True, None]),
    ],
)
def test_not_when_it_stands_within_an_operator_then_it_is_the_opposite(expression, expected):
    assert computed(expression, [{"text": each} for each in TEXTS]) == expected
    made, _ = started(lambda stream: stream.where(expression), [{"text": each} for each in TEXTS])
    kept = [text for text, holds in zip(TEXTS, expected, strict=True) if holds]
    assert made.column("text").to_pylist() == kept
