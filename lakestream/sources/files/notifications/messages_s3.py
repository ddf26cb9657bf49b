"""S3's events, as they come raw, wrapped by SNS, or through EventBridge.

Sources: AWS, "Event message structure" (S3 user guide; keys are URL-encoded, a space as ``+``),
"EventBridge event message structure" (keys are as they are), SNS's notification envelope.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_plus

from lakestream.sources.files.notifications.base import Event, FileEvent, Ignored, Poison

#: SNS may carry what another SNS topic or EventBridge put into it; deeper nesting is none of ours.
_MAX_ENVELOPES: Final = 3
_CREATED: Final = "ObjectCreated:"
_BRIDGE_CREATED: Final = "Object Created"


def events_of(body: bytes) -> list[Event]:
    """Read a queue message's body. Pure; never raises."""
    try:
        return list(_events(json.loads(body), _MAX_ENVELOPES))
    except (ValueError, RecursionError):
        return [Poison("the message is no JSON")]


def _events(tree: object, envelopes: int) -> Iterator[Event]:
    if not isinstance(tree, dict):
        yield Poison("the message is no JSON object")
    elif isinstance(records := tree.get("Records"), list):
        for record in records:
            yield _of_record(record)
    elif tree.get("Event") == "s3:TestEvent":
        yield Ignored("s3:TestEvent")
    elif isinstance(tree.get("detail-type"), str):
        yield _of_bridge(tree)
    elif isinstance(kind := tree.get("Type"), str):
        if kind != "Notification":
            yield Ignored(f"SNS {kind}" if kind in _SNS_KINDS else "SNS control message")
        elif isinstance(inner := tree.get("Message"), str) and envelopes > 0:
            yield from _events(json.loads(inner), envelopes - 1)
        else:
            yield Poison("the SNS envelope holds no message")
    else:
        yield Poison("the message is of no known shape")


_SNS_KINDS: Final = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})


def _of_record(record: object) -> Event:
    """Read one record of S3's own format."""
    name = _text(record, "eventName")
    if name is None:
        return Poison("a record without eventName")
    name = name.removeprefix("s3:")  # as S3-compatible servers write it
    if not name.startswith(_CREATED):
        return Ignored(name if name.replace(":", "").isalnum() else "another event")
    bucket = _text(record, "s3", "bucket", "name")
    encoded = _text(record, "s3", "object", "key")
    if not bucket or not encoded:
        return Poison("a record without bucket or key")
    try:
        key = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError:
        return Poison("a key that is no UTF-8")
    return FileEvent(bucket, key, moment(_text(record, "eventTime")))


def _of_bridge(tree: object) -> Event:
    """Read an EventBridge event."""
    name = _text(tree, "detail-type")
    if _text(tree, "source") != "aws.s3" or name != _BRIDGE_CREATED:
        return Ignored("another EventBridge event" if name != "Object Deleted" else name)
    bucket = _text(tree, "detail", "bucket", "name")
    key = _text(tree, "detail", "object", "key")
    if not bucket or not key:
        return Poison("an EventBridge event without bucket or key")
    return FileEvent(bucket, key, moment(_text(tree, "time")))


def _text(tree: object, *path: str) -> str | None:
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else None


def moment(text: str | None) -> datetime | None:
    """Read an ISO time as aware UTC; None when it is none."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
