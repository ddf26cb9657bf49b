"""O1, O4 to O7: files that change, vanish, are empty or are still being written."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from support.fault_pipeline import Pipeline, Runner

from lakestream.errors import SourceChangedError
from lakestream.sources.base import DiscoveryFilter
from lakestream.testing.fault_kinds import after, short_read
from lakestream.testing.faults import FaultPlan


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.land("a.json", {"id": 1})
    made.land("b.json", {"id": 2})
    made.table.run()
    made.land("c.json", {"id": 3})
    made.land("d.json", {"id": 4})
    return made


def test_o1_file_when_overwritten_before_read_then_the_batch_stops_and_names_it(
    pipeline: Pipeline,
) -> None:
    pipeline.table.discover()
    pipeline.land("c.json", {"id": 33}, {"id": 34})
    before = pipeline.rows()

    with pytest.raises(SourceChangedError, match=r"LS-SRC-002.*overwritten") as caught:
        pipeline.table.run()

    assert str(caught.value.where).endswith("/c.json")
    assert "ignore_missing_files=True" in str(caught.value.fix)
    assert pipeline.rows() == before
    # The policy to leave it out records it; a replay takes the version that is there now.
    pipeline.table = pipeline.again(ignore_missing_files=True)
    pipeline.table.run()
    assert pipeline.rows() == before + Counter({(4,): 1})
    assert pipeline.files()["c.json"].state == "skipped"
    pipeline.table.run(discovery=DiscoveryFilter(requeue=True))
    pipeline.assert_exactly_once()


def test_o1_file_when_overwritten_while_read_then_no_mixture_is_committed(
    pipeline: Pipeline,
) -> None:
    swap = after(lambda: pipeline.land("d.json", {"id": 44}))
    plan = FaultPlan().on("get", "d.json", swap, times=99)

    with plan.installed(), pytest.raises(SourceChangedError) as caught:
        pipeline.again().run()

    assert str(caught.value.where).endswith("/d.json")
    assert pipeline.rows() == {(1,): 1, (2,): 1}


@pytest.mark.parametrize("options", [{}, {"schema": "id BIGINT"}], ids=["inferred", "declared"])
@pytest.mark.parametrize("bytes_each", [20, 9 * 2**20], ids=["small", "in ranges"])
def test_o2_file_when_a_read_ends_early_and_does_not_say_so_then_no_row_is_lost(
    tmp_path: Path, options: dict[str, str], bytes_each: int
) -> None:
    pipeline = Pipeline(tmp_path / "short", **options)
    pipeline.land("a.json", {"id": 1}, {"id": 2, "pad": "x" * bytes_each}, {"id": 3})

    with FaultPlan().on("get", "a.json", short_read(10)).installed() as plan:
        pipeline.table.run()

    assert plan.reached
    pipeline.assert_exactly_once()


def test_o4_file_when_gone_before_read_then_the_batch_stops_until_it_is_back(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.table.discover()
    shutil.move(pipeline.landing / "c.json", tmp_path / "aside")

    with pytest.raises(SourceChangedError, match=r"LS-SRC-002.*gone") as caught:
        pipeline.table.run()

    assert str(caught.value.where).endswith("/c.json")
    assert "put that version back" in str(caught.value.fix)
    assert pipeline.rows() == {(1,): 1, (2,): 1}
    shutil.move(tmp_path / "aside", pipeline.landing / "c.json")
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_o4_file_when_gone_and_ignored_then_it_is_recorded_and_the_rest_is_read(
    pipeline: Pipeline,
) -> None:
    pipeline.table.discover()
    (pipeline.landing / "c.json").unlink()
    pipeline.table = pipeline.again(ignore_missing_files=True)

    pipeline.table.run()

    assert pipeline.files()["c.json"].state == "skipped"
    assert pipeline.files()["c.json"].reason
    assert [row["file_key"] for row in pipeline.quarantine()] == ["c.json"]
    pipeline.assert_exactly_once()


def test_o5_file_when_gone_on_redo_of_an_uncommitted_batch_then_the_plan_stops(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    runner = Runner(pipeline)
    runner.begin()
    runner.plan()
    shutil.move(pipeline.landing / "d.json", tmp_path / "aside")
    pipeline.land("e.json", {"id": 5})

    with pytest.raises(SourceChangedError) as caught:
        pipeline.table.run()

    assert str(caught.value.where).endswith("/d.json")
    assert pipeline.table.status().state == "interrupted"
    shutil.move(tmp_path / "aside", pipeline.landing / "d.json")
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_o5_file_when_gone_on_redo_of_a_committed_batch_then_the_mark_says_it_is_done(
    pipeline: Pipeline,
) -> None:
    runner = Runner(pipeline)
    runner.begin()
    plan, inspection, attempt = runner.opened()
    runner.lines.sink_commit(plan, attempt, inspection)
    wanted = pipeline.oracle()
    (pipeline.landing / "d.json").unlink()

    pipeline.table.run()

    assert pipeline.rows() == wanted
    assert pipeline.files()["d.json"].state == "committed"
    assert pipeline.batch_ids() == [0, 1]


def test_o6_file_when_empty_then_it_is_committed_with_no_rows(pipeline: Pipeline) -> None:
    pipeline.land("empty.json")

    pipeline.table.run()

    assert (pipeline.files()["empty.json"].state, pipeline.files()["empty.json"].rows) == (
        "committed",
        0,
    )
    pipeline.assert_exactly_once()
    assert pipeline.quarantine() == []


def test_o6_landing_when_all_files_are_empty_then_the_schema_waits_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.land("empty.json")
    assert pipeline.table.run() == []
    pipeline.land("full.json", {"id": 1})

    pipeline.table.run()

    pipeline.assert_exactly_once()
    assert {each.state for each in pipeline.files().values()} == {"committed"}


def test_o6_file_when_empty_and_young_then_min_age_waits_for_its_content(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, min_age="1 hour", schema="id BIGINT")
    path = pipeline.land("slow.json")
    assert pipeline.table.run() == []
    assert pipeline.files() == {}
    pipeline.land("slow.json", {"id": 1})
    os.utime(path, (1_600_000_000, 1_600_000_000))

    pipeline.table.run()

    pipeline.assert_exactly_once()


def test_o7_file_when_growing_while_looked_at_then_it_waits_until_it_is_whole(
    pipeline: Pipeline,
) -> None:
    whole = "".join(f'{{"id": {number}}}\n' for number in range(10, 20))
    pipeline.land("slow.json", whole[:30])
    grow = after(lambda: pipeline.land("slow.json", whole))

    with FaultPlan().on("head", "slow.json", grow).installed():
        pipeline.again().run()

    assert "slow.json" not in pipeline.files()
    pipeline.again().run()
    pipeline.assert_exactly_once()
    assert pipeline.files()["slow.json"].state == "committed"


@pytest.mark.parametrize(
    "name", [".c.json.tmp", "_uploading.json", "_tmp/e.json", ".hidden/e.json"]
)
def test_o7_file_when_its_name_says_temporary_then_it_is_left_alone(
    pipeline: Pipeline, name: str
) -> None:
    path = pipeline.land(name, '{"id": 77}\n{"id": 7')
    pipeline.table.run()
    assert name not in pipeline.files()
    path.unlink()

    pipeline.assert_exactly_once()


def test_o7_gzip_when_half_uploaded_then_it_is_quarantined_whole(pipeline: Pipeline) -> None:
    packed = gzip.compress(b"".join(json.dumps({"id": n}).encode() + b"\n" for n in range(9_999)))
    pipeline.land("half.json.gz", packed[: len(packed) // 2])

    pipeline.table.run()

    pipeline.assert_exactly_once()
    state = pipeline.files()["half.json.gz"]
    assert (state.state, state.rows) == ("quarantined", 0)
    (row,) = pipeline.quarantine()
    assert (row["file_key"], row["code"], row["line"]) == ("half.json.gz", "LS-SRC-006", None)
