"""A tutorial's Auto Loader pipeline, options and all, between buckets of a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.aws_events import EventLake
from support.moto import MotoServer

import lakestream as ls
from lakestream.delta.reading import read_table
from lakestream.sources.files.notifications import receiver
from lakestream.spark import spark
from lakestream.spark.functions import col
from lakestream.storage.options import StorageOptions

pytestmark = pytest.mark.moto


def test_tutorial_when_its_files_are_announced_by_a_queue_then_each_row_is_in_the_table_once(
    moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_WAIT_S", 0.0)
    monkeypatch.setenv("LANDING_SECRET", "testing")
    lake = EventLake(moto_server.endpoint, moto_server.options)
    table = f"s3://{moto_server.bucket}/spark-{lake.bucket}/bronze/orders"

    def run() -> dict[str, Any]:
        orders = (
            spark.readStream.format("cloudFiles")
            .option("cloudFiles.format", "json")
            .option("cloudFiles.useNotifications", "true")
            .option("cloudFiles.queueUrl", lake.queue)
            .option("cloudFiles.backfillInterval", "1 week")
            .option("cloudFiles.region", "us-east-1")
            .option("cloudFiles.awsAccessKey", "testing")
            .option("cloudFiles.awsSecretKey", ls.env("LANDING_SECRET"))
            .options(aws_endpoint=moto_server.endpoint, allow_http=True)
            .schema("id INT, price DOUBLE")
            .load(lake.landing)
        )
        query = (
            orders.where(col("price") > 0)
            .writeStream.options(**moto_server.options)
            .option("checkpointLocation", f"{table}-checkpoint")
            .trigger(availableNow=True)
            .start(table)
        )
        assert query.awaitTermination(120)
        assert query.exception() is None
        return dict(query.lastProgress["sources"][0]["metrics"]) if query.lastProgress else {}

    def put(number: int) -> None:
        rows = [{"id": number, "price": 1.5}, {"id": -number, "price": 0}]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        lake.put(f"in/day={number % 2}/{number}.json", lines.encode())

    put(1)
    run()
    for number in range(2, 12):
        put(number)
    counts = run()

    rows = read_table(table, StorageOptions.of(moto_server.options, where="test")).read_all()
    assert sorted(rows["id"].to_pylist()) == list(range(1, 12))
    assert counts["numFilesFoundByNotification"] == "10"
    assert lake.counts() == (0, 0)
