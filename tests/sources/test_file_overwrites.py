"""Files that are written again under their name: each version once, or each path once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.files_source import Batch, FilesPipe

import lakestream as ls
from lakestream.sources.base import ReadLimit
from lakestream.sources.files import fetch
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import stores

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path, options={"format": "json", "allow_overwrites": True})


def _next(pipe: FilesPipe, reader: FilesReader, start: str) -> tuple[Batch, str]:
    end = reader.plan(start, reader.latest(start), ReadLimit())
    batch = pipe.read(reader, start, end)
    return batch, end


def _ids(rows: list[dict[str, Any]]) -> list[Any]:
    return sorted(row["id"] for row in rows)


def test_o3_file_when_overwritten_after_its_commit_is_read_again_whole(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open()
    reader.discover()
    first, end = _next(pipe, reader, reader.initial())
    reader.committed(end)
    pipe.land("a.json", {"id": 1}, {"id": 2})
    for _ in range(2):
        reader.discover()
    second, last = _next(pipe, reader, end)
    assert (_ids(first.rows), _ids(second.rows)) == ([1], [1, 2])
    assert reader.plan(last, reader.latest(last), ReadLimit()) == last
    again = pipe.open()
    again.discover()
    assert again.latest(again.initial()) == last


def test_file_when_overwritten_without_the_option_is_not_read_again(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open(allow_overwrites=False)
    reader.discover()
    _, end = _next(pipe, reader, reader.initial())
    pipe.land("a.json", {"id": 2})
    for one in (reader, pipe.open(allow_overwrites=False)):
        one.discover()
        assert one.plan(end, one.latest(end), ReadLimit()) == end


@pytest.mark.parametrize("schema", [None, "id BIGINT"])
@pytest.mark.parametrize("limit", [ReadLimit(), ReadLimit(max_files=1)])
def test_version_when_overwritten_before_it_was_read_is_left_to_the_newer_one(
    pipe: FilesPipe, schema: str | None, limit: ReadLimit
) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open(schema=schema)
    reader._discovery.run(None)  # the schema is inferred from both versions' entries
    pipe.land("a.json", {"id": 22})
    reader.discover()
    batches = list(pipe.run(reader, limit))
    files = [file for batch in batches for file in batch.records_of("a.json")]
    assert [row["id"] for batch in batches for row in batch.rows] == [22]
    assert [(file["seq"], file["state"]) for file in files] == [(0, "skipped"), (1, "committed")]
    assert "superseded" in files[0]["reason"]
    assert [batch.quarantined() for batch in batches] == [[]] * len(batches)
    assert sum(batch.read.report.bad_files for batch in batches) == 0


def test_version_when_overwritten_while_it_is_read_gives_no_row(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_WHOLE_BYTES", 100)
    monkeypatch.setattr(fetch, "_RANGE_BYTES", 100)
    rows = [{"id": number} for number in range(200)]
    pipe.land("a.json", *rows)
    reader = pipe.open(schema="id BIGINT")
    reader.discover()
    read = reader._landing.store.get
    reads = 0

    def overwriting(*given: Any, **named: Any) -> bytes:
        nonlocal reads
        reads += 1
        if reads == 3:
            pipe.land("a.json", *({"id": -1 - row["id"]} for row in rows))
        return read(*given, **named)

    monkeypatch.setattr(reader._landing.store, "get", overwriting)
    found = pipe.all_rows(reader)
    assert found == []
    assert _ids(pipe.all_rows(pipe.open(schema="id BIGINT"))) == list(range(-200, 0))


def test_option_when_switched_between_runs_never_doubles_a_version(pipe: FilesPipe) -> None:
    def run(start: str, *, allow_overwrites: bool) -> tuple[list[Any], str]:
        reader = pipe.open(allow_overwrites=allow_overwrites)
        reader.discover()
        batch, end = _next(pipe, reader, start)
        return _ids(batch.rows), end

    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    start = pipe.open().initial()
    found = []
    for overwritten, allowed in [(None, False), ("a", True), ("b", False), (None, True)] * 2:
        if overwritten is not None:
            pipe.land(f"{overwritten}.json", {"id": len(found) + 10})
        ids, start = run(start, allow_overwrites=allowed)
        found.append(ids)
    # The second write of b comes when versions count again: 12, then 16.
    assert found == [[1, 2], [11], [], [12], [], [15], [], [16]]


def test_existing_file_when_not_wanted_is_read_once_it_is_overwritten(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    pipe.open(include_existing_files=False).discover()
    pipe.land("a.json", {"id": 11})
    reader = pipe.open(include_existing_files=False)
    assert _ids(pipe.all_rows(reader)) == [11]


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (('"abc"', None), ("abc", "version-7")),
        (('W/"abc"', None), ('"abc"', None)),
        ((None, "7"), (None, "7")),
        ((None, None), (None, None)),
    ],
)
def test_version_when_listed_and_told_of_by_a_message_is_one(
    tmp_path: Path, listed: tuple[Any, Any], told: tuple[Any, Any]
) -> None:
    store = stores.open_log_store(str(tmp_path / "checkpoint"))
    ledger = Ledger(store, "files", versions=True)
    ledger.append([Candidate(5, "a", 3, *told)], via="listing", found_at=NOW)
    ledger.append([Candidate(5, "a", 3, *listed)], via="listing", found_at=NOW)
    assert ledger.last_seq == 0
    ledger.append([Candidate(6, "a", 4, listed[0] and '"new"', None)], via="listing", found_at=NOW)
    assert ledger.last_seq == 1


def test_table_when_files_are_overwritten_has_each_version(tmp_path: Path) -> None:
    pipe = FilesPipe(tmp_path)

    @ls.streaming_table(str(tmp_path / "table"))
    def events() -> ls.Stream:
        return ls.read_files(str(pipe.landing), format="json", allow_overwrites=True)

    for number in range(3):
        pipe.land("a.json", {"id": number})
        events.run()
        events.run()
    assert sorted(row["id"] for row in events.read().read_all().to_pylist()) == [0, 1, 2]
    assert [(each.seq, each.state) for each in events.files()] == [
        (0, "committed"),
        (1, "committed"),
        (2, "committed"),
    ]
