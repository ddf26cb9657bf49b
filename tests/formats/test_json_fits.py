"""What inference says of a sample must never be more than decoding would find out itself."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.format_runs import Decoded, input_file, plan_of
from support.volume import examples

from lakestream.formats.base import FileChunk, FileOutcome, Fit, Outcomes, Sample
from lakestream.formats.json import JsonFormat
from lakestream.formats.json_blocks import line_blocks
from lakestream.plan import types as t

LIKE = b'{"id":1,"name":"a","at":2.5}\n' * 150
PLAIN = JsonFormat()


def inferred(*files: bytes, form: JsonFormat = PLAIN) -> tuple[t.Struct, list[Sample]]:
    samples = [Sample(f"s3://landing/{at}", data, whole=True) for at, data in enumerate(files)]
    return form.infer(samples, infer_types=True), samples


def told(*files: bytes, form: JsonFormat = PLAIN) -> list[bool]:
    return [each.fits is not None for each in inferred(*files, form=form)[1]]


def test_infer_when_records_are_as_those_before_then_says_they_fit() -> None:
    schema, samples = inferred(LIKE, LIKE, b'{"id":2,"name":null}\n')

    assert [each.fits for each in samples] == [None, Fit(schema, 150), Fit(schema, 1)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"id":1}',
        b'{"id":1}\n\n',
        b'{"id":1}{"id":2}\n\n',
        b'{"id":\n1}{"id":2}\n',
        b'{"id":1}\n{"id":2}{"id":3}\n\n{"id":4}\n',
        b'{"id":1,"other":1}\n',
        b'{"id":"text"}\n',
        b'{"id":1\n',
        b"",
    ],
)
def test_infer_when_a_sample_has_a_flaw_then_does_not_say_it_fits(data: bytes) -> None:
    assert not told(LIKE, data)[1]


def test_infer_when_the_schema_grows_then_earlier_samples_are_not_said_to_fit() -> None:
    assert told(LIKE, LIKE, b'{"id":1,"new":2}\n', LIKE) == [False, False, False, True]


@pytest.mark.parametrize("first", [b'{"a":1,"b":"x"}\n{"a":"x"}\n', b'{"a":{},"b":1}\n'])
def test_infer_when_a_column_becomes_text_then_says_nothing(first: bytes) -> None:
    assert told(first * 100, b'{"a":null}\n') == [False, False]


def test_infer_when_empty_columns_are_dropped_then_says_nothing() -> None:
    form = JsonFormat(drop_field_if_all_null=True)

    assert told(b'{"a":1,"b":[]}\n' * 150, b'{"a":1,"b":[]}\n', form=form) == [False, False]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":[{"b":1}]}\n{"a":[]}\n', True),
        (b'{"a":[{"b":1}]}\r\n{"a":[]}\r\n', True),
        (b' {"a":[{"b":1}]} \n {"a":[]}\n', True),
        (b'{"a":[]}{"a":[]}\n\n', False),
        (b'{"a":[\n{"b":1}]}{"a":[]}\n', False),
        (b'{"a":[{"b":1}\n]}{"a":[]}\n', False),
    ],
)
def test_infer_when_records_stand_on_lines_of_their_own_then_tells(
    data: bytes, expected: object
) -> None:
    assert told(b'{"a":[{"b":1}]}\n' * 150, data) == [False, expected]


def test_blocks_when_a_file_that_fits_is_cut_then_count_their_own_lines() -> None:
    files = [LIKE, LIKE * 2, LIKE[: len(LIKE) // 3]]
    schema, samples = inferred(LIKE, *files)
    chunks = [
        FileChunk(input_file(at, f"{at}", len(each.data)), each.data, last=True, fits=each.fits)
        for at, each in enumerate(samples[1:])
    ]

    blocks = list(line_blocks(chunks, block_bytes=len(LIKE) + 100))

    assert {each.fits for each in blocks} == {schema}
    assert len(blocks) > len(files)
    assert [each.lines for each in blocks] == [each.data.count(b"\n") for each in blocks]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.none() | st.integers(0, 3) | st.just({}), max_size=2),
    st.fixed_dictionaries({}, optional={"x": st.integers(0, 3) | st.none()}),
)
records = st.fixed_dictionaries({}, optional={"a": values, "b": values, "A": values})


@st.composite
def files(draw: st.DrawFn) -> list[bytes]:
    usual = draw(st.lists(records, min_size=1, max_size=3))
    lines = [json.dumps(each).encode() + b"\n" for each in usual]
    first = b"".join(lines) * 100
    ends = st.sampled_from([b"\n", b"\n\n", b"", b"\r\n", b" \n"])
    line = st.builds(
        lambda each, end: json.dumps(each).encode() + end, st.sampled_from(usual) | records, ends
    )
    return [first, *draw(st.lists(st.lists(line, max_size=3).map(b"".join), max_size=4))]


def decoded(schema: t.Struct, contents: Sequence[bytes], fits: Sequence[Fit | None]) -> Any:
    def chunks() -> Iterator[FileChunk]:
        for at, (data, known) in enumerate(zip(contents, fits, strict=True)):
            yield FileChunk(input_file(at, f"{at}", len(data)), data, last=True, fits=known)

    found = Decoded(outcomes=Outcomes([FileOutcome() for _ in contents]))
    plan = plan_of(schema, unknown="evolve")
    rows = [
        (row, each.runs)
        for each in PLAIN.decode(chunks(), plan, found.outcomes)
        for row in each.batch.to_struct_array().to_pylist()
    ]
    return rows, found.outcomes


@settings(max_examples=examples(150), deadline=None)
@given(files())
def test_decode_when_told_that_samples_fit_then_finds_the_same(contents: list[bytes]) -> None:
    schema, samples = inferred(*contents)
    told_so = [each.fits for each in samples]

    assert decoded(schema, contents, told_so) == decoded(schema, contents, [None] * len(contents))
