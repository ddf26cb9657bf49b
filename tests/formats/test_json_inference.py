"""What samples of JSON are inferred as."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.format_runs import decode, plan_of, sample_of
from support.volume import examples

from lakestream.errors import SchemaInferenceError, SchemaRejectedError
from lakestream.formats import json_infer
from lakestream.formats.json import JsonFormat
from lakestream.limits import MAX_COLUMNS
from lakestream.plan import types as t


def inferred(*lines: str, infer_types: bool = True, **options: Any) -> str:
    sample = sample_of("\n".join(lines).encode())
    return t.schema_ddl(JsonFormat(**options).infer([sample], infer_types=infer_types))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2"], "BIGINT"),
        (["1", "1.5"], "DOUBLE"),
        (["1e999", "1"], "DOUBLE"),
        (["9223372036854775808"], "DECIMAL(19,0)"),
        (["9223372036854775808", "1"], "DECIMAL(20,0)"),
        (["1" * 38], "DECIMAL(38,0)"),
        (["1" * 39], "DOUBLE"),
        (["9223372036854775808", "1.5"], "DOUBLE"),
        (["true", "null"], "BOOLEAN"),
        (["true", "1"], "STRING"),
        (["1", '"x"'], "STRING"),
        (['"2026-01-01"'], "STRING"),
        (["null"], "STRING"),
        (["{}"], "STRING"),
        (["[]"], "ARRAY<STRING>"),
        (["[]", "[1]", "[1.5, null]"], "ARRAY<DOUBLE>"),
        (["[1]", '["s"]'], "ARRAY<STRING>"),
        (['{"x":1}', '{"y":"s","x":2.5}'], "STRUCT<`x`: DOUBLE, `y`: STRING>"),
        (['[{"x":1},{"y":true}]'], "ARRAY<STRUCT<`x`: BIGINT, `y`: BOOLEAN>>"),
        (['{"x":1}', "[1]"], "STRING"),
        (['{"x":1}', '"s"'], "STRING"),
    ],
)
@pytest.mark.parametrize("walked_first", [1, 100])
def test_values_when_inferred_have_sparks_type(
    values: list[str], kind: str, walked_first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_infer, "_WALKED_FIRST", walked_first)
    assert inferred(*(f'{{"v":{value}}}' for value in values)) == f"`v` {kind}"


def test_columns_when_inferred_stand_in_first_seen_order_under_the_first_spelling() -> None:
    assert inferred('{"b":1}', '{"A":1,"b":2}', '{"a":1.5,"c":{"X":1,"x":1.5}}') == (
        "`b` BIGINT, `A` DOUBLE, `c` STRUCT<`X`: DOUBLE>"
    )


def test_inference_without_types_gives_strings_in_their_structure() -> None:
    line = '{"a":1,"s":{"x":true},"l":[1.5],"t":"2026-01-01T00:00:00Z"}'
    expected = "`a` STRING, `s` STRUCT<`x`: STRING>, `l` ARRAY<STRING>, `t` STRING"
    assert inferred(line, infer_types=False) == expected
    assert inferred(line, primitives_as_string=True) == expected
    assert inferred('{"a":1}', '{"a":[1]}', infer_types=False) == "`a` STRING"


def test_inference_with_options_finds_timestamps_decimals_and_drops_empty_columns() -> None:
    times = ['{"t":"2026-01-01 10:00:00"}', '{"t":null}', '{"t":"2026-1-1"}']
    assert inferred(*times, infer_timestamp=True) == "`t` TIMESTAMP"
    assert inferred(*times, '{"t":"soon"}', infer_timestamp=True) == "`t` STRING"
    numbers = ['{"n":1.25}', '{"n":100.5}', '{"n":7}']
    assert inferred(*numbers[:2], prefers_decimal=True) == "`n` DECIMAL(5,2)"
    assert inferred(*numbers, prefers_decimal=True) == "`n` DECIMAL(22,2)"
    empty = '{"a":1,"b":null,"c":[],"d":{"x":[null]},"e":[{}]}'
    assert inferred(empty, drop_field_if_all_null=True) == "`a` BIGINT"


def test_inference_of_timestamps_with_a_pattern_goes_by_it() -> None:
    ours = ['{"t":"02.01.2026 03:04"}'] * 200
    form = {"infer_timestamp": True, "timestamp_format": "dd.MM.yyyy HH:mm"}
    assert inferred(*ours, **form) == "`t` TIMESTAMP"
    assert inferred(*ours, '{"t":"2026-01-02T03:04:00Z"}', **form) == "`t` STRING"
    assert inferred('{"t":"2026-01-02T03:04:00Z"}', **form) == "`t` STRING"


def test_inference_skips_what_is_no_record() -> None:
    lines = ["", "bad", "[1]", '{"a":1', '{"n":' + "[" * 99 + "]" * 99 + "}", '{"b":1}']
    assert inferred(*lines) == "`b` BIGINT"


def test_inference_of_a_cut_sample_leaves_the_unfinished_line_out() -> None:
    sample = sample_of(b'\xef\xbb\xbf{"a":1}\n{"b":1}', whole=False)
    assert JsonFormat().infer([sample], infer_types=True) == t.schema_of_ddl("a BIGINT")


def test_inference_of_documents_looks_at_their_elements() -> None:
    samples = [sample_of(b'[{"a":\n1},{"b":true}]'), sample_of(b'{"a":1.5}')]
    found = JsonFormat(multi_line=True).infer(samples, infer_types=True)
    assert found == t.schema_of_ddl("a DOUBLE, b BOOLEAN")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"bad", b"[1]"])
def test_inference_without_a_record_is_an_error(data: bytes) -> None:
    with pytest.raises(SchemaInferenceError, match="multi_line=True"):
        JsonFormat().infer([sample_of(data)], infer_types=True)


def test_inference_of_too_many_columns_is_rejected() -> None:
    line = json.dumps({f"c{i}": i for i in range(MAX_COLUMNS + 1)}).encode()
    with pytest.raises(SchemaRejectedError):
        JsonFormat().infer([sample_of(line)], infer_types=True)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from("abcA"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_records = st.lists(st.dictionaries(st.sampled_from("abcdAB"), _json, max_size=4), min_size=1)


@settings(max_examples=examples(150), deadline=None)
@given(_records)
def test_inference_with_the_validator_finds_what_walking_finds(records: list[Any]) -> None:
    sample = sample_of(b"\n".join(json.dumps(record).encode() for record in records))
    with pytest.MonkeyPatch.context() as patch:
        found = JsonFormat().infer([sample], infer_types=True)
        patch.setattr(json_infer, "_WALKED_FIRST", 1)
        assert JsonFormat().infer([sample], infer_types=True) == found


@settings(max_examples=examples(100), deadline=None)
@given(_records)
def test_inferred_schema_when_read_with_rescues_only_other_spellings(records: list[Any]) -> None:
    data = b"\n".join(json.dumps(record).encode() for record in records)
    schema = JsonFormat().infer([sample_of(data)], infer_types=True)
    if not schema.names:
        return
    found = decode(JsonFormat(), {"x": data}, plan_of(schema, case_sensitive=False))
    assert len(found.rows) == len(records)
    assert [row["_rescued_data"] for row in found.rows] == [None] * len(records)
