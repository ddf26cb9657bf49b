"""S2, S3, S5: a table that was restored, replaced or rolled back, and a checkpoint that was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake
from support.fault_pipeline import Pipeline, Runner

from lakestream.errors import (
    PlanMismatchError,
    SinkBehindError,
    SinkReplacedError,
    SinkRestoredError,
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    for number in range(3):
        made.land(f"{number}.json", {"id": number}, {"id": number})
    made.table.run()
    made.land("new.json", {"id": 9})
    return made


def _start_over(pipeline: Pipeline) -> None:
    pipeline.table.reset(truncate=True)
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_s2_table_when_restored_then_the_next_batch_stops_and_names_the_version(
    pipeline: Pipeline,
) -> None:
    DeltaTable(str(pipeline.table_folder)).restore(1)
    before = pipeline.rows()

    with pytest.raises(SinkRestoredError, match=r"LS-SINK-005.*version 4") as caught:
        pipeline.table.run()

    assert caught.value.where == str(pipeline.table_folder)
    assert "reset" in str(caught.value.fix)
    assert pipeline.rows() == before
    _start_over(pipeline)


def test_s2_table_when_restored_before_its_first_batch_was_logged_then_the_query_stops(
    tmp_path: Path,
) -> None:
    made = Pipeline(tmp_path)
    made.land("0.json", {"id": 0})
    killed = Runner(made)
    killed.begin()
    plan, inspection, attempt = killed.opened()
    killed.lines.sink_commit(plan, attempt, inspection)
    DeltaTable(str(made.table_folder)).restore(0)

    with pytest.raises(SinkRestoredError):
        made.table.run()

    _start_over(made)


def test_s3_table_when_deleted_then_the_next_batch_stops(pipeline: Pipeline) -> None:
    for path in pipeline.table_folder.iterdir():
        if path != pipeline.checkpoint:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(SinkReplacedError, match=r"LS-SINK-004.*gone") as caught:
        pipeline.table.run()

    assert "reset" in str(caught.value.fix)
    assert not (pipeline.table_folder / "_delta_log").exists()
    _start_over(pipeline)


@pytest.mark.parametrize("handle", ["fresh", "kept"])
def test_s3_table_when_made_anew_at_its_path_then_no_row_enters_it(
    pipeline: Pipeline, handle: str
) -> None:
    import pyarrow as pa

    runner = Runner(pipeline, most_files=1)
    if handle == "kept":
        runner.begin()
        assert runner.batch() is not None
        pipeline.land("newer.json", {"id": 10})
    aside = pipeline.folder / "aside"
    shutil.move(pipeline.checkpoint, aside)
    shutil.rmtree(pipeline.table_folder)
    write_deltalake(str(pipeline.table_folder), pa.table({"id": pa.array([7], pa.int64())}))
    shutil.move(aside, pipeline.checkpoint)

    if handle == "fresh":
        runner.begin()
    else:
        runner.lines.discover()
    with pytest.raises(SinkReplacedError, match="another table"):
        runner.batch()

    assert DeltaTable(str(pipeline.table_folder)).version() == 0


def test_s5_mark_when_lower_than_the_commit_log_then_the_query_stops(pipeline: Pipeline) -> None:
    log = pipeline.table_folder / "_delta_log"
    (log / f"{3:020d}.json").unlink()
    before = pipeline.rows()

    with pytest.raises(SinkBehindError, match=r"LS-SINK-003.*version 2.*version 3") as caught:
        pipeline.table.run()

    assert "backup" in str(caught.value.fix)
    assert pipeline.rows() == before
    _start_over(pipeline)


def test_s5_mark_when_the_newest_commit_is_zero_bytes_then_it_is_never_silent(
    pipeline: Pipeline,
) -> None:
    commit = pipeline.table_folder / "_delta_log" / f"{3:020d}.json"
    whole = commit.read_bytes()
    commit.write_bytes(b"")

    with pytest.raises(SinkBehindError, match="LS-SINK-003"):
        pipeline.table.run()

    commit.write_bytes(whole)
    pipeline.table.run()
    pipeline.assert_exactly_once()


def _restored_checkpoint(pipeline: Pipeline) -> None:
    """Bring back the checkpoint as it was before the newest batch."""
    backup = pipeline.folder / "backup"
    shutil.copytree(pipeline.checkpoint, backup)
    pipeline.table.run()
    shutil.rmtree(pipeline.checkpoint)
    shutil.copytree(backup, pipeline.checkpoint)


def test_s5_mark_when_higher_and_the_plan_is_the_same_then_the_batch_is_not_done_twice(
    pipeline: Pipeline,
) -> None:
    _restored_checkpoint(pipeline)

    pipeline.table.run()

    pipeline.assert_exactly_once()
    assert DeltaTable(str(pipeline.table_folder)).version() == 4
    assert pipeline.files()["new.json"].state == "committed"
    assert pipeline.files()["new.json"].rows == 1
    pipeline.land("later.json", {"id": 10})
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_s5_mark_when_higher_and_the_plan_is_another_then_the_query_stops(
    pipeline: Pipeline,
) -> None:
    _restored_checkpoint(pipeline)
    (pipeline.landing / "new.json").unlink()
    pipeline.land("other.json", {"id": 11})
    before = pipeline.rows()

    with pytest.raises(PlanMismatchError, match=r"LS-SINK-002.*batch 3.*another plan") as caught:
        pipeline.table.run()

    assert "backup" in str(caught.value.fix)
    assert pipeline.rows() == before
    _start_over(pipeline)
