"""P1, P3, P6 to P8: files whose content is broken, hostile or merely odd."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fault_pipeline import Pipeline

from lakestream.errors import BadRecordError
from lakestream.limits import MAX_DEPTH


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": _zstd}
LINES = b"".join(json.dumps({"id": n, "text": f"row {n}"}).encode() + b"\n" for n in range(2_000))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("good.json", {"id": 1, "text": "a"})
    return made


def _assert_bad_file(pipeline: Pipeline, name: str) -> None:
    """One file is in quarantine whole, all else is in the table, and a rerun changes nothing."""
    state = pipeline.files()[name]
    assert (state.state, state.rows) == ("quarantined", 0)
    assert state.reason
    (row,) = [each for each in pipeline.quarantine() if each["file_key"] == name]
    assert (row["code"], row["line"]) == ("LS-SRC-006", None)
    assert pipeline.table.run() == []


@pytest.mark.parametrize("cut", ["half", "last 4 bytes", "all but 10 bytes"])
@pytest.mark.parametrize("suffix", PACKERS)
def test_p1_archive_when_truncated_then_none_of_its_rows_is_in_the_table(
    pipeline: Pipeline, suffix: str, cut: str
) -> None:
    packed = PACKERS[suffix](LINES)
    size = {"half": len(packed) // 2, "last 4 bytes": len(packed) - 4, "all but 10 bytes": 10}[cut]
    pipeline.land(f"cut.json{suffix}", packed[:size])

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1}
    _assert_bad_file(pipeline, f"cut.json{suffix}")


@pytest.mark.parametrize("suffix", PACKERS)
def test_p1_archive_when_its_members_are_concatenated_then_it_is_read_whole(
    pipeline: Pipeline, suffix: str
) -> None:
    pack = PACKERS[suffix]
    pipeline.land(f"two.json{suffix}", pack(b'{"id": 2}\n{"id"') + pack(b": 3}\n"))

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1, (3,): 1}
    assert pipeline.quarantine() == []


@pytest.mark.parametrize("suffix", PACKERS)
def test_p1_archive_when_junk_trails_it_then_it_is_a_bad_file(
    pipeline: Pipeline, suffix: str
) -> None:
    pipeline.land(f"junk.json{suffix}", PACKERS[suffix](LINES) + b"and then some junk")

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1}
    _assert_bad_file(pipeline, f"junk.json{suffix}")


def test_p1_gzip_when_any_byte_is_flipped_then_its_rows_are_all_there_or_none_is(
    tmp_path: Path,
) -> None:
    packed = gzip.compress(LINES)
    rng = random.Random(1)  # noqa: S311 - repeatable, not secret
    pipeline = Pipeline(tmp_path, schema="id BIGINT, text STRING")
    for number in range(40):
        raw = bytearray(packed)
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        pipeline.land(f"{number}.json.gz", bytes(raw))

    pipeline.table.run()

    states = Counter(each.state for each in pipeline.files().values())
    assert states["committed"] + states["quarantined"] == 40
    assert states["quarantined"] > 20
    whole = Counter({(n,): states["committed"] for n in range(2_000)})
    assert pipeline.rows() == +whole


DEEP = 20_000
DEEP_LINES = {
    "arrays": b'{"id": 2, "x": ' + b"[" * DEEP + b"]" * DEEP + b"}\n",
    "open arrays": b'{"id": 2, "x": ' + b"[" * DEEP + b"\n",
    "objects": b'{"id": 2, "x": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}\n",
    "only arrays": b"[" * DEEP + b"]" * DEEP + b"\n",
}


@pytest.mark.parametrize("first", ["seen at inference", "schema known"])
@pytest.mark.parametrize("multi_line", ["lines", "document"])
@pytest.mark.parametrize("shape", DEEP_LINES)
def test_p3_json_when_nested_20000_deep_then_the_process_lives_and_the_rest_is_read(
    tmp_path: Path, shape: str, multi_line: str, first: str
) -> None:
    pipeline = Pipeline(tmp_path, multi_line=multi_line == "document")
    pipeline.land("good.json", {"id": 1, "x": [[1]]})
    if first == "schema known":
        pipeline.table.run()
    pipeline.land("deep.json", DEEP_LINES[shape])
    pipeline.land("good2.json", {"id": 3})

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (3,): 1}
    (row,) = pipeline.quarantine()
    assert row["file_key"] == "deep.json"
    assert row["code"] in {"too_deep", "not_an_object"}
    assert row["reason"]
    assert pipeline.table.run() == []


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")]
)
def test_p3_json_when_nested_to_the_limit_then_the_table_can_still_be_read(
    pipeline: Pipeline, opening: bytes, closing: bytes
) -> None:
    depth = (MAX_DEPTH - 1) // (opening.count(b"[") + opening.count(b"{"))
    value = opening * depth + b"1" + closing * depth
    too_deep = opening * (depth + 1) + b"1" + closing * (depth + 1)
    pipeline.table.run()
    pipeline.land("deep.json", b'{"id": 2, "x": ' + value + b"}\n")
    pipeline.land("deeper.json", b'{"id": 3, "x": ' + too_deep + b"}\n")

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (2,): 1}
    (row,) = pipeline.quarantine()
    assert (row["file_key"], row["code"]) == ("deeper.json", "too_deep")


BAD_LINES = [
    '{"id": 10, "text": "broken',
    '{"id": 11,, "text": "b"}',
    '{"id": 12} trailing',
    "[1, 2]",
    "42",
    "not json at all",
    "{'id': 13}",
]


def test_p6_records_when_permissive_then_each_bad_one_is_kept_with_file_line_and_text(
    pipeline: Pipeline,
) -> None:
    mixed = [line for bad in BAD_LINES for line in ('{"id": 5}', bad)]
    pipeline.land("mixed.json", *mixed)

    (progress,) = pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (5,): len(BAD_LINES)}
    rows = pipeline.quarantine()
    assert [(row["file_key"], row["line"]) for row in rows] == [
        ("mixed.json", 2 * number + 2) for number in range(len(BAD_LINES))
    ]
    assert [row["raw"].decode() for row in rows] == BAD_LINES
    assert {row["code"] for row in rows} == {"malformed_json", "not_an_object"}
    assert all(row["reason"] for row in rows)
    assert progress.bad_records == len(BAD_LINES)
    assert pipeline.files()["mixed.json"].bad == len(BAD_LINES)
    assert pipeline.files()["mixed.json"].rows == len(BAD_LINES)


def test_p6_records_when_dropmalformed_then_they_are_counted_and_nothing_is_kept(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path, mode="dropmalformed")
    pipeline.land("mixed.json", '{"id": 5}', *BAD_LINES, '{"id": 6}')

    (progress,) = pipeline.table.run()

    assert pipeline.rows() == {(5,): 1, (6,): 1}
    assert pipeline.quarantine() == []
    assert progress.num_output_rows == 2
    assert progress.dropped_records == len(BAD_LINES)


@pytest.mark.parametrize("bad", BAD_LINES)
def test_p6_record_when_failfast_then_the_batch_stops_and_names_file_and_line(
    tmp_path: Path, bad: str
) -> None:
    pipeline = Pipeline(tmp_path, mode="failfast", schema="id BIGINT, text STRING")
    pipeline.land("mixed.json", '{"id": 5}', bad, '{"id": 6}')

    with pytest.raises(BadRecordError, match="LS-SRC-005") as caught:
        pipeline.table.run()

    assert "mixed.json" in str(caught.value.where)
    assert "2" in str(caught.value.where)
    assert caught.value.fix
    assert "not json at all" not in str(caught.value)
    assert sum(pipeline.rows().values()) == 0
    pipeline.table = pipeline.again(mode="permissive")
    pipeline.table.run()
    assert pipeline.rows() == {(5,): 1, (6,): 1}


@pytest.mark.parametrize(
    ("options", "content", "rows", "bad"),
    [
        pytest.param({}, b"\xef\xbb\xbf" + b'{"id": 1, "t": "\xc3\xa9"}\n', ["é"], 0, id="bom"),
        pytest.param({}, b'{"id": 1, "t": "\xe9"}\n{"id": 2, "t": "x"}\n', ["x"], 1, id="latin-1"),
        pytest.param({}, '{"id": 1, "t": "é"}\n'.encode("utf-16"), None, None, id="utf-16"),
        pytest.param(
            {}, b'{"id": 1, "t": "a\x00b"}\n{"id": 2, "t": "x"}\n', ["x"], 1, id="raw nul"
        ),
        pytest.param({}, b'{"id": 1, "t": "a\\u0000b"}\n', ["a\0b"], 0, id="escaped nul"),
        pytest.param({}, b'{"id": 1, "t": "\\ud83d\\ude00"}\n', ["\U0001f600"], 0, id="pair"),
        pytest.param(
            {},
            rb'{"id": 1, "t": "\ud840\uDC00 \\ud840\\udc00 \\\ud840\udc00 \uDBFF\udfff"}' + b"\n",
            ["\U00020000 \\ud840\\udc00 \\\U00020000 \U0010ffff"],
            0,
            id="pairs beyond plane 1",
        ),
        pytest.param(
            {}, b'{"id": 1, "t": "\\ud800"}\n{"id": 2, "t": "x"}\n', ["x"], 1, id="lone surrogate"
        ),
        pytest.param({}, b'{"id": 1, "t": "\xed\xa0\x80"}\n', [], 1, id="encoded surrogate"),
        pytest.param({}, b'{"id": 1, "t": "\xc0\xaf"}\n', [], 1, id="overlong"),
        pytest.param(
            {"format": "csv", "encoding": "ISO-8859-1"},
            b"id,t\n1,caf\xe9\n",
            ["caf\xe9"],
            0,
            id="csv latin-1",
        ),
        pytest.param(
            {"format": "csv", "encoding": "UTF-16"},
            "id,t\n1,é\n".encode("utf-16"),
            ["é"],
            0,
            id="csv utf-16",
        ),
        pytest.param(
            {"format": "csv"}, b"id,t\n1,caf\xe9\n2,x\n", ["x"], 1, id="csv undeclared latin-1"
        ),
    ],
)
def test_p7_text_when_in_an_odd_encoding_then_no_character_is_replaced_in_silence(
    tmp_path: Path,
    options: dict[str, str],
    content: bytes,
    rows: list[str] | None,
    bad: int | None,
) -> None:
    pipeline = Pipeline(tmp_path, schema="id BIGINT, t STRING", **options)
    pipeline.land(f"odd.{options.get('format', 'json')}", content)

    pipeline.table.run()

    if rows is None:  # an encoding that lines of JSON cannot have
        assert sum(pipeline.rows().values()) == 0
        assert pipeline.quarantine()
        return
    assert pipeline.rows("t") == Counter((each,) for each in rows)
    assert len(pipeline.quarantine()) == bad


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20))
def test_p7_text_when_any_unicode_then_it_comes_through_unchanged(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    pipeline = Pipeline(tmp_path_factory.mktemp("p7"), schema="t STRING")
    pipeline.land("plain.json", *({"t": each} for each in texts))
    pipeline.land("ascii.json", *(json.dumps({"t": each}, ensure_ascii=False) for each in texts))

    pipeline.table.run()

    assert pipeline.rows("t") == Counter({(t,): 2 * n for t, n in Counter(texts).items()})


NUMBERS = [
    # kind, text in the file, value in the table, whether it is rescued, whether it is malformed
    ("BIGINT", "9223372036854775807", 2**63 - 1, False, False),
    ("BIGINT", "9223372036854775808", None, True, False),
    ("BIGINT", "-9223372036854775808", -(2**63), False, False),
    ("BIGINT", "1.5", None, True, False),
    ("INT", "2147483648", None, True, False),
    ("DOUBLE", "1e999", None, True, False),
    ("DOUBLE", "-0.0", -0.0, False, False),
    ("DOUBLE", "1e-400", 0.0, False, False),
    ("DOUBLE", "NaN", None, False, True),
    ("DOUBLE", "-Infinity", None, False, True),
    ("BIGINT", "007", None, False, True),
    ("BIGINT", "+7", None, False, True),
    ("DATE", '"2024-02-30"', None, True, False),
    ("DATE", '"0000-00-00"', None, True, False),
    ("TIMESTAMP", '"2016-12-31T23:59:60Z"', None, True, False),
    ("BOOLEAN", '"yes"', None, True, False),
]


@pytest.mark.parametrize("case", NUMBERS, ids=lambda case: f"{case[0]} {case[1]}")
def test_p8_value_when_at_an_edge_then_it_is_exact_or_rescued_or_a_bad_record(
    tmp_path: Path, case: tuple[str, str, object, bool, bool]
) -> None:
    kind, text, value, rescued, malformed = case
    pipeline = Pipeline(
        tmp_path, schema=f"id BIGINT, v {kind}", rescued_data_column="_rescued_data"
    )
    pipeline.land("edge.json", f'{{"id": 1, "v": {text}}}', '{"id": 2, "v": null}')

    pipeline.table.run()

    found = {row[0]: row[1:] for row in pipeline.rows("id", "v", "_rescued_data")}
    assert found[2] == (None, None)
    if malformed:
        assert 1 not in found
        assert [row["line"] for row in pipeline.quarantine()] == [1]
        return
    assert str(found[1][0]) == str(value)
    assert (found[1][1] is not None) == rescued
    if rescued:  # the raw value is not lost
        assert text.strip('"') in str(found[1][1])


def test_p8_decimal_when_over_its_precision_then_rescued_and_when_over_its_scale_then_rounded(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path, schema="v DECIMAL(10,2)", rescued_data_column="_rescued_data")
    pipeline.land("d.json", '{"v": 12345678.91}', '{"v": 1.005}', '{"v": 123456789012.00}')

    pipeline.table.run()

    found = {str(value): rescued for value, rescued in pipeline.rows("v", "_rescued_data")}
    assert found.keys() == {"12345678.91", "1.01", "None"}  # half up, as Spark's JSON reader
    assert "123456789012.00" in str(found["None"])
