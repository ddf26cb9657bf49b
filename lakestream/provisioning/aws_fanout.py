"""What stands between bucket and queue: an SNS topic, or a rule of EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lakestream.provisioning.aws_documents import event_pattern, may_send
from lakestream.provisioning.aws_session import Aws, if_there, mapped
from lakestream.provisioning.base import Found, Target
from lakestream.provisioning.naming import STREAM_TAG

_TARGET_ID: Final = "queue"


class TopicPart:
    """An SNS topic, and the subscription by which it feeds the stream's queue, unwrapped."""

    kind: Final = "sns topic"

    def __init__(self, aws: Aws, target: Target) -> None:
        self._sns = aws.client("sns")
        self._target = target
        self._arn = aws.arn("sns", target.name)
        self._queue = aws.arn("sqs", target.name)
        bucket = f"arn:{aws.partition}:s3:::{target.bucket}"
        self._policy = may_send(aws, "s3", "sns:Publish", self._arn, bucket)
        self.name: Final = target.name

    def find(self) -> Found | None:
        """Look at topic and subscription. Cost: four requests."""
        with mapped("sns:GetTopicAttributes", self.name), if_there():
            reply = self._sns.get_topic_attributes(TopicArn=self._arn)
            tags = _tags(self._sns.list_tags_for_resource(ResourceArn=self._arn))
            drift = []
            if json.loads(reply["Attributes"].get("Policy") or "null") != self._policy:
                drift.append("Policy")
            if not self._is_subscribed():
                drift.append("subscription")
            if self._target.tags.items() - tags.items():
                drift.append("tags")
            return Found(is_ours=tags.get(STREAM_TAG) == self._target.id, drift=tuple(drift))
        return None

    def make(self) -> None:
        """Make topic and subscription, or set what has drifted. Cost: up to eight requests."""
        policy = json.dumps(self._policy)
        tags = _listed(self._target.tags)
        if self.find() is None:
            with mapped("sns:CreateTopic", self.name):
                self._sns.create_topic(Name=self.name, Tags=tags)
        else:
            with mapped("sns:TagResource", self.name):
                self._sns.tag_resource(ResourceArn=self._arn, Tags=tags)
        with mapped("sns:SetTopicAttributes", self.name):
            self._sns.set_topic_attributes(
                TopicArn=self._arn, AttributeName="Policy", AttributeValue=policy
            )
        with mapped("sns:Subscribe", self.name):
            arn = self._sns.subscribe(
                TopicArn=self._arn,
                Protocol="sqs",
                Endpoint=self._queue,
                ReturnSubscriptionArn=True,
            )["SubscriptionArn"]
        with mapped("sns:SetSubscriptionAttributes", self.name):
            self._sns.set_subscription_attributes(
                SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
            )

    def remove(self) -> None:
        """Delete the topic and its subscriptions. Cost: one request."""
        with mapped("sns:DeleteTopic", self.name), if_there():
            self._sns.delete_topic(TopicArn=self._arn)

    def _is_subscribed(self) -> bool:
        pages = self._sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._arn)
        arns = [
            each["SubscriptionArn"]
            for page in pages
            for each in page["Subscriptions"]
            if each["Protocol"] == "sqs" and each["Endpoint"] == self._queue
        ]
        settings = [
            self._sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"] for arn in arns
        ]
        return any(each.get("RawMessageDelivery") == "true" for each in settings)


class RulePart:
    """A rule of EventBridge's default bus that feeds the stream's queue."""

    kind: Final = "eventbridge rule"

    def __init__(self, aws: Aws, target: Target) -> None:
        self._events = aws.client("events")
        self._target = target
        self._arn = aws.arn("events", f"rule/{target.name}")
        self._queue = aws.arn("sqs", target.name)
        self.name: Final = target.name

    def find(self) -> Found | None:
        """Look at rule and receiver. Cost: three requests."""
        with mapped("events:DescribeRule", self.name), if_there():
            rule = self._events.describe_rule(Name=self.name)
            tags = _tags(self._events.list_tags_for_resource(ResourceARN=self._arn))
            receivers = self._events.list_targets_by_rule(Rule=self.name)["Targets"]
            drift = []
            if json.loads(rule.get("EventPattern") or "null") != event_pattern(self._target):
                drift.append("EventPattern")
            if rule.get("State") != "ENABLED":
                drift.append("State")
            if not any(each["Arn"] == self._queue for each in receivers):
                drift.append("target")
            if self._target.tags.items() - tags.items():
                drift.append("tags")
            return Found(is_ours=tags.get(STREAM_TAG) == self._target.id, drift=tuple(drift))
        return None

    def make(self) -> None:
        """Make the rule and its receiver, or set what has drifted. Cost: three requests."""
        with mapped("events:PutRule", self.name):
            self._events.put_rule(
                Name=self.name,
                EventPattern=json.dumps(event_pattern(self._target)),
                State="ENABLED",
            )
        with mapped("events:TagResource", self.name):
            self._events.tag_resource(ResourceARN=self._arn, Tags=_listed(self._target.tags))
        with mapped("events:PutTargets", self.name):
            self._events.put_targets(
                Rule=self.name, Targets=[{"Id": _TARGET_ID, "Arn": self._queue}]
            )

    def remove(self) -> None:
        """Delete the rule. Cost: two requests."""
        with mapped("events:DeleteRule", self.name), if_there():
            self._events.remove_targets(Rule=self.name, Ids=[_TARGET_ID])
            self._events.delete_rule(Name=self.name)


def _tags(reply: Mapping[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in reply.get("Tags", ())}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
