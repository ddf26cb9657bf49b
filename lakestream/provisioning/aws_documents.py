"""What is told to AWS, as JSON: policies, patterns, and a bucket's notification entries. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from lakestream.provisioning.aws_session import Aws
    from lakestream.provisioning.base import Target

Via = Literal["sqs", "sns", "eventbridge"]
VERSION: Final = "2012-10-17"
EVENTS: Final = "s3:ObjectCreated:*"
#: The lists of a bucket's notification configuration, and what names the receiver in each.
RECEIVERS: Final = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
#: In a filter S3 takes other characters only in an encoding of its own: it is cut before them.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/!_.*'()=-]*")
_CREATED: Final = "s3:ObjectCreated:"


def plain_prefix(prefix: str) -> str:
    """Give as much of a prefix as S3 filters by; what else then comes is not the stream's."""
    found = _PLAIN.match(prefix)
    return found[0] if found else ""


def entry_of(target: Target, receiver: str, arn: str) -> dict[str, Any]:
    """Give the bucket's entry that tells ``arn`` of new files."""
    entry: dict[str, Any] = {"Id": target.name, receiver: arn, "Events": [EVENTS]}
    prefix = plain_prefix(target.prefix)
    if prefix:
        entry["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    return entry


def normal(entry: Mapping[str, Any]) -> tuple[object, ...]:
    """Give what of an entry counts: S3 changes the case of names and the order of lists."""
    receiver = next((entry[name] for name in RECEIVERS.values() if name in entry), None)
    return (entry.get("Id"), receiver, tuple(sorted(entry.get("Events", ()))), _filters(entry))


def overlaps(target: Target, configuration: Mapping[str, Any]) -> Iterator[str]:
    """Tell of entries that S3 does not take beside the stream's.

    Two entries for one event may not have prefixes of which one begins with the other, unless
    their suffixes exclude each other; the stream's entry has none, so that each suffix overlaps.

    Args:
        target: The stream's; its own entry is left out.
        configuration: S3's answer; entries of all receivers count.
    """
    prefix = plain_prefix(target.prefix)
    for name, receiver in RECEIVERS.items():
        for entry in configuration.get(name, ()):
            is_own = entry.get("Id") == target.name
            if is_own or not any(event.startswith(_CREATED) for event in entry.get("Events", ())):
                continue
            other = dict(_filters(entry)).get("prefix", "")
            if other.startswith(prefix) or prefix.startswith(other):
                yield (
                    f"bucket {target.bucket} tells {entry[receiver]} of new files under"
                    f" {other or 'every prefix'!r}, which overlaps {prefix or 'the whole bucket'!r}"
                )


def may_send(aws: Aws, service: str, action: str, resource: str, source: str) -> dict[str, Any]:
    """Give the policy of a queue or topic: one service of AWS may send, for one source of ours."""
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "LakestreamEvents",
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": action,
                "Resource": resource,
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": source},
                    "StringEquals": {"aws:SourceAccount": aws.account},
                },
            }
        ],
    }


def event_pattern(target: Target) -> dict[str, Any]:
    """Give EventBridge's pattern for new objects under the prefix, which is taken as it is."""
    detail: dict[str, Any] = {"bucket": {"name": [target.bucket]}}
    if target.prefix:
        detail["object"] = {"key": [{"prefix": target.prefix}]}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def stream_policy(aws: Aws, target: Target) -> dict[str, Any]:
    """Give the IAM policy of who runs the stream: its queue, and its files to read."""
    bucket = f"arn:{aws.partition}:s3:::{target.bucket}"
    listing: dict[str, Any] = {
        "Sid": "ListFiles", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket,
    }  # fmt: skip
    if target.prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": f"{target.prefix}*"}}
    queue = (
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
    )  # fmt: skip
    return _policy(
        [
            _allow("ReceiveMessages", queue, aws.arn("sqs", target.name)),
            listing,
            _allow("ReadFiles", ("s3:GetObject",), f"{bucket}/{target.prefix}*"),
        ]
    )


def setup_policy(aws: Aws, target: Target, via: Via) -> dict[str, Any]:
    """Give the IAM policy of who makes and removes the resources."""
    queues = ("Create", "Delete", "Tag")
    statements = [
        _allow(
            "WireBucket",
            ("s3:ListBucket", "s3:GetBucketNotification", "s3:PutBucketNotification"),
            f"arn:{aws.partition}:s3:::{target.bucket}",
        ),
        _allow(
            "MakeQueues",
            (
                *(f"sqs:{each}Queue" for each in queues), "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:ListQueueTags",
            ),
            [aws.arn("sqs", target.name), aws.arn("sqs", f"{target.name}-dlq")],
        ),
    ]  # fmt: skip
    if via == "sns":
        actions = (
            "CreateTopic", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes",
            "TagResource", "ListTagsForResource", "Subscribe", "ListSubscriptionsByTopic",
        )  # fmt: skip
        arn = aws.arn("sns", target.name)
        statements.append(_allow("MakeTopic", [f"sns:{each}" for each in actions], arn))
        # A subscription's own ARN begins with its topic's.
        settings = ("sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes")
        statements.append(_allow("SetSubscription", settings, [arn, f"{arn}:*"]))
    if via == "eventbridge":
        actions = (
            "PutRule", "DeleteRule", "DescribeRule", "PutTargets", "RemoveTargets",
            "ListTargetsByRule", "TagResource", "ListTagsForResource",
        )  # fmt: skip
        arn = aws.arn("events", f"rule/{target.name}")
        statements.append(_allow("MakeRule", [f"events:{each}" for each in actions], arn))
    return _policy(statements)


def _filters(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return tuple(sorted((str(each["Name"]).lower(), each.get("Value") or "") for each in rules))


def _policy(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(sid: str, actions: Sequence[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
