"""What people decide about single files, as the source carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.files_source import FilesPipe

from lakestream.errors import CheckpointCorruptError, StorageUnavailableError
from lakestream.sources.base import ReadLimit
from lakestream.sources.files import actions as actions_module
from lakestream.sources.files.actions import ActionLog, FileAction, Verb
from lakestream.sources.files.planner import actions_of
from lakestream.storage import stores

FOLDER = "sources/files-landing/actions"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    pipe = FilesPipe(tmp_path)
    for number, name in enumerate("abc"):
        pipe.land(f"{name}.json", {"id": number}, age_s=100 - number)
    return pipe


def _decide(
    pipe: FilesPipe, verb: Verb, *files: tuple[int, str], even_planned: bool = False
) -> None:
    assert pipe.log is not None
    log = ActionLog(pipe.log, FOLDER)
    log.refresh()
    log.append(_action(verb, files, even_planned=even_planned))


def _action(
    verb: Verb, files: Sequence[tuple[int, str]], *, name: str = "x", even_planned: bool = False
) -> FileAction:
    return FileAction(
        name, verb, tuple(files), 9, NOW, "ann", "a reason", even_planned=even_planned
    )


def _ids(rows: list[dict[str, Any]]) -> list[Any]:
    return sorted(row["id"] for row in rows)


def test_files_when_set_aside_are_recorded_and_not_read(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    _decide(pipe, "mark_done", (0, "a.json"))
    _decide(pipe, "quarantine", (2, "c.json"))
    for name in ("a.json", "c.json"):
        (pipe.landing / name).unlink()  # reading one of them would stop the batch
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    batch = pipe.read(reader, start, end)
    assert _ids(batch.rows) == [1]
    assert {key: (each["state"], each["rows"]) for key, each in batch.files().items()} == {
        "a.json": ("done", 0),
        "b.json": ("committed", 1),
        "c.json": ("quarantined", 0),
    }
    assert batch.files()["a.json"]["reason"] == "marked done by ann: a reason"
    assert "put into quarantine by ann: a reason" in batch.files()["c.json"]["reason"]
    assert [each["file_key"] for each in batch.quarantined()] == ["c.json"]
    assert batch.read.report.bad_files == 1


def test_plan_when_made_before_a_decision_is_redone_without_it(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    digest = reader.digest_items(start, end)
    _decide(pipe, "mark_done", (0, "a.json"))
    for again in (reader, pipe.open()):
        again.resume(start)
        assert _ids(pipe.read(again, start, end).rows) == [0, 1, 2]
        assert again.digest_items(start, end) == digest
    assert actions_of(end) == 0


def test_plan_when_a_decision_is_about_planned_files_too_follows_it(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    _decide(pipe, "quarantine", (0, "a.json"), even_planned=True)
    assert _ids(pipe.read(pipe.open(), start, end).rows) == [1, 2]


def test_decision_when_made_while_a_run_goes_on_holds_from_its_next_batch(pipe: FilesPipe) -> None:
    reader = pipe.open(schema="id BIGINT")
    reader.discover()
    start = reader.initial()
    bound = reader.latest(start)
    first = reader.plan(start, bound, ReadLimit(max_files=1))
    _decide(pipe, "mark_done", (1, "b.json"))
    second = reader.plan(first, bound, ReadLimit())
    assert _ids(pipe.read(reader, start, first).rows) == [0]
    assert _ids(pipe.read(reader, first, second).rows) == [2]
    assert (actions_of(first), actions_of(second)) == (0, 1)


def test_decision_when_the_ledger_has_another_file_there_does_not_hold(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    _decide(pipe, "mark_done", (0, "other.json"))
    assert _ids(pipe.all_rows(reader)) == [0, 1, 2]


def test_schema_when_inferred_does_not_ask_files_that_are_set_aside(pipe: FilesPipe) -> None:
    pipe.open()._discovery.run(None)
    pipe.land("d.json", {"id": 3, "strange": True}, age_s=1)
    pipe.open()._discovery.run(None)
    _decide(pipe, "quarantine", (3, "d.json"))
    reader = pipe.open()
    reader.discover()
    assert "strange" not in reader.schema.names


def test_plan_when_its_decisions_are_gone_stops(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    _decide(pipe, "mark_done", (0, "a.json"))
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    assert pipe.log is not None
    pipe.log.delete([f"{FOLDER}/0/{0:020d}"])
    with pytest.raises(CheckpointCorruptError, match="names 1 file actions, and there are 0"):
        pipe.read(pipe.open(), start, end)


def test_log_when_long_and_in_parts_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions_module, "ENTRY_FILES", 2)
    store = stores.open_log_store(str(tmp_path / "checkpoint"))
    logs = [ActionLog(store, FOLDER), ActionLog(store, FOLDER)]
    for number in range(15):
        logs[number % 2].append(
            _action("forget", [(number * 3 + at, f"k{at}") for at in range(3)], name=f"{number}")
        )
    fresh = ActionLog(store, FOLDER)
    fresh.load()
    assert [(each.id, len(each.files)) for each in fresh.actions] == [
        (f"{number}", size) for number in range(15) for size in (2, 1)
    ]
    assert fresh.refresh() == []
    assert any("/1/" in key for key in store.list(FOLDER))


@pytest.mark.parametrize("plan", ["lose reply", "lose request", "refuse", "other first"])
def test_decision_when_its_append_goes_wrong_counts_once(tmp_path: Path, plan: str) -> None:
    store = stores.open_log_store(str(tmp_path / "checkpoint"))
    put = store.put_absent
    plans = iter([plan])

    def unreliable(key: str, data: bytes) -> bool:
        now = next(plans, "")
        if now == "refuse":
            return False
        if now == "other first":
            put(key, msgspec.json.encode(_action("forget", [(1, "b")], name="y")) + b"\n")
        found = put(key, data) if now != "lose request" else False
        if now in ("lose reply", "lose request"):
            raise StorageUnavailableError("no reply")
        return found

    store.put_absent = unreliable  # type: ignore[method-assign] # an instance of this test
    ActionLog(store, FOLDER).append(_action("mark_done", [(0, "a")]))
    fresh = ActionLog(store, FOLDER)
    fresh.load()
    assert [each.id for each in fresh.actions] == (["y", "x"] if plan == "other first" else ["x"])


def test_log_when_damaged_is_corrupt(tmp_path: Path) -> None:
    store = stores.open_log_store(str(tmp_path / "checkpoint"))
    store.put_absent(f"{FOLDER}/0/{0:020d}", b"{}\n")
    with pytest.raises(CheckpointCorruptError, match="damaged"):
        ActionLog(store, FOLDER).refresh()
