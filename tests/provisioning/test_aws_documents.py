from __future__ import annotations

from typing import Any

import pytest

from lakestream.provisioning.aws_documents import entry_of, normal, overlaps, plain_prefix
from lakestream.provisioning.base import Target

ARN = "arn:aws:sqs:us-east-1:123456789012:others"


def target(prefix: str) -> Target:
    return Target("0" * 12, "lakestream-orders-0", f"s3://b/{prefix}", "b", prefix, {})


def told(
    prefix: str, *, receiver: str = "QueueArn", event: str = "s3:ObjectCreated:*", suffix: str = ""
) -> dict[str, Any]:
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    entry = {"Id": "others", receiver: ARN, "Events": [event]}
    return {
        f"{receiver[:-3]}Configurations": [{**entry, "Filter": {"Key": {"FilterRules": rules}}}]
    }


@pytest.mark.parametrize(
    ("theirs", "ours", "count"),
    [
        ("in/", "in/orders/", 1),
        ("in/orders/eu/", "in/orders/", 1),
        ("in/orders/", "in/orders/", 1),
        ("in/o", "in/orders/", 1),
        ("", "in/orders/", 1),
        ("elsewhere/", "", 1),
        ("in/orders-2/", "in/orders/", 0),
        ("elsewhere/", "in/orders/", 0),
    ],
)
@pytest.mark.parametrize("receiver", ["QueueArn", "TopicArn", "LambdaFunctionArn"])
def test_entries_when_one_prefix_begins_with_the_other_then_they_overlap(
    theirs: str, ours: str, count: int, receiver: str
) -> None:
    found = list(overlaps(target(ours), told(theirs, receiver=receiver, suffix=".json")))
    assert [ARN in each for each in found] == [True] * count


def test_entry_when_of_another_event_or_the_streams_own_then_no_overlap() -> None:
    removals = told("in/", event="s3:ObjectRemoved:*")
    own = {"QueueConfigurations": [entry_of(target("in/"), "QueueArn", ARN)]}
    assert [*overlaps(target("in/"), removals), *overlaps(target("in/"), own)] == []
    assert list(overlaps(target("in/"), told("in/", event="s3:ObjectCreated:Put")))


def test_entry_when_s3_writes_it_otherwise_then_the_same() -> None:
    ours = entry_of(target("in/"), "QueueArn", ARN)
    theirs = {**ours, "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}]}}}
    assert normal(ours) == normal(theirs)
    assert normal(ours) != normal({**ours, "Events": ["s3:ObjectCreated:Put"]})
    assert normal(ours) != normal({**ours, "QueueArn": f"{ARN}-2"})
    assert normal(ours) != normal(entry_of(target("on/"), "QueueArn", ARN))


@pytest.mark.parametrize(
    ("prefix", "filtered"),
    [
        ("", ""),
        ("in/year=2026/", "in/year=2026/"),
        ("in/a b/", "in/a"),
        ("in/é/", "in/"),
        ("in/[x]/", "in/"),
    ],
)
def test_prefix_when_s3_would_encode_it_then_cut_before(prefix: str, filtered: str) -> None:
    assert plain_prefix(prefix) == filtered
    assert "Filter" in entry_of(target(prefix), "QueueArn", ARN) or not filtered
