"""Z1 to Z5: two runners of one query, stepped line by line in every order that matters."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline, Runner

from lakestream.checkpoint import epochs
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    CommitConflictError,
    FencedError,
    LakestreamError,
    PlanMismatchError,
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    for number in range(3):
        made.land(f"{number}.json", {"id": number * 2}, {"id": number * 2 + 1})
    return made


def _finish(runner: Runner) -> str:
    """Run a runner to its end; give the code that stopped it, or ""."""
    try:
        while runner.batch() is not None:
            pass
    except (FencedError, CommitConflictError) as error:
        return error.code
    return ""


def test_z1_runners_when_both_start_at_once_then_the_elder_is_fenced_and_rows_come_once(
    pipeline: Pipeline,
) -> None:
    elder, younger = Runner(pipeline, most_files=1), Runner(pipeline, most_files=1)
    elder.begin()
    younger.begin()

    with pytest.raises(FencedError, match=r"LS-CKPT-006.*newer run") as caught:
        elder.batch()

    assert "nothing is lost" in str(caught.value)
    assert _finish(younger) == ""
    pipeline.assert_exactly_once()


def test_z1_runner_when_opened_before_anothers_first_start_then_it_takes_over_its_plan(
    pipeline: Pipeline,
) -> None:
    early, quick = Runner(pipeline, most_files=1), Runner(pipeline, most_files=1)
    quick.begin()
    quick.plan()

    early.begin()

    assert early.query.id == quick.query.id
    assert _finish(early) == ""
    pipeline.assert_exactly_once()


#: Lines of one batch that a runner can be paused before, in their order.
STEPS = ("plan", "inspect", "read", "sink_commit", "commit_log", "committed")


def _steps(runner: Runner) -> Iterator[None]:
    """Run one batch as a generator that pauses before each of ``STEPS``."""

    yield
    plan = runner.plan()
    yield
    inspection = runner.lines.inspect(plan)
    receipt = inspection.receipt
    yield
    if receipt is None:
        attempt = runner.attempt(plan, inspection)
        yield
        try:
            runner.lines.sink_commit(plan, attempt, inspection)
        except LakestreamError:
            inspection = runner.lines.inspect(plan)
            receipt = inspection.receipt
        else:
            receipt = runner.query.sink.find_receipt(plan.batch_id)
        assert receipt is not None
    yield
    runner.lines.commit_log(plan, receipt)
    yield
    runner.lines.committed(plan, receipt)


@pytest.mark.parametrize("looks_at_epochs", ["epochs", "no epochs"])
@pytest.mark.parametrize("pause", range(len(STEPS)), ids=STEPS)
def test_z2_z3_zombie_when_it_wakes_before_a_line_then_it_stops_and_rows_come_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, pause: int, looks_at_epochs: str
) -> None:
    if looks_at_epochs == "no epochs":  # safety must not rest on them
        monkeypatch.setattr(epochs, "check", lambda *_: None)
    zombie = Runner(pipeline, most_files=1)
    zombie.begin()
    steps = _steps(zombie)
    for _ in range(pause + 1):
        next(steps)
    successor = Runner(pipeline, most_files=1)
    successor.begin()
    assert _finish(successor) == ""

    with contextlib.suppress(FencedError):
        for _ in steps:
            pass

    _finish(zombie)
    pipeline.assert_exactly_once()
    assert pipeline.table.run() == []


def test_zombie_when_its_batch_was_merged_before_it_told_of_it_then_it_is_fenced(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3, 12):
        pipeline.land(f"{number}.json", {"id": number * 2})
    zombie = Runner(pipeline, most_files=1)
    zombie.begin()
    committed = zombie.lines.committed

    def pause_after(*given: Any) -> None:
        committed(*given)
        successor = Runner(pipeline, most_files=1)
        successor.begin()
        assert _finish(successor) == ""

    monkeypatch.setattr(zombie.lines, "committed", pause_after)
    with pytest.raises(FencedError):
        zombie.batch()

    pipeline.assert_exactly_once()


@pytest.mark.parametrize("committed", [0, 1])
@pytest.mark.parametrize("pause", range(len(STEPS)), ids=STEPS)
def test_reset_when_a_run_is_under_way_then_no_batch_of_its_lands_behind_it(
    pipeline: Pipeline, pause: int, committed: int
) -> None:
    zombie = Runner(pipeline, most_files=1)
    zombie.begin()
    for _ in range(committed):
        zombie.batch()
    steps = _steps(zombie)
    for _ in range(pause + 1):
        next(steps)
    pipeline.table.reset(truncate=True)

    with contextlib.suppress(FencedError):
        for _ in steps:
            pass
        _finish(zombie)

    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("went_on", ["planned", "committed"])
def test_commit_log_when_the_query_was_reset_and_went_on_then_the_elder_run_is_fenced(
    pipeline: Pipeline, went_on: str
) -> None:
    elder = Runner(pipeline, most_files=1)
    elder.begin()
    plan, inspection, attempt = elder.opened()
    elder.lines.sink_commit(plan, attempt, inspection)
    receipt = elder.query.sink.find_receipt(plan.batch_id)
    pipeline.table.reset(truncate=True)
    younger = Runner(pipeline, most_files=2)
    younger.begin()
    younger.plan() if went_on == "planned" else younger.batch()

    with pytest.raises(FencedError):
        elder.lines.commit_log(plan, receipt)

    assert _finish(younger) == ""
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("claimed", ["before", "after"])
def test_recover_when_the_query_was_reset_then_the_elder_run_is_fenced_and_nothing_is_damaged(
    pipeline: Pipeline, claimed: str
) -> None:
    pipeline.table.run()
    elder = Runner(pipeline)
    (reader,) = elder.query.readers.values()
    reader.latest(reader.initial())  # it has its input in memory, as after inference
    if claimed == "before":
        elder.lines.claim()
    pipeline.table.reset(truncate=True)
    pipeline.land("0.json", {"id": 70}, {"id": 71})
    younger = Runner(pipeline)
    younger.begin()
    younger.plan()
    if claimed == "after":
        elder.lines.claim()

    with pytest.raises(FencedError):
        elder.lines.recover()

    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("overtaken", [True, False], ids=["overtaken", "alone"])
def test_recover_when_the_logs_do_not_fit_then_it_is_damage_only_to_the_newest_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, *, overtaken: bool
) -> None:
    runner = Runner(pipeline)
    runner.lines.claim()
    if overtaken:
        Runner(pipeline).lines.claim()

    def torn() -> tuple[int, int]:
        raise CheckpointCorruptError("the newest plan is 7 and the newest commit is 2")

    monkeypatch.setattr(runner.lines, "_read_logs", torn)
    with pytest.raises(FencedError if overtaken else CheckpointCorruptError):
        runner.lines.recover()


def test_discover_when_the_query_was_reset_then_the_elder_run_writes_nothing_behind_it(
    pipeline: Pipeline,
) -> None:
    elder = Runner(pipeline, most_files=3)
    elder.begin()
    elder.batch()
    pipeline.table.reset(truncate=True)
    pipeline.land("late.json", {"id": 99})

    with pytest.raises(FencedError):
        elder.lines.discover()

    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    "schedule",
    sorted(set(itertools.permutations([0] * 4 + [1] * 4))),
    ids=lambda s: "".join(map(str, s)),
)
def test_z4_batch_when_two_runners_interleave_then_one_commit_wins(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, schedule: tuple[int, ...]
) -> None:
    monkeypatch.setattr(epochs, "check", lambda *_: None)
    runners = [Runner(pipeline, most_files=3), Runner(pipeline, most_files=3)]
    for runner in runners:
        runner.begin()
    steps = [_steps(runner) for runner in runners]
    for each in steps:
        next(each)

    for number in schedule:
        next(steps[number], None)
    for each in steps:
        for _ in each:
            pass

    pipeline.assert_exactly_once()
    assert pipeline.batch_ids() == [0]
    assert len(list((pipeline.table_folder / "_delta_log").glob("*.json"))) == 2


def test_z5_checkpoint_when_copied_to_another_table_then_it_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.table.run()
    other = Pipeline(tmp_path / "other")
    other.land("x.json", {"id": 1})
    other.table.run()
    shutil.rmtree(other.checkpoint)
    shutil.copytree(pipeline.checkpoint, other.checkpoint)
    before = other.rows()

    with pytest.raises(CheckpointMismatchError, match="LS-CKPT-003") as caught:
        other.again().run()

    assert caught.value.where
    assert caught.value.fix
    assert other.rows() == before


def test_z5_checkpoint_when_shared_by_a_query_of_another_name_then_it_is_refused(
    pipeline: Pipeline,
) -> None:
    pipeline.table.run()
    import lakestream as ls

    @ls.streaming_table(str(pipeline.table_folder), name="silver")
    def silver() -> ls.Stream:
        return ls.read_files(str(pipeline.landing), format="json")

    with pytest.raises(CheckpointMismatchError, match=r"'bronze'.*'silver'"):
        silver.run()
    pipeline.assert_exactly_once()


def test_z5_checkpoint_when_forked_by_a_copy_then_rows_come_once_and_one_copy_is_stopped(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.table.run()
    copied = tmp_path / "copy"
    shutil.copytree(pipeline.checkpoint, copied)
    pipeline.land("3.json", {"id": 100})
    pipeline.table.run()
    os.utime(pipeline.land("4.json", {"id": 101}), (1, 1))  # older: the copy plans it first

    with pytest.raises(PlanMismatchError, match="LS-SINK-002") as caught:
        pipeline.with_checkpoint(copied).run()

    assert caught.value.fix
    pipeline.table.run()
    pipeline.assert_exactly_once()
