"""S3's events to an SQS queue: straight, by SNS, or by EventBridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestream.provisioning.aws_bucket import EntryPart, SwitchPart
from lakestream.provisioning.aws_documents import Via, may_send, setup_policy, stream_policy
from lakestream.provisioning.aws_fanout import RulePart, TopicPart
from lakestream.provisioning.aws_queues import QueuePart
from lakestream.provisioning.aws_session import open_aws
from lakestream.provisioning.base import Part, Site, Target

if TYPE_CHECKING:
    from lakestream.clock import Clock
    from lakestream.storage.options import StorageOptions


def aws_site(target: Target, options: StorageOptions, via: Via, clock: Clock) -> Site:
    """Give the parts of a stream of S3: who may send comes before who sends.

    Raises:
        ConfigError: boto3 is not installed, or the endpoint has no TLS.
        ProvisioningRefusedError, ProvisioningUnavailableError: The bucket cannot be asked.

    Cost: two requests.
    """
    aws = open_aws(options, target.bucket, target.uri)
    queue = aws.arn("sqs", target.name)
    service, source = {
        "sqs": ("s3", f"arn:{aws.partition}:s3:::{target.bucket}"),
        "sns": ("sns", aws.arn("sns", target.name)),
        "eventbridge": ("events", aws.arn("events", f"rule/{target.name}")),
    }[via]
    parts: list[Part] = [
        QueuePart(aws, target, None),
        QueuePart(aws, target, may_send(aws, service, "sqs:SendMessage", queue, source)),
    ]
    if via == "sns":
        parts.append(TopicPart(aws, target))
    parts += (
        [RulePart(aws, target), SwitchPart(aws, target)]
        if via == "eventbridge"
        else [EntryPart(aws, target, via, clock)]
    )
    return Site(
        parts=tuple(parts),
        declare=f'ls.SqsQueue("{aws.queue_url(target.name)}")',
        policies={
            "setup": setup_policy(aws, target, via),
            "stream": stream_policy(aws, target),
        },
    )
