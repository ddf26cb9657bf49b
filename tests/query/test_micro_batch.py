"""The engine line by line: what each line leaves behind, and what it does when it is refused."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from msgspec.structs import replace
from support.fault_pipeline import Pipeline, Runner

from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.offset_log import OffsetEntry
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    FencedError,
    QueryError,
    SinkDamagedError,
    SinkSchemaError,
    StorageUnavailableError,
)
from lakestream.failpoint import PROTOCOL_LINES, watched
from lakestream.query import micro_batch
from lakestream.query.micro_batch import MicroBatchExecution
from lakestream.sinks.delta import DeltaInspection
from lakestream.sources.base import ReplanNeeded
from lakestream.testing import ManualClock


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("a.json", {"id": 1}, {"id": 2})
    return made


@pytest.fixture
def runner(pipeline: Pipeline) -> Runner:
    made = Runner(pipeline)
    made.query.clock = ManualClock(sleeping_advances=True)
    made.begin()
    return made


def _committed(pipeline: Pipeline, batch: int = 0) -> dict[str, Any]:
    text = (pipeline.checkpoint / "commits" / str(batch)).read_text()
    found: dict[str, Any] = json.loads(text.split("\n")[1])
    return found


def test_batch_when_run_then_it_passes_the_ten_lines_in_their_order(pipeline: Pipeline) -> None:
    passed: list[str] = []

    with watched(passed.append):
        runner = Runner(pipeline)
        runner.begin()
        runner.batch()

    assert tuple(passed) == PROTOCOL_LINES


def test_progress_when_a_batch_ends_then_it_times_sparks_lines(runner: Runner) -> None:
    assert runner.batch().duration_ms.keys() == {
        "walCommit",
        "inspect",
        "addBatch",
        "commitOffsets",
        "commitSource",
        "triggerExecution",
    }


def test_progress_when_a_batch_follows_another_then_its_rate_is_from_that_ones_start(
    pipeline: Pipeline, runner: Runner
) -> None:
    runner.batch()
    runner.query.clock.advance(10)
    pipeline.land("b.json", *({"id": number} for number in range(20)))
    runner.lines.discover()

    assert runner.batch()["inputRowsPerSecond"] == 2.0


def test_commit_when_made_then_the_table_says_whose_it_is_and_the_log_says_the_same(
    pipeline: Pipeline, runner: Runner
) -> None:
    runner.batch()

    (info,) = (
        each for each in DeltaTable(str(pipeline.table_folder)).history() if "lakestream" in each
    )
    said = info["lakestream"]
    said = json.loads(said) if isinstance(said, str) else said
    planned = runner.query.offsets.read(0)
    (name,) = runner.query.readers
    folder = f"batches/0-{said['attempt']}"
    assert said == {
        "query": runner.query.id,
        "name": "bronze",
        "run": runner.query.run_id,
        "batch": 0,
        "attempt": said["attempt"],
        "planDigest": planned.plan_digest,
        "offsets": {name: {"seqNum": 0, "sourceVersion": 1}},
        "nextWatermarkMs": 0,
        "refs": {"batches": folder},
    }
    assert len(said["attempt"]) == 16
    log = _committed(pipeline)
    assert log["nextBatchWatermarkMs"] == 0
    assert {key: log["lakestream"][key] for key in log["lakestream"] if key != "checksum"} == {
        "deltaVersion": 1,
        "rows": 2,
        "attempt": said["attempt"],
        "planDigest": planned.plan_digest,
        "refs": {"batches": folder},
    }
    assert planned.watermark_ms == 0
    assert planned.conf == {}


def test_attempts_when_many_then_no_two_have_an_id() -> None:
    assert len({micro_batch.new_attempt_id() for _ in range(1_000)}) == 1_000


def test_digest_when_anything_that_a_batch_reads_differs_then_it_differs(runner: Runner) -> None:
    lines = runner.lines
    (name,) = runner.query.readers
    reader = runner.query.readers[name]
    ends = lines.latest()
    own = lines._digest(0, ends)
    items = reader.digest_items(lines._positions[name], ends[name])
    start = lines._positions[name]
    parts = [f"{runner.query.id}:0", json.dumps([name, start, ends[name]]), items[0] + "\0"]

    assert own == hashlib.sha256("".join(parts).encode()).hexdigest()
    assert len(items) == 1


def test_digest_when_an_item_is_no_utf_8_then_it_is_made_all_the_same(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reader,) = runner.query.readers.values()
    ends = runner.lines.latest()
    found = set()
    for item in ("\udcff", "\udcfe"):
        monkeypatch.setattr(reader, "digest_items", lambda _start, _end, item=item: [item])
        found.add(runner.lines._digest(0, ends))

    assert len(found) == 2


def test_digest_when_there_are_two_sources_then_their_order_does_not_count(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = runner.lines
    (reader,) = runner.query.readers.values()
    runner.query.readers = {"b": reader, "a": reader}
    lines._positions = dict.fromkeys("ab", reader.initial())
    end = reader.latest(reader.initial())

    assert lines._digest(0, {"a": end, "b": end}) == lines._digest(0, {"b": end, "a": end})
    assert lines._digest(0, {"a": end, "b": end}) != lines._digest(1, {"a": end, "b": end})


def test_run_when_a_newer_one_has_claimed_then_neither_discover_nor_plan_goes_on(
    pipeline: Pipeline, runner: Runner
) -> None:
    Runner(pipeline).lines.claim()

    with pytest.raises(FencedError):
        runner.lines.discover()
    with pytest.raises(FencedError):
        runner.plan()


def test_run_when_asked_to_discover_for_a_while_then_each_source_hears_for_how_long(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reader,) = runner.query.readers.values()
    heard: list[float | None] = []
    monkeypatch.setattr(reader, "discover", lambda *, time_budget_s: heard.append(time_budget_s))

    runner.lines.discover(time_budget_s=3.5)

    assert heard == [3.5]


def test_batch_when_committed_then_the_source_hears_its_end_and_old_entries_go(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reader,) = runner.query.readers.values()
    ends: list[str] = []
    purged: list[int] = []
    monkeypatch.setattr(reader, "committed", ends.append)
    monkeypatch.setattr(micro_batch.retention, "purge", lambda _, batch: purged.append(batch))

    runner.batch()

    assert ends == ['{"seqNum":0,"sourceVersion":1}']
    assert purged == [0]
    assert runner.lines.positions == dict.fromkeys(runner.query.readers, ends[0])
    assert not runner.lines.has_pending
    assert runner.lines._receipt_version == 1


def test_batch_when_it_fails_after_its_plan_then_it_is_pending_and_redone(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.plan()
    with monkeypatch.context() as patch:
        patch.setattr(runner.query.sink, "inspect", _raises(SinkSchemaError("no")))
        with pytest.raises(SinkSchemaError):
            runner.batch()
    assert runner.lines.has_pending

    assert runner.batch().batch_id == 0


def test_recovery_when_a_batch_is_committed_then_the_run_stands_behind_it(
    pipeline: Pipeline, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.batch()
    after = Runner(pipeline)
    (name,) = after.query.readers
    resumed: list[str] = []
    monkeypatch.setattr(after.query.readers[name], "resume", resumed.append)

    after.lines.start()

    assert after.lines.positions == {name: '{"seqNum":0,"sourceVersion":1}'}
    assert resumed == ['{"seqNum":0,"sourceVersion":1}']
    assert after.lines._receipt_version == 1
    assert after.lines._next_id == 1
    assert not after.lines.has_pending


def test_recovery_when_another_run_made_the_query_meanwhile_then_its_ids_are_taken_over(
    pipeline: Pipeline,
) -> None:
    late, first = Runner(pipeline), Runner(pipeline)
    assert late.query.id != first.query.id
    first.begin()
    first.plan()

    late.begin()

    assert late.query.id == first.query.id
    assert late.batch().batch_id == 0
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    ("planned", "committed"), [(None, None), (0, None), (0, 0), (1, 0), (7, 7), (8, 7)]
)
def test_logs_when_the_plan_is_no_more_than_one_ahead_then_they_are_believed_at_once(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, planned: int | None, committed: int | None
) -> None:
    monkeypatch.setattr(runner.query.offsets, "newest", _gives([planned]))
    monkeypatch.setattr(runner.query.commits, "newest", _gives([committed]))

    assert runner.lines._read_logs() == (planned, committed)


@pytest.mark.parametrize(
    ("planned", "committed"), [(1, None), (None, 0), (2, 0), (0, 1), (9, 7), (7, 8), (2, None)]
)
def test_logs_when_they_stay_apart_then_corrupt_after_two_looks(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, planned: int | None, committed: int | None
) -> None:
    monkeypatch.setattr(runner.query.offsets, "newest", _gives([planned] * 2))
    monkeypatch.setattr(runner.query.commits, "newest", _gives([committed] * 2))

    with pytest.raises(CheckpointCorruptError, match="newest plan"):
        runner.lines._read_logs()


def test_logs_when_another_run_goes_on_between_two_looks_then_looked_at_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.query.offsets, "newest", _gives([2, 4, 6]))
    monkeypatch.setattr(runner.query.commits, "newest", _gives([4, 6, 6]))

    assert runner.lines._read_logs() == (6, 6)


def test_logs_when_never_at_rest_then_looking_ends(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.query.offsets, "newest", _gives(list(range(0, 1_000, 2))))
    monkeypatch.setattr(runner.query.commits, "newest", _gives(list(range(2, 1_002, 2))))

    with pytest.raises(CheckpointCorruptError):
        runner.lines._read_logs()


@pytest.mark.parametrize("folder", ["offsets", "commits"])
def test_recovery_when_the_newest_entry_goes_away_then_corrupt(
    pipeline: Pipeline, runner: Runner, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    runner.batch()
    after = Runner(pipeline)
    log = {"offsets": after.query.offsets, "commits": after.query.commits}[folder]
    monkeypatch.setattr(log, "read", lambda _: None)

    with pytest.raises(CheckpointCorruptError, match=f"{folder}/0 is missing"):
        after.lines.start()


def test_plan_when_it_names_a_source_that_the_query_lacks_then_refused(runner: Runner) -> None:
    entry = OffsetEntry(0, "a", "", 0, 0, {}, (("gone", '{"seqNum":0}'),))  # type: ignore[arg-type] # an Offset is a text

    with pytest.raises(CheckpointMismatchError, match="gone"):
        runner.lines._plan_of(entry)


def test_plan_when_its_input_is_another_by_now_then_corrupt(runner: Runner) -> None:
    plan = runner.plan()

    with pytest.raises(CheckpointCorruptError, match="other input"):
        runner.lines._plan_of(replace(plan.entry, plan_digest="0" * 64))


def test_plan_when_spark_wrote_it_then_its_digest_is_made_and_its_settings_stay(
    runner: Runner,
) -> None:
    plan = runner.plan()
    sparks = replace(plan.entry, plan_digest="", conf={"spark.x": "y"})

    assert runner.lines._plan_of(sparks).entry == replace(plan.entry, conf={"spark.x": "y"})


def test_commit_log_when_spark_wrote_the_plan_then_its_batch_is_logged(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    sparks = replace(plan.entry, plan_digest="")
    monkeypatch.setattr(runner.query.offsets, "read", lambda _: sparks)

    runner.lines.commit_log(plan, runner.lines._own_receipt(plan))

    assert runner.query.commits.ids() == [0]


def test_commit_log_when_the_plan_is_gone_then_fenced_and_nothing_is_written(
    pipeline: Pipeline, runner: Runner
) -> None:
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    EntryLog(runner.query.log, "offsets").delete([0])

    with pytest.raises(FencedError, match="is gone"):
        runner.lines.commit_log(plan, runner.lines._own_receipt(plan))

    assert runner.query.commits.ids() == []


@pytest.mark.parametrize(("told", "logged"), [({"nextWatermarkMs": 7}, 7), ({}, 0)])
def test_commit_log_when_written_then_with_the_watermark_that_the_commit_tells(
    runner: Runner, told: dict[str, object], logged: int
) -> None:
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    receipt = runner.lines._own_receipt(plan)
    rest = {key: value for key, value in receipt.metadata.items() if key != "nextWatermarkMs"}
    runner.lines.commit_log(plan, replace(receipt, metadata={**rest, **told}))

    entry = runner.query.commits.read(0)
    assert entry is not None
    assert entry.next_watermark_ms == logged


@pytest.mark.parametrize("stored", ["another", "none", "the same"])
def test_commit_log_when_an_entry_stands_then_it_must_name_the_same_version(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    receipt = runner.lines._own_receipt(plan)
    runner.lines.commit_log(plan, receipt)
    if stored == "the same":
        runner.lines.commit_log(plan, receipt)
        return
    if stored == "none":
        monkeypatch.setattr(runner.query.commits, "read", lambda _: None)
        monkeypatch.setattr(runner.query.commits, "append", lambda _: False)
    else:
        receipt = replace(receipt, version=receipt.version + 1)
        monkeypatch.setattr(runner.query.sink, "verify", lambda _: None)

    with pytest.raises(CheckpointCorruptError, match="another Delta version"):
        runner.lines.commit_log(plan, receipt)


def test_commit_when_the_tables_log_does_not_show_it_then_the_table_is_damaged(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeltaInspection, "commit", lambda *_: None)

    with pytest.raises(SinkDamagedError, match="does not show it"):
        runner.batch()


def test_pause_when_thrown_with_the_runs_own_dice_then_half_of_the_longest_to_all_of_it(
    runner: Runner,
) -> None:
    before = runner.query.clock.now()
    runner.lines._back_off(0)
    paused = (runner.query.clock.now() - before).total_seconds()

    assert 0.5 <= paused / micro_batch._FIRST_BACKOFF_S <= 1


@pytest.mark.parametrize("place", ["inspect", "read"])
def test_batch_when_the_storage_fails_ten_times_then_it_goes_on_each_pause_longer(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pauses = _fail(runner, monkeypatch, place, StorageUnavailableError("away"), times=10)

    assert runner.batch().num_output_rows == 2

    dice = random.Random(7)  # noqa: S311 - the same dice as the run's
    wanted = [min(2.0, 0.02 * 2**turn) * (0.5 + dice.random() / 2) for turn in range(1, 11)]
    assert pauses == pytest.approx(wanted)


@pytest.mark.parametrize("place", ["inspect", "read"])
def test_batch_when_the_storage_fails_eleven_times_then_the_run_ends(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pauses = _fail(runner, monkeypatch, place, StorageUnavailableError("away"), times=11)

    with pytest.raises(StorageUnavailableError, match="away"):
        runner.batch()

    assert len(pauses) == 10


@pytest.mark.parametrize("place", ["inspect", "read"])
@pytest.mark.parametrize("error", [SinkSchemaError("no"), ValueError("no")])
def test_batch_when_it_fails_for_good_then_it_is_not_tried_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    pauses = _fail(runner, monkeypatch, place, error, times=1)

    with pytest.raises(type(error), match="no"):
        runner.batch()

    assert pauses == []


@pytest.mark.parametrize("times", [3, 4])
def test_batch_when_its_input_teaches_something_each_time_then_that_ends_too(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(micro_batch, "MAX_REPLANS", 3)
    pauses = _fail(runner, monkeypatch, "read", ReplanNeeded("a column"), times=times)

    if times > 3:
        with pytest.raises(QueryError, match="read 3 times"):
            runner.batch()
    else:
        assert runner.batch().num_output_rows == 2
    assert pauses == []


def test_attempt_when_it_ends_then_its_streams_are_let_go(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[BaseException | None] = []
    close = micro_batch.Attempt.close

    def watched_close(self: micro_batch.Attempt, error: BaseException | None = None) -> None:
        closed.append(error)
        close(self, error)

    monkeypatch.setattr(micro_batch.Attempt, "close", watched_close)
    failure = StorageUnavailableError("away")
    _fail(runner, monkeypatch, "read", failure, times=1)

    runner.batch()

    assert closed == [failure, None, None]


def test_batch_when_it_is_in_the_table_without_its_records_then_they_are_written_again(
    pipeline: Pipeline, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _without_records(pipeline, runner)
    after = Runner(pipeline)
    after.begin()
    closed: list[object] = []
    monkeypatch.setattr(micro_batch.Attempt, "close", lambda *each: closed.append(each))

    assert after.batch().num_input_rows == 2

    assert sorted(path.name for path in before.iterdir()) == ["files.parquet", "summary.json"]
    assert len(closed) == 1
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("error", [ReplanNeeded("a column"), StorageUnavailableError("away")])
def test_records_when_reading_again_fails_then_only_a_lesson_is_read_over(
    pipeline: Pipeline, runner: Runner, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _without_records(pipeline, runner)
    after = Runner(pipeline)
    after.begin()
    _fail(after, monkeypatch, "read", error, times=1)

    if isinstance(error, ReplanNeeded):
        assert after.batch().num_input_rows == 2
    else:
        with pytest.raises(StorageUnavailableError, match="away"):
            after.batch()


def test_summary_when_it_is_gone_then_corrupt(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    receipt = runner.lines._own_receipt(plan)
    runner.query.log.delete(runner.query.log.list("batches"))

    with pytest.raises(CheckpointCorruptError):
        runner.lines._summary(plan, receipt)


def _gives(values: list[Any]) -> Callable[[], Any]:
    left = iter(values)
    return lambda: next(left)


def _raises(error: Exception) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise error

    return refuse


def _fail(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, *, times: int
) -> list[float]:
    """Let a line fail so many times; give the list that its pauses will be put in."""
    whole = getattr(MicroBatchExecution, place)
    left = iter(range(times))

    def failing(self: MicroBatchExecution, *args: Any) -> Any:
        if next(left, None) is None:
            return whole(self, *args)
        raise error

    pauses: list[float] = []
    runner.lines._random = random.Random(7)  # noqa: S311 - dice that the test knows
    monkeypatch.setattr(MicroBatchExecution, place, failing)
    monkeypatch.setattr(runner.query.clock, "sleep", pauses.append)
    return pauses


def _without_records(pipeline: Pipeline, runner: Runner) -> Path:
    """Leave a batch in the table that has neither a commit log entry nor records."""
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    (folder,) = (pipeline.checkpoint / "batches").iterdir()
    for each in folder.iterdir():
        each.unlink()
    return folder
