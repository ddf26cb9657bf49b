"""Deciding about single files of a table that runs."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.files_source import FilesPipe

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError, FencedError, LakestreamError, StorageUnavailableError
from lakestream.sources.base import DiscoveryFilter, SourceContext
from lakestream.sources.files.discovery import Discovery
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import stores
from lakestream.streaming_table import StreamingTable


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path)


def _table(pipe: FilesPipe, **options: Any) -> StreamingTable:
    @ls.streaming_table(str(pipe.root / "table"))
    def events() -> ls.Stream:
        options.setdefault("schema", "id BIGINT")
        return ls.read_files(str(pipe.landing), format="json", **options)

    return events


def _ids(table: StreamingTable) -> list[Any]:
    return sorted(row["id"] for row in table.read().read_all().to_pylist())


def _states(table: StreamingTable) -> list[tuple[str, str]]:
    return [(each.key, each.state) for each in table.files()]


def _discover(pipe: FilesPipe, table: StreamingTable) -> None:
    """Make what landed known without reading it."""
    (name,) = table.definition.named_sources()
    description = pipe.open(schema="id BIGINT")._description
    FilesReader(description, SourceContext(name, _log(table), SYSTEM_CLOCK)).discover()


def _log(table: StreamingTable) -> Any:
    return stores.open_log_store(table.definition.checkpoint_location.uri)


def test_waiting_file_when_marked_done_is_never_read(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    pipe.land("c.json", {"id": 3})
    _discover(pipe, table)
    report = table.act_on_files("mark_done", "b.*", "a.json", reason="a test order", by="ann")
    assert [each.key for each in report.files] == ["b.json"]
    assert report.left == {"committed": 1}
    assert _states(table)[1:] == [("b.json", "done"), ("c.json", "pending")]
    (progress,) = table.run()
    assert (progress.num_output_rows, progress.files) == (1, 2)
    assert _ids(table) == [1, 3]
    by_key = {each.key: each for each in table.files()}
    assert (by_key["b.json"].state, by_key["b.json"].batch_id) == ("done", 1)
    assert by_key["b.json"].reason == "marked done by ann: a test order"
    assert table.run() == []


def test_file_when_nobody_has_seen_it_is_set_aside_after_a_look(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    before = _log(table).list("")
    assert table.act_on_files("mark_done", "b.json", reason="x").files == ()
    told = table.act_on_files("mark_done", "b.json", reason="x", discover=True, dry_run=True)
    assert _log(table).list("") == before
    done = table.act_on_files("mark_done", "b.json", reason="x", discover=True)
    assert [[each.key for each in report.files] for report in (told, done)] == [["b.json"]] * 2
    table.run()
    assert _ids(table) == [1]


def test_waiting_file_when_put_into_quarantine_is_listed_there(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    _discover(pipe, table)
    table.act_on_files("quarantine", "b.json", reason="not ours")
    table.run()
    assert _ids(table) == [1]
    (row,) = table.quarantine().to_pylist()
    assert row["file_key"] == "b.json"
    assert "not ours" in row["reason"]
    assert table.act_on_files("replay", "*", reason="it was").left == {"committed": 1}
    table.run()
    assert _ids(table) == [1, 2]


def test_file_that_stops_a_planned_batch_when_set_aside_lets_it_go_on(pipe: FilesPipe) -> None:
    table = _table(pipe, mode="failfast")
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", "no json\n")
    pipe.land("c.json", {"id": 3})
    with pytest.raises(LakestreamError, match=r"b\.json"):
        table.run()
    assert table.act_on_files("quarantine", "b.json", reason="broken").left == {"planned": 1}
    with pytest.raises(LakestreamError, match=r"b\.json"):
        table.run()
    report = table.act_on_files("quarantine", "b.json", reason="broken", even_planned=True)
    assert [each.key for each in report.files] == ["b.json"]
    table.run()
    assert _ids(table) == [1, 3]
    assert [each.even_planned for each in table.file_actions()] == [True]


def test_committed_file_when_replayed_comes_again_only_if_asked_for(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    table.run()
    assert table.act_on_files("replay", "*.json", reason="x").left == {"committed": 2}
    assert table.run() == []
    report = table.act_on_files("replay", "a.json", reason="x", again=True)
    assert report.committed == 1
    repeated = table.act_on_files("replay", "a.json", reason="x", again=True)
    assert (repeated.files, repeated.left) == ((), {"pending": 1})
    table.run()
    assert _ids(table) == [1, 1, 2]


def test_files_when_replayed_by_two_people_at_once_come_once(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _table(pipe)
    pipe.land("a.json.gz", b"no gzip")
    table.run()
    pipe.land("a.json.gz", gzip.compress(b'{"id": 1}\n'))
    append_again = Ledger.append_again
    entered = False

    def other_first(ledger: Ledger, *given: Any, **named: Any) -> None:
        nonlocal entered
        if not entered:
            entered = True
            table.act_on_files("replay", "*", reason="the other's", by="bob")
        append_again(ledger, *given, **named)

    monkeypatch.setattr(Ledger, "append_again", other_first)
    table.act_on_files("replay", "*", reason="mine", by="ann")
    table.run()
    assert _ids(table) == [1]
    assert [each.by for each in table.file_actions()] == ["ann", "bob"]


def test_ignored_file_when_replayed_is_read_and_when_forgotten_found(pipe: FilesPipe) -> None:
    for number in range(3):
        pipe.land(f"{number}.json", {"id": number})
    table = _table(pipe, include_existing_files=False)
    table.run()
    pipe.land("3.json", {"id": 3})
    table.run()
    assert _ids(table) == [3]
    assert len(table.act_on_files("replay", "1.json", reason="x").files) == 1
    assert len(table.act_on_files("forget", "2.json", reason="x").files) == 1
    table.run()
    assert _ids(table) == [1, 2, 3]


def test_file_when_gone_is_not_replayed(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    (pipe.landing / "a.json").unlink()
    report = table.act_on_files("replay", "a.json", reason="x", again=True)
    assert (report.files, report.left) == ((), {"gone": 1})
    assert table.file_actions() == []


def test_file_when_forgotten_is_new_once(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    table.run()
    pipe.land("a.json", {"id": 11})
    assert table.run() == []
    report = table.act_on_files("forget", "a.json", reason="delivered anew")
    assert report.committed == 1
    table.run()
    assert _ids(table) == [1, 2, 11]
    pipe.land("a.json", {"id": 111})
    assert table.run() == []
    assert _states(table) == [(key, "committed") for key in ("a.json", "b.json", "a.json")]


def test_decisions_when_made_beside_a_running_query_are_each_carried_out_once(
    pipe: FilesPipe,
) -> None:
    table = _table(pipe, max_files_per_trigger=2)
    pipe.land("0.json", {"id": 0})
    table.run()
    query = table.start(ls.processing_time("0.01 seconds"))
    wanted = Counter({0: 1})
    try:
        for number in range(1, 9):
            pipe.land(".new", {"id": number}).rename(pipe.landing / f"{number}.json")
            wanted[number] += 1
            report = table.act_on_files("replay", "[02].json", reason="x", again=True)
            wanted.update(int(each.key[0]) for each in report.files)
            table.act_on_files("mark_done", f"[{number - 1}{number}].json", reason="x")
            report = table.act_on_files("forget", "3.json", reason="x")
            if report.files:
                query.processAllAvailable()  # else the next one is the same one
            wanted.update(int(each.key[0]) for each in report.files)
        query.processAllAvailable()
    finally:
        query.stop()
    table.run()
    states = Counter((int(each.key[0]), each.state) for each in table.files())
    # Whether a file was set aside before its batch was planned is the batch's to say.
    assert Counter(_ids(table)) == Counter(
        {number: count for (number, state), count in states.items() if state == "committed"}
    )
    places = Counter[int]()
    for (number, _), count in states.items():
        places[number] += count
    assert places == wanted
    assert {state for _, state in states} <= {"committed", "done"}


def test_replay_when_cut_off_behind_its_record_is_completed_by_a_repeat(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()

    def cut_off(*_given: Any, **_named: Any) -> None:
        raise StorageUnavailableError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append_again", cut_off)
        with pytest.raises(StorageUnavailableError):
            table.act_on_files("replay", "a.json", reason="x", again=True)
    assert table.run() == []
    table.act_on_files("replay", "a.json", reason="x", again=True)
    table.run()
    assert _ids(table) == [1, 1]
    assert [each.verb for each in table.file_actions()] == ["replay", "replay"]


def test_decisions_when_the_table_is_reset_are_forgotten_too(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    _discover(pipe, table)
    table.act_on_files("mark_done", "b.json", reason="x")
    table.run()
    table.reset(truncate=True)
    table.run()
    assert _ids(table) == [1, 2]
    assert table.file_actions() == []


_STEPS = (
    "land", "land", "discover", "one batch", "run", "mark_done", "quarantine", "again", "replay",
    "forget",
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 5)), min_size=4, max_size=14)
)
def test_files_through_any_decisions_have_as_many_rows_as_were_asked_for(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    pipe = FilesPipe(tmp_path_factory.mktemp("any"))
    table = _table(pipe)
    pipe.land("first.json", {"id": 99})
    table.run()
    wanted = Counter({99: 1})
    landed, forgotten = {99}, set[int]()
    for step, number in steps:
        key = f"{number}.json"
        if step in ("discover", "one batch", "run"):
            forgotten.clear()  # they have their new places
        match step:
            case "land" if number not in landed:
                landed.add(number)
                wanted[number] += 1
                pipe.land(key, {"id": number})
            case "discover":
                _discover(pipe, table)
            case "one batch":
                table.run(max_batches=1)
            case "run":
                table.run()
            case "mark_done" | "quarantine":
                wanted[number] -= len(table.act_on_files(step, key, reason="x").files)
            case "again" | "replay":
                report = table.act_on_files("replay", key, reason="x", again=step == "again")
                # A file that was forgotten has its new place by this.
                wanted[number] += len(report.files) if number not in forgotten else 0
                forgotten -= {number for _ in report.files}
            case "forget":
                report = table.act_on_files("forget", key, reason="x")
                wanted[number] += len(report.files) if number not in forgotten else 0
                forgotten |= {number for _ in report.files}
    table.run()
    assert Counter(_ids(table)) == +wanted
    assert table.run() == []


@pytest.mark.parametrize("versions", [False, True])
def test_file_when_forgotten_while_discovery_runs_twice_comes_once(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch, *, versions: bool
) -> None:
    table = _table(pipe, allow_overwrites=versions)
    pipe.land("a.json", {"id": 1})
    table.run()
    table.act_on_files("forget", "a.json", reason="again, please")
    run = Discovery.run
    entered = False

    def other_first(discovery: Discovery, *given: Any, **named: Any) -> bool:
        nonlocal entered
        discovery._ledger.refresh()  # it knows the ledger of before
        if not entered:
            entered = True
            table.run()
        return run(discovery, *given, **named)

    monkeypatch.setattr(Discovery, "run", other_first)
    with pytest.raises(FencedError):
        table.run()
    assert table.run() == []
    assert _ids(table) == [1, 1]


def test_waiting_file_when_forgotten_or_replayed_is_left_to_its_batch(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    pipe.land("c.json", {"id": 3})
    _discover(pipe, table)
    table.act_on_files("mark_done", "c.json", reason="x")
    for verb in ("forget", "replay"):
        report = table.act_on_files(verb, "[bc].json", reason="x")  # type: ignore[arg-type] # both are verbs
        assert (report.files, report.left) == ((), {"pending": 2})
    table.run()
    assert _ids(table) == [1, 2]


def test_backfill_when_it_replays_all_leaves_what_was_marked_done(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    pipe.land("b.json", {"id": 2})
    _discover(pipe, table)
    table.act_on_files("mark_done", "b.json", reason="never")
    table.run()
    table.run(discovery=DiscoveryFilter(requeue=True))
    assert _ids(table) == [1]


def test_decision_when_only_told_changes_nothing(pipe: FilesPipe) -> None:
    table = _table(pipe)
    pipe.land("a.json", {"id": 1})
    table.run()
    before = _log(table).list("")
    report = table.act_on_files("replay", "*", reason="x", again=True, dry_run=True)
    assert len(report.files) == 1
    assert _log(table).list("") == before


@pytest.mark.parametrize("verb", ["mark_done", "quarantine"])
def test_file_when_set_aside_before_the_first_run_is_never_read(pipe: FilesPipe, verb: Any) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    table = _table(pipe)

    rehearsed = table.act_on_files(verb, "b.json", reason="x", discover=True, dry_run=True)
    report = table.act_on_files(verb, "b.json", reason="x", discover=True)
    table.run()

    assert [[each.key for each in one.files] for one in (rehearsed, report)] == [["b.json"]] * 2
    assert _ids(table) == [1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"verb": "delete"}, "there is no 'delete'"),
        ({"patterns": []}, "no file is named"),
        ({"reason": " "}, "reason is missing"),
        ({"verb": "forget", "again": True}, "again is of a replay"),
        ({"even_planned": True}, "even_planned is of"),
        ({}, "never run"),
    ],
)
def test_decision_when_it_makes_no_sense_is_refused(
    pipe: FilesPipe, given: dict[str, Any], says: str
) -> None:
    named = {"verb": "replay", "patterns": ["*"], "reason": "x", **given}
    verb, patterns = named.pop("verb"), named.pop("patterns")
    with pytest.raises(ConfigError, match=says):
        _table(pipe).act_on_files(verb, *patterns, **named)
