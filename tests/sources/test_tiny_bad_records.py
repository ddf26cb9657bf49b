"""Files of very many, very short bad records: they are objects, so their number is bounded too."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline
from support.format_runs import chunks_of, plan_of

from lakestream.errors import BadRecordError
from lakestream.formats import base
from lakestream.formats.base import FileOutcome, Outcomes
from lakestream.formats.csv import CsvFormat
from lakestream.formats.json import JsonFormat
from lakestream.formats.text import TextFormat
from lakestream.formats.xml import XmlFormat
from lakestream.sources.files import file_records

RECORDS = 100_000
#: What the list holds before it is looked at, and what one block of JSON may bring on top.
HELD, LINES = 8_192, 32_768
#: Lines of two bytes in the step in which a text file is cut.
STEP = 2**17


@pytest.mark.parametrize("step", [None, 4 * 2**20])
@pytest.mark.parametrize(
    ("form", "schema", "head", "line"),
    [
        (JsonFormat(), "a INT", b"", b"x\n"),
        (JsonFormat(line_sep=";"), "a INT", b"", b"x;"),
        (CsvFormat(header=True), "a INT, b INT", b"a,b\n", b"1\n"),
        (CsvFormat(header=True, multi_line=True), "a INT, b INT", b"a,b\n", b"1\n"),
        (TextFormat(), "value STRING", b"", b"\xff\n"),
        (XmlFormat(row_tag="r"), "a INT", b"", b"<r></b></r>\n"),
    ],
    ids=["json", "json with separators", "csv", "csv with quotes", "text", "xml"],
)
def test_decode_of_many_short_bad_records_then_few_are_held_at_a_time(
    form: Any, schema: str, head: bytes, line: bytes, step: int | None
) -> None:
    held: list[int] = []

    def take() -> None:
        held.append(len(outcomes.bad_records))
        lines.extend(each.line for each in outcomes.bad_records)
        outcomes.bad_records.clear()

    lines: list[int | None] = []
    outcomes = Outcomes([FileOutcome()], take=take)
    files = {"a": head + line * RECORDS}

    rows = list(form.decode(chunks_of(files, step), plan_of(schema), outcomes))

    take()
    assert rows == []
    assert outcomes.files[0].bad == RECORDS
    assert max(held) <= HELD + (LINES if isinstance(form, JsonFormat) else HELD)
    first = 1 + head.count(b"\n")
    assert lines == list(range(first, first + RECORDS))


@pytest.mark.parametrize(
    ("form", "schema", "head"),
    [(TextFormat(), "value STRING", b""), (CsvFormat(header=True), "a STRING", b"a\n")],
    ids=["text", "csv"],
)
def test_decode_of_a_chunk_of_short_lines_then_it_is_cut_into_many_batches(
    form: Any, schema: str, head: bytes
) -> None:
    outcomes = Outcomes([FileOutcome()])
    files = {"a": head + b"1\n" * 500_000}

    found = form.decode(chunks_of(files, None), plan_of(schema), outcomes)

    assert max(each.batch.num_rows for each in found) <= STEP
    assert outcomes.files[0].rows == 500_000


def test_batch_when_its_short_bad_records_are_too_many_then_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_records, "MAX_QUARANTINE_BYTES", 100 * 256)
    pipeline = Pipeline(tmp_path, schema="id INT")
    pipeline.land("a.json", b"x\n" * 101)

    with pytest.raises(BadRecordError, match="a short one counts for 256 bytes") as caught:
        pipeline.table.run()

    assert caught.value.code == "LS-SRC-005"
    assert pipeline.quarantine() == []
    pipeline.again(mode="dropmalformed").run()


def test_quarantine_of_many_short_records_then_written_in_several_objects_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_records, "_FLUSH_BYTES", 100 * 256)
    pipeline = Pipeline(tmp_path, schema="id INT")
    pipeline.land("a.json", b"x\n" * 1_000)

    pipeline.table.run()

    written = list(pipeline.table_folder.glob("_lakestream/batches/0-*/quarantine-*.parquet"))
    assert len(written) == 10
    assert [each["line"] for each in pipeline.quarantine()] == list(range(1, 1_001))


def test_file_that_fails_after_its_bad_records_were_taken_then_it_alone_is_in_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_BAD_RECORDS_HELD", 2)
    pipeline = Pipeline(tmp_path, format="csv", schema="id INT, n INT")
    lines = b"id,n\n" + b"1\n" * 700_000
    pipeline.land("a.csv.gz", gzip.compress(lines)[:-8])

    pipeline.table.run()

    assert [(each["line"], each["code"]) for each in pipeline.quarantine()] == [
        (None, "LS-SRC-006")
    ]
