"""The same pipeline with everything in Azure's or Google's store, killed and run again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from support.azurite import ACCOUNT
from support.cloud_pipeline import ids_in, ids_of, land, make_table, run_and_be_killed

import lakestream as ls
from lakestream.testing import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.http_faults import answers, cuts_body, loses_reply


@dataclass(frozen=True)
class Cloud:
    """A place of one's own in a cloud: its root as users write it, and the options for it."""

    root: str
    options: dict[str, str]


@pytest.fixture(params=["az", "abfss", "gs"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    folder = f"pipeline {uuid.uuid4().hex[:8]}"
    if request.param == "gs":
        google = request.getfixturevalue("gcs_server")
        return Cloud(f"gs://{google.bucket}/{folder}", google.options)
    server = request.getfixturevalue("azurite_server")
    place = f"{server.container}@{ACCOUNT}.dfs.core.windows.net"
    root = f"az://{server.container}" if request.param == "az" else f"abfss://{place}"
    return Cloud(f"{root}/{folder}", server.options)


def test_pipeline_when_all_lies_in_a_cloud_then_each_row_is_there_once(cloud: Cloud) -> None:
    land(cloud.root, cloud.options, range(5))
    table = make_table(cloud.root, cloud.options)

    first = table.run()
    land(cloud.root, cloud.options, range(5, 7))
    second = table.run()

    assert [each.files for each in first + second] == [2, 2, 1, 2]
    assert ids_in(table) == ids_of(range(7))
    assert table.run() == []
    assert [each.state for each in table.files()] == ["committed"] * 7
    row = next(each for each in table.read().read_all().to_pylist() if each["id"] == 0)
    encoded = cloud.root.replace(" ", "%20")
    assert row["_metadata"]["file_path"] == f"{encoded}/landing/day%3D0/a%20b%20%C3%BC.json"

    followed = ls.read_delta(f"{cloud.root}/bronze", storage_options=cloud.options)

    @ls.streaming_table(f"{cloud.root}/silver", storage_options=cloud.options)
    def silver() -> ls.Stream:
        return followed.filter("id % 2 = 0").select("id")

    silver.run()
    assert ids_in(silver) == [each for each in ids_of(range(7)) if each % 2 == 0]


@pytest.mark.parametrize("line", ["sink_commit", "commit_log"])
def test_pipeline_when_killed_in_a_cloud_then_a_second_run_completes_it(
    cloud: Cloud, line: str
) -> None:
    land(cloud.root, cloud.options, range(5))
    run_and_be_killed(cloud.root, cloud.options, line)
    table = make_table(cloud.root, cloud.options)

    assert ids_in(table) == ids_of(range(2 if line == "sink_commit" else 4))
    table.run()

    assert ids_in(table) == ids_of(range(5))


@pytest.mark.parametrize("scheme", ["az", "gs"])
def test_pipeline_when_replies_are_lost_in_a_cloud_then_each_row_is_there_once(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    folder = f"faulty-{uuid.uuid4().hex[:8]}"
    plan = (
        HttpFaultPlan()
        .on("GET", "*landing*.json", cuts_body(20))
        .on("PUT", "*/_lakestream/offsets/*", loses_reply())
        .on("PUT", "*/_delta_log/*", loses_reply())
        .on("*", "*", answers(503, "ServerBusy"), first=20, times=3)
    )
    server = request.getfixturevalue("azurite_server" if scheme == "az" else "gcs_server")
    upstream = "http://" + server.endpoint.removeprefix("http://").partition("/")[0]
    bucket = server.container if scheme == "az" else server.bucket
    root = f"{scheme}://{bucket}/{folder}"
    land(root, server.options, range(3))
    with HttpFaultProxy(upstream, plan) as proxy:
        if scheme == "az":
            monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", proxy.url)
        options = {
            name: value.replace(upstream, proxy.url) for name, value in server.options.items()
        }
        table = make_table(root, options)
        table.run()
        assert ids_in(table) == ids_of(range(3))
        assert len(plan.injected) == 3, plan.injected  # cut, lost and refused
