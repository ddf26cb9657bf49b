"""What each type accepts, bad records, rescued data, unknown fields, modes and limits."""

import json
import math
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.format_runs import chunks_of, decode, plan_of

from lakestream.errors import (
    BadFileError,
    BadRecordError,
    ConfigError,
    NewColumnsError,
    SchemaRejectedError,
)
from lakestream.formats import json_blocks
from lakestream.formats.base import FileChunk, FileOutcome, Format, Outcomes
from lakestream.formats.json import JsonFormat
from lakestream.formats.json_lenient import Leniency
from lakestream.limits import MAX_COLUMNS, MAX_DEPTH
from lakestream.plan import types as t

URI = "s3://landing/x"
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
MISMATCH = object()


def one(token: str, kind: str, **options: Any) -> Any:
    """Give what one value becomes in a column, or MISMATCH, checking its rescued data."""
    data = f'{{"v":{token}}}\n'.encode()
    found = decode(JsonFormat(**options), {"x": data}, plan_of(f"v {kind}"))
    (row,) = found.rows
    if row["_rescued_data"] is None:
        return row["v"]
    assert row["v"] is None
    assert row["_rescued_data"] == f'{{"v":{token},"_file_path":"{URI}"}}'
    assert found.outcomes.files[0].rescued == 1
    return MISMATCH


@pytest.mark.parametrize(
    ("token", "kind", "value"),
    [
        ('"x"', "STRING", "x"),
        ("1.50", "STRING", "1.50"),
        ("true", "STRING", "true"),
        ('{"a":  [1, 2]}', "STRING", '{"a":  [1, 2]}'),
        ("true", "BOOLEAN", True),
        ('"true"', "BOOLEAN", MISMATCH),
        ("1", "BOOLEAN", MISMATCH),
        ("127", "TINYINT", 127),
        ("128", "TINYINT", MISMATCH),
        ("-32768", "SMALLINT", -32768),
        ("2147483648", "INT", MISMATCH),
        ("1.0", "INT", MISMATCH),
        ("1e2", "INT", MISMATCH),
        ('"1"', "INT", MISMATCH),
        ("9223372036854775807", "BIGINT", 2**63 - 1),
        ("9223372036854775808", "BIGINT", MISMATCH),
        ("1", "DOUBLE", 1.0),
        ("1e999", "DOUBLE", MISMATCH),
        ('"1.5"', "DOUBLE", MISMATCH),
        ('"-INF"', "DOUBLE", -math.inf),
        ('"Infinity"', "FLOAT", math.inf),
        ("1e39", "FLOAT", MISMATCH),
        ("1.25", "DECIMAL(10,2)", Decimal("1.25")),
        ("1.255", "DECIMAL(10,2)", Decimal("1.26")),
        ("-1.255", "DECIMAL(10,2)", Decimal("-1.26")),
        ("1.2549999", "DECIMAL(10,2)", Decimal("1.25")),
        ('"1.259"', "DECIMAL(10,2)", Decimal("1.26")),
        ("1e3", "DECIMAL(10,2)", Decimal("1000.00")),
        ("99999999.995", "DECIMAL(10,2)", MISMATCH),
        ("123456789", "DECIMAL(10,2)", MISMATCH),
        ('"1_0"', "DECIMAL(10,2)", MISMATCH),
        ('"NaN"', "DECIMAL(10,2)", MISMATCH),
        ('"2026-01-02"', "DATE", date(2026, 1, 2)),
        ('"2026-1-2"', "DATE", date(2026, 1, 2)),
        ('"2026-02-30"', "DATE", MISMATCH),
        ('"2026-01-02T00:00:00Z"', "DATE", MISMATCH),
        ("20000", "DATE", MISMATCH),
        ('"2026-01-02T12:00:00Z"', "TIMESTAMP", NOON),
        ('"2026-01-02 12:00:00"', "TIMESTAMP", NOON),
        ('"2026-1-2 12:00"', "TIMESTAMP", NOON),
        ('"2026-01-02T17:30:00.0000009+05:30"', "TIMESTAMP", NOON),
        ('"2026-01-02T07:00:00-05"', "TIMESTAMP", NOON),
        ('"2026-01-02"', "TIMESTAMP", NOON.replace(hour=0)),
        ('"2026-01-02T12:00:60Z"', "TIMESTAMP", MISMATCH),
        ("1767355200", "TIMESTAMP", MISMATCH),
        ('"2026-01-02T12:00:00"', "TIMESTAMP_NTZ", NOON.replace(tzinfo=None)),
        ('"2026-01-02T12:00:00Z"', "TIMESTAMP_NTZ", MISMATCH),
        ('"aGk="', "BINARY", b"hi"),
        ('"6"', "BINARY", MISMATCH),
        ("[1, null]", "ARRAY<INT>", [1, None]),
        ('[1, "x"]', "ARRAY<INT>", MISMATCH),
        ('{"k":1}', "ARRAY<INT>", MISMATCH),
        ('{"k":1,"l":null,"k":2}', "MAP<STRING, INT>", [("k", 2), ("l", None)]),
        ('{"k":"x"}', "MAP<STRING, INT>", MISMATCH),
        ("[]", "STRUCT<a: INT>", MISMATCH),
    ],
)
def test_value_when_read_into_a_type_follows_the_table(token: str, kind: str, value: Any) -> None:
    assert one(token, kind) == value


def test_value_nan_as_text_is_a_float_unless_switched_off() -> None:
    assert math.isnan(one('"NaN"', "DOUBLE"))
    assert one('"NaN"', "DOUBLE", allow_non_numeric_numbers=False) is MISMATCH


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("dd/MM/yyyy HH:mm", "02/01/2026 12:00", NOON),
        ("yyyyMMdd'T'HHmmss[XXX]", "20260102T140000+02:00", NOON),
        ("yyyyMMdd'T'HHmmss[XXX]", "20260102T120000", NOON),
        ("dd/MM/yyyy HH:mm", "2026-01-02T12:00:00Z", MISMATCH),
    ],
)
def test_value_with_a_timestamp_format_is_read_by_it(pattern: str, text: str, value: Any) -> None:
    assert one(f'"{text}"', "TIMESTAMP", timestamp_format=pattern) == value


def test_value_with_a_date_format_is_read_by_it() -> None:
    assert one('"2.1.2026"', "DATE", date_format="d.M.yyyy") == date(2026, 1, 2)
    with pytest.raises(ConfigError):
        JsonFormat(date_format="QQ yyyy")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a":1', "malformed_json"),
        (b'{"a":NaN}', "malformed_json"),
        (b'{"a":1} {"a":2}', "malformed_json"),
        (b'{"s":"\\ud800"}', "malformed_json"),
        (b'{"a":01}', "malformed_json"),
        (b'{"s":"\xff"}', "invalid_utf8"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"n":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "too_deep"),
        (b'{"n":' + b"[" * 10**6 + b"]" * 10**6 + b"}", "too_deep"),
    ],
)
def test_record_that_does_not_parse_is_bad_with_its_line(line: bytes, code: str) -> None:
    data = b'{"a":1}\n\n  \n' + line + b'\n{"a":2}'
    found = decode(JsonFormat(), {"w": b'{"a":0}', "x": data}, plan_of("a INT, s STRING"))
    (bad,) = found.bad
    assert (bad.file, bad.line, bad.code, bad.raw) == (1, 4, code, line)
    assert [row["a"] for row in found.rows] == [0, 1, 2]
    assert found.outcomes.files[1] == FileOutcome(rows=2, bad=1)


def test_bad_record_with_a_corrupt_column_is_a_row_with_its_text() -> None:
    plan = plan_of("_corrupt STRING, a INT", corrupt="_corrupt")
    data = b'{"a":1}\nb\xff"ad\n{"a":2,"_corrupt":"mine"}'
    found = decode(JsonFormat(), {"x": data}, plan)
    assert [(row["a"], row["_corrupt"]) for row in found.rows] == [
        (1, None),
        (None, 'b\\xff"ad'),
        (2, None),
    ]
    assert json.loads(found.rows[2]["_rescued_data"])["_corrupt"] == "mine"
    assert (found.bad, found.outcomes.files[0].bad) == ([], 1)


def test_bad_record_with_dropmalformed_is_counted() -> None:
    data = b'{"a":1}\nbad\n{"a":"mismatch"}'
    found = decode(JsonFormat(), {"x": data}, plan_of("a INT", mode="dropmalformed"))
    assert [row["a"] for row in found.rows] == [1, None]
    assert found.outcomes.files[0] == FileOutcome(rows=2, rescued=1, dropped=1)


def test_bad_record_with_failfast_is_an_error_naming_file_and_line() -> None:
    with pytest.raises(BadRecordError, match="landing/x, record 2") as caught:
        decode(JsonFormat(), {"x": b'{"a":1}\nsecret\n'}, plan_of("a INT", mode="failfast"))
    assert "secret" not in str(caught.value)
    found = decode(JsonFormat(), {"x": b'{"a":"mismatch"}'}, plan_of("a INT", mode="failfast"))
    assert found.rows[0]["_rescued_data"]


def test_record_over_the_limit_is_bad_without_being_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr(json_blocks, "_KEPT_OF_OVERLONG", 10)
    data = b'{"a":1}\n{"a":"' + b"x" * 5000 + b'"}\n{"a":2}\n{"a":"' + b"y" * 5000
    whole = json_blocks.line_blocks(chunks_of({"x": data}, None), 100)
    assert [(block.overlong, block.parts[0].first_line) for block in whole] == [
        (False, 1),
        (True, 2),
        (False, 3),
        (True, 4),
    ]
    for step in (7, 300):
        found = decode(JsonFormat(), {"x": data, "y": b'{"a":3}'}, plan_of("a INT"), step=step)
        assert [row["a"] for row in found.rows] == [1, 2, 3]
        assert [(bad.line, bad.code) for bad in found.bad] == [
            (2, "record_too_long"),
            (4, "record_too_long"),
        ]
        assert found.bad[0].raw == b'{"a":"xxxx'


@pytest.mark.parametrize("text", ["x" * 2**20, '\\"' * 2**19])
def test_record_with_braces_in_a_long_text_is_rescued_in_the_memory_of_some_copies(
    text: str,
) -> None:
    data = f'{{"a":1,"new":"{"{" * MAX_DEPTH}{text}"}}\n'.encode()
    decode(JsonFormat(), {"x": data}, plan_of("a INT"))  # what is loaded once is no part of it
    tracemalloc.start()
    try:
        (row,) = decode(JsonFormat(), {"x": data}, plan_of("a INT")).rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (row["a"], row["_rescued_data"] is None) == (1, False)
    assert peak < 30 * len(data)


@pytest.mark.parametrize("sign", ["+", r"\u002b", r"\u002B"])
def test_time_whose_zone_leads_before_year_1_is_rescued_however_it_is_written(sign: str) -> None:
    assert one(f'"0001-01-01T00:00:00{sign}01:00"', "TIMESTAMP") is MISMATCH
    assert one(f'"0001-01-02T00:00:00{sign}01:00"', "TIMESTAMP") == datetime(
        1, 1, 1, 23, tzinfo=UTC
    )


def test_first_day_of_the_calendar_when_written_often_is_looked_at_once_each() -> None:
    # Each looked for a zone to the end of its text: this took minutes.
    data = b'{"a":"2026-01-02T12:00:00+00:00","b":"' + b"0001-01-01" * 100_000 + b'"}\n'
    (row,) = decode(JsonFormat(), {"x": data}, plan_of("a TIMESTAMP, b STRING")).rows
    assert (row["a"], len(row["b"]), row["_rescued_data"]) == (NOON, 1_000_000, None)


def test_record_of_a_document_over_the_limit_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "MAX_RECORD_BYTES", 1000)
    document = b'[{"a":1},{"a":"' + b"x" * 5000 + b'"},{"a":2}]'
    found = decode(JsonFormat(multi_line=True), {"x": document}, plan_of("a INT"))
    assert [row["a"] for row in found.rows] == [1, 2]
    assert [(bad.line, bad.code) for bad in found.bad] == [(2, "record_too_long")]


def test_rescued_data_keeps_raw_values_nested_with_the_file_last() -> None:
    line = b'{"new": 1.50 ,"s":{"a":"x", "z":{"q":[ ]}},"l":[{"p":1,"r":2}],"n":null}'
    plan = plan_of("s STRUCT<a: INT>, l ARRAY<STRUCT<p: INT>>")
    (row,) = decode(JsonFormat(), {"x": line}, plan).rows
    assert (row["s"], row["l"]) == ({"a": None}, [{"p": 1}])
    assert row["_rescued_data"] == (
        f'{{"new":1.50,"s":{{"a":"x","z":{{"q":[ ]}}}},"l":[{{"p":1,"r":2}}],"_file_path":"{URI}"}}'
    )


def test_name_in_another_case_is_rescued_or_matched() -> None:
    data = b'{"ID":1}\n{"id":2,"Id":3}'
    exact = decode(JsonFormat(), {"x": data}, plan_of("id INT", unknown="evolve"))
    assert [row["id"] for row in exact.rows] == [None, 2]
    assert exact.outcomes.files[0].rescued == 2
    assert exact.outcomes.drift is None
    folded = decode(JsonFormat(), {"x": data}, plan_of("id INT", case_sensitive=False))
    assert [row["id"] for row in folded.rows] == [1, 3]
    assert folded.outcomes.files[0].rescued == 0


def test_unknown_field_when_evolving_is_drift_and_rescued() -> None:
    data = b'{"s":{"x":1}}\n{"n":1,"s":{"y":true}}\n{"n":1.5,"l":[],"v":null}'
    found = decode(JsonFormat(), {"x": data}, plan_of("s STRUCT<x: INT>", unknown="evolve"))
    expected = "n DOUBLE, s STRUCT<y: BOOLEAN>, l ARRAY<STRING>"
    assert found.outcomes.drift == t.schema_of_ddl(expected)
    assert found.outcomes.files[0].rescued == 2


def test_unknown_field_when_ignored_leaves_no_trace() -> None:
    found = decode(JsonFormat(), {"x": b'{"a":1,"n":[1]}'}, plan_of("a INT", unknown="ignore"))
    assert found.rows == [{"a": 1, "_rescued_data": None}]


def test_unknown_field_when_forbidden_fails_the_batch() -> None:
    with pytest.raises(NewColumnsError, match="'n'"):
        decode(JsonFormat(), {"x": b'{"a":1,"n":1}'}, plan_of("a INT", unknown="fail"))


def test_mismatch_when_widening_is_drift() -> None:
    data = b'{"i":3000000000,"d":123456.789,"f":1e300,"k":"x"}'
    plan = plan_of("i INT, d DECIMAL(5,2), f FLOAT, k INT", unknown="evolve", widen=True)
    found = decode(JsonFormat(), {"x": data}, plan)
    assert found.outcomes.drift == t.schema_of_ddl("i BIGINT, d DECIMAL(9,3), f DOUBLE")
    same = decode(JsonFormat(), {"x": data}, plan_of(plan.schema, unknown="evolve"))
    assert same.outcomes.drift is None


def test_drift_over_the_column_limit_is_rejected() -> None:
    line = json.dumps({f"c{i}": 1 for i in range(MAX_COLUMNS + 1)}).encode()
    with pytest.raises(SchemaRejectedError):
        decode(JsonFormat(), {"x": line}, plan_of("a INT", unknown="evolve"))


def test_map_with_keys_that_are_no_text_is_rejected() -> None:
    with pytest.raises(SchemaRejectedError):
        decode(JsonFormat(), {"x": b"{}"}, plan_of("m MAP<INT, INT>"))


@pytest.mark.parametrize(
    ("document", "values"),
    [
        (b'\xef\xbb\xbf{\n "a": 1\n}\n', [1]),
        (b' [ {"a": 1},\n {"a":\n 2} ]', [1, 2]),
        (b"[]", []),
        (b" \n", []),
    ],
)
def test_document_with_multi_line_gives_its_records(document: bytes, values: list[int]) -> None:
    found = decode(JsonFormat(multi_line=True), {"x": document, "y": b'{"a":9}'}, plan_of("a INT"))
    assert [row["a"] for row in found.rows] == [*values, 9]
    assert found.bad == []


@pytest.mark.parametrize("window", range(1, 30, 4))
def test_document_when_taken_apart_in_pieces_gives_the_same_records(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_blocks, "_ARRAY_BYTES", window)
    values: list[Any] = [
        {"a": "},", "b": [1, {"c": "],"}]}, {}, [], [[{}, 2], "x,"], '\\",{', 1, None,
        {"d": {"e": [{}]}},
    ]  # fmt: skip
    for indent in (None, 1):
        document = f"\ufeff {json.dumps(values, indent=indent)}\n".encode()
        found = [*json_blocks.document_records(document, Leniency())]
        assert [json.loads(each) for each in found] == values
        broken = document.rstrip() + b"]"
        assert [*json_blocks.document_records(broken, Leniency())] == [broken[3:]]


def test_document_of_many_small_elements_is_taken_apart_a_piece_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_blocks, "_ARRAY_BYTES", 2**14)
    document = b"[" + b"1," * 2**17 + b"1]"
    tracemalloc.start()
    try:
        count = sum(1 for _ in json_blocks.document_records(document, Leniency()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 2**17 + 1
    assert peak < 10 * len(document)  # all at once: 50 times


def test_document_with_a_bad_element_gives_the_others() -> None:
    document = b'[{"a":1},\n 5, {"a":"x\\n",\n"b" : 1}]'
    found = decode(JsonFormat(multi_line=True), {"x": document}, plan_of("a INT"))
    assert [(bad.line, bad.code, bad.raw) for bad in found.bad] == [(2, "not_an_object", b"5")]
    assert found.rows[1]["_rescued_data"].startswith('{"a":"x\\n","b":1,')
    broken = decode(JsonFormat(multi_line=True), {"x": b'[{"a":1},'}, plan_of("a INT"))
    assert [(bad.line, bad.raw) for bad in broken.bad] == [(1, b'[{"a":1},')]


def test_file_that_cannot_be_read_on_gives_no_rows_and_its_failure() -> None:
    failure = BadFileError("truncated", fix="mend it")
    files = {"w": b'{"a":1}', "x": (b'{"a":2}\n{"a":', failure), "y": b'{"a":3}'}
    found = decode(JsonFormat(), files, plan_of("a INT"))
    assert [row["a"] for row in found.rows] == [1, 3]
    assert [each.failure for each in found.outcomes.files] == [None, failure, None]
    alone = decode(JsonFormat(), {"x": (b"", failure)}, plan_of("a INT"))
    assert alone.outcomes.files[0].failure is failure


def test_blocks_of_many_files_keep_rows_in_order() -> None:
    files = {
        f"{i}": b"".join(b'{"a":%d}\n' % (1000 * i + k) for k in range(i * 7 % 50))
        for i in range(400)
    }
    wanted = [1000 * i + k for i in range(400) for k in range(i * 7 % 50)]
    for block_bytes in (100, 5000):
        blocks = json_blocks.line_blocks(chunks_of(files, 64), block_bytes)
        sizes = [len(block.data) for block in blocks]
        assert max(sizes) <= block_bytes
    found = decode(JsonFormat(), files, plan_of("a INT"), step=64)
    assert [row["a"] for row in found.rows] == wanted
    assert found.files == [value // 1000 for value in wanted]


def test_decode_when_closed_early_leaves_no_thread_and_closes_its_input() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[FileChunk]:
        (chunk,) = chunks_of({"x": b'{"a":1}\n' * 200_000}, None)
        try:
            while True:
                yield FileChunk(chunk.file, chunk.data, last=False)
        finally:
            closed.append(True)

    before = threading.active_count()
    rows = JsonFormat().decode(endless(), plan_of("a INT"), Outcomes([FileOutcome()]))
    assert next(rows).batch.num_rows > 0
    assert threading.active_count() > before
    rows.close()
    assert threading.active_count() == before
    assert closed == [True]


def test_decode_when_its_input_raises_gives_the_rows_before_it_first() -> None:
    def broken() -> Iterator[FileChunk]:
        yield from chunks_of({"x": b'{"a":1}\n' * 200_000}, None)
        raise BadFileError("gone", fix="mend it")

    rows = JsonFormat().decode(broken(), plan_of("a INT"), Outcomes([FileOutcome()]))
    assert next(rows).batch.num_rows > 0
    with pytest.raises(BadFileError):
        list(rows)


def test_decode_of_every_type_imports_no_heavy_library() -> None:
    script = """
import sys
from datetime import UTC, datetime
from lakestream.formats.base import DecodePlan, FileChunk, FileOutcome, InputFile, Outcomes
from lakestream.formats.json import JsonFormat
from lakestream.formats.json_lenient import Leniency
from lakestream.plan.types import schema_of_ddl
from lakestream.storage.base import ObjectInfo
file = InputFile(0, ObjectInfo("x", 1, None, None, datetime.now(UTC)), "file:///x")
data = b'{"a":1.255,"t":"2026-01-01T00:00:00Z","d":"2026-1-1","z":[]}'
plan = DecodePlan(schema_of_ddl("a DECIMAL(9,2), t TIMESTAMP, d DATE"), "r", None,
                  "permissive", "evolve")
form = JsonFormat()
list(form.decode([FileChunk(file, data, last=True)], plan, Outcomes([FileOutcome()])))
heavy = {"pyarrow", "duckdb", "deltalake", "polars", "pandas", "numpy", "obstore", "sqlglot"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_json_format_is_a_format_with_its_options_by_name() -> None:
    form: Format = JsonFormat(multi_line=True, date_format="d.M.yyyy")
    assert form.options() == {"multi_line": "True", "date_format": "d.M.yyyy"}
    assert (form.name, form.whole_files, form.compressible) == ("json", True, True)
    assert JsonFormat().whole_files is False


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "no"},
        {"time_zone": "Europe/Pari"},
        {"line_sep": ""},
        {"line_sep": "|", "multi_line": True},
    ],
)
def test_options_that_cannot_work_are_config_errors(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        JsonFormat(**options)
