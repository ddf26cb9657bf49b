"""The Terraform modules: their form by Terraform itself, their structure as it is written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import hcl2
import pytest

INFRA: Final = Path(__file__).parents[2] / "infra"
MODULES: Final = ("aws", "azure", "gcp")
RESOURCES: Final = {
    "aws": {
        "aws_sqs_queue", "aws_sqs_queue_policy", "aws_sns_topic", "aws_sns_topic_policy",
        "aws_sns_topic_subscription", "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target",
        "aws_s3_bucket_notification",
    },
    "azure": {
        "azurerm_storage_queue", "azurerm_eventgrid_event_subscription", "azurerm_role_assignment",
    },
    "gcp": {
        "google_pubsub_topic", "google_pubsub_topic_iam_member", "google_pubsub_subscription",
        "google_pubsub_subscription_iam_member", "google_storage_notification",
        "google_storage_bucket_iam_member",
    },
}  # fmt: skip


def plain(value: Any) -> Any:
    """Take away the quotes that the parser leaves around texts."""
    match value:
        case dict():
            return {plain(key): plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case str():
            return value.removeprefix('"').removesuffix('"')
        case _:
            return value


def parsed(module: str) -> dict[str, Any]:
    """Give a module's blocks: kind to type to name to body."""
    found: dict[str, Any] = {}
    for path in sorted((INFRA / module).glob("*.tf")):
        with path.open() as file:
            document = plain(hcl2.load(file))
        for kind in ("resource", "data"):
            for block in document.get(kind, ()):
                ((kind_of, named),) = ((k, v) for k, v in block.items() if not k.startswith("__"))
                found.setdefault(kind, {}).setdefault(kind_of, {}).update(named)
        for kind in ("variable", "output"):
            for block in document.get(kind, ()):
                found.setdefault(kind, {}).update(block)
    return found


def test_modules_when_formatted_by_terraform_then_unchanged() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not here")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-recursive", str(INFRA)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_module_when_read_then_it_makes_what_it_says(module: str) -> None:
    assert set(parsed(module)["resource"]) == RESOURCES[module]


@pytest.mark.parametrize("module", MODULES)
def test_module_when_read_then_all_is_described_and_each_variable_is_used(module: str) -> None:
    found = parsed(module)
    text = (INFRA / module / "main.tf").read_text() + (INFRA / module / "outputs.tf").read_text()
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(found["variable"])
    for kind in ("variable", "output"):
        assert all(each.get("description") for each in found[kind].values())


def test_aws_when_read_then_only_the_buckets_events_come_in_and_the_stream_only_reads() -> None:
    documents = parsed("aws")["data"]["aws_iam_policy_document"]
    for name, action in (("queue", "sqs:SendMessage"), ("topic", "sns:Publish")):
        (statement,) = documents[name]["statement"]
        conditions = {each["variable"] for each in statement["condition"]}
        assert statement["actions"] == [action]
        assert conditions == {"aws:SourceArn", "aws:SourceAccount"}
        assert [each["type"] for each in statement["principals"]] == ["Service"]
    actions = {each for one in documents["stream"]["statement"] for each in one["actions"]}
    assert actions == {
        "s3:GetObject", "s3:ListBucket", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
        "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
    }  # fmt: skip


def test_aws_when_read_then_as_the_command_line_makes_it() -> None:
    from lakestream.provisioning import aws_queues
    from lakestream.provisioning.aws_documents import EVENTS

    found = parsed("aws")
    defaults = {name: each.get("default") for name, each in found["variable"].items()}
    assert defaults["visibility_timeout_s"] == aws_queues._VISIBILITY_S
    assert defaults["message_retention_s"] == aws_queues._RETENTION_S
    assert defaults["max_receive_count"] == aws_queues._DELIVERIES
    notification = found["resource"]["aws_s3_bucket_notification"]["events"]
    for dynamic in notification["dynamic"]:
        ((_, block),) = ((k, v) for k, v in dynamic.items() if not k.startswith("__"))
        assert block["content"][0]["events"] == [EVENTS]
    assert found["resource"]["aws_sns_topic_subscription"]["events"]["raw_message_delivery"] is True


def test_azure_when_read_then_the_queue_is_told_of_what_the_stream_understands() -> None:
    from lakestream.sources.files.notifications.base import FileEvent, FolderEvent
    from lakestream.sources.files.notifications.event_grid import events_of

    resources = parsed("azure")["resource"]
    subscription = resources["azurerm_eventgrid_event_subscription"]["events"]
    assert len(subscription["included_event_types"]) == 3
    for kind in subscription["included_event_types"]:
        subject = "/blobServices/default/containers/landing/blobs/in/a.json"
        event = {"eventType": kind, "subject": subject, "data": {"api": "PutBlob"}}
        (read,) = events_of(json.dumps(event).encode())
        assert isinstance(read, FileEvent | FolderEvent)
    messages = resources["azurerm_role_assignment"]["messages"]["for_each"]
    assert set(re.findall(r"Storage Queue Data [A-Z][A-Za-z ]+", messages)) == {
        "Storage Queue Data Message Processor",
        "Storage Queue Data Reader",
    }


def test_gcp_when_read_then_new_objects_alone_are_told_and_nothing_expires() -> None:
    resources = parsed("gcp")["resource"]
    assert resources["google_storage_notification"]["events"]["event_types"] == ["OBJECT_FINALIZE"]
    for subscription in resources["google_pubsub_subscription"].values():
        assert subscription["expiration_policy"][0]["ttl"] == ""
    roles = {each.get("role") for each in resources["google_storage_bucket_iam_member"].values()}
    assert roles == {"roles/storage.objectViewer"}


def test_gcp_when_read_then_as_the_command_line_makes_it() -> None:
    from lakestream.provisioning.gcp import _PUBLISHER, _SUBSCRIBER
    from lakestream.provisioning.gcp_pubsub import settings_of

    found = parsed("gcp")
    defaults = {name: each.get("default") for name, each in found["variable"].items()}
    made = settings_of("topic", "dead")
    assert defaults["ack_deadline_s"] == made["ackDeadlineSeconds"]
    assert defaults["message_retention"] == made["messageRetentionDuration"]
    assert defaults["max_delivery_attempts"] == made["deadLetterPolicy"]["maxDeliveryAttempts"]
    resources = found["resource"]
    assert resources["google_storage_notification"]["events"]["payload_format"] == "NONE"
    topics = resources["google_pubsub_topic_iam_member"].values()
    assert {each["role"] for each in topics} == {_PUBLISHER}
    subscriptions = resources["google_pubsub_subscription_iam_member"]
    assert subscriptions["dead_letter"]["role"] == _SUBSCRIBER
    assert subscriptions["stream"]["for_each"].count("roles/pubsub.") == 2
