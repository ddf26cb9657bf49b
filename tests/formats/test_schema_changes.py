"""Hints, drift, widening and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import PlanError, SchemaRejectedError
from lakestream.formats.schema import apply_hints, check_limits, merge_drift
from lakestream.limits import MAX_COLUMNS, MAX_DEPTH
from lakestream.plan import types as t
from lakestream.plan.widening import widened


def schema(ddl: str) -> t.Struct:
    return t.schema_of_ddl(ddl)


@pytest.mark.parametrize(
    ("before", "hints", "after"),
    [
        ("a BIGINT, b STRING", "a INT", "a INT, b STRING"),
        ("a BIGINT", "c DATE", "a BIGINT, c DATE"),
        ("a STRUCT<b: BIGINT, c: STRING>", "a.b INT", "a STRUCT<b: INT, c: STRING>"),
        ("a STRUCT<b: BIGINT>", "a.d DATE", "a STRUCT<b: BIGINT, d: DATE>"),
        ("a ARRAY<BIGINT>", "a.element INT", "a ARRAY<INT>"),
        ("a ARRAY<STRUCT<x: BIGINT>>", "a.element.x INT", "a ARRAY<STRUCT<x: INT>>"),
        ("a MAP<STRING, BIGINT>", "a.value INT", "a MAP<STRING, INT>"),
        ("a MAP<STRING, STRUCT<x: BIGINT>>", "a.value.x INT", "a MAP<STRING, STRUCT<x: INT>>"),
        ("a MAP<STRING, BIGINT>", "a.key DATE", "a MAP<DATE, BIGINT>"),
        ("a INT", "n.x.y DATE", "a INT, n STRUCT<x: STRUCT<y: DATE>>"),
        ("a INT", "n.element DATE", "a INT, n ARRAY<DATE>"),
        ("a INT", "n.element.x DATE", "a INT, n ARRAY<STRUCT<x: DATE>>"),
        ("a INT", "m.key STRING, m.value INT", "a INT, m MAP<STRING, INT>"),
        (
            "a INT",
            "M.value.x INT, m.key DATE, m.value.y INT",
            "a INT, M MAP<DATE, STRUCT<x: INT, y: INT>>",
        ),
        ("a INT", "n.m.value.element INT, n.m.key INT", "a INT, n STRUCT<m: MAP<INT, ARRAY<INT>>>"),
        (
            "a INT",
            "m.value.key INT, m.value.value INT, m.key INT",
            "a INT, m MAP<INT, MAP<INT, INT>>",
        ),
        ("a INT", "m.KEY INT, m.value INT", "a INT, m STRUCT<KEY: INT, value: INT>"),
        ("a INT", "event.value INT", "a INT, event STRUCT<value: INT>"),
        ("m STRUCT<key: INT>", "m.value INT, m.key DATE", "m STRUCT<key: DATE, value: INT>"),
        ("`a.b` BIGINT, a STRUCT<b: BIGINT>", "a.b INT", "`a.b` INT, a STRUCT<b: BIGINT>"),
        ("Price STRING", "price DECIMAL(10,2)", "Price DECIMAL(10,2)"),
    ],
)
def test_hints_when_applied_pin_the_named_type(before: str, hints: str, after: str) -> None:
    assert apply_hints(schema(before), hints) == schema(after)


@pytest.mark.parametrize("hints", ["a.b INT", "a INT, A DATE", "a.element INT", "a"])
def test_hints_that_cannot_apply_are_a_plan_error(hints: str) -> None:
    with pytest.raises(PlanError):
        apply_hints(schema("a BIGINT"), hints)


def test_drift_when_merged_appends_at_the_end_and_keeps_order() -> None:
    stored = schema("b INT, s STRUCT<x: INT>, l ARRAY<STRUCT<p: INT>>")
    drift = schema("a DATE, s STRUCT<y: DATE>, l ARRAY<STRUCT<q: DATE>>, B STRING")
    expected = "b INT, s STRUCT<x: INT, y: DATE>, l ARRAY<STRUCT<p: INT, q: DATE>>, a DATE"
    assert merge_drift(stored, drift, widen=False) == schema(expected)


@pytest.mark.parametrize(
    ("stored", "seen", "wider"),
    [
        ("TINYINT", "INT", "INT"),
        ("INT", "BIGINT", "BIGINT"),
        ("BIGINT", "INT", None),
        ("INT", "DOUBLE", "DOUBLE"),
        ("BIGINT", "DOUBLE", None),
        ("FLOAT", "DOUBLE", "DOUBLE"),
        ("DOUBLE", "FLOAT", None),
        ("INT", "DECIMAL(5,2)", "DECIMAL(12,2)"),
        ("BIGINT", "DECIMAL(5,2)", "DECIMAL(22,2)"),
        ("DECIMAL(5,2)", "DECIMAL(8,3)", "DECIMAL(8,3)"),
        ("DECIMAL(5,2)", "DECIMAL(4,3)", "DECIMAL(6,3)"),
        ("DECIMAL(5,2)", "DECIMAL(4,1)", None),
        ("DECIMAL(38,2)", "DECIMAL(38,4)", None),
        ("DATE", "TIMESTAMP_NTZ", "TIMESTAMP_NTZ"),
        ("DATE", "TIMESTAMP", None),
        ("INT", "STRING", None),
        ("STRING", "INT", None),
    ],
)
def test_type_when_another_is_seen_widens_by_the_table(
    stored: str, seen: str, wider: str | None
) -> None:
    found = widened(t.parse_type(stored), t.parse_type(seen))
    assert found == (t.parse_type(wider) if wider else None)


def test_drift_of_a_wider_type_without_widening_changes_nothing() -> None:
    assert merge_drift(schema("a INT"), schema("a BIGINT"), widen=False) == schema("a INT")
    assert merge_drift(schema("a INT"), schema("a BIGINT"), widen=True) == schema("a BIGINT")


def test_schema_over_a_limit_is_rejected() -> None:
    wide = t.Struct(tuple((f"c{i}", t.INT) for i in range(MAX_COLUMNS + 1)))
    with pytest.raises(SchemaRejectedError):
        check_limits(wide)
    with pytest.raises(SchemaRejectedError):
        merge_drift(schema("a INT"), wide, widen=False)
    deep: t.SparkType = t.INT
    for _ in range(MAX_DEPTH):
        deep = t.Struct((("a", deep),))
    check_limits(deep)
    with pytest.raises(SchemaRejectedError):
        check_limits(t.Struct((("a", deep),)))


_simple = st.sampled_from([t.INT, t.LONG, t.DOUBLE, t.STRING, t.DATE, t.Decimal(5, 2)])
_kinds = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.builds(t.Array, inner),
        st.dictionaries(st.sampled_from("abcAB"), inner, min_size=1, max_size=3).map(
            lambda fields: t.Struct(
                tuple({name.lower(): (name, kind) for name, kind in fields.items()}.values())
            )
        ),
    ),
    max_leaves=5,
)
_schemas = st.dictionaries(st.sampled_from("abcdef"), _kinds, max_size=4).map(
    lambda fields: t.Struct(tuple(fields.items()))
)


@given(_schemas, _schemas, st.booleans())
def test_drift_when_merged_twice_is_merged_once(
    stored: t.Struct,
    drift: t.Struct,
    widen: bool,  # noqa: FBT001 - hypothesis gives it by position
) -> None:
    once = merge_drift(stored, drift, widen=widen)
    assert merge_drift(once, drift, widen=widen) == once
    assert once.names[: len(stored.names)] == stored.names
    assert set(once.names) == set(stored.names) | set(drift.names)


def test_hint_when_it_wants_a_variant_then_the_error_says_what_to_use() -> None:
    with pytest.raises(PlanError, match="no type VARIANT") as caught:
        apply_hints(schema("a BIGINT"), "a VARIANT")

    assert "MAP<STRING, STRING>" in str(caught.value)
