"""Buckets whose events come to an SQS queue: straight, by SNS, or by EventBridge."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Wiring = Literal["sqs", "sns", "sns raw", "eventbridge"]
WIRINGS: Final[tuple[Wiring, ...]] = ("sqs", "sns", "sns raw", "eventbridge")


def client(service: str, endpoint: str) -> Any:
    """Give a boto3 client of the test server."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto takes any
    )


@dataclass
class EventLake:
    """A bucket and a queue that its events come to.

    Args:
        endpoint: The server.
        options: Storage options for it.
        wiring: The way of the events; None makes a queue that nothing comes to.
    """

    endpoint: str
    options: Mapping[str, str]
    wiring: Wiring | None = "sqs"
    visibility_s: int = 30
    bucket: str = field(default_factory=lambda: f"landing-{uuid.uuid4().hex[:10]}")

    kind = "sqs"

    def __post_init__(self) -> None:
        self.s3 = client("s3", self.endpoint)
        self.sqs = client("sqs", self.endpoint)
        self.s3.create_bucket(Bucket=self.bucket)
        self.queue = self.make_queue(self.bucket)
        if self.wiring is not None:
            self.wire(self.wiring)

    @property
    def landing(self) -> str:
        return f"s3://{self.bucket}/in"

    def make_queue(self, name: str, **attributes: str) -> str:
        """Make a queue; give its URL at the test server's own address."""
        made = self.sqs.create_queue(
            QueueName=name, Attributes={"VisibilityTimeout": str(self.visibility_s), **attributes}
        )
        return f"{self.endpoint}/{made['QueueUrl'].split('/', 3)[3]}"

    def arn(self, queue: str) -> str:
        reply = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return str(reply["Attributes"]["QueueArn"])

    def wire(self, wiring: Wiring) -> None:
        """Let the bucket's events come to the queue."""
        match wiring:
            case "sqs":
                self._notify(QueueConfigurations=[self._all_to("QueueArn", self.arn(self.queue))])
            case "sns" | "sns raw":
                sns = client("sns", self.endpoint)
                topic = sns.create_topic(Name=self.bucket)["TopicArn"]
                raw = "true" if wiring == "sns raw" else "false"
                sns.subscribe(
                    TopicArn=topic,
                    Protocol="sqs",
                    Endpoint=self.arn(self.queue),
                    Attributes={"RawMessageDelivery": raw},
                )
                self._notify(TopicConfigurations=[self._all_to("TopicArn", topic)])
            case "eventbridge":
                events = client("events", self.endpoint)
                pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [self.bucket]}}}
                events.put_rule(Name=self.bucket, EventPattern=json.dumps(pattern))
                target = {"Id": "queue", "Arn": self.arn(self.queue)}
                events.put_targets(Rule=self.bucket, Targets=[target])
                self._notify(EventBridgeConfiguration={})

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def object_keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="in/")
        return [each["Key"] for page in pages for each in page["Contents"]]

    def send(self, *bodies: str, queue: str | None = None) -> None:
        """Put messages on the queue by hand."""
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(at), "MessageBody": each}
                for at, each in enumerate(bodies[start : start + 10])
            ]
            self.sqs.send_message_batch(QueueUrl=queue or self.queue, Entries=entries)

    def take(self) -> list[str]:
        """Take all messages off the queue; give their bodies."""
        found: list[str] = []
        while batch := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [each["Body"] for each in batch]
            entries = [
                {"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]}
                for at, each in enumerate(batch)
            ]
            self.sqs.delete_message_batch(QueueUrl=self.queue, Entries=entries)
        return found

    def counts(self, queue: str | None = None) -> tuple[int, int]:
        """Give how many messages wait, and how many are taken and not acknowledged."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        reply = self.sqs.get_queue_attributes(QueueUrl=queue or self.queue, AttributeNames=names)
        waiting, taken = (int(reply["Attributes"][name]) for name in names)
        return waiting, taken

    def event(self, key: str, *, bucket: str | None = None, name: str = "ObjectCreated:Put") -> str:
        """Give S3's message about a key as the service writes it."""
        from urllib.parse import quote_plus

        record = {
            "eventSource": "aws:s3",
            "eventName": name,
            "eventTime": "2026-11-20T09:00:00.000Z",
            "s3": {
                "bucket": {"name": bucket or self.bucket},
                "object": {"key": quote_plus(key, safe="/"), "sequencer": "00"},
            },
        }
        return json.dumps({"Records": [record]})

    def _all_to(self, kind: str, arn: str) -> dict[str, Any]:
        return {kind: arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}

    def _notify(self, **configuration: Any) -> None:
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=configuration
        )
