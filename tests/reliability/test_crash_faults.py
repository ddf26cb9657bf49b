"""C4 to C6: what is lost between a call and its answer."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from support.fault_pipeline import Pipeline, Runner

from lakestream.errors import LakestreamError, StorageUnavailableError
from lakestream.sinks.delta import DeltaInspection
from lakestream.testing.fault_kinds import Fault, fails, loses_reply, says_exists, unavailable
from lakestream.testing.faults import FaultPlan, fail_nth

PUTS = (
    "epochs/*",
    "metadata",
    "offsets/0",
    "commits/0",
    "commits/1",
    "sources/*/files/*",
    "sources/*/schemas/*",
    "batches/*/files.parquet",
    "batches/*/summary.json",
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    made.land("a.json", {"id": 1}, {"id": 2}, {"id": 2})
    made.land("b.json", {"id": 3})
    return made


def _commits(pipeline: Pipeline) -> int:
    """Count the Delta commits but the table's creation."""
    return len(list((pipeline.table_folder / "_delta_log").glob("*.json"))) - 1


def test_c4_commit_when_it_fails_after_the_data_files_then_rows_stay_invisible_and_come_once(
    pipeline: Pipeline,
) -> None:
    runner = Runner(pipeline, most_files=1)
    runner.begin()
    assert runner.batch() is not None
    blocked = pipeline.table_folder / "_delta_log" / f"{2:020d}.json"
    blocked.mkdir()

    plan, inspection, attempt = runner.opened()
    with pytest.raises(LakestreamError):
        runner.lines.sink_commit(plan, attempt, inspection)

    blocked.rmdir()
    assert pipeline.rows() == {(1,): 1, (2,): 2}
    pipeline.table.run()
    pipeline.assert_exactly_once()
    active = {each.split("/")[-1] for each in pipeline.active_files()}
    orphans = {path.name for path in pipeline.table_folder.glob("*.parquet")} - active
    assert len(active) == 2
    assert len(orphans) == 1


@pytest.mark.parametrize(
    "error", [unavailable(), RuntimeError("no reply"), OSError(110, "timed out")]
)
def test_c5_delta_commit_when_its_reply_is_lost_then_the_mark_is_believed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    commit = DeltaInspection.commit

    def commits_and_raises(self: DeltaInspection, *args: Any) -> None:
        commit(self, *args)
        raise error

    monkeypatch.setattr(DeltaInspection, "commit", commits_and_raises)

    done = pipeline.table.run()

    assert [each.batch_id for each in done] == [0, 1]
    assert [each.num_output_rows for each in done] == [3, 1]
    assert _commits(pipeline) == 2
    pipeline.assert_exactly_once()
    assert pipeline.table.run() == []


def test_c5_delta_commit_when_an_interrupt_follows_it_then_the_next_run_believes_the_mark(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = DeltaInspection.commit

    def commits_and_dies(self: DeltaInspection, *args: Any) -> None:
        commit(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DeltaInspection, "commit", commits_and_dies)
        with pytest.raises(KeyboardInterrupt):
            pipeline.table.run()
    assert pipeline.table.status().state == "interrupted"

    pipeline.table.run()

    assert _commits(pipeline) == 2
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("key", PUTS)
def test_c6_put_when_its_lost_reply_looks_like_exists_then_the_run_goes_on(
    pipeline: Pipeline, key: str
) -> None:
    with FaultPlan().on("put", key, says_exists()).installed() as plan:
        done = pipeline.table.run()

    assert plan.reached
    assert [each.batch_id for each in done] == [0, 1]
    pipeline.assert_exactly_once()
    assert pipeline.table.run() == []


@pytest.mark.parametrize("fault", [loses_reply(), fails()], ids=["lost reply", "not made"])
@pytest.mark.parametrize("key", PUTS)
def test_c6_put_when_it_raises_then_this_run_or_the_next_is_exact(
    pipeline: Pipeline, key: str, fault: Fault
) -> None:
    plan = FaultPlan().on("put", key, fault)
    with plan.installed(), contextlib.suppress(StorageUnavailableError):
        pipeline.table.run()

    assert plan.reached
    pipeline.table.run()
    pipeline.assert_exactly_once()
    assert _commits(pipeline) == 2


@pytest.mark.parametrize("fault", [fails(), loses_reply()], ids=["not made", "lost reply"])
def test_c6_call_when_each_meets_a_fault_in_turn_then_the_next_run_is_exact(
    tmp_path: Path, fault: Fault
) -> None:
    """SQLite's loop: the n-th storage call of all fails, until a run passes clean."""
    for number in itertools.count(1):
        pipeline = Pipeline(tmp_path / str(number), max_files_per_trigger=1)
        pipeline.land("a.json", {"id": 1}, {"id": 1})
        pipeline.land("b.json", {"id": 2, "new": 3})
        plan = fail_nth(number, fault)
        with plan.installed(), contextlib.suppress(StorageUnavailableError):
            pipeline.table.run()
        if not plan.reached:
            break
        pipeline.table.run()
        pipeline.assert_exactly_once("id", "new")

    assert sum(plan.injected.values()) == 0
    kinds = {call.partition(" ")[0] for call in plan.calls}
    assert kinds >= {"put", "log_get", "log_list", "list", "get"}
    assert number == len(plan.calls) + 1
