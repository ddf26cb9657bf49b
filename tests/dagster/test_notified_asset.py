"""What Dagster shows of a table that a queue tells of new files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from support.aws_events import EventLake

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.dagster import build_assets, build_definitions
from lakestream.sources.files.notifications import receiver
from lakestream.streaming_table import StreamingTable

AGE_S = 120


@dataclass
class Announced:
    """A folder that stands for a mounted bucket, a queue, and the table's asset."""

    folder: Path
    lake: EventLake
    instance: dg.DagsterInstance

    def __post_init__(self) -> None:
        self.landing = self.folder / "landing"
        self.landing.mkdir()

    def land(self, name: str, *, told: bool) -> None:
        """Write a file that is two minutes old, and tell of it or not."""
        file = self.landing / name
        file.write_text('{"id": 1}\n')
        then = SYSTEM_CLOCK.now().timestamp() - AGE_S
        os.utime(file, (then, then))
        if told:
            self.lake.send(self.lake.event(name))

    def table(self) -> StreamingTable:
        @ls.streaming_table(self.folder / "orders", name="orders")
        def orders() -> ls.Stream:
            return ls.read_files(
                self.landing,
                format="json",
                storage_options=self.lake.options,
                notifications=ls.SqsQueue(self.lake.queue),
                backfill_interval="1 ms",
                path_rewrites={self.lake.bucket: str(self.landing)},
            )

        return orders

    def materialize(self) -> dict[str, Any]:
        """Materialize the asset; give the metadata."""
        tables = [self.table()]
        result = dg.materialize(
            [each for each in build_assets(tables) if isinstance(each, dg.AssetsDefinition)],
            instance=self.instance,
            resources=build_definitions(tables).resources,
        )
        [found] = result.asset_materializations_for_node("orders")
        return {name: value.value for name, value in found.metadata.items()}


@pytest.fixture
def announced(
    moto_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Announced]:
    monkeypatch.setattr(receiver, "_WAIT_S", 0.0)
    lake = EventLake(moto_server.endpoint, moto_server.options, wiring=None)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Announced(tmp_path, lake, instance)


def test_asset_when_a_queue_tells_of_files_then_metadata_says_how_each_was_found(
    announced: Announced, capfd: pytest.CaptureFixture[str]
) -> None:
    announced.land("first.json", told=False)
    first = announced.materialize()
    assert (first["lakestream/found_by_notification"], first["lakestream/found_by_backfill"]) == (
        0,
        0,
    )

    announced.land("told.json", told=True)
    announced.land("lost.json", told=False)
    announced.lake.send("poison")
    announced.table().discover()  # as the sensor does, before it asks for a run
    found = announced.materialize()
    assert found["lakestream/rows"] == 2
    assert found["lakestream/found_by_notification"] == 1
    assert found["lakestream/found_by_backfill"] == 1
    assert AGE_S <= found["lakestream/discovery_lag_s"] < AGE_S + 100
    assert found["lakestream/queue_size"] == 0
    assert "lakestream/notifications_degraded" not in found
    assert "1 files found by listing only" in capfd.readouterr().err

    announced.lake.sqs.delete_queue(QueueUrl=announced.lake.queue)
    announced.land("late.json", told=False)
    degraded = announced.materialize()
    assert degraded["lakestream/rows"] == 1
    assert "LS-SRC-013" in degraded["lakestream/notifications_degraded"]
    assert "files were found by listing, not by the queue" in capfd.readouterr().err


def test_asset_when_a_message_is_poison_then_metadata_counts_it(announced: Announced) -> None:
    announced.land("first.json", told=False)
    announced.materialize()
    announced.land("told.json", told=True)
    announced.lake.send("poison", "{}")
    assert announced.materialize()["lakestream/poison_messages"] == 2
