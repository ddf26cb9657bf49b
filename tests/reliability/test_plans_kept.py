"""A plan that stands is the plan: whoever redoes the batch reads what it says, no more, no less."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from support.fault_pipeline import Pipeline, Runner

from lakestream.checkpoint import epochs
from lakestream.errors import SinkDamagedError
from lakestream.sinks.delta import DeltaInspection
from lakestream.testing import ManualClock, SteppedRun


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("a.json", {"id": 1}, {"id": 2})
    return made


def _batches(pipeline: Pipeline) -> dict[str, int | None]:
    """Give the batch that each file was read in."""
    return {key: each.batch_id for key, each in pipeline.files().items()}


def _committed(pipeline: Pipeline, batch: int) -> dict[str, object]:
    """Give what the commit log says about a batch."""
    text = (pipeline.checkpoint / "commits" / str(batch)).read_text()
    found: dict[str, object] = json.loads(text.split("\n")[1])["lakestream"]
    return found


def _parked_before(pipeline: Pipeline, line: str) -> SteppedRun:
    run = SteppedRun(pipeline.table, clock=ManualClock(sleeping_advances=True))
    while run.step() != line:
        assert not run.ended, run.failure
    return run


def _crash_before(pipeline: Pipeline, line: str) -> None:
    _parked_before(pipeline, line).crash()


@pytest.mark.parametrize("line", ["inspect", "read", "sink_commit", "commit_log"])
def test_c1_planned_batch_when_its_run_dies_and_files_land_then_it_is_redone_as_planned(
    pipeline: Pipeline, line: str
) -> None:
    _crash_before(pipeline, line)
    planned = (pipeline.checkpoint / "offsets" / "0").read_bytes()
    pipeline.land("b.json", {"id": 3})

    pipeline.table.run()

    assert (pipeline.checkpoint / "offsets" / "0").read_bytes() == planned
    assert _batches(pipeline) == {"a.json": 0, "b.json": 1}
    pipeline.assert_exactly_once()


def test_c4_commit_when_the_run_dies_in_it_then_its_batch_does_not_count_as_committed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DeltaInspection, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            pipeline.table.run()
    assert not (pipeline.checkpoint / "commits").exists()

    pipeline.table.run()

    pipeline.assert_exactly_once()


def test_commit_log_when_others_write_to_the_table_then_it_names_the_version_of_our_commit(
    pipeline: Pipeline,
) -> None:
    pipeline.table.run()
    for number in range(2):
        write_deltalake(
            str(pipeline.table_folder),
            pa.table({"id": [100 + number]}),
            mode="append",
            schema_mode="merge",
        )
    pipeline.land("b.json", {"id": 3})

    pipeline.table.run()

    assert [_committed(pipeline, batch)["deltaVersion"] for batch in (0, 1)] == [1, 4]


def test_commit_when_a_vacuum_took_its_files_before_it_is_logged_then_the_query_stops(
    pipeline: Pipeline,
) -> None:
    run = _parked_before(pipeline, "commit_log")
    (file,) = pipeline.table_folder.glob("*.parquet")
    file.unlink()

    run.go()

    assert isinstance(run.failure, SinkDamagedError)
    assert not (pipeline.checkpoint / "commits").exists()


def test_z4_plan_when_another_run_wrote_one_with_more_files_then_that_one_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "check", lambda *_: None)
    slow, quick = Runner(pipeline), Runner(pipeline)
    slow.begin()
    pipeline.land("b.json", {"id": 3})
    quick.begin()
    quick.plan()

    progress = slow.batch()

    assert progress.num_output_rows == 3
    assert _batches(pipeline) == {"a.json": 0, "b.json": 0}
    pipeline.assert_exactly_once()
    assert pipeline.table.run() == []


def test_z4_plan_when_another_run_wrote_one_with_fewer_files_then_that_one_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "check", lambda *_: None)
    pipeline.land("b.json", {"id": 3})
    whole, half = Runner(pipeline), Runner(pipeline, most_files=1)
    whole.begin()
    half.begin()
    half.plan()

    first, second = whole.batch(), whole.batch()

    assert (first.num_output_rows, second.num_output_rows) == (2, 1)
    assert _batches(pipeline) == {"a.json": 0, "b.json": 1}
    pipeline.assert_exactly_once()
    assert pipeline.table.run() == []


def test_z4_batch_when_planned_by_another_run_then_its_clock_and_digest_are_taken_over(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "check", lambda *_: None)
    slow, quick = Runner(pipeline), Runner(pipeline)
    slow.begin()
    quick.begin()
    theirs = quick.plan()

    ours = slow.plan()

    assert ours.entry == theirs.entry
    slow.batch()
    assert _committed(pipeline, 0)["planDigest"] == theirs.entry.plan_digest
