"""Show 3: the same pipeline with ledger, checkpoint and tables all in a bucket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from support.moto import MotoServer

import lakestream as ls
from lakestream.streaming_table import StreamingTable

pytestmark = pytest.mark.moto


@pytest.fixture
def prefix() -> str:
    return f"pipeline-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bucket(moto_server: MotoServer) -> Iterator[boto3.resources.base.ServiceResource]:
    resource = boto3.resource(
        "s3",
        endpoint_url=moto_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
    )
    return resource.Bucket(moto_server.bucket)


def _land(bucket, prefix: str, numbers: range) -> None:
    for number in numbers:
        lines = [{"id": number * 10 + row, "city": f"c{row}"} for row in range(5)]
        body = "\n".join(json.dumps(each) for each in lines)
        bucket.put_object(Key=f"{prefix}/landing/day={number}/f.json", Body=body.encode())


def _tables(server: MotoServer, prefix: str) -> tuple[StreamingTable, StreamingTable]:
    root = f"s3://{server.bucket}/{prefix}"

    @ls.streaming_table(f"{root}/bronze", storage_options=server.options)
    def bronze() -> ls.Stream:
        return ls.read_files(
            f"{root}/landing",
            format="json",
            storage_options=server.options,
            max_files_per_trigger=2,
        )

    @ls.streaming_table(f"{root}/silver", storage_options=server.options, inputs={"bronze": bronze})
    def silver(bronze: ls.Stream) -> ls.Stream:
        return bronze.filter("id % 2 = 0").select("id", "day")

    return bronze, silver


def test_pipeline_when_all_lies_in_a_bucket_then_each_row_is_there_once(
    moto_server: MotoServer, bucket, prefix: str
) -> None:
    _land(bucket, prefix, range(5))
    bronze, silver = _tables(moto_server, prefix)

    first = bronze.run()
    silver.run()
    _land(bucket, prefix, range(5, 7))
    second = bronze.run()
    silver.run()

    assert [each.files for each in first] == [2, 2, 1]
    assert [each.batch_id for each in first + second] == [0, 1, 2, 3]
    ids = sorted(row["id"] for row in bronze.read().read_all().to_pylist())
    assert ids == sorted(number * 10 + row for number in range(7) for row in range(5))
    even = sorted((row["id"], row["day"]) for row in silver.read().read_all().to_pylist())
    assert even == sorted((i, i // 10) for i in ids if i % 2 == 0)
    assert bronze.run() == []
    keys = {
        each.key.removeprefix(f"{prefix}/bronze/")
        for each in bucket.objects.filter(Prefix=f"{prefix}/bronze/")
    }
    assert {"_lakestream/metadata", "_lakestream/offsets/0", "_lakestream/commits/3"} <= keys
    assert any(key.startswith("_lakestream/sources/files-landing/files/0/") for key in keys)


def test_pipeline_when_it_is_in_a_bucket_then_status_and_files_tell_of_it(
    moto_server: MotoServer, bucket, prefix: str
) -> None:
    _land(bucket, prefix, range(2))
    bronze, _ = _tables(moto_server, prefix)
    bronze.run()
    _land(bucket, prefix, range(2, 3))
    assert bronze.discover().files == 1

    status = bronze.status()
    files = list(bronze.files())

    assert (status.state, status.rows, status.backlog.files) == ("behind", 10, 1)
    assert [each.state for each in files] == ["committed", "committed", "pending"]
    assert [each.rows for each in files] == [5, 5, None]


def test_column_when_it_becomes_wider_in_a_bucket_then_each_row_is_there_once(
    moto_server: MotoServer, bucket, prefix: str
) -> None:
    root = f"s3://{moto_server.bucket}/{prefix}"
    mode: Any = "add_new_columns_with_type_widening"

    @ls.streaming_table(
        f"{root}/wide",
        storage_options=moto_server.options,
        widening="rewrite",
        partition_by="day",
    )
    def wide() -> ls.Stream:
        return ls.read_files(
            f"{root}/landing",
            format="csv",
            header=True,
            schema_evolution=mode,
            storage_options=moto_server.options,
        )

    @ls.streaming_table(
        f"{root}/after",
        storage_options=moto_server.options,
        inputs={"wide": wide},
        widening="rewrite",
    )
    def after(wide: ls.Stream) -> ls.Stream:
        return wide.select("id", "day")

    for day, number in (("a b", 1), ("c", 2), ("a b", 3_000_000_000)):
        name = f"{prefix}/landing/day={day}/{number}.csv"
        bucket.put_object(Key=name, Body=f"id\n{number}\n".encode())
        wide.run()
        after.run()

    wanted = [(1, "a b"), (2, "c"), (3_000_000_000, "a b")]
    for table in (wide, after):
        rows = table.read().read_all().to_pylist()
        assert sorted((row["id"], row["day"]) for row in rows) == wanted
        assert str(table.schema.field("id").type) == "int64"
