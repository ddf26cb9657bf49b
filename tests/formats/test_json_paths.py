"""Whatever the input: blocks taken whole, records judged one by one, all rewritten: all equal."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.format_runs import Decoded, decode, plan_of
from support.volume import examples

from lakestream.formats.base import DecodePlan
from lakestream.formats.json import JsonFormat
from lakestream.formats.json_blocks import Block
from lakestream.formats.json_decode import BlockDecoder
from lakestream.plan import types as t

_LEAVES = [
    t.BOOLEAN, t.BYTE, t.SHORT, t.INT, t.LONG, t.FLOAT, t.DOUBLE, t.STRING, t.BINARY, t.DATE,
    t.TIMESTAMP, t.TIMESTAMP_NTZ, t.VOID, t.Decimal(5, 2), t.Decimal(38, 10), t.Decimal(3, 0),
]  # fmt: skip
_NAMES = ["a", "b", "B", "é", "with space", 'quo"te', "back\\slash", "_rescued_data"]


def _structs(inner: st.SearchStrategy[t.SparkType], most: int) -> st.SearchStrategy[t.Struct]:
    names = st.sampled_from(_NAMES[:-1])
    fields = st.lists(st.tuples(names, inner), min_size=1, max_size=most)
    return fields.map(lambda each: t.Struct(tuple({n.lower(): (n, k) for n, k in each}.values())))


_kinds = st.recursive(
    st.sampled_from(_LEAVES),
    lambda inner: st.one_of(
        inner.map(t.Array), inner.map(lambda kind: t.Map(t.STRING, kind)), _structs(inner, 3)
    ),
    max_leaves=4,
)
_schemas = _structs(_kinds, 4)

_TOKENS = [
    "null", "true", "0", "-0", "7", "127", "128", "-129", "2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "1" * 30, "1" * 5000, "1.5", "1.0", "1e2",
    "1E-3", "125e-2", "3.4e38", "3.5e38", "1e308", "1e999", "-1e999", "0.005", "0.015", "999.995",
    "1.259", "12345678901234567890123456789.0123456789", "1e27", "NaN", "Infinity", "01", "1.", "",
    '""', '"x"', '"NaN"', '"Infinity"', '"-INF"', '"inf"', '"1.5"', '" 1.5"', '"1_0"', '"+5"',
    '".5"', '"5."', '"1e2"', '"1e99999"', '"1e-99999"', '"\\u0661"', '"sNaN"', '"true"', '"null"',
    '"aGk="', '"aGk"', '"6869"', '"2026-01-01"', '"2026-1-1"', '"2026-02-30"', '"0000-01-01"',
    '"2026-01-01T10:00:00Z"', '"2026-01-01 10:00:00"', '"2026-01-01t10:00:00.1234567z"',
    '"2026-01-01T10:00"', '"2026-01-01T10:00:00+0530"', '"2026-01-01T10:00:00-05"',
    '"2026-01-01T10:00:60Z"', '"2026-01-01T24:00:00Z"', '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:59.9999999"', '"2026-01-01T10:00:00 UTC"', '"2026-01-01T10:00:00+24:00"',
    '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00x"', '"a\\u0000b"', '"\\q"', '"a\tb"', "[]", "{}",
    "[1]", '[1, "x"]', "[null]", "[[1.5]]", '{"a": 1}', '{"a":1,"a":2}', '{"b":"x" , "z": [ 1 ]}',
    '{"a":{"a":null}}', '[{"a":1},{"a":"x"},{"q":1}]', "[" * 70 + "]" * 70, "tru", "[1,", '{"a"',
]  # fmt: skip


def _fitting(kind: t.SparkType) -> st.SearchStrategy[str]:
    """Mostly values of a type, so that whole rows are clean often enough."""
    match kind:
        case t.Array(element):
            return st.lists(_value(element), max_size=3).map(lambda v: f"[{', '.join(v)}]")
        case t.Map(_, value):
            return st.lists(st.tuples(st.sampled_from(_NAMES), _value(value)), max_size=3).map(
                _object
            )
        case t.Struct(fields):
            each = [st.tuples(st.just(name), _value(inner)) for name, inner in fields]
            return st.tuples(*each).map(_object)
        case t.STRING:
            return st.text(max_size=5).map(json.dumps)
        case t.BOOLEAN:
            return st.sampled_from(["true", "false"])
        case t.DATE | t.TIMESTAMP | t.TIMESTAMP_NTZ:
            return st.datetimes().map(
                lambda v: json.dumps(str(v.date() if kind == t.DATE else v.isoformat()))
            )
        case t.FLOAT | t.DOUBLE:
            return st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr)
        case t.Decimal(precision, scale):
            most = 10**precision - 1
            return st.integers(-most, most).map(lambda v: f"{v}e-{scale}" if scale else str(v))
        case _:
            return st.integers(-128, 127).map(str)


def _value(kind: t.SparkType) -> st.SearchStrategy[str]:
    return st.one_of(st.just("null"), *[_fitting(kind)] * 6, st.sampled_from(_TOKENS))


def _object(fields: Any) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields) + "}"


@st.composite
def _lines(draw: st.DrawFn, schema: t.Struct) -> bytes:
    fields = [(name, draw(_value(kind))) for name, kind in schema.fields if draw(st.booleans())]
    if draw(st.integers(0, 4)) == 0:
        extra = st.tuples(st.sampled_from([*_NAMES, "A", "new"]), st.sampled_from(_TOKENS))
        fields += draw(st.lists(extra, max_size=2))
    line = _object(fields).encode()
    match draw(st.integers(0, 24)):
        case 0:
            line = line[: draw(st.integers(0, len(line)))]
        case 1:
            line += draw(
                st.sampled_from([b" {}", b"{}", b",", b"\r", b" ", b"\n", b"\n\n", b"\n "])
            )
        case 2:
            line = draw(
                st.sampled_from([b"", b"  ", b"[]", b"null", b"1", b'"x"', b"\xff", b"{\n}"])
            )
        case 3:
            line = line.replace(b"a", b"\xff")
        case 4:
            line = line.replace(b":", b":\n", 1)
    return line


@st.composite
def _cases(draw: st.DrawFn) -> tuple[DecodePlan, dict[str, bytes]]:
    schema = draw(_schemas)
    corrupt = draw(st.booleans())
    if corrupt:
        schema = t.Struct((("_corrupt", t.STRING), *schema.fields))
    plan = plan_of(
        schema,
        rescued=draw(st.sampled_from(["_rescued_data", "_rescued_data", None])),
        corrupt="_corrupt" if corrupt else None,
        mode=draw(st.sampled_from(["permissive", "permissive", "dropmalformed"])),
        unknown=draw(st.sampled_from(["rescue", "evolve", "ignore"])),
        case_sensitive=draw(st.booleans()),
        widen=draw(st.booleans()),
    )
    files: dict[str, bytes] = {}
    for i in range(draw(st.integers(1, 3))):
        lines = draw(st.lists(_lines(schema), max_size=6))
        end = draw(st.sampled_from([b"\n", b"\r\n"]))
        bom = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
        files[f"{i}.json"] = bom + end.join(lines) + draw(st.sampled_from([b"", end]))
    return plan, files


def _facts(found: Decoded) -> tuple[Any, ...]:
    # By text: NaN is not equal to itself, and -0.0 is equal to 0.0.
    return repr(found.rows), found.files, found.outcomes


@settings(max_examples=examples(250), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_cases(), st.sampled_from([1, 7, 64, None]))
@example((plan_of("a MAP<STRING, INT>"), {"x": b'{"a":{"k":1,"k":2}}'}), None)
@example((plan_of("a INT"), {"x": b'{"a":\n1}\n{} {}\n'}), None)
@example((plan_of("a STRUCT<b: INT>"), {"x": b'{"a":\n{"b":1}}\n{} {}\n'}), None)
@example((plan_of("a INT", unknown="ignore"), {"x": b'{"z":"\xff"}\n{"a":1}\n'}), None)
@example((plan_of('`quo"te` INT', unknown="ignore"), {"x": b'{"quo\\"te":1.5}\n'}), None)
@example((plan_of("a DECIMAL(5,2)"), {"x": b'{"a":"1_0"}\n{"a":"NaN"}\n'}), None)
def test_paths_when_given_the_same_input_agree(
    case: tuple[DecodePlan, dict[str, bytes]], step: int | None
) -> None:
    plan, files = case
    usual = _facts(decode(JsonFormat(), files, plan))
    assert _facts(decode(JsonFormat(), files, plan, step=step)) == usual
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockDecoder, "_takes_whole", lambda _self, _block: False)
        assert _facts(decode(JsonFormat(), files, plan)) == usual
        patch.setattr(BlockDecoder, "_refused", lambda _self, records: range(len(records)))
        assert _facts(decode(JsonFormat(), files, plan)) == usual


@settings(max_examples=examples(60), deadline=None)
@given(_cases())
def test_records_when_decoded_end_in_exactly_one_place(
    case: tuple[DecodePlan, dict[str, bytes]],
) -> None:
    plan, files = case
    found = decode(JsonFormat(), files, replace(plan, unknown="rescue"))
    for outcome, data in zip(found.outcomes.files, files.values(), strict=True):
        lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
        bad = 0 if plan.corrupt_column else outcome.bad
        assert outcome.rows + bad + outcome.dropped == len(lines)


def test_clean_block_when_judged_is_taken_whole() -> None:
    """Guards the guards: a fast path that never holds would pass every test above."""
    plan = plan_of("a INT, s STRUCT<x: DECIMAL(5,2)>, t TIMESTAMP")
    taken: list[bool] = []
    original = BlockDecoder._takes_whole

    def spy(self: BlockDecoder, block: Block) -> bool:
        taken.append(original(self, block))
        return taken[-1]

    good = b'{"a":1,"s":{"x":1.25},"t":"2026-01-01T00:00:00Z"}\n{"a":null}\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockDecoder, "_takes_whole", spy)
        decode(JsonFormat(), {"x": good, "y": good[:-1]}, plan)
        decode(JsonFormat(), {"x": good.replace(b"\n", b"\r\n")}, plan)
        decode(JsonFormat(), {"x": good.replace(b"1.25", b"1.255")}, plan)
    assert taken == [True, True, False]
