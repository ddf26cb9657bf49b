"""Each parsing ruling (docs/parsing.md), by every path through the code."""

from __future__ import annotations

import re

import pytest
from support.rulings import csv_files, csv_values, json_files, json_options, json_values
from support.rulings.model import Bad, Fails, File, Outcome, Row, Value
from support.rulings.runs import (
    PATHS,
    alone,
    as_file,
    expected,
    format_of,
    infer,
    nested,
    plan_for,
    quoted,
    reused,
)

from lakestream.errors import BadRecordError, ConfigError, SchemaInferenceError
from lakestream.formats.schema import apply_hints
from lakestream.plan import types as t

GROUPS = {
    "json": (*json_values.GROUPS, *json_files.GROUPS, *json_options.GROUPS),
    "csv": (*csv_values.GROUPS, *csv_files.GROUPS),
}
RULINGS = [
    pytest.param(name, ruling, id=f"{name}-{ruling.id}")
    for name, groups in GROUPS.items()
    for group in groups
    for ruling in group.rulings
]
FILES = [each for each in RULINGS if isinstance(each.values[1], File)]
VALUES = [each for each in RULINGS if isinstance(each.values[1], Value)]
Ruling = Value | File
#: Those that take nothing for granted; enough where the test before went all ways.
EXACT_PATHS = {"json": ("record by record", "rewritten"), "csv": ("exact splitter", "all exact")}


def file_of(name: str, ruling: Ruling) -> File:
    return as_file(ruling, name) if isinstance(ruling, Value) else ruling


@pytest.mark.parametrize(("name", "ruling"), RULINGS)
def test_p6_p7_p8_p9_ruling_when_read_by_any_path_then_the_same(name: str, ruling: Ruling) -> None:
    file = file_of(name, ruling)
    form, plan = format_of(name, file.options), plan_for(file.schema)
    for path, run in PATHS[name].items():
        for found in run(form, file.data, plan):
            assert found == expected(file.gives), path


@pytest.mark.parametrize(("name", "ruling"), RULINGS)
def test_p6_p8_ruling_when_the_schema_is_inferred_and_hinted_then_the_same(
    name: str, ruling: Ruling
) -> None:
    file = file_of(name, ruling)
    form, declared = format_of(name, file.options), t.schema_of_ddl(file.schema)
    try:
        found, _ = infer(form, file.data)
    except SchemaInferenceError:
        assert not any(isinstance(each, Row) for each in file.gives)
        return
    hinted = apply_hints(found, file.schema)
    if set(hinted.names) != set(declared.names):
        return  # Columns beside those of the ruling would take what it rescues.
    assert dict(hinted.fields) == dict(declared.fields)
    assert alone(form, file.data, plan_for(hinted)) == [expected(in_order_of(hinted, file))]


def in_order_of(schema: t.Struct, file: File) -> tuple[Outcome, ...]:
    """Give what a ruling says, with the columns in another order."""
    at = [t.schema_of_ddl(file.schema).names.index(name) for name in schema.names]
    return tuple(
        Row(tuple(each.values[i] for i in at), each.rescued) if isinstance(each, Row) else each
        for each in file.gives
    )


def sample_file(name: str, ruling: Ruling) -> tuple[bytes, str | None]:
    """Give what a schema is inferred from, and that schema."""
    if isinstance(ruling, File):
        return ruling.data, ruling.inferred
    data = f'{{"v":{ruling.text}}}\n' if name == "json" else f"v\n{ruling.text}\n"
    return data.encode(), f"v {ruling.inferred}"


@pytest.mark.parametrize(("name", "ruling"), RULINGS)
def test_p6_p8_ruling_when_the_schema_is_inferred_then_it_takes_what_it_is_made_of(
    name: str, ruling: Ruling
) -> None:
    data, inferred = sample_file(name, ruling)
    form = format_of(name, getattr(ruling, "options", {}))
    if inferred is None:
        with pytest.raises(SchemaInferenceError):
            infer(form, data)
        return
    found, (sample,) = infer(form, data)
    assert found == (t.schema_of_ddl(inferred) if inferred else t.Struct(()))
    again, samples = infer(form, data, *[data] * 120)
    assert again == found
    (usual,) = alone(form, data, plan_for(found))
    for each in (sample, samples[-1]):
        assert [usual] == reused(form, data, plan_for(found), each)
    if isinstance(ruling, File):
        same = expected(ruling.gives)
        assert (len(usual.rows), usual.bad) == (len(same.rows), same.bad)
    assert usual.counts[1] == (f"{name}-{ruling.id}" in NOT_ALL_FITS)
    for path in EXACT_PATHS[name]:
        assert PATHS[name][path](form, data, plan_for(found)) == [usual], path


#: What inference knows no type for: names that differ in case or cannot be a column's, records
#: of two widths, numbers beyond a double (its column stays one of numbers all the same).
NOT_ALL_FITS = {
    "json-name-case", "json-name-nul", "json-double-over", "json-double-over-negative",
    "json-four-hundred-digits", "csv-header-case", "csv-header-nul", "csv-too-many",
    "csv-no-header",
}  # fmt: skip


@pytest.mark.parametrize(("name", "ruling"), VALUES)
def test_p8_value_when_types_are_not_inferred_then_a_string_as_it_stands(
    name: str, ruling: Value
) -> None:
    data, _ = sample_file(name, ruling)
    form = format_of(name, {})
    found, _ = infer(form, data, infer_types=False)
    if ruling.inferred.startswith(("STRUCT", "ARRAY")):
        assert t.schema_ddl(found) == f"`v` {strings_in(ruling.inferred)}"
        return
    assert found == t.schema_of_ddl("v STRING")
    text = ruling.takes.get("STRING", ruling.text)
    assert alone(form, data, plan_for(found))[0].rows == expected((Row((text,)),)).rows


def strings_in(kind: str) -> str:
    return t.schema_ddl(t.schema_of_ddl("v " + re.sub("BIGINT|DOUBLE", "STRING", kind)))[4:]


@pytest.mark.parametrize(("name", "ruling"), VALUES)
def test_p8_value_when_read_into_one_type_alone_then_the_same(name: str, ruling: Value) -> None:
    """Beside columns that do not take it, its record never goes the fast way."""
    form, file = format_of(name, {}), as_file(ruling, name)
    (row,) = file.gives
    assert isinstance(row, Row)
    for (column, kind), value in zip(t.schema_of_ddl(file.schema).fields, row.values, strict=True):
        rescued = f'"{column}":' in (row.rescued or "")
        (found,) = alone(form, sample_file(name, ruling)[0], plan_for(t.Struct((("v", kind),))))
        text = found.rows[0] if rescued else expected((Row((value,)),)).rows[0]
        assert (found.rows, found.bad, found.counts) == ([text], [], (1, int(rescued), 0)), kind
        assert not rescued or text.startswith("(None, '{"), kind


@pytest.mark.parametrize(("name", "ruling"), VALUES)
def test_p8_value_when_nested_or_quoted_then_the_same(name: str, ruling: Value) -> None:
    file = as_file(ruling, name)
    file = nested(file) if name == "json" else quoted(file, ruling.text)
    form, plan = format_of(name, {}), plan_for(file.schema)
    for path in ("alone", *EXACT_PATHS[name]):
        assert PATHS[name][path](form, file.data, plan) == [expected(file.gives)], path


@pytest.mark.parametrize(("name", "ruling"), RULINGS)
def test_p6_p7_ruling_when_multi_line_then_as_it_says(name: str, ruling: Ruling) -> None:
    file = file_of(name, ruling)
    try:
        form = format_of(name, {**file.options, "multi_line": True})
    except ConfigError:
        assert {"line_sep", "unescaped_quote_handling"} & set(file.options)
        return  # They exclude each other.
    plan = plan_for(file.schema)
    lines = [line for line in file.data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert name == "csv" or len(lines) < 2 or file.multi_line is not None
    says = expected(file.gives if file.multi_line is None else file.multi_line)
    assert alone(form, file.data, plan) == [says]
    if name == "json":
        assert PATHS["json"]["rewritten"](form, file.data, plan) == [says]
        plain = len(lines) == 1 and "encoding" not in file.options
        if plain and file.gives and isinstance(file.gives[0], Row):
            in_array = b"[" + lines[0] + b"\n]"
            assert alone(form, in_array, plan) == [says]
    else:
        for path, run in PATHS["csv"].items():
            assert all(each == says for each in run(form, file.data, plan)), path


@pytest.mark.parametrize(("name", "ruling"), FILES)
def test_p6_ruling_when_another_mode_then_bad_records_go_where_it_says(
    name: str, ruling: File
) -> None:
    form = format_of(name, ruling.options)
    says = expected(ruling.gives)
    (usual,) = alone(form, ruling.data, plan_for(ruling.schema))

    (dropped,) = alone(form, ruling.data, plan_for(ruling.schema, mode="dropmalformed"))
    assert (dropped.rows, dropped.bad, dropped.failure) == (says.rows, [], says.failure)

    schema = f"{ruling.schema}, _corrupt STRING"
    (kept,) = alone(form, ruling.data, plan_for(schema, corrupt_column="_corrupt"))
    raw = iter(usual.raw)
    nulls = (None,) * len(t.schema_of_ddl(ruling.schema).fields)
    rows = tuple(
        Row((*each.values, None), each.rescued)
        if isinstance(each, Row)
        else Row((*nulls, next(raw).decode(errors="backslashreplace")))
        for each in ruling.gives
        if not isinstance(each, Fails)
    )
    assert (kept.rows, kept.bad) == (expected(rows).rows, [])

    strict = plan_for(ruling.schema, mode="failfast")
    if says.bad:
        with pytest.raises(BadRecordError):
            alone(form, ruling.data, strict)
    else:
        assert alone(form, ruling.data, strict) == [usual]


@pytest.mark.parametrize(("name", "ruling"), FILES)
def test_p6_bad_record_when_quarantined_then_its_line_as_it_stood(name: str, ruling: File) -> None:
    if {"encoding", "line_sep"} & set(ruling.options):
        return  # Quarantine has the text as UTF-8.
    (found,) = alone(format_of(name, ruling.options), ruling.data, plan_for(ruling.schema))
    data = ruling.data.removeprefix(b"\xef\xbb\xbf")
    if name == "csv":
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = data.split(b"\n")
    assert found.raw == [lines[each.line - 1] for each in ruling.gives if isinstance(each, Bad)]
