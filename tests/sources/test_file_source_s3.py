from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from support.files_source import FilesPipe

from lakestream.errors import AccessDeniedError, ObjectChangedError, SourceChangedError
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate, microseconds
from lakestream.sources.files.listing import candidates_of
from lakestream.storage import stores
from lakestream.storage.options import StorageOptions
from lakestream.testing import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.fault_script import ALWAYS
from lakestream.testing.http_faults import answers


@pytest.fixture
def bucket(moto_server: Any) -> Any:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=moto_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
    )
    return client, moto_server


def test_files_on_s3_come_once_with_ledger_in_the_bucket(bucket: Any, tmp_path: Path) -> None:
    client, server = bucket
    home = f"files-{uuid.uuid4().hex[:8]}"
    options = StorageOptions.of(server.options, where="test")
    log = stores.open_log_store(f"s3://{server.bucket}/{home}/checkpoint", options)
    pipe = FilesPipe(
        tmp_path,
        options={"format": "json", "storage_options": server.options},
        path=f"s3://{server.bucket}/{home}/landing/day=*",
        log=log,
    )

    def put(name: str, text: str) -> None:
        client.put_object(Bucket=server.bucket, Key=f"{home}/landing/{name}", Body=text.encode())

    for number in range(12):
        put(f"day=2026-11-{10 + number}/{number}.json", f'{{"id": {number}}}\n')
    put("day=2026-11-10/", "")
    put("day=2026-11-10/_SUCCESS", "")
    put("other/x.json", '{"id": 99}\n')
    rows = pipe.all_rows(pipe.open(), ReadLimit(max_files=5))
    assert sorted(row["id"] for row in rows) == list(range(12))
    assert {str(row["day"]) for row in rows} == {f"2026-11-{10 + n}" for n in range(12)}
    put("day=2026-11-30/new.json", '{"id": 12, "x": true}\n')
    reader = pipe.open()
    assert len(pipe.all_rows(reader)) == 13
    assert reader.schema.names == ("id", "x", "day", "_rescued_data")
    assert any(key.startswith("sources/files-landing/files/0/") for key in log.list("sources"))


def test_object_on_s3_when_overwritten_after_discovery_stops(bucket: Any, tmp_path: Path) -> None:
    client, server = bucket
    home = f"files-{uuid.uuid4().hex[:8]}"
    key = f"{home}/landing/a.json"
    client.put_object(Bucket=server.bucket, Key=key, Body=b'{"id": 1}\n')
    pipe = FilesPipe(
        tmp_path,
        options={
            "format": "json",
            "schema": "id BIGINT",
            "storage_options": server.options,
        },
        path=f"s3://{server.bucket}/{key}",
    )
    reader = pipe.open()
    reader.discover()
    client.put_object(Bucket=server.bucket, Key=key, Body=b'{"id": 2}\n')
    batch = pipe.read(reader, reader.initial(), reader.latest(reader.initial()))
    assert isinstance(batch.failure, SourceChangedError)
    assert batch.rows == []


def test_versions_on_s3_each_come_once(bucket: Any, tmp_path: Path) -> None:
    client, server = bucket
    home = f"files-{uuid.uuid4().hex[:8]}"
    pipe = FilesPipe(
        tmp_path,
        options={
            "format": "json",
            "allow_overwrites": True,
            "storage_options": server.options,
        },
        path=f"s3://{server.bucket}/{home}/landing",
    )
    start, found = None, []
    for number in range(3):
        client.put_object(
            Bucket=server.bucket, Key=f"{home}/landing/a.json", Body=b'{"id": %d}\n' % number
        )
        reader = pipe.open()
        reader.discover()
        start = start or reader.initial()
        end = reader.plan(start, reader.latest(start), ReadLimit())
        found += pipe.read(reader, start, end).rows
        start = end
    assert [row["id"] for row in found] == [0, 1, 2]


def test_version_on_s3_when_seen_with_and_without_its_id_is_one(
    bucket: Any, tmp_path: Path
) -> None:
    client, server = bucket
    name = f"versions-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    store = stores.open_read_store(
        f"s3://{name}/landing", StorageOptions.of(server.options, where="test")
    )
    ledger = Ledger(
        stores.open_log_store(str(tmp_path / "checkpoint")), "sources/files/files", versions=True
    )
    for number in range(2):
        client.put_object(Bucket=name, Key="landing/a.json", Body=b'{"id": %d}\n' % number)
        info = store.head("a.json")
        assert info.version is not None
        told = Candidate(
            microseconds(info.modified), info.key, info.size_bytes, info.etag, info.version
        )
        (page,) = store.list("")
        assert page.column("version").to_pylist() == [None]
        assert ledger.unseen_on(page) == [0]
        ledger.append([told], via="notification", found_at=info.modified)
        assert ledger.unseen_on(page) == []
        ledger.append(candidates_of(page, [0]), via="listing", found_at=info.modified)
        assert ledger.last_seq == number


def test_version_of_an_object_when_only_the_present_one_may_be_read_then_read_without_its_id(
    bucket: Any,
) -> None:
    """As with ``s3:GetObject`` alone: a request that names a version needs another permission."""
    client, server = bucket
    name = f"versions-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    with HttpFaultProxy(server.endpoint) as proxy:
        options = StorageOptions.of(
            server.options | {"aws_endpoint": proxy.url, "max_retries": 0}, where="test"
        )
        store = stores.open_read_store(f"s3://{name}/in", options)
        client.put_object(Bucket=name, Key="in/a", Body=b"first")
        client.put_object(Bucket=name, Key="in/b", Body=b"b")
        first, other = store.head("a"), store.head("b")
        assert first.version is not None
        proxy.plan = HttpFaultPlan().on("GET", "*versionId=*", answers(403), times=1)
        assert [store.get(first), store.get(other)] == [b"first", b"b"]
        assert store.get(first, start=1, end=3) == b"ir"
        client.put_object(Bucket=name, Key="in/a", Body=b"later")
        with pytest.raises(ObjectChangedError):
            store.get(first)
        again = stores.open_read_store(f"s3://{name}/in", options)
        assert again.get(first) == b"first"
        proxy.plan = HttpFaultPlan().on("GET", "*", answers(403), times=ALWAYS)
        with pytest.raises(AccessDeniedError):
            again.get(first)
