"""Google Cloud Storage's events as its notifications put them on a Pub/Sub topic.

Source: Google, "Pub/Sub notifications for Cloud Storage": attributes tell the event, the payload is
the object's JSON (``JSON_API_V1``) or empty (``NONE``). Names are as they are, not URL-encoded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lakestream.sources.files.notifications.base import Event, FileEvent, Ignored, Poison
from lakestream.sources.files.notifications.messages_s3 import moment

_FINALIZED: Final = "OBJECT_FINALIZE"
_OTHERS: Final = frozenset({"OBJECT_ARCHIVE", "OBJECT_DELETE", "OBJECT_METADATA_UPDATE"})


def events_of(body: bytes, attributes: Mapping[str, str]) -> list[Event]:
    """Read a message. Pure; never raises."""
    return [_event(body, attributes)]


def _event(body: bytes, attributes: Mapping[str, str]) -> Event:
    kind = attributes.get("eventType")
    if not kind:
        return Poison("a message without eventType")
    if kind != _FINALIZED:
        return Ignored(kind if kind in _OTHERS else "another event")
    bucket, name = attributes.get("bucketId"), attributes.get("objectId")
    if not bucket or not name:
        payload = _payload(body)
        bucket, name = payload.get("bucket"), payload.get("name")
    if not isinstance(bucket, str) or not isinstance(name, str) or not bucket or not name:
        return Poison("OBJECT_FINALIZE without bucket or object")
    if name.endswith("/"):
        return Ignored("OBJECT_FINALIZE of a folder's placeholder")
    return FileEvent(bucket, name, moment(attributes.get("eventTime")))


def _payload(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
