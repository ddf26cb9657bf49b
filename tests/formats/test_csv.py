"""CSV files decoded: what each record becomes, and that the two parsers agree."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.format_runs import Decoded, decode, plan_of, sample_of
from support.volume import examples

from lakestream.errors import (
    BadFileError,
    BadRecordError,
    ConfigError,
    NewColumnsError,
    SchemaInferenceError,
    SchemaRejectedError,
)
from lakestream.formats import csv_decode
from lakestream.formats.csv import CsvFormat
from lakestream.formats.csv_dialect import RecordSplitter
from lakestream.limits import MAX_RECORD_BYTES
from lakestream.plan import types as t
from lakestream.plan.types import schema_ddl


class ExactSplitter(RecordSplitter):
    """A dialect that pyarrow is never asked about."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.fast = False
        self._plain_block = self.plain_record(1)


def read(data: str | bytes, schema: str, *, step: int | None = None, **options: Any) -> Decoded:
    plan = {key: options.pop(key) for key in ("mode", "unknown", "corrupt", "rescued",
            "case_sensitive", "widen", "infer_types") if key in options}  # fmt: skip
    raw = data.encode() if isinstance(data, str) else data
    return decode(CsvFormat(**options), {"a.csv": raw}, plan_of(schema, **plan), step=step)


def values(found: Decoded) -> list[list[Any]]:
    return [list(row.values())[:-1] for row in found.rows]


def rescued(found: Decoded) -> list[Any]:
    texts = [row["_rescued_data"] for row in found.rows]
    return [None if text is None else json.loads(text) for text in texts]


def dump(found: Decoded) -> Any:
    bad = sorted((each.file, each.line or 0, each.code, each.raw) for each in found.bad)
    counts = [(each.rows, each.rescued, each.bad, each.dropped) for each in found.outcomes.files]
    rows = [found.rows_of(file) for file in range(len(counts))]
    return repr((rows, bad, counts, found.outcomes.drift))


CELLS = st.text("ab1.-2\"\\,' #\té\r\n", max_size=5)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=6)
GOOD_LINES = st.lists(
    st.lists(
        st.sampled_from(["", "1", "x", '"q"', '"a""b"', '"a,b"', '""', '"a\nb"', '"a\\"b"', "é",
                         "2024-01-01", "a\\b", " x ", ' "x"', '"x" ', "NA", '"NA"', '"\\\\"']),
        min_size=2, max_size=3,
    ).map(",".join), max_size=6,
)  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {},
    {"multi_line": True},
    {"header": False},
    {"escape": '"'},
    {"escape": None, "multi_line": True},
    {"quote": None},
    {"comment": "#", "skip_rows": 1},
    {"null_value": "NA"},
    {"empty_value": "E", "null_value": "1"},
    {"ignore_leading_white_space": True, "ignore_trailing_white_space": True},
    {"ignore_leading_white_space": True, "multi_line": True},
    {"line_sep": "\n"},
    {"line_sep": "\r\n"},
    {"sep": "\t", "ignore_trailing_white_space": True},
]


@settings(max_examples=examples(500), deadline=None)
@given(
    files=st.lists(st.one_of(LINES, GOOD_LINES), min_size=1, max_size=3),
    options=st.sampled_from(OPTIONS),
    mode=st.sampled_from(["permissive", "dropmalformed"]),
    rescue=st.booleans(),
    junk=st.sampled_from([b"", b"\xff", b"\n\n", b"x,y\xc3\n"]),
)
def test_csv_fast_and_exact_path_give_the_same(
    files: list[list[str]], options: dict[str, Any], mode: Any, rescue: Any, junk: bytes
) -> None:
    encoded = {
        str(at): ("a,b\n" + "\n".join(lines)).encode() + junk for at, lines in enumerate(files)
    }
    plan = plan_of("a STRING, b INT, c STRING, _bad STRING", corrupt="_bad", mode=mode,
                   unknown="evolve")  # fmt: skip
    plan = replace(plan, rescued_column="_rescued_data" if rescue else None)
    fast = dump(decode(CsvFormat(**options), encoded, plan))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_decode, "RecordSplitter", ExactSplitter)
        exact = dump(decode(CsvFormat(**options), encoded, plan))
    assert fast == exact


def test_csv_quote_behind_ignored_white_space_opens_a_field() -> None:
    found = read('a,b\n "x",1\n"y" ,2\n', "a STRING, b INT", ignore_leading_white_space=True)
    assert values(found) == [["x", 1]]
    assert [each.code for each in found.bad] == ["text_after_quote"]


@settings(max_examples=examples(200), deadline=None)
@given(files=st.lists(st.one_of(LINES, GOOD_LINES), min_size=1, max_size=2),
       options=st.sampled_from(OPTIONS), step=st.integers(1, 9))  # fmt: skip
def test_csv_chunk_borders_change_nothing(
    files: list[list[str]], options: dict[str, Any], step: int
) -> None:
    encoded = {str(at): ("a,b\n" + "\n".join(lines)).encode() for at, lines in enumerate(files)}
    plan = plan_of("a STRING, b STRING, c STRING")
    form = CsvFormat(**options)
    assert dump(decode(form, encoded, plan)) == dump(decode(form, encoded, plan, step=step))


@settings(max_examples=examples(200), deadline=None)
@given(
    rows=st.lists(st.lists(st.text("aé \"',\n\\x", max_size=6), min_size=3, max_size=3)),
    options=st.sampled_from([{"escape": '"'}, {"escape": None}]),
    step=st.sampled_from([None, 3]),
)
# Pythons before 3.11.5 go on from where the last round of "(?:...)*+" failed.
@example(rows=[["", "\\\\", "\n\\\\"]], options={"escape": '"'}, step=3)
def test_csv_reads_what_the_standard_library_wrote(
    rows: list[list[str]], options: dict[str, Any], step: int | None
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *rows])
    found = read(text.getvalue(), "a STRING, b STRING, c STRING", multi_line=True, step=step,
                 **options)  # fmt: skip
    assert values(found) == [[cell or None for cell in row] for row in rows]
    assert not found.bad


def test_csv_columns_match_by_name_in_any_order_and_missing_ones_are_null() -> None:
    found = read("b,a\n1,x\n2,y\n", "a STRING, b INT, c DATE")
    assert values(found) == [["x", 1, None], ["y", 2, None]]
    assert rescued(found) == [None, None]


def test_csv_value_of_another_type_is_null_and_rescued_as_it_stood() -> None:
    found = read("a,b\n1,1.0\nx, 7\n3,\n", "a INT, b INT")
    assert values(found) == [[1, None], [None, None], [3, None]]
    assert rescued(found) == [
        {"b": "1.0", "_file_path": "s3://landing/a.csv"},
        {"a": "x", "b": " 7", "_file_path": "s3://landing/a.csv"},
        None,
    ]
    assert found.outcomes.files[0].rescued == 2


def test_csv_surplus_fields_are_rescued_by_position() -> None:
    found = read("a,b\n1,2,3,,5\n", "a INT, b INT")
    assert values(found) == [[1, 2]]
    assert rescued(found) == [{"_c2": "3", "_c4": "5", "_file_path": "s3://landing/a.csv"}]


def test_csv_surplus_fields_without_rescued_column_are_a_bad_record() -> None:
    found = read("a,b\n1,2,3\n4,5\n", "a INT, b INT", rescued=None)
    assert [each.code for each in found.bad] == ["column_count"]
    assert found.rows == [{"a": 4, "b": 5}]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("1", "column_count"),
        ('"1,2', "unclosed_quote"),
        ('"1"x,2', "text_after_quote"),
        (b"\xff,2", "invalid_encoding"),
    ],
)
def test_csv_malformed_record_goes_to_quarantine_with_its_line(
    record: str | bytes, code: str
) -> None:
    raw = record.encode() if isinstance(record, str) else record
    found = read(b"a,b\n\n1,2\n" + raw + b"\n3,4\n", "a INT, b INT")
    assert values(found) == [[1, 2], [3, 4]]
    assert [(each.line, each.code, each.raw) for each in found.bad] == [(4, code, raw)]
    assert found.outcomes.files[0].bad == 1


def test_csv_failfast_raises_for_malformed_but_not_for_rescued() -> None:
    assert rescued(read("a\nx\n", "a INT", mode="failfast"))[0]["a"] == "x"
    with pytest.raises(BadRecordError, match="line 3"):
        read("a,b\n1,2\n3\n", "a INT, b INT", mode="failfast")
    with pytest.raises(BadRecordError, match="type_mismatch"):
        read("a\nx\n", "a INT", mode="failfast", rescued=None)


def test_csv_dropmalformed_counts_what_it_drops() -> None:
    found = read("a,b\n1,2\n3\n4,x\n5,6\n", "a INT, b INT", mode="dropmalformed", rescued=None)
    assert found.rows == [{"a": 1, "b": 2}, {"a": 5, "b": 6}]
    assert found.outcomes.files[0].dropped == 2


def test_csv_corrupt_column_takes_the_record_as_it_stood() -> None:
    found = read("a,b\n1,2\n3\n", "a INT, _corrupt STRING, b INT", corrupt="_corrupt")
    assert values(found) == [[1, None, 2], [None, "3", None]]
    assert not found.bad


def test_csv_corrupt_column_without_rescue_takes_misfits_too() -> None:
    found = read("a,b\n1,x\n", "a INT, b INT, _c STRING", corrupt="_c", rescued=None)
    assert found.rows == [{"a": 1, "b": None, "_c": "1,x"}]


def test_csv_unknown_column_is_drift_of_its_inferred_type_and_rescued() -> None:
    found = read("a,n,m\n1,2,\n3,2.5,\n", "a INT", unknown="evolve")
    assert found.outcomes.drift == t.Struct((("n", t.DOUBLE), ("m", t.STRING)))
    assert [each["n"] for each in rescued(found)] == ["2", "2.5"]


def test_csv_unknown_column_without_types_is_a_string() -> None:
    found = read("a,n\n1,2\n", "a INT", unknown="evolve", infer_types=False)
    assert found.outcomes.drift == t.Struct((("n", t.STRING),))


def test_csv_unknown_column_of_header_only_file_is_drift() -> None:
    assert read("a,n\n", "a INT", unknown="evolve").outcomes.drift == t.Struct((("n", t.STRING),))


def test_csv_unknown_column_fails_or_is_ignored_by_mode() -> None:
    with pytest.raises(NewColumnsError, match="n"):
        read("a,n\n1,2\n", "a INT", unknown="fail")
    assert rescued(read("a,n\n1,2\n", "a INT", unknown="ignore")) == [None]


def test_csv_other_spelling_is_rescued_and_never_drift() -> None:
    found = read("A,_RESCUED_DATA\n1,2\n", "a INT", unknown="evolve")
    assert values(found) == [[None]]
    assert rescued(found)[0]["A"] == "1"
    assert found.outcomes.drift is None
    assert values(read("A\n1\n", "a INT", case_sensitive=False)) == [[1]]


def test_csv_widening_reports_the_wider_type() -> None:
    found = read("a,b\n3000000000,x\n1,2\n", "a INT, b INT", unknown="evolve", widen=True)
    assert found.outcomes.drift == t.Struct((("a", t.LONG),))


def test_csv_too_many_new_columns_are_rejected() -> None:
    header = ",".join(f"c{at}" for at in range(10_001))
    with pytest.raises(SchemaRejectedError):
        read(header + "\n", "a INT", unknown="evolve")


def test_csv_header_over_max_columns_or_broken_fails_the_file() -> None:
    for data in ("a,b,c\n1,2,3\n", '"a\n1\n'):
        found = read(data, "a STRING", max_columns=2)
        assert isinstance(found.outcomes.files[0].failure, BadFileError)
        assert found.rows == []


def test_csv_duplicate_and_empty_header_names_are_told_apart() -> None:
    schema = CsvFormat().infer([sample_of(b"a,,a,b\n1,2,3,4\n")], infer_types=True)
    assert schema.names == ("a0", "_c1", "a2", "b")


def test_csv_without_header_matches_by_position() -> None:
    found = read("1,x,9\n2,y,\n", "id INT, name STRING", header=False)
    assert values(found) == [[1, "x"], [2, "y"]]
    assert rescued(found)[0]["_c2"] == "9"


def test_csv_small_files_with_one_header_are_parsed_together() -> None:
    files = {str(at): f"a,b\n{at},x\n{at},y\n".encode() for at in range(50)}
    found = decode(CsvFormat(), files, plan_of("a INT, b STRING"))
    assert found.batches == 1
    assert [row["a"] for row in found.rows] == found.files == [at for at in range(50) for _ in "xy"]


def test_csv_files_with_other_headers_keep_their_rows() -> None:
    files = {"0": b"a,b\n1,x\n", "1": b"b,a\ny,2\n", "2": b"a,b\n3,z\n", "3": b"", "4": b"a,b\n"}
    found = decode(CsvFormat(), files, plan_of("a INT, b STRING"))
    by_file = {at: [(row["a"], row["b"]) for row in found.rows_of(at)] for at in range(5)}
    assert by_file == {0: [(1, "x")], 1: [(2, "y")], 2: [(3, "z")], 3: [], 4: []}


def test_csv_failed_file_leaves_no_rows_and_no_bad_records() -> None:
    failure = BadFileError("cut off")
    files = {"0": b"a,b\n1,2\n", "1": (b"a,b\n3,4\n5\n", failure), "2": b"a,b\n6,7\n"}
    found = decode(CsvFormat(), files, plan_of("a INT, b INT"))
    assert found.files == [0, 2]
    assert found.outcomes.files[1].failure is failure
    assert not found.bad


def test_csv_multi_line_keeps_newlines_and_counts_lines() -> None:
    found = read('a,b\n"x\r\ny",1\nz\n"w",2\n', "a STRING, b INT", multi_line=True)
    assert values(found) == [["x\r\ny", 1], ["w", 2]]
    assert [(each.line, each.raw) for each in found.bad] == [(4, b"z")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("step", [None, 1, 2, 3])
def test_csv_multi_line_skips_lines_of_every_end(end: str, step: int | None) -> None:
    data = f'made by us{end}{end}a,b{end}1,"x{end}y"{end}z{end}'
    found = read(data, "a INT, b STRING", multi_line=True, skip_rows=2, step=step)
    assert [row["b"] for row in found.rows] == [f"x{end}y"]
    assert [bad.line for bad in found.bad] == [6]


@pytest.mark.parametrize("step", [None, 1, 7])
def test_csv_multi_line_comment_with_a_quote_is_a_line_and_no_more(step: int | None) -> None:
    data = '#made of,"all\na,b\n1,x\r\n#see,"\r2,"#y\n#,z"\n#,"'
    found = read(data, "a INT, b STRING", multi_line=True, comment="#", step=step)
    assert [(row["a"], row["b"]) for row in found.rows] == [(1, "x"), (2, "#y\n#,z")]
    assert found.bad == []


@pytest.mark.parametrize("step", [None, 1, 5, 9])
def test_csv_multi_line_quote_behind_ignored_white_space_goes_on_in_the_next_chunk(
    step: int | None,
) -> None:
    options = {"multi_line": True, "ignore_leading_white_space": True, "step": step}
    found = read('a,b\n1, "x\n2,y"\n 3 ,z\n', "a STRING, b STRING", **options)
    assert [(row["a"], row["b"]) for row in found.rows] == [("1", "x\n2,y"), ("3 ", "z")]
    open_ = read('a,b\n1, "x\n2,y\n', "a STRING, b STRING", **options)
    assert [(bad.line, bad.code) for bad in open_.bad] == [(2, "unclosed_quote")]


def test_csv_single_line_mode_ends_records_inside_quotes() -> None:
    found = read('a,b\n"x\ny",1\n', "a STRING, b INT")
    assert [(each.line, each.code) for each in found.bad] == [(2, "unclosed_quote")]
    assert values(found) == [['y"', 1]]


def test_csv_unclosed_quote_swallows_no_more_than_one_record_may_have() -> None:
    data = b'a,b\n1,2\n"open,' + b"x,y\n" * (MAX_RECORD_BYTES // 4 + 10) + b"5,6\n"
    found = read(data, "a STRING, b STRING", multi_line=True, step=4 * 2**20)
    assert [each.code for each in found.bad] == ["record_too_long"]
    assert values(found)[0] == ["1", "2"]
    assert values(found)[-1] == ["5", "6"]
    assert len(found.rows) < 20


def test_csv_record_over_the_limit_is_bad_and_the_next_is_read() -> None:
    data = b"a\n" + b"x" * (MAX_RECORD_BYTES + 9) + b"\n2\n"
    found = read(data, "a STRING", step=4 * 2**20)
    assert [(each.line, each.code) for each in found.bad] == [(2, "record_too_long")]
    assert values(found) == [["2"]]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8"])
def test_csv_declared_encoding_is_honoured(encoding: str) -> None:
    found = read("a,b\né,1\n".encode(encoding), "a STRING, b INT", encoding=encoding)
    assert values(found) == [["é", 1]]


def test_csv_long_separator_takes_the_exact_path() -> None:
    assert values(read("a||b\nx|y||1\n", "a STRING, b INT", sep="||")) == [["x|y", 1]]


def test_csv_blocks_are_bounded() -> None:
    data = "a,b\n" + "".join(f"{at},{'x' * 90}\n" for at in range(60_000))
    found = read(data, "a INT, b STRING", step=2**20)
    assert [row["a"] for row in found.rows] == list(range(60_000))
    assert found.batches > 1


def test_csv_inference_gives_sparks_types_merged_over_files() -> None:
    samples = [
        sample_of(b"i,l,d,day,ts,yes,s,n\n1,3000000000,1.5,2024-01-01,2024-01-01 10:00,true,x,\n"),
        sample_of(b"I,d,new\n2.5,7,q\n"),
        sample_of(b"d\n7\n8.", whole=False),
        sample_of(b""),
    ]
    schema = CsvFormat().infer(samples, infer_types=True)
    assert schema_ddl(schema) == (
        "`i` DOUBLE, `l` BIGINT, `d` DOUBLE, `day` DATE, `ts` TIMESTAMP, `yes` BOOLEAN, "
        "`s` STRING, `n` STRING, `new` STRING"
    )
    strings = CsvFormat().infer(samples[:1], infer_types=False)
    assert {kind for _, kind in strings.fields} == {t.STRING}


def test_csv_inference_without_any_header_is_an_error() -> None:
    with pytest.raises(SchemaInferenceError):
        CsvFormat().infer([sample_of(b""), sample_of(b"\n\n")], infer_types=True)


@pytest.mark.parametrize(
    "options",
    [{"sep": ""}, {"sep": "\n"}, {"quote": "''"}, {"sep": '"'}, {"skip_rows": -1},
     {"encoding": "no"}, {"date_format": "QQQ"}, {"multi_line": True, "line_sep": "|"},
     {"max_columns": 0}, {"max_chars_per_column": 0}, {"time_zone": "+25:00"},
     {"unescaped_quote_handling": "guess"},
     {"unescaped_quote_handling": "back_to_delimiter", "multi_line": True},
     {"char_to_escape_quote_escaping": "^", "escape": None},
     {"char_to_escape_quote_escaping": '"'}, {"char_to_escape_quote_escaping": "^^"}],
)  # fmt: skip
def test_csv_options_that_cannot_work_are_config_errors(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CsvFormat(**options)
