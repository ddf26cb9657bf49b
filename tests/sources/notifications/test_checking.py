"""What ``lakestream check`` asks queues: moto's, azurite's, and Pub/Sub's double."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import google_double
from support.aws_events import EventLake
from support.azure_events import AzureLake
from support.azurite import AzuriteServer
from typer.testing import CliRunner

import lakestream as ls
from lakestream.cli.main import app
from lakestream.errors import QueueRefusedError
from lakestream.sources.files.notifications.base import QueueFacts
from lakestream.sources.files.notifications.checking import QueueCheck, findings_of

PIPELINE = """
import lakestream as ls

@ls.streaming_table("lake/orders")
def orders():
    return ls.read_files(
        {landing!r}, format="json", schema="id BIGINT", storage_options={options!r},
        notifications={queue},
    )
"""


def check(landing: str, options: Any, queue: Any) -> QueueCheck:
    @ls.streaming_table("lake/orders")
    def orders() -> ls.Stream:
        return ls.read_files(landing, format="text", storage_options=options, notifications=queue)

    (found,) = orders.check_queues()
    return found


@pytest.fixture
def lake(moto_server: Any) -> EventLake:
    return EventLake(moto_server.endpoint, moto_server.options, wiring=None)


def test_check_when_a_queue_is_well_then_its_attributes_are_told_and_nothing_is_taken(
    lake: EventLake,
) -> None:
    dead = lake.arn(lake.make_queue(f"{lake.bucket}-dlq"))
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    queue = lake.make_queue(f"{lake.bucket}-own", RedrivePolicy=redrive)
    lake.send("{}", "{}", "{}", queue=queue)
    lake.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=60)
    found = check(lake.landing, lake.options, ls.SqsQueue(queue))
    assert found.facts == QueueFacts(
        waiting=2, taken=1, lease_s=30, retention_s=345_600, deliveries=5, has_dead_letters=True
    )
    assert found.findings == ()
    assert lake.counts(queue) == (2, 1)


def test_check_when_typed_then_findings_are_shown_with_codes_and_a_missing_queue_fails(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, url in (("there", lake.queue), ("gone", f"{lake.queue}-none")):
        text = PIPELINE.format(
            landing=lake.landing, options=dict(lake.options), queue=f'ls.SqsQueue("{url}")'
        )
        (tmp_path / f"queued_{name}.py").write_text(text)
    shown = CliRunner().invoke(app, ["check", "queued_there"])
    assert shown.exit_code == 0, shown.output
    assert "about 0 messages wait, 0 are taken, hidden for 30 s, kept for 345,600 s" in shown.output
    assert "LS-QUEUE-002 it has no dead-letter queue" in shown.output
    (told,) = json.loads(CliRunner().invoke(app, ["check", "queued_there", "--json"]).output)
    assert [each["code"] for each in told["queues"][0]["findings"]] == ["LS-QUEUE-002"]
    refused = CliRunner().invoke(app, ["check", "queued_gone", "--json"])
    assert refused.exit_code == 1
    assert "LS-SRC-013" in json.loads(refused.output)[0]["error"]
    assert lake.options["aws_secret_access_key"] not in shown.output + refused.output


def test_check_when_the_queue_is_azures_then_its_poison_queue_is_looked_for(
    azurite_server: AzuriteServer,
) -> None:
    lake = AzureLake(azurite_server)
    lake.send("x", "y")
    alone = check(lake.landing, lake.options, ls.AzureStorageQueue(lake.queue))
    assert (alone.facts.waiting, [each.code for each in alone.findings]) == (2, ["LS-QUEUE-002"])
    lake.make_queue(f"{lake.bucket}-poison")
    beside = ls.AzureStorageQueue(lake.queue, poison_queue=f"{lake.bucket}-poison")
    assert check(lake.landing, lake.options, beside).findings == ()
    missing = ls.AzureStorageQueue(lake.queue, poison_queue="none-of-this-name")
    with pytest.raises(QueueRefusedError, match="its poison_queue"):
        check(lake.landing, lake.options, missing)


def test_check_when_the_subscription_is_googles_then_looked_at_or_asked_whether_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, topic = "projects/corp/subscriptions/orders", "projects/corp/topics/orders"
    with google_double.serving() as double:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", double.url.removeprefix("http://"))
        double.pubsub.answer("PUT", f"/v1/{topic}", {})
        made = {"topic": topic, "ackDeadlineSeconds": 60, "messageRetentionDuration": "600s"}
        double.pubsub.answer("PUT", f"/v1/{name}", made)
        queue = ls.PubSubSubscription(name)
        found = check("gs://landing/in", {}, queue)
        assert (found.facts.lease_s, found.facts.retention_s) == (60, 600)
        assert [each.code[-1] for each in found.findings] == ["2", "4", "5"]
        double.pubsub.answer("DELETE", f"/v1/{topic}", {})
        assert check("gs://landing/in", {}, queue).findings[0].code == "LS-QUEUE-001"
        double.fails["/v1/"] = 403
        with pytest.raises(QueueRefusedError):
            check("gs://landing/in", {}, queue)
        double.pubsub.allowed = ["pubsub.subscriptions.consume"]
        assert check("gs://landing/in", {}, queue).findings == ()


def test_check_when_files_are_listed_then_no_queue_is_asked(tmp_path: Path) -> None:
    @ls.streaming_table(tmp_path / "orders")
    def orders() -> ls.Stream:
        return ls.read_files(str(tmp_path), format="text")

    assert orders.check_queues() == []


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        (QueueFacts(), []),
        (QueueFacts(broken=("it is detached from its topic",)), ["LS-QUEUE-001"]),
        (QueueFacts(has_dead_letters=False), ["LS-QUEUE-002"]),
        (QueueFacts(has_dead_letters=True, deliveries=4), ["LS-QUEUE-003"]),
        (QueueFacts(has_dead_letters=True, deliveries=5, retention_s=86_400), []),
        (QueueFacts(retention_s=86_399), ["LS-QUEUE-004"]),
        (QueueFacts(expires=True), ["LS-QUEUE-005"]),
    ],
)
def test_facts_when_judged_then_each_finding_has_its_code(
    facts: QueueFacts, codes: list[str]
) -> None:
    assert [each.code for each in findings_of(facts)] == codes
