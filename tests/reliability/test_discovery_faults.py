"""D7, D8, D11: what a listing may get wrong, and clocks that lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from arro3.core import Array, RecordBatch
from support.fault_pipeline import Pipeline

from lakestream.errors import SourceChangedError, StorageUnavailableError
from lakestream.testing.fault_kinds import breaks_after, lists_stale_etags, pages
from lakestream.testing.faults import FaultPlan

OLD = 1_600_000_000


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    for number in range(4):
        os.utime(made.land(f"{number}.json", {"id": number}), (OLD, OLD + number))
    return made


def _one_by_one(found: list[RecordBatch]) -> list[RecordBatch]:
    return [page.slice(at, 1) for page in found for at in range(page.num_rows)]


def _with(page: RecordBatch, column: str, value: object) -> RecordBatch:
    at = page.schema.names.index(column)
    kind = page.schema.field(column).type
    return page.set_column(at, page.schema.field(column), Array([value] * page.num_rows, kind))


def test_d7_listing_when_entries_are_missing_then_the_next_run_finds_them(
    pipeline: Pipeline,
) -> None:
    with FaultPlan().on("list", "*", pages(lambda all_: _one_by_one(all_)[2:])).installed():
        pipeline.table.run()

    assert sum(pipeline.rows().values()) == 2
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_d7_listing_when_entries_come_twice_then_each_file_is_read_once(
    pipeline: Pipeline,
) -> None:
    twice = pages(lambda all_: [*all_, *all_, *_one_by_one(all_)])

    with FaultPlan().on("list", "*", twice, times=9).installed():
        pipeline.table.run()

        assert pipeline.table.run() == []
    pipeline.assert_exactly_once()
    assert len(list(pipeline.table.files())) == 4


def test_d7_listing_when_an_entry_is_a_phantom_then_it_is_named_and_the_rest_is_read(
    pipeline: Pipeline,
) -> None:
    phantom = pages(lambda all_: [*all_, _with(_one_by_one(all_)[0], "path", "ghost.json")])
    plan = FaultPlan().on("list", "*", phantom)

    with plan.installed(), pytest.raises(SourceChangedError, match=r"LS-SRC-002.*gone") as caught:
        pipeline.table.run()

    assert str(caught.value.where).endswith("/ghost.json")
    assert "ignore_missing_files" in str(caught.value.fix)
    pipeline.table = pipeline.again(ignore_missing_files=True)
    pipeline.table.run()
    pipeline.assert_exactly_once()
    assert pipeline.files()["ghost.json"].state == "skipped"


def test_d7_listing_when_metadata_is_of_an_older_version_then_no_other_content_is_read(
    pipeline: Pipeline,
) -> None:
    plan = FaultPlan().on("list", "*", lists_stale_etags())

    with plan.installed(), pytest.raises(SourceChangedError, match="overwritten") as caught:
        pipeline.again(schema="id BIGINT").run()

    assert ".json" in str(caught.value.where)
    assert not (pipeline.checkpoint / "commits").exists()


def test_d8_listing_when_it_fails_midway_then_nothing_is_skipped(
    pipeline: Pipeline,
) -> None:
    plan = FaultPlan().on("list", "*", breaks_after(2))

    with plan.installed(), pytest.raises(StorageUnavailableError, match="LS-STORE-006") as caught:
        pipeline.table.run()

    assert caught.value.transient
    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("name", ["!first.json", "zlast.json"])
def test_d8_file_when_it_lands_while_listing_then_this_run_or_the_next_reads_it(
    pipeline: Pipeline, name: str
) -> None:
    def change(found: list[RecordBatch]) -> list[RecordBatch]:
        pipeline.land(name, {"id": 99})
        return found

    with FaultPlan().on("list", "*", pages(change)).installed():
        pipeline.table.run()
    pipeline.table.run()

    pipeline.assert_exactly_once()


@pytest.mark.parametrize("seconds", [0, -86_400, 4_000_000_000, OLD - 1])
def test_d11_file_when_its_time_is_absurd_then_it_is_read_once(
    pipeline: Pipeline, seconds: int
) -> None:
    pipeline.table.run()
    os.utime(pipeline.land("odd.json", {"id": 50}), (seconds, seconds))

    pipeline.table.run()

    assert pipeline.table.run() == []
    pipeline.assert_exactly_once()


def test_d11_min_age_when_a_files_time_lies_in_the_future_then_it_does_not_wait_for_ever(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path, min_age="1 hour")
    os.utime(pipeline.land("future.json", {"id": 1}), (4_000_000_000, 4_000_000_000))

    pipeline.table.run()

    pipeline.assert_exactly_once()
    assert sum(pipeline.rows().values()) == 1
