from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.aws_events import client

import lakestream as ls
from lakestream.errors import (
    ForeignResourceError,
    NotificationOverlapError,
    ProvisioningRefusedError,
    ProvisioningUnavailableError,
)
from lakestream.provisioning.aws_bucket import SwitchPart
from lakestream.provisioning.aws_documents import Via
from lakestream.provisioning.aws_session import open_aws
from lakestream.provisioning.base import NotificationPlan, Site, Target
from lakestream.provisioning.naming import STREAM_TAG
from lakestream.provisioning.setup import NotificationSetup
from lakestream.storage.options import StorageOptions
from lakestream.streaming_table import StreamingTable

VIAS: list[Via] = ["sqs", "sns", "eventbridge"]


class Cloud:
    """A bucket of the test server, and a table of what lands in it."""

    def __init__(self, server: Any, folder: Path) -> None:
        self.endpoint: str = server.endpoint
        self.options: dict[str, str] = server.options
        self.folder = folder
        self.bucket = f"landing-{uuid.uuid4().hex[:10]}"
        self.s3, self.sqs = client("s3", self.endpoint), client("sqs", self.endpoint)
        self.s3.create_bucket(Bucket=self.bucket)

    def table(self, prefix: str = "in/orders", queue: str | None = None) -> StreamingTable:
        @ls.streaming_table(str(self.folder / prefix.replace("/", "_")), name="orders")
        def orders() -> ls.Stream:
            return ls.read_files(
                f"s3://{self.bucket}/{prefix}",
                format="json",
                schema="id BIGINT",
                storage_options=self.options,
                notifications=None if queue is None else ls.SqsQueue(queue),
                backfill_interval=None,
            )

        return orders

    def setup(self, prefix: str = "in/orders", **changes: Any) -> NotificationSetup:
        return NotificationSetup(self.table(prefix), **changes)

    def put(self, key: str, number: int) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps({"id": number}).encode())

    def wired(self) -> dict[str, Any]:
        reply = self.s3.get_bucket_notification_configuration(Bucket=self.bucket)
        return {name: value for name, value in reply.items() if name != "ResponseMetadata"}

    def wire_other(self, prefix: str, **more: Any) -> dict[str, Any]:
        """Let the bucket tell somebody else's queue; give the entry."""
        url = self.sqs.create_queue(QueueName=f"other-{self.bucket}")["QueueUrl"]
        reply = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        entry = {
            "Id": "others",
            "QueueArn": reply["Attributes"]["QueueArn"],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
            **more,
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [entry]}
        )
        return entry

    def queue_url(self, name: str) -> str:
        path = self.sqs.get_queue_url(QueueName=name)["QueueUrl"].split("/", 3)[3]
        return f"{self.endpoint}/{path}"

    def queues(self, name: str) -> list[str]:
        found = self.sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", [])
        return sorted(each.rpartition("/")[2] for each in found)


@pytest.fixture
def cloud(moto_server: Any, tmp_path: Path) -> Cloud:
    return Cloud(moto_server, tmp_path)


def actions(plan: NotificationPlan) -> set[str]:
    """Give what becomes of all but EventBridge's switch, of which moto does not tell."""
    return {each.action for each in plan.resources if not each.kind.endswith("switch")}


def ids(table: StreamingTable) -> list[int]:
    return sorted(row["id"] for row in table.read().read_all().to_pylist())


@pytest.mark.parametrize("via", VIAS)
def test_queue_when_applied_then_a_stream_reads_new_files_by_it(cloud: Cloud, via: Via) -> None:
    setup = cloud.setup(via=via)
    planned = setup.plan()
    assert actions(planned) == {"create"}
    assert not cloud.queues(setup.name), "a plan makes nothing"
    assert setup.apply() == planned
    cloud.put("in/orders/0.json", 0)
    table = cloud.table(queue=cloud.queue_url(setup.name))
    table.run()
    cloud.put("in/orders/1.json", 1)
    cloud.put("in/other/2.json", 2)
    (progress,) = table.run()
    assert ids(table) == [0, 1]
    document = json.loads(json.dumps(progress.as_dict()))
    assert document["sources"][0]["metrics"]["numFilesFoundByNotification"] == "1"


@pytest.mark.parametrize("via", VIAS)
def test_queue_when_applied_twice_then_the_second_time_changes_nothing(
    cloud: Cloud, via: Via
) -> None:
    setup = cloud.setup(via=via, resource_tags={"team": "data"})
    setup.apply()
    before = cloud.wired()
    again = cloud.setup(via=via, resource_tags={"team": "data"})
    assert actions(again.plan()) == {"keep"}
    assert actions(again.apply()) == {"keep"}
    assert cloud.wired() == before
    tags = cloud.sqs.list_queue_tags(QueueUrl=cloud.queue_url(setup.name))["Tags"]
    assert tags["team"] == "data"
    assert tags[STREAM_TAG] == setup.plan().stream


@pytest.mark.parametrize("via", VIAS)
def test_resources_when_destroyed_then_gone_and_the_others_stay(cloud: Cloud, via: Via) -> None:
    other = cloud.wire_other("elsewhere/")
    setup = cloud.setup(via=via)
    setup.apply()
    listed = setup.list()
    assert {each.name for each in listed} >= {setup.name, f"{setup.name}-dlq"}
    assert not any(each.kind.endswith("switch") for each in listed)
    assert sorted(setup.destroy(), key=str) == sorted(listed, key=str)
    assert (setup.list(), setup.destroy(), cloud.queues(setup.name)) == ([], [], [])
    kept = cloud.wired()
    assert [each["Id"] for each in kept["QueueConfigurations"]] == [other["Id"]]
    assert "TopicConfigurations" not in kept


def test_prefix_when_somebody_else_is_told_of_it_then_refused_and_nothing_made(
    cloud: Cloud,
) -> None:
    cloud.wire_other("in/")
    before = cloud.wired()
    setup = cloud.setup()
    with pytest.raises(NotificationOverlapError, match=f"other-{cloud.bucket}"):
        setup.apply()
    assert (cloud.wired(), cloud.queues(setup.name)) == (before, [])
    assert not cloud.setup(via="eventbridge").plan().conflicts, "it has no such bound"


def test_parent_and_child_when_both_are_streams_then_the_second_is_refused(cloud: Cloud) -> None:
    cloud.setup("in").apply()
    with pytest.raises(NotificationOverlapError):
        cloud.setup("in/orders").apply()


def test_queue_of_our_name_when_it_has_no_tag_then_neither_used_nor_removed(cloud: Cloud) -> None:
    setup = cloud.setup()
    cloud.sqs.create_queue(QueueName=setup.name)
    with pytest.raises(ForeignResourceError, match=setup.name):
        setup.apply()
    assert not cloud.wired()
    assert setup.destroy() == []
    assert cloud.queues(setup.name) == [setup.name]


@pytest.mark.parametrize("via", VIAS)
def test_resources_when_changed_by_hand_then_mended(cloud: Cloud, via: Via) -> None:
    setup = cloud.setup(via=via)
    setup.apply()
    url = cloud.queue_url(setup.name)
    cloud.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    if via == "sns":
        (arn,) = _topic_arns(cloud, setup.name)
        sns = client("sns", cloud.endpoint)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=_OTHER)
    if via == "eventbridge":
        client("events", cloud.endpoint).disable_rule(Name=setup.name)
    drifted = {(each.kind, each.detail) for each in setup.plan().resources if each.detail}
    # moto takes the policy away with any other attribute.
    expected = {("sqs queue", "VisibilityTimeout, Policy")}
    expected |= {("sns topic", "Policy")} if via == "sns" else set()
    expected |= {("eventbridge rule", "State")} if via == "eventbridge" else set()
    assert drifted == expected
    setup.apply()
    assert actions(setup.plan()) == {"keep"}


def test_table_when_wired_one_way_then_another_way_is_refused(cloud: Cloud) -> None:
    cloud.setup(via="sns").apply()
    with pytest.raises(NotificationOverlapError, match="destroy that one first"):
        cloud.setup(via="sqs").apply()


def test_bucket_when_missing_then_refused(cloud: Cloud) -> None:
    cloud.bucket = "no-such-bucket-here"
    with pytest.raises(ProvisioningRefusedError, match="s3:ListBucket"):
        cloud.setup().plan()


def test_aws_when_it_does_not_answer_then_transient(cloud: Cloud) -> None:
    cloud.options = {**cloud.options, "aws_endpoint": "http://127.0.0.1:9"}
    with pytest.raises(ProvisioningUnavailableError) as raised:
        cloud.setup().plan()
    assert raised.value.transient


class _Switched(BaseHTTPRequestHandler):
    """S3's answer about a bucket whose switch is on, which moto leaves out."""

    def do_GET(self) -> None:
        body = b"<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_switch_when_it_is_on_then_kept_and_never_removed(cloud: Cloud) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Switched)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    target = Target("0" * 12, "lakestream-orders", "s3://b/in", cloud.bucket, "in/", {})
    aws = open_aws(StorageOptions.of(cloud.options, where="test"), cloud.bucket, "test")
    switch = SwitchPart(msgspec.structs.replace(aws, endpoints=(("s3", endpoint),)), target)
    try:
        found = switch.find()
        assert found is not None
        assert (found.is_shared, found.drift) == (True, ())
        site = Site(parts=(switch,), declare="", policies={})
        assert (site.plan(target).is_done, site.list(), site.destroy()) == (True, [], [])
    finally:
        server.shutdown()
        server.server_close()


def test_policies_when_planned_then_name_only_the_streams_resources(cloud: Cloud) -> None:
    for via in VIAS:
        setup = cloud.setup(via=via)
        policies = setup.plan().policies
        for statement in _statements(policies):
            named = statement["Resource"]
            arns = [named] if isinstance(named, str) else named
            assert all(setup.name in arn or cloud.bucket in arn for arn in arns)
            assert all(":*" not in action for action in _as_list(statement["Action"]))
    text = json.dumps(cloud.setup().plan().policies)
    assert "sns:" not in text
    assert "events:" not in text


def _statements(policies: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for policy in policies.values() for each in policy["Statement"]]


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _topic_arns(cloud: Cloud, name: str) -> list[str]:
    topics = client("sns", cloud.endpoint).list_topics()["Topics"]
    return [each["TopicArn"] for each in topics if each["TopicArn"].endswith(f":{name}")]


_OTHER = json.dumps({"Version": "2012-10-17", "Statement": []})
