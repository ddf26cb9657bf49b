"""A run that is held at protocol lines, and what other runs do meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.fault_pipeline import Pipeline

import lakestream as ls
from lakestream.failpoint import PROTOCOL_LINES, watched
from lakestream.query.run import QueryRun
from lakestream.sinks.delta import DeltaInspection, DeltaSink
from lakestream.testing import ManualClock, SteppedRun, StuckError


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    made.land("a.json", {"id": 1}, {"id": 1})
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(sleeping_advances=True)


def test_run_when_stepped_then_it_parks_before_each_line_in_order(
    pipeline: Pipeline, clock: ManualClock
) -> None:
    run = SteppedRun(pipeline.table, clock=clock)

    passed = list(iter(run.step, None))

    # The second plan finds nothing more.
    assert passed == [*PROTOCOL_LINES, "plan"]
    assert run.ended
    assert run.failure is None
    assert [each.num_output_rows for each in run.progress] == [2]
    assert run.step() is None


def test_run_when_crashed_where_it_is_parked_then_it_ends_there(
    pipeline: Pipeline, clock: ManualClock
) -> None:
    run = SteppedRun(pipeline.table, clock=clock)
    while run.step() != "commit_log":
        pass

    run.crash()

    assert run.crashed
    assert run.ended
    assert pipeline.table.status().state == "interrupted"
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_run_when_continuous_and_parked_then_go_lets_it_rest_until_stopped(
    pipeline: Pipeline, clock: ManualClock
) -> None:
    run = SteppedRun(pipeline.table, ls.processing_time("1 minute"), clock=clock)
    assert run.step() == "claim"
    run.go()
    assert run.point is None
    assert not run.ended
    assert not run.trigger_due()
    clock.advance("1 minute")
    assert run.trigger_due()

    run.stop()

    assert run.ended
    pipeline.assert_exactly_once()


def test_run_when_it_does_not_come_to_rest_then_the_test_is_told(
    pipeline: Pipeline, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(QueryRun, "execute", lambda _: let_go.wait())
    run = SteppedRun(pipeline.table, clock=clock, timeout_s=0.01)

    with pytest.raises(StuckError):
        run.go()

    let_go.set()


def test_points_when_watched_by_one_thread_then_others_pass_unseen(pipeline: Pipeline) -> None:
    seen: list[str] = []
    with watched(seen.append):
        other = threading.Thread(target=pipeline.table.run)
        other.start()
        other.join()
        assert seen == []
        pipeline.again().run()

    assert seen[:3] == ["claim", "recover", "discover"]


def _two_runs_commit_one_batch(pipeline: Pipeline, clock: ManualClock) -> None:
    """The first has looked at the table and read; the second is quicker."""
    zombie = SteppedRun(pipeline.again(), clock=clock)
    while zombie.step() != "sink_commit":
        pass
    pipeline.table.run()
    zombie.go()
    assert zombie.ended


def test_run_when_another_was_quicker_then_its_commit_is_refused(
    pipeline: Pipeline, clock: ManualClock
) -> None:
    _two_runs_commit_one_batch(pipeline, clock)

    pipeline.assert_exactly_once()


def test_rows_when_a_commit_goes_past_the_inspected_handle_then_they_are_doubled(
    pipeline: Pipeline, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line 8 of the protocol, broken on purpose: this is what the test above would miss."""
    commit, inspect = DeltaInspection.commit, DeltaSink.inspect
    looked_through: dict[int, DeltaSink] = {}

    def inspecting(sink: DeltaSink, *args: Any, **named: Any) -> DeltaInspection:
        found = inspect(sink, *args, **named)
        looked_through[id(found)] = sink
        return found

    def committing(inspection: DeltaInspection, *args: Any) -> None:
        table = looked_through[id(inspection)]._handle.refreshed()
        assert table is not None
        moved = msgspec.structs.replace(inspection, _table=table, version=table.version())
        commit(moved, *args)

    monkeypatch.setattr(DeltaSink, "inspect", inspecting)
    monkeypatch.setattr(DeltaInspection, "commit", committing)

    _two_runs_commit_one_batch(pipeline, clock)

    with pytest.raises(AssertionError):
        pipeline.assert_exactly_once()
