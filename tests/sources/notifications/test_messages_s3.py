from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.sources.files.notifications.base import FileEvent, Ignored, Poison
from lakestream.sources.files.notifications.messages_s3 import events_of

#: As AWS documents it, shortened; eTag without quotes, the key URL-encoded.
RECORD: Final[dict[str, Any]] = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "us-west-2",
    "eventTime": "2026-11-20T09:00:00.123Z",
    "eventName": "ObjectCreated:Put",
    "s3": {
        "s3SchemaVersion": "1.0",
        "bucket": {"name": "landing", "arn": "arn:aws:s3:::landing"},
        "object": {
            "key": "orders/day%3D1/a+b%2Bc%C3%A9.json",
            "size": 1024,
            "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}
BRIDGE: Final[dict[str, Any]] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "time": "2026-11-20T09:00:00Z",
    "detail": {
        "bucket": {"name": "landing"},
        "object": {"key": "orders/day=1/a b+cé.json", "size": 5, "etag": "b1946ac92492"},
        "reason": "PutObject",
    },
}
KEY: Final = "orders/day=1/a b+cé.json"


def body(tree: object) -> bytes:
    return json.dumps(tree).encode()


def enveloped(tree: object) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(tree)}


def record(**changes: Any) -> dict[str, Any]:
    return {**RECORD, **changes}


def test_raw_record_when_read_then_key_is_decoded_once() -> None:
    assert events_of(body({"Records": [RECORD]})) == [
        FileEvent("landing", KEY, datetime(2026, 11, 20, 9, 0, 0, 123_000, UTC))
    ]


def test_bridge_event_when_read_then_key_is_taken_as_it_is() -> None:
    wanted = FileEvent("landing", KEY, datetime(2026, 11, 20, 9, tzinfo=UTC))
    assert events_of(body(BRIDGE)) == [wanted]
    assert events_of(body(enveloped(BRIDGE))) == [wanted]


def test_sns_envelope_when_read_then_what_it_holds_counts() -> None:
    inner = {"Records": [RECORD, RECORD]}
    assert events_of(body(enveloped(inner))) == events_of(body(inner))
    assert len(events_of(body(enveloped(enveloped(inner))))) == 2


@pytest.mark.parametrize("name", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_way_of_creating_when_read_then_is_a_file(name: str) -> None:
    for prefix in ("", "s3:"):
        (event,) = events_of(body({"Records": [record(eventName=f"{prefix}ObjectCreated:{name}")]}))
        assert isinstance(event, FileEvent)


@pytest.mark.parametrize(
    "tree",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "landing"},
        {"Records": [record(eventName="ObjectRemoved:Delete")]},
        {"Records": [record(eventName="ObjectRemoved:DeleteMarkerCreated")]},
        {"Records": [record(eventName="LifecycleExpiration:Delete")]},
        {"Records": [record(eventName="ObjectTagging:Put")]},
        {**BRIDGE, "detail-type": "Object Deleted"},
        {**BRIDGE, "source": "aws.ec2"},
        {"Type": "SubscriptionConfirmation", "Token": "secret"},
    ],
)
def test_what_tells_of_no_new_file_when_read_then_ignored(tree: dict[str, Any]) -> None:
    for each in (tree, enveloped(tree)):
        (event,) = events_of(body(each))
        assert isinstance(event, Ignored)
        assert "secret" not in event.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[" * 500_000,
        b'{"Records": [' + b'{"a":' * 100_000,
        body(None),
        body([]),
        body({}),
        body({"Records": {}}),
        body({"Records": [None]}),
        body({"Records": [record(eventName=7)]}),
        body({"Records": [record(s3=[])]}),
        body({"Records": [record(s3={"bucket": {"name": ""}, "object": {"key": "k"}})]}),
        body({"Records": [record(s3={"bucket": {"name": "b"}, "object": {"key": "%ff"}})]}),
        body({**BRIDGE, "detail": "text"}),
        body({"Type": "Notification", "Message": "no json"}),
        body({"Type": "Notification"}),
        body(enveloped(enveloped(enveloped(enveloped(enveloped({"Records": [RECORD]})))))),
        b'{"Records": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_has_no_known_shape_when_read_then_poison(data: bytes) -> None:
    assert any(isinstance(each, Poison) for each in events_of(data))


def test_good_records_beside_a_broken_one_when_read_then_kept() -> None:
    events = events_of(body({"Records": [RECORD, {}, RECORD]}))
    assert [type(each) for each in events] == [FileEvent, Poison, FileEvent]


@pytest.mark.parametrize("time", ["", "yesterday", "0001-01-01T00:00:00+23:59", 5, None])
def test_time_that_is_none_when_read_then_left_out(time: object) -> None:
    (event,) = events_of(body({"Records": [record(eventTime=time)]}))
    assert isinstance(event, FileEvent)
    assert event.happened_at is None


LEAVES: Final = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
NAMES: Final = st.sampled_from(
    ["Records", "s3", "bucket", "name", "object", "key", "eventName", "Type", "Message",
     "detail", "detail-type", "source", "Event", "eventTime", "time"]
)  # fmt: skip
TREES: Final = st.recursive(
    LEAVES | st.sampled_from(["ObjectCreated:Put", "Notification", "aws.s3", "Object Created"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(st.binary(max_size=200) | TREES.map(body) | TREES.map(enveloped).map(body))
def test_d4_whatever_a_message_holds_when_read_then_it_is_sorted_without_raising(
    data: bytes,
) -> None:
    for event in events_of(data):
        assert isinstance(event, FileEvent | Ignored | Poison)
        if isinstance(event, FileEvent):
            assert event.bucket
            assert event.key
