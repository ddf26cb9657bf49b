"""The batch that widens a table's columns: killed, raced, overtaken; each row is there once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from support.fault_pipeline import Pipeline, Runner
from support.swept import swept
from support.volume import at_volume

from lakestream.errors import FencedError
from lakestream.query.micro_batch import MicroBatchExecution

WIDER = 3_000_000_000


@pytest.mark.kill_sweep
def test_widening_when_killed_around_every_mutating_call_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("widening_sweep", tmp_path, "calls")

    assert found["failures"] == []
    rewrites = [call for call in found["calls"] if call.startswith("put _delta_log")]
    assert len(rewrites) == 2  # of the table that reads the files, and of the one that follows it
    assert found["cases"] >= 2 * 2 * len(rewrites) * 2
    assert found["kills"] >= found["cases"] - 2


@pytest.mark.kill_sweep
def test_widening_when_runners_race_and_a_stranger_appends_then_each_row_is_there_once(
    tmp_path: Path,
) -> None:
    found = swept("widening_sweep", tmp_path, "race", str(at_volume(push=2, nightly=30)))

    assert found["failures"] == []


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(
        tmp_path,
        table={"widening": "rewrite"},
        format="csv",
        header=True,
        schema_evolution="add_new_columns_with_type_widening",
    )
    made.land("a.csv", "id", "1", "2")
    made.table.run()
    made.land("b.csv", "id", str(WIDER), "4")
    return made


@pytest.mark.parametrize("dies", [False, True], ids=["finishes", "dies behind the rewrite"])
@pytest.mark.parametrize("line", ["inspect", "read", "transform", "widen", "sink_commit"])
def test_runner_when_another_widens_before_one_of_its_lines_then_each_row_is_there_once(
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    dies: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    elder = Runner(pipeline)
    elder.begin()
    elder.plan()
    real = getattr(MicroBatchExecution, line)

    def overtaken(lines: MicroBatchExecution, *args: Any) -> Any:
        monkeypatch.setattr(MicroBatchExecution, line, real)
        _overtake(pipeline, monkeypatch, dies=dies)
        return real(lines, *args)

    monkeypatch.setattr(MicroBatchExecution, line, overtaken)
    try:
        elder.batch()
    except FencedError:
        pipeline.table.run()

    assert pipeline.rows() == {(each,): 1 for each in (1, 2, WIDER, 4)}
    assert pipeline.batch_ids() == [0, 1]
    found = DeltaTable(pipeline.table_folder).history()
    assert [each["operation"] for each in found].count("WIDEN COLUMNS") == 1


class _DeadError(BaseException):
    pass


def _overtake(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, *, dies: bool) -> None:
    if not dies:
        pipeline.again().run()
        return

    commits = MicroBatchExecution.sink_commit

    def dies_when_wide(
        lines: MicroBatchExecution, plan: Any, attempt: Any, inspection: Any
    ) -> None:
        if inspection.widened:
            raise _DeadError
        commits(lines, plan, attempt, inspection)

    with monkeypatch.context() as patch:
        patch.setattr(MicroBatchExecution, "sink_commit", dies_when_wide)
        with pytest.raises(_DeadError):
            pipeline.again().run()


def test_batch_when_its_run_died_behind_the_rewrite_then_the_next_tells_of_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    _overtake(pipeline, monkeypatch, dies=True)
    assert DeltaTable(pipeline.table_folder).history(1)[0]["operation"] == "WIDEN COLUMNS"

    (progress,) = pipeline.again().run()

    assert [str(each) for each in progress.schema_changes] == ["~ id INT -> BIGINT"]
    assert pipeline.rows() == {(each,): 1 for each in (1, 2, WIDER, 4)}


def test_batch_when_a_stranger_appends_behind_the_rewrite_then_both_are_there(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    _overtake(pipeline, monkeypatch, dies=True)
    strange = pa.table({"id": pa.array([7]), "_rescued_data": pa.array([None], pa.string())})
    write_deltalake(pipeline.table_folder, strange, mode="append")

    pipeline.again().run()

    assert pipeline.rows() == {(each,): 1 for each in (1, 2, WIDER, 4, 7)}
