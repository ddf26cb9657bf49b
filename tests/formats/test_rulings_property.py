"""Lines near the rulings: all paths agree, and JSON agrees with another reader about what it is."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.rulings import csv_files, csv_values, json_files, json_options, json_values
from support.rulings.model import File, Group
from support.rulings.runs import PATHS, Finding, alone, format_of, infer, plan_for, reused
from support.volume import examples

from lakestream.errors import SchemaInferenceError, SchemaRejectedError
from lakestream.formats.csv_dialect import BACK_TO_DELIMITER, UNESCAPED_QUOTES
from lakestream.formats.json import JsonFormat
from lakestream.limits import MAX_DEPTH
from lakestream.plan import types as t

_SMALL = 200
LENIENT = dict.fromkeys((each for each in JsonFormat.__match_args__ if each[:6] == "allow_"), True)
_SPLICES = {
    "json": b"{}[]\",:\\ \t\r\n\x00\xff\xef\xbb\xbf0123456789-+.eEabzuntrufalse/*#\xc3\xa9'",
    "csv": b"\",\\ \t\r\n\x00\xff\xef\xbb\xbf019-+.eEabx#\xc3\xa9'|",
}
SCHEMAS = {
    "json": ["a BIGINT, b STRING", "a TIMESTAMP, b DECIMAL(10,2)", "a DOUBLE, z ARRAY<STRING>"],
    "csv": ["a INT, b STRING", "a TIMESTAMP, b DECIMAL(10,2)", "b DOUBLE"],
}


def _lines_of(name: str, groups: tuple[Group, ...]) -> list[bytes]:
    files = [each for group in groups for each in group.rulings if isinstance(each, File)]
    values = [each.text for group in groups for each in group.rulings if not isinstance(each, File)]
    made = '{{"a":{0},"b":{0}}}' if name == "json" else "{0},{0}"
    lines = [line for each in files for line in each.data.split(b"\n")]
    lines += [made.format(text).encode() for text in values]
    return [line for line in dict.fromkeys(lines) if len(line) < _SMALL]


LINES = {
    "json": _lines_of("json", (*json_values.GROUPS, *json_files.GROUPS, *json_options.GROUPS)),
    "csv": _lines_of("csv", (*csv_values.GROUPS, *csv_files.GROUPS)),
}


@st.composite
def _near(draw: st.DrawFn, name: str) -> bytes:
    """Give a line of a ruling, with a few bytes changed."""
    line = draw(st.sampled_from(LINES[name]))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        at = draw(st.integers(0, len(line)))
        new = bytes(draw(st.lists(st.sampled_from(_SPLICES[name]), max_size=2)))
        line = line[:at] + new + line[at + draw(st.integers(0, 2)) :]
    return line


@st.composite
def _files(draw: st.DrawFn, name: str) -> bytes:
    lines = draw(st.lists(_near(name), min_size=1, max_size=5))
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    head = b"" if name == "json" else b"a,b" + end
    return head + end.join(lines) + draw(st.sampled_from([b"", end]))


def _runs(name: str, data: bytes, schema: str | t.Struct, **options: Any) -> dict[str, Finding]:
    form, plan = format_of(name, options), plan_for(schema)
    return {
        f"{path} {at}": each
        for path, run in PATHS[name].items()
        if path not in ("cut at every byte", "among others", "exact among others")
        for at, each in enumerate(run(form, data, plan))
    }


def _agree(found: dict[str, Finding]) -> None:
    usual = found["alone 0"]
    assert {path: each for path, each in found.items() if each != usual} == {}, usual


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_files("json"), st.sampled_from(SCHEMAS["json"]), st.booleans())
def test_p6_p7_json_when_near_a_ruling_then_all_paths_agree(
    data: bytes, schema: str, lenient: Any
) -> None:
    _agree(_runs("json", data, schema, **(LENIENT if lenient else {})))


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_near("json"), st.sampled_from(SCHEMAS["json"]))
def test_p6_json_record_when_strict_then_the_same_with_every_option(
    line: bytes, schema: str
) -> None:
    strict, lenient = (
        alone(format_of("json", options), line, plan_for(schema)) for options in ({}, LENIENT)
    )
    assert lenient == strict or strict[0].bad


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _files("csv"),
    st.sampled_from(SCHEMAS["csv"]),
    st.booleans(),
    st.sampled_from([each for each in UNESCAPED_QUOTES if each != BACK_TO_DELIMITER]),
    st.sampled_from([-1, 3]),
)
def test_p6_p7_csv_when_near_a_ruling_then_all_paths_agree(
    data: bytes, schema: str, multi_line: Any, unescaped: str, longest: int
) -> None:
    _agree(
        _runs(
            "csv", data, schema, multi_line=multi_line, unescaped_quote_handling=unescaped,
            max_chars_per_column=longest,
        )
    )  # fmt: skip


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["json", "csv"]).flatmap(lambda name: st.tuples(st.just(name), _files(name)))
)
def test_p9_file_when_its_schema_is_inferred_then_all_paths_agree(case: tuple[str, bytes]) -> None:
    name, data = case
    form = format_of(name, {})
    try:
        schema, (sample,) = infer(form, data)
    except (SchemaInferenceError, SchemaRejectedError):
        return
    found = _runs(name, data, schema)
    _agree(found)
    assert reused(form, data, plan_for(schema), sample) == [found["alone 0"]]


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _is_record(line: bytes) -> bool:
    """Ask Python's own reader, which is as strict once constants and surrogates are refused."""
    try:
        value = json.loads(line.decode(), parse_constant=_no_constant, parse_int=str)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_near("json").filter(lambda line: line.count(b"[") < MAX_DEPTH), max_size=6))
def test_p6_json_line_when_another_reader_takes_it_then_it_is_a_record(lines: list[bytes]) -> None:
    data = b"\n".join([b'{"a":1}', *lines])
    (found,) = alone(format_of("json", {}), data, plan_for("a BIGINT, b STRING"))
    bad = {
        number
        for number, line in enumerate(data.split(b"\n"), start=1)
        if line.strip() and not _is_record(line)
    }
    assert {number for number, _ in found.bad} == bad
