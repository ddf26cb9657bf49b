"""Events that come twice, late, out of order or never, and runs that are killed over them."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any, Final

import pytest
from support.aws_events import EventLake, Wiring
from support.event_pipeline import EventPipeline
from support.spoilt_events import SEED, read_once

import lakestream as ls

#: Files by the way of their events.
FILES: Final[list[tuple[Wiring, int]]] = [("sqs", 150), ("sns", 90), ("eventbridge", 90)]


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, moto_server: Any, tmp_path: Path) -> EventPipeline:
    wiring: Wiring = getattr(request, "param", "sqs")
    lake = EventLake(moto_server.endpoint, moto_server.options, wiring=wiring, visibility_s=2)
    return EventPipeline(tmp_path, lake, random.Random(SEED))  # noqa: S311 - what is spoilt


@pytest.mark.parametrize(
    ("pipeline", "files"), FILES, indirect=["pipeline"], ids=[name for name, _ in FILES]
)
def test_d3_events_when_spoilt_and_runs_killed_then_each_file_is_read_once(
    pipeline: EventPipeline, files: int, request: pytest.FixtureRequest
) -> None:
    read_once(pipeline, request.node.callspec.id, push=files)


@pytest.mark.parametrize("point", ["received", "recorded", "plan", "sink_commit", "commit_log"])
def test_d5_run_when_killed_around_the_acknowledgement_then_nothing_is_lost_or_doubled(
    pipeline: EventPipeline, point: str
) -> None:
    pipeline.table().run()
    pipeline.land(12)
    pipeline.lake.send(*pipeline.late, queue=pipeline.queue)
    told = len(pipeline.files) - pipeline.lost
    pipeline.run_killed(point)
    if point in {"received", "recorded"}:
        waiting, taken = pipeline.lake.counts(pipeline.queue)
        assert waiting + taken >= told
    batches = pipeline.table().run()
    deadline = time.monotonic() + 30
    while sum(pipeline.lake.counts(pipeline.queue)) and time.monotonic() < deadline:
        batches += pipeline.table().run()
    assert sum(pipeline.lake.counts(pipeline.queue)) == 0
    assert sum(each.files for each in batches) == told
    pipeline.table(backfill_interval="1 ms").run()
    pipeline.assert_exactly_once()


def test_query_in_the_background_when_files_are_announced_then_each_trigger_reads_them(
    pipeline: EventPipeline,
) -> None:
    pipeline.table().run()
    query = pipeline.table().start(trigger=ls.processing_time("50 ms"))
    try:
        pipeline.land(5)
        pipeline.lake.send(*pipeline.late, queue=pipeline.queue)
        told = len(pipeline.files) - pipeline.lost
        deadline = time.monotonic() + 60
        while (
            sum(each.files for each in query.recentProgress) < told and time.monotonic() < deadline
        ):
            query.processAllAvailable()
    finally:
        query.stop()
    assert query.exception() is None
    assert sum(each.files for each in query.recentProgress) == told
    metrics = [each.sources[0].metrics for each in query.recentProgress]
    assert sum(int(each["numFilesFoundByNotification"]) for each in metrics) == told
    assert pipeline.table().run() == []


def test_file_when_forgotten_then_a_listing_brings_it_again(pipeline: EventPipeline) -> None:
    pipeline.table().run()
    pipeline.land(4)
    pipeline.lake.send(*pipeline.late, queue=pipeline.queue)
    pipeline.table().run()
    done = pipeline.table().act_on_files("forget", "*00001.json", reason="it was repaired")
    assert (len(done.files), pipeline.lost) == (1, 0)
    (batch,) = pipeline.table().run()
    assert batch.files == 1
    assert batch.sources[0].metrics["numFilesFoundByBackfill"] == "0"
    assert pipeline.table().run() == []
