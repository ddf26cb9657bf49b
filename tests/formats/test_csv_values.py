"""The table of accepted texts, and the columns that C++ casts held equal to it."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.volume import examples

from lakestream.formats.csv_casts import column_kind, typed_column
from lakestream.formats.csv_values import ValueRules, kind_of, merged_kind, value_of
from lakestream.formats.lazy_pyarrow import arrow_type
from lakestream.plan import types as t

KINDS = [
    t.BOOLEAN, t.BYTE, t.SHORT, t.INT, t.LONG, t.FLOAT, t.DOUBLE, t.STRING, t.BINARY, t.DATE,
    t.TIMESTAMP, t.TIMESTAMP_NTZ, t.Decimal(10, 2), t.Decimal(38, 0), t.Decimal(5, 5), t.VOID,
    t.Array(t.INT),
]  # fmt: skip
RULES = [
    ValueRules(),
    ValueRules(nan_value="1", positive_inf="oo", date_format="dd.MM.yyyy"),
    ValueRules(timestamp_format="yyyy/MM/dd HH:mm"),
]
NUMBERS = st.from_regex(
    r"[+-]?(?:[0-9]{0,22}|[0-9]{28,45})(\.[0-9]{0,8})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
TIMES = st.from_regex(
    r"[ ]?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}(:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{0,9})?)?)?"
    r"(Z|UTC|[+-][0-9]{2}:?([0-9]{2})?)?)?",
    fullmatch=True,
)
MOMENTS = st.datetimes().map(lambda each: each.isoformat(sep=" "))
ODD = st.sampled_from(
    ["", " ", "0x10", "1_0", "true", "TRUE", "False", "yes", "1", "0", "NaN", "nan", "Inf", "inf",
     "-Inf", "oo", "1e999", "1e39", "-0", "007", "1.0", "1.", ".5", ".", "-", "+1", "1d", "\u0661",
     "1\n",
     "128", "-129", "32768", "2147483648", "9223372036854775808", "0000-01-01", "0001-01-01",
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2024-02-30", "2023-02-29",
     "2024-01-01T10", "2024-01-01T10Z", "2024-01-01T10:00:60", "2024-01-01T24:00:00", "20240101",
     "2024-01-01t10:00", "31.12.2024", "2024/12/31 23:59", "é", "\x00", "1.005", "99999999.995",
     "1e400", "1E2", "1e-400", "Infinity", "2024-01-01T10:00+0100", "2024-01-01T10:00+1:00"]
)  # fmt: skip
TEXTS = st.one_of(st.none(), NUMBERS, TIMES, MOMENTS, ODD, st.text(max_size=4))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return bool(one == other)


@settings(max_examples=examples(400), deadline=None)
@given(
    texts=st.one_of(
        *(st.lists(each, min_size=1, max_size=6) for each in (NUMBERS, TIMES, MOMENTS, ODD, TEXTS))
    ),
    kind=st.sampled_from(KINDS),
    rules=st.sampled_from(RULES),
)
def test_typed_column_gives_what_the_table_gives_for_each_value(
    texts: list[str | None], kind: t.SparkType, rules: ValueRules
) -> None:
    found, mismatched = typed_column(pa.array(texts, pa.string()), kind, rules)
    exact = [None if text is None else value_of(text, kind, rules) for text in texts]
    expected = pa.array(exact, arrow_type(kind))
    assert found.type == expected.type
    pairs = zip(found.to_pylist(), expected.to_pylist(), strict=True)
    assert all(same(one, other) for one, other in pairs), (found, expected)
    assert mismatched == [
        row for row, text in enumerate(texts) if text is not None and exact[row] is None
    ]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1.0", t.INT, None),
        (" 1", t.INT, None),
        ("+1", t.INT, 1),
        ("007", t.INT, 7),
        ("2147483648", t.INT, None),
        ("-128", t.BYTE, -128),
        ("1e999", t.DOUBLE, None),
        ("1e39", t.FLOAT, None),
        ("NaN", t.DOUBLE, math.nan),
        ("nan", t.DOUBLE, None),
        ("-Inf", t.DOUBLE, -math.inf),
        ("1d", t.DOUBLE, None),
        ("1.259", t.Decimal(10, 2), Decimal("1.26")),
        ("12345678901", t.Decimal(10, 0), None),
        ("True", t.BOOLEAN, True),
        ("1", t.BOOLEAN, None),
        ("2024-2-9", t.DATE, date(2024, 2, 9)),
        ("2024-02-09T00:00", t.DATE, None),
        ("2024-02-30", t.DATE, None),
        ("2024-02-09", t.TIMESTAMP, datetime(2024, 2, 9, tzinfo=UTC)),
        ("2024-02-09 01:02:03.123456789", t.TIMESTAMP,
         datetime(2024, 2, 9, 1, 2, 3, 123456, tzinfo=UTC)),
        ("2024-02-09T01:00:00+02:00", t.TIMESTAMP, datetime(2024, 2, 8, 23, tzinfo=UTC)),
        ("2024-02-09T01:00:00Z", t.TIMESTAMP_NTZ, None),
        ("x", t.VOID, None),
        ("[1]", t.Array(t.INT), None),
    ],
)  # fmt: skip
def test_value_of_text_follows_the_table(text: str, kind: t.SparkType, value: object) -> None:
    assert same(value, value_of(text, kind, ValueRules()))


@settings(deadline=None)
@given(texts=st.lists(TEXTS, max_size=6), repeat=st.sampled_from([1, 200]))
def test_column_kind_is_the_merge_of_its_values_kinds(texts: list[str | None], repeat: int) -> None:
    expected: t.SparkType = t.VOID
    for text in texts:
        if text is not None:
            expected = merged_kind(expected, kind_of(text, ValueRules()))
    column = pa.array([each for each in texts for _ in range(repeat)], pa.string())
    assert column_kind(column, ValueRules()) == expected


@settings(deadline=None)
@given(texts=st.lists(st.one_of(NUMBERS, TIMES, ODD), min_size=1, max_size=6))
def test_inferred_kind_reads_every_value(texts: list[str]) -> None:
    kind = column_kind(pa.array(texts, pa.string()), ValueRules())
    assert typed_column(pa.array(texts, pa.string()), kind, ValueRules())[1] == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", t.INT),
        ("3000000000", t.LONG),
        ("1" * 30, t.Decimal(30, 0)),
        ("1" * 50, t.DOUBLE),
        ("1.5", t.DOUBLE),
        ("2024-01-01", t.DATE),
        ("2024-01-01 10:00", t.TIMESTAMP),
        ("true", t.BOOLEAN),
        ("x", t.STRING),
    ],
)
def test_kind_of_text_is_the_narrowest(text: str, kind: t.SparkType) -> None:
    assert kind_of(text, ValueRules()) == kind


def test_kind_of_date_without_prefer_date_is_timestamp() -> None:
    assert kind_of("2024-01-01", ValueRules(prefer_date=False)) == t.TIMESTAMP
