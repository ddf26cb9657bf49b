"""Event Grid's events that come twice, late, out of order or never, and runs killed over them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support.azure_events import AzureLake, event
from support.azurite import AzuriteServer
from support.event_pipeline import EventPipeline
from support.spoilt_events import read_once

from lakestream.clock import SYSTEM_CLOCK
from lakestream.sources.files.notifications import receiver


@pytest.fixture
def pipeline(azurite_server: AzuriteServer, tmp_path: Path) -> EventPipeline:
    return EventPipeline(tmp_path, AzureLake(azurite_server), random.Random(11))  # noqa: S311 - what is spoilt


def test_d3_azure_events_when_spoilt_and_runs_killed_then_each_file_is_read_once(
    pipeline: EventPipeline,
) -> None:
    read_once(pipeline, "azure", push=100)


def test_d5_azure_run_when_killed_before_it_acknowledges_then_messages_come_again(
    pipeline: EventPipeline,
) -> None:
    pipeline.table().run()
    pipeline.land(12)
    pipeline.lake.send(*pipeline.late, queue=pipeline.queue)
    pipeline.late.clear()
    told = len(pipeline.files) - pipeline.lost
    pipeline.run_killed("received")
    assert pipeline.lake.counts(pipeline.queue)[0] >= told
    batches = pipeline.table().run()
    while pipeline.lake.counts(pipeline.queue)[0]:
        batches += pipeline.table().run()
    assert sum(each.files for each in batches) == told


def test_directory_when_renamed_into_the_place_then_its_files_are_read(
    pipeline: EventPipeline,
) -> None:
    pipeline.table().run()
    for name in ("new/1.json", "new/2 é.json", "newer/3.json"):
        pipeline.lake.put(f"in/{name}", b'{"id": 1, "row": 0}\n')
    pipeline.lake.send(
        json.dumps(event("in/new", container=pipeline.lake.bucket, kind="DirectoryRenamed")),
        json.dumps(event("in/newer", container="another", kind="DirectoryRenamed")),
        queue=pipeline.queue,
    )
    (batch,) = pipeline.table().run()
    assert batch.files == 2
    assert pipeline.lake.counts(pipeline.queue)[0] == 0


def test_directory_when_its_files_are_too_young_then_its_message_waits_for_them(
    pipeline: EventPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_LONGEST_WAIT_S", 1.0)
    pipeline.table().run()
    for name in ("new/1.json", "new/2.json"):
        pipeline.lake.put(f"in/{name}", b'{"id": 1, "row": 0}\n')
    pipeline.lake.send(
        json.dumps(event("in/new", container=pipeline.lake.bucket, kind="DirectoryRenamed")),
        queue=pipeline.queue,
    )
    assert pipeline.table(others={"min_age": "1 hour"}).run() == []
    assert pipeline.lake.counts(pipeline.queue)[0] == 1
    while not (batches := pipeline.table().run()):
        SYSTEM_CLOCK.sleep(0.2)  # the message is hidden
    (batch,) = batches
    assert batch.files == 2
    assert pipeline.lake.counts(pipeline.queue)[0] == 0
