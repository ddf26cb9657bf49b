from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from support.files_source import FilesPipe

from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.sources.base import DiscoveryFilter, ReadLimit
from lakestream.sources.files import discovery
from lakestream.sources.files.discovery import Discovery
from lakestream.sources.files.reader import FilesReader
from lakestream.sources.files.replays import ReplayStore, replay_key

REQUEUE = DiscoveryFilter(requeue=True)


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path, options={"format": "json", "schema": "id BIGINT"})


def _commit(pipe: FilesPipe, **options: object) -> str:
    """Read all that is new as batch 0 and log it as committed; give its end."""
    reader = pipe.open(**options)
    reader.discover()
    return _commit_batch(pipe, reader, 0, reader.initial())


def _commit_batch(pipe: FilesPipe, reader: FilesReader, batch_id: int, start: str) -> str:
    end = reader.plan(start, reader.latest(start), ReadLimit())
    batch = pipe.read(reader, start, end, batch_id=batch_id)
    assert batch.failure is None
    assert pipe.log is not None
    CommitLog(pipe.log).append(
        CommitEntry(
            batch_id=batch_id,
            next_watermark_ms=0,
            delta_version=1,
            rows=len(batch.rows),
            attempt=batch.records.attempt,
            plan_digest="d",
            refs={},
        )
    )
    return end


def _after(pipe: FilesPipe, start: str, discovery: DiscoveryFilter) -> list[object]:
    reader = pipe.open(discovery=discovery)
    reader.discover()
    bound = reader.latest(start)
    if reader.plan(start, bound, ReadLimit()) == start:
        return []
    return [row["id"] for row in pipe.read(reader, start, bound).rows]


def test_requeue_when_a_quarantined_file_was_mended_reads_it_once(pipe: FilesPipe) -> None:
    pipe.land("good.json", {"id": 1})
    pipe.land("bad.json.gz", b"this is no gzip")
    end = _commit(pipe)
    (pipe.landing / "bad.json.gz").unlink()
    pipe.land("bad.json.gz", gzip.compress(b'{"id": 2}\n'))
    assert _after(pipe, end, DiscoveryFilter()) == []
    assert _after(pipe, end, REQUEUE) == [2]
    assert _after(pipe, end, REQUEUE) == [2]  # the same place: nobody committed it meanwhile


def test_requeue_when_existing_files_were_ignored_reads_those_chosen(pipe: FilesPipe) -> None:
    pipe.land("x/a.json", {"id": 1})
    pipe.land("y/b.json", {"id": 2})
    reader = pipe.open(include_existing_files=False)
    reader.discover()
    end = reader.latest(reader.initial())
    chosen = DiscoveryFilter(requeue=True, path_glob="y")
    assert _after(pipe, end, chosen) == [2]


def test_requeue_when_all_rows_are_in_the_table_changes_nothing(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1}, "{broken\n")
    end = _commit(pipe)
    assert _after(pipe, end, REQUEUE) == []


def test_requeue_when_an_ignored_file_was_read_by_a_replay_gives_it_no_third_place(
    pipe: FilesPipe,
) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.open(include_existing_files=False).discover()
    end = _commit(pipe, discovery=REQUEUE)
    assert _after(pipe, end, REQUEUE) == []


def test_requeue_when_the_listing_gives_a_file_twice_reads_it_once(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open(include_existing_files=False)
    reader.discover()
    end = reader.latest(reader.initial())
    find = Discovery.find
    monkeypatch.setattr(Discovery, "find", lambda self, keys: 2 * find(self, keys))
    assert _after(pipe, end, REQUEUE) == [1]


@pytest.mark.parametrize("few", [0, 2, 3])
def test_requeue_when_files_are_few_looks_them_up_and_else_lists(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    for number in range(3):
        pipe.land(f"day={number}/{number}.json", {"id": number}, age_s=100 - number)
    pipe.open(include_existing_files=False).discover()
    (pipe.landing / "day=1/1.json").unlink()
    end = pipe.open().latest(pipe.open().initial())
    monkeypatch.setattr(discovery, "_FEW", few)
    reader = pipe.open(discovery=REQUEUE)
    listed = []
    pages = discovery.pages

    def seen(*given, **more):
        return listed.append(given) or pages(*given, **more)

    monkeypatch.setattr(discovery, "pages", seen)
    reader.discover()
    batch = pipe.read(reader, end, reader.latest(end))
    assert [row["id"] for row in batch.rows] == [0, 2]
    assert len(listed) == (1 if few == 3 else 2)


def test_requeue_when_a_file_is_still_bad_tries_it_once_a_run(pipe: FilesPipe) -> None:
    pipe.land("bad.json.gz", b"this is no gzip")
    end = _commit(pipe)
    reader = pipe.open(discovery=REQUEUE)
    reader.discover()
    end = _commit_batch(pipe, reader, 1, end)
    reader.discover()
    assert reader.latest(end) == end


@pytest.mark.parametrize("few", [0, 100])
def test_replayed_file_when_looked_for_among_others_is_found(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """It is in the checkpoint: no listing of the place shows it."""
    monkeypatch.setattr(discovery, "_FEW", few)
    (pipe.landing / "a.json").write_text('{"id": 1}\n')
    reader = pipe.open()
    key = replay_key("r", 0, "a.json")
    assert isinstance(reader._landing.store, ReplayStore)
    reader._landing.store.put(key, b'{"id": 2}\n')
    found = reader.present({"a.json", key, replay_key("r", 1, "gone.json")})
    assert {each.key for each in found} == {"a.json", key}
