"""Events that come twice, late, out of order or never, and runs that are killed over them."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any, Final

import pytest
from support.aws_events import EventLake, Wiring
from support.event_pipeline import EventPipeline
from support.soak_report import keep_events
from support.volume import at_volume

import lakestream as ls

#: Files by the way of their events; ``make soak`` asks for more. The test server grows slow with
#: what waits on a queue, so that they land in small rounds.
SOAKED: Final = int(os.environ.get("LAKESTREAM_EVENT_FILES", "0"))
#: Where a soak's figures are kept; else nowhere.
FIGURES: Final = os.environ.get("LAKESTREAM_EVENT_FIGURES")
SEED: Final = int(os.environ.get("LAKESTREAM_EVENT_SEED", "7"))
FILES: Final[list[tuple[Wiring, int]]] = [
    ("sqs", SOAKED or at_volume(push=150, nightly=600)),
    ("sns", SOAKED or at_volume(push=90, nightly=600)),
    ("eventbridge", SOAKED or at_volume(push=90, nightly=600)),
]
ROUND: Final = 80 if SOAKED else at_volume(push=30, nightly=100)
#: Where runs are killed, in turn: at the hit of a fail point.
KILLS: Final = (
    ("recorded", 1),
    ("sink_commit", 2),
    ("received", 1),
    ("plan", 1),
    ("commit_log", 1),
)


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, moto_server: Any, tmp_path: Path) -> EventPipeline:
    wiring: Wiring = getattr(request, "param", "sqs")
    lake = EventLake(moto_server.endpoint, moto_server.options, wiring=wiring, visibility_s=2)
    return EventPipeline(tmp_path, lake, random.Random(SEED))  # noqa: S311 - what is spoilt


@pytest.mark.parametrize(
    ("pipeline", "files"), FILES, indirect=["pipeline"], ids=[name for name, _ in FILES]
)
def test_d3_events_when_spoilt_and_runs_killed_then_each_file_is_read_once(
    pipeline: EventPipeline, files: int
) -> None:
    began = time.monotonic()
    pipeline.table().run()
    for number, landed in enumerate(range(0, files, ROUND)):
        pipeline.land(min(ROUND, files - landed))
        at = kill_of(number)
        if at is not None:
            pipeline.run_killed(*at, max_files=ROUND // 2)
        else:
            pipeline.table(fetch_parallelism=2).run()
    pipeline.land(0)  # what was late
    batches = pipeline.table(backfill_interval="1 ms").run()
    rows = pipeline.assert_exactly_once()
    assert pipeline.lost > 0
    assert pipeline.twice > 0
    assert sum(each.num_input_rows for each in batches) > 0
    assert pipeline.table().run() == []
    if FIGURES is not None:
        wiring = str(pipeline.lake.wiring)  # type: ignore[union-attr] # the fixture's is of AWS
        keep_events(Path(FIGURES), wiring, pipeline.figures(rows, time.monotonic() - began))


def kill_of(number: int) -> tuple[str, int] | None:
    """Give where a round's run is killed; two of four are in a soak, else two in all."""
    place = number % 4
    if place not in {1, 2} or (number > place and not SOAKED):
        return None
    return KILLS[(number // 4 * 2 + place - 1) % len(KILLS)]


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
