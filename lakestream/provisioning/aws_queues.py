"""SQS queues: the stream's own, and the one for messages that nobody could read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lakestream.provisioning.aws_session import Aws, if_there, mapped
from lakestream.provisioning.base import Found, Target
from lakestream.provisioning.naming import STREAM_TAG

_DAY_S: Final = 86_400
#: What lakestream leases anyway; others who look at the queue by hand get the same.
_VISIBILITY_S: Final = 60
_RETENTION_S: Final = 14 * _DAY_S
_DELIVERIES: Final = 5


class QueuePart:
    """An SQS queue of the stream.

    Args:
        aws: Where.
        target: Whose.
        policy: Who may send to it; None for the dead-letter queue, which is filled by SQS.
    """

    kind: Final = "sqs queue"

    def __init__(self, aws: Aws, target: Target, policy: Mapping[str, Any] | None) -> None:
        self._sqs = aws.client("sqs")
        self._target = target
        self.name: Final = target.name if policy is not None else f"{target.name}-dlq"
        self._wanted: dict[str, Any] = {"MessageRetentionPeriod": str(_RETENTION_S)}
        if policy is not None:
            dead = aws.arn("sqs", f"{target.name}-dlq")
            redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": _DELIVERIES}
            self._wanted |= {
                "VisibilityTimeout": str(_VISIBILITY_S),
                "RedrivePolicy": redrive,
                "Policy": policy,
            }

    def find(self) -> Found | None:
        """Look at the queue. Cost: up to three requests."""
        url, attributes, tags = self._look()
        if url is None:
            return None
        drift = [
            name for name, value in self._wanted.items() if _read(attributes.get(name)) != value
        ]
        missing = self._target.tags.items() - tags.items()
        return Found(
            is_ours=tags.get(STREAM_TAG) == self._target.id,
            drift=(*drift, *(["tags"] if missing else [])),
        )

    def make(self) -> None:
        """Make the queue, or set what has drifted. Cost: up to five requests."""
        url, _, _ = self._look()
        values = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self._wanted.items()
        }
        if url is None:
            with mapped("sqs:CreateQueue", self.name):
                self._sqs.create_queue(
                    QueueName=self.name, Attributes=values, tags=dict(self._target.tags)
                )
            return
        with mapped("sqs:SetQueueAttributes", self.name):
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=values)
        with mapped("sqs:TagQueue", self.name):
            self._sqs.tag_queue(QueueUrl=url, Tags=dict(self._target.tags))

    def remove(self) -> None:
        """Delete the queue and what waits in it. Cost: two requests."""
        with mapped("sqs:DeleteQueue", self.name), if_there():
            url = self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
            self._sqs.delete_queue(QueueUrl=url)

    def _look(self) -> tuple[str | None, Mapping[str, Any], Mapping[str, str]]:
        with mapped("sqs:GetQueueAttributes", self.name), if_there():
            url = str(self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"])
            reply = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            tags = self._sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            return url, reply.get("Attributes", {}), tags
        return None, {}, {}


def _read(value: Any) -> Any:  # noqa: ANN401 - text, or JSON in text
    """Give an attribute as what it means: documents come back as text of another spacing."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    found = json.loads(value)
    if isinstance(found, dict) and "maxReceiveCount" in found:
        found["maxReceiveCount"] = int(found["maxReceiveCount"])
    return found
