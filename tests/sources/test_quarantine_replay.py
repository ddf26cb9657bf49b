"""Quarantined records that are mended and replayed: each once, whatever fails."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline

from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.errors import CommitConflictError, ConfigError
from lakestream.sources.base import DiscoveryFilter
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.replays import ReplayLog

BROKEN = '{"id": 7,'
OTHER = '{"id": eight}'


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("a.json", {"id": 1}, BROKEN, {"id": 2}, OTHER)
    made.land("x/b.json", {"id": 3}, BROKEN)
    made.table.run()
    return made


def _ids(pipeline: Pipeline) -> Counter[Any]:
    return Counter({key[0]: count for key, count in pipeline.rows().items()})


def _open(pipeline: Pipeline) -> list[str]:
    return [each["id"] for each in pipeline.quarantine() if each["state"] == "open"]


def test_quarantine_when_listed_then_each_record_has_a_name_and_a_state(pipeline: Pipeline) -> None:
    found = [
        (each["id"], each["file_key"], each["line"], each["state"])
        for each in pipeline.quarantine()
    ]
    assert found == [
        ("0-0", "a.json", 2, "open"),
        ("0-1", "a.json", 4, "open"),
        ("0-2", "x/b.json", 2, "open"),
    ]


def test_replay_when_a_record_is_mended_then_its_row_comes_once(pipeline: Pipeline) -> None:
    report = pipeline.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="cut short")

    assert (report.records, report.files, report.left) == (("0-0",), ("a.json",), {})
    for _ in range(2):
        pipeline.again().run()
    assert _ids(pipeline) == Counter([1, 2, 3, 7])
    assert _open(pipeline) == ["0-1", "0-2"]
    assert pipeline.batch_ids() == [0, 1]
    # Nothing is left to take twice.
    again = pipeline.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="again")
    assert (again.records, again.left) == ((), {"replayed": 1})
    assert pipeline.again().run() == []


def test_replay_when_options_have_changed_then_records_are_read_as_they_are(
    tmp_path: Path,
) -> None:
    made = Pipeline(tmp_path, schema="id INT")
    made.land("a.json", {"id": 1}, '{"id": 2} // two')
    made.table.run()

    made.table.replay_quarantined(reason="comments are allowed now")
    made.again(allow_comments=True).run()

    assert _ids(made) == Counter([1, 2])
    assert _open(made) == []


def test_replay_when_narrowed_then_only_what_matches(pipeline: Pipeline) -> None:
    by_file = pipeline.table.replay_quarantined(file="x/*", reason="t", dry_run=True)
    by_code = pipeline.table.replay_quarantined(code="nothing", reason="t", dry_run=True)
    unknown = pipeline.table.replay_quarantined(ids=["0-0", "9-9"], reason="t", dry_run=True)

    assert by_file.records == ("0-2",)
    assert by_code.records == ()
    assert (unknown.records, unknown.left) == (("0-0",), {"unknown": 1})
    assert pipeline.again().run() == []


def test_replay_when_a_record_is_bad_again_then_it_is_a_new_one_in_quarantine(
    pipeline: Pipeline,
) -> None:
    pipeline.table.replay_quarantined(ids=["0-1"], reason="as it is")
    pipeline.again().run()

    *_, newest = pipeline.quarantine()
    assert (newest["id"], newest["raw"], newest["state"]) == ("1-0", OTHER.encode(), "open")
    pipeline.table.replay_quarantined(edits={"1-0": b'{"id": 8}'}, reason="mended now")
    pipeline.again().run()
    assert _ids(pipeline) == Counter([1, 2, 3, 8])
    assert _open(pipeline) == ["0-0", "0-2"]


def test_replay_when_rows_come_then_they_tell_of_the_file_they_came_from(tmp_path: Path) -> None:
    made = Pipeline(tmp_path, metadata_column="_metadata")
    made.land(
        "day=2026-11-21/a.json.gz", gzip.compress(f'{{"id": 1}}\n{BROKEN}\n'.encode()).rstrip(b"\n")
    )
    made.table.run()

    made.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="cut short")
    made.again().run()

    rows = [row for batch in made.table.read() for row in batch.to_pylist()]
    paths = {row["_metadata"]["file_path"] for row in rows}
    assert len(paths) == 1
    assert next(iter(paths)).endswith("/landing/day%3D2026-11-21/a.json.gz")
    assert {row["_metadata"]["file_name"] for row in rows} == {"a.json.gz"}
    assert len({str(row["day"]) for row in rows}) == 1


def test_replay_of_csv_when_columns_are_named_by_a_header_then_it_goes_with_the_records(
    tmp_path: Path,
) -> None:
    made = Pipeline(tmp_path, format="csv", skip_rows=1, comment="#", mode="permissive")
    made.land("a.csv", "made by x", "# a comment", "name,id", "one,1", 'two,"2', "three,3")
    made.table.run()
    (bad,) = made.quarantine()

    made.table.replay_quarantined(edits={bad["id"]: "two,2"}, reason="a quote")
    made.again().run()

    assert made.rows("id", "name") == Counter({(1, "one"): 1, (2, "two"): 1, (3, "three"): 1})


def test_replay_of_csv_when_the_header_is_gone_then_refused_and_nothing_is_taken(
    tmp_path: Path,
) -> None:
    made = Pipeline(tmp_path, format="csv")
    landed = made.land("a.csv", "name,id", "one,1", 'two,"2')
    made.table.run()
    landed.unlink()

    with pytest.raises(ConfigError, match="header"):
        made.table.replay_quarantined(reason="a quote")

    assert len(_open(made)) == 1


def test_replay_of_whole_files_and_other_formats_then_said_how_it_is_done(tmp_path: Path) -> None:
    made = Pipeline(tmp_path, schema="id INT")
    bad = made.land("a.json.gz", b"no gzip")
    made.table.run()
    report = made.table.replay_quarantined(reason="t")
    assert (report.records, report.left) == ((), {"whole files": 1})

    bad.write_bytes(gzip.compress(b'{"id": 1}\n'))
    made.table.run(discovery=DiscoveryFilter(requeue=True))
    assert [each["state"] for each in made.quarantine()] == ["replayed"]


@pytest.mark.parametrize("line", ["put", "decide", "enter", "note"])
def test_replay_when_cut_off_then_its_rows_come_once_or_it_was_never_decided(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    append, enter = ReplayLog.append, Ledger.append_again
    calls = {"append": 0}

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def counted(log: ReplayLog, replay: Any) -> None:
        calls["append"] += 1
        if (line, calls["append"]) in {("put", 1), ("note", 2)}:
            raise KeyboardInterrupt
        append(log, replay)
        if (line, calls["append"]) == ("decide", 1):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ReplayLog, "append", counted)
        patch.setattr(Ledger, "append_again", dies if line == "enter" else enter)
        with pytest.raises(KeyboardInterrupt):
            pipeline.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="cut off")

    pipeline.again().run()
    if line == "put":
        assert _ids(pipeline)[7] == 0
        pipeline.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="again")
        pipeline.again().run()
    assert pipeline.again().run() == []
    assert _ids(pipeline) == Counter([1, 2, 3, 7])


def test_replay_when_two_take_one_record_at_once_then_the_second_is_told(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = TieredLog.append
    raced = []

    def races(log: TieredLog, number: int, data: bytes) -> bool:
        if not raced:
            raced.append(1)
            pipeline.again().replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="first")
        return append(log, number, data)

    with monkeypatch.context() as patch:
        patch.setattr(TieredLog, "append", races)
        with pytest.raises(CommitConflictError, match="somebody else"):
            pipeline.table.replay_quarantined(edits={"0-0": '{"id": 70}'}, reason="second")

    pipeline.again().run()
    assert _ids(pipeline) == Counter([1, 2, 3, 7])


def test_replay_when_the_batch_is_redone_then_it_reads_the_same(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="t")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lakestream.query.micro_batch.MicroBatchExecution.sink_commit", dies)
        with pytest.raises(KeyboardInterrupt):
            pipeline.again().run()
    pipeline.land("c.json", {"id": 4})
    pipeline.again().run()

    assert _ids(pipeline) == Counter([1, 2, 3, 4, 7])
    assert pipeline.batch_ids() == [0, 1, 2]


def test_replay_when_old_files_are_forgotten_and_cleaned_then_it_comes_once(
    tmp_path: Path,
) -> None:
    options = {
        "clean_source": "move",
        "clean_source_retention": 0,
        "clean_source_move_destination": str(tmp_path / "done"),
    }
    made = Pipeline(tmp_path, **options)
    made.land("a.json", {"id": 1}, BROKEN)
    made.table.run()
    made.again().run()
    assert not list(made.landing.iterdir())

    made.table.replay_quarantined(edits={"0-0": '{"id": 7}'}, reason="its file was moved")
    for _ in range(3):
        made.again().run()

    assert _ids(made) == Counter([1, 7])


@pytest.mark.parametrize("options", [{"encoding": "latin-1"}])
def test_replay_when_records_cannot_stand_alone_then_refused(tmp_path: Path, options: Any) -> None:
    made = Pipeline(tmp_path, **options)
    made.land("a.json", {"id": 1}, BROKEN)
    made.table.run()
    with pytest.raises(ConfigError, match="iso8859") as caught:
        made.table.replay_quarantined(reason="t")
    assert "lakestream files" in str(caught.value.fix)


def test_replay_when_the_table_never_ran_or_no_reason_is_given_then_refused(tmp_path: Path) -> None:
    made = Pipeline(tmp_path)
    with pytest.raises(ConfigError, match="never run"):
        made.table.replay_quarantined(reason="t")
    with pytest.raises(ConfigError, match="reason"):
        made.table.replay_quarantined(reason=" ")
