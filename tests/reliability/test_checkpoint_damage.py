"""K1, K2: a checkpoint that is gone, has gaps, or holds torn entries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.fault_pipeline import Pipeline, Runner

from lakestream.errors import CheckpointCorruptError, CheckpointLostError, LakestreamError


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    for number in range(3):
        made.land(f"{number}.json", {"id": number}, {"id": number})
    made.table.run()
    made.land("new.json", {"id": 9})
    return made


def _query_id(pipeline: Pipeline) -> str:
    return str(json.loads((pipeline.checkpoint / "metadata").read_text())["id"])


@pytest.mark.parametrize("what", ["folder", "metadata"])
def test_k1_checkpoint_when_gone_then_the_query_refuses_until_a_reset(
    pipeline: Pipeline, what: str
) -> None:
    old, before = _query_id(pipeline), pipeline.rows()
    if what == "folder":
        shutil.rmtree(pipeline.checkpoint)
    else:
        (pipeline.checkpoint / "metadata").unlink()

    for _ in range(2):
        with pytest.raises(CheckpointLostError, match=r"LS-CKPT-004.*up to 2.*'bronze'") as caught:
            pipeline.table.run()

    assert "lakestream reset" in str(caught.value.fix)
    assert caught.value.where == str(pipeline.checkpoint)
    assert pipeline.rows() == before
    pipeline.table.reset(truncate=True)
    pipeline.table.run()
    pipeline.assert_exactly_once()
    assert _query_id(pipeline) != old


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flipped(path: Path) -> None:
    version, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(version + b"\n" + rest.replace(b"2", b"3"))


DAMAGES = {
    "plan gone": lambda folder: (folder / "offsets/2").unlink(),
    "commits gone": lambda folder: [(folder / f"commits/{n}").unlink() for n in (1, 2)],
    "plan torn": lambda folder: _torn(folder / "offsets/2"),
    "plan altered": lambda folder: _flipped(folder / "offsets/2"),
    "commit torn": lambda folder: _torn(folder / "commits/2"),
    "commit altered": lambda folder: _flipped(folder / "commits/2"),
    "metadata torn": lambda folder: _torn(folder / "metadata"),
    "ledger gone": lambda folder: shutil.rmtree(next((folder / "sources").iterdir()) / "files"),
    "ledger torn": lambda folder: [
        _torn(path) for path in sorted((folder / "sources").rglob("files/0/*"))[:1]
    ],
    "schema torn": lambda folder: [
        _torn(path) for path in sorted((folder / "sources").rglob("schemas/*"))[-1:]
    ],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_k2_checkpoint_when_damaged_then_the_query_stops_and_names_the_entry(
    pipeline: Pipeline, damage: str
) -> None:
    before = pipeline.rows()
    backup = pipeline.folder / "backup"
    shutil.copytree(pipeline.checkpoint, backup)
    DAMAGES[damage](pipeline.checkpoint)

    with pytest.raises(CheckpointCorruptError, match="LS-CKPT-002") as caught:
        pipeline.table.run()

    assert str(pipeline.checkpoint) in str(caught.value.where)
    assert "restore the checkpoint folder from a backup" in str(caught.value.fix)
    assert pipeline.rows() == before
    shutil.rmtree(pipeline.checkpoint)
    shutil.copytree(backup, pipeline.checkpoint)
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_k2_commit_when_only_the_newest_is_gone_then_it_is_written_again_from_the_table(
    pipeline: Pipeline,
) -> None:
    newest = pipeline.checkpoint / "commits" / "2"
    before = newest.read_bytes()
    newest.unlink()

    pipeline.table.run()

    pipeline.assert_exactly_once()
    assert newest.read_bytes() == before


def test_k2_records_when_gone_then_the_rows_are_whole_and_looking_says_what_is_missing(
    pipeline: Pipeline,
) -> None:
    shutil.rmtree(pipeline.checkpoint / "batches")

    with pytest.raises(LakestreamError, match="LS-CKPT-002") as caught:
        pipeline.files()

    assert "the table itself is whole" in str(caught.value.fix)
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_k2_first_start_when_planned_without_metadata_then_it_is_corrupt(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.land("a.json", {"id": 1})
    runner = Runner(pipeline)
    runner.begin()
    runner.plan()
    (pipeline.checkpoint / "metadata").unlink()

    with pytest.raises(CheckpointCorruptError, match="no metadata") as caught:
        pipeline.table.run()

    assert caught.value.fix
    pipeline.table.reset(truncate=True)
    pipeline.table.run()
    pipeline.assert_exactly_once()
