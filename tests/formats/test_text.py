import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.format_runs import decode, plan_of

from lakestream.errors import BadFileError, BadRecordError, ConfigError
from lakestream.formats.text import TextFormat
from lakestream.limits import MAX_RECORD_BYTES

PLAN = plan_of("value STRING", rescued=None)


def values(data: bytes, *, step: int | None = None, **options: object) -> list[str | None]:
    form = TextFormat(**options)
    return [row["value"] for row in decode(form, {"a": data}, PLAN, step=step).rows]


@given(
    lines=st.lists(st.tuples(st.text("aé\t ", max_size=4), st.sampled_from(["\n", "\r\n", "\r"]))),
    tail=st.text("aé", max_size=3),
    step=st.integers(1, 9),
)
def test_text_lines_end_at_any_line_break_whatever_the_chunks(
    lines: list[tuple[str, str]], tail: str, step: int
) -> None:
    text = "".join(line + end for line, end in lines) + tail
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if expected[-1] == "":
        expected.pop()
    assert values(text.encode(), step=step) == expected


@pytest.mark.parametrize("step", [1, 2, 3, None])
def test_text_with_line_sep_splits_at_it_alone(step: int | None) -> None:
    assert values(b"a\nb||c|||", line_sep="||", step=step) == ["a\nb", "c", "|"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252"])
def test_text_in_declared_encoding_is_read_as_it(encoding: str) -> None:
    assert values("é\nü\n".encode(encoding), encoding=encoding, step=1) == ["é", "ü"]


def test_text_byte_order_mark_is_left_out() -> None:
    assert values(b"\xef\xbb\xbfa\n", step=1) == ["a"]
    assert values(b"\xef\xbb", step=1) == []


def test_text_undecodable_line_goes_to_quarantine_with_its_number() -> None:
    found = decode(TextFormat(), {"a": b"x\n\xff\xfe\ny"}, PLAN)
    assert [row["value"] for row in found.rows] == ["x", "y"]
    assert [(bad.line, bad.code, bad.raw) for bad in found.bad] == [
        (2, "invalid_encoding", b"\xff\xfe")
    ]
    assert found.outcomes.files[0].bad == 1


def test_text_lone_surrogate_in_utf16_is_bad_and_shows_its_bytes() -> None:
    data = "a\n".encode("utf-16-le") + b"\x00\xd8" + "b\n".encode("utf-16-le")
    found = decode(TextFormat(encoding="utf-16-le"), {"a": data}, PLAN)
    assert [row["value"] for row in found.rows] == ["a"]
    assert found.bad[0].line == 2
    assert "\udc00\udcd8" in found.bad[0].raw.decode("utf-8", "surrogatepass")


def test_text_failfast_raises_with_file_and_line() -> None:
    with pytest.raises(BadRecordError, match=r"(?s)s3://landing/a, line 2"):
        decode(TextFormat(), {"a": b"x\n\xff\n"}, plan_of("value STRING", mode="failfast"))


def test_text_dropmalformed_counts() -> None:
    found = decode(TextFormat(), {"a": b"x\n\xff\n"}, plan_of("value STRING", mode="dropmalformed"))
    assert found.outcomes.files[0].dropped == 1
    assert not found.bad


def test_text_corrupt_column_takes_the_line() -> None:
    plan = plan_of("value STRING, _corrupt_record STRING", corrupt="_corrupt_record")
    found = decode(TextFormat(), {"a": b"x\n\xff\n"}, plan)
    assert [(row["value"], row["_corrupt_record"]) for row in found.rows] == [
        ("x", None),
        (None, "\\xff"),
    ]


def test_text_line_over_the_limit_is_bad_and_the_next_is_read() -> None:
    long = b"x" * (MAX_RECORD_BYTES + 5)
    found = decode(TextFormat(), {"a": b"a\n" + long + b"\nb\n"}, PLAN, step=8 * 2**20)
    assert [row["value"] for row in found.rows] == ["a", "b"]
    assert [(bad.line, bad.code) for bad in found.bad] == [(2, "record_too_long")]
    assert len(found.bad[0].raw) < 2**20


def test_text_failed_file_gives_no_rows_but_its_neighbours_do() -> None:
    failure = BadFileError("cut off")
    found = decode(TextFormat(), {"a": b"a\n", "b": (b"b\nc\n\xff\n", failure), "c": b"d"}, PLAN)
    assert [row["value"] for row in found.rows] == ["a", "d"]
    assert found.files == [0, 2]
    assert found.outcomes.files[1].failure is failure
    assert not found.bad


def test_text_whole_text_gives_a_row_a_file() -> None:
    found = decode(TextFormat(whole_text=True), {"a": b"x\r\ny\n", "b": b""}, PLAN)
    assert [row["value"] for row in found.rows] == ["x\r\ny\n", ""]


def test_text_batches_stay_small() -> None:
    data = b"x" * 99 + b"\n"
    found = decode(TextFormat(), {"a": data * 100_000}, PLAN, step=2**20)
    assert len(found.rows) == 100_000
    assert found.batches > 1


def test_text_unknown_encoding_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="utf-16"):
        TextFormat(encoding="utf-61")
    with pytest.raises(ConfigError, match="no text encoding"):
        TextFormat(encoding="zlib")
