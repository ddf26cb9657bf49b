from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import PlanError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, spark_schema

SIMPLE = st.sampled_from(
    [t.BOOLEAN, t.BYTE, t.SHORT, t.INT, t.LONG, t.FLOAT, t.DOUBLE, t.STRING, t.BINARY, t.DATE,
     t.TIMESTAMP, t.TIMESTAMP_NTZ]
)  # fmt: skip
DECIMALS = st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: t.Decimal(p, s)))
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: "\0" not in name)


def structs(kinds: st.SearchStrategy[t.SparkType]) -> st.SearchStrategy[t.Struct]:
    fields = st.lists(st.tuples(NAMES, kinds), min_size=1, max_size=4, unique_by=lambda f: f[0])
    return fields.map(lambda found: t.Struct(tuple(found)))


TYPES = st.recursive(
    SIMPLE | DECIMALS,
    lambda kinds: st.one_of(kinds.map(t.Array), st.builds(t.Map, kinds, kinds), structs(kinds)),
    max_leaves=6,
)


@given(structs(TYPES))
def test_schema_when_written_as_ddl_json_and_arrow_then_is_read_back(schema: t.Struct) -> None:
    assert t.schema_of_ddl(t.schema_ddl(schema)) == schema
    assert t.from_json(t.to_json(schema)) == schema
    assert spark_schema(arrow_schema(schema)) == schema


def test_spark_schema_when_pyarrow_has_unsigned_and_large_types_then_next_wider_ones() -> None:
    found = spark_schema(
        pa.schema(
            [
                ("a", pa.uint8()),
                ("b", pa.uint64()),
                ("c", pa.large_string()),
                ("d", pa.dictionary(pa.int32(), pa.string())),
                ("e", pa.timestamp("ns", "Europe/Berlin")),
            ]
        )
    )

    assert t.schema_ddl(found) == (
        "`a` SMALLINT, `b` DECIMAL(20,0), `c` STRING, `d` STRING, `e` TIMESTAMP"
    )


@pytest.mark.parametrize(
    "text",
    ["", "a", "a INT,", "a INTEGRE", "a DECIMAL(39,0)", "a ARRAY<INT", "a INT, a INT", "a INT b"],
)
def test_ddl_when_it_is_no_schema_then_error_shows_the_text(text: str) -> None:
    with pytest.raises(PlanError) as failure:
        t.schema_of_ddl(text)

    assert failure.value.where == repr(text)


def test_spark_schema_when_a_type_has_no_place_in_delta_then_error_names_the_column() -> None:
    with pytest.raises(PlanError, match="'gap'"):
        spark_schema(pa.schema([("gap", pa.duration("s"))]))
