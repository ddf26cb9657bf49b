"""Azure's storage events as Event Grid puts them on a queue: its own schema, or CloudEvents 1.0.

Sources: Microsoft, "Azure Blob Storage as an Event Grid source" (the subject names container and
blob as they are, not URL-encoded; which ``api`` commits a whole blob), "CloudEvents v1.0 schema".
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

from lakestream.sources.files.notifications.base import (
    Event,
    FileEvent,
    FolderEvent,
    Ignored,
    Poison,
)
from lakestream.sources.files.notifications.messages_s3 import moment

#: What makes a whole blob; CreateFile and SftpCreate begin one that is still to be written.
_WHOLE: Final = frozenset({"CopyBlob", "FlushWithClose", "PutBlob", "PutBlockList", "SftpCommit"})
_STORAGE: Final = "Microsoft.Storage."
_GRID: Final = "Microsoft.EventGrid."
_SUBJECT: Final = re.compile(
    r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL | re.IGNORECASE
)
_ACCOUNT: Final = re.compile(r"/storageAccounts/([a-z0-9]{3,24})(?:/|\Z)", re.IGNORECASE)


def events_of(body: bytes) -> list[Event]:
    """Read a queue message's text: base64 or as it is, one event or a list. Never raises."""
    try:
        return list(_events(json.loads(_text(body.strip()))))
    except (ValueError, RecursionError):
        return [Poison("the message is no JSON, and no base64 of any")]


def _text(body: bytes) -> bytes:
    """Decode base64, whose alphabet holds nothing that a JSON object or list begins with."""
    return body if body[:1] in {b"{", b"["} else b64decode(body, validate=True)


def _events(tree: object) -> Iterator[Event]:
    for each in tree if isinstance(tree, list) else [tree]:
        yield _event(each) if isinstance(each, dict) else Poison("the message is no JSON object")


def _event(tree: dict[str, Any]) -> Event:
    is_cloud = "specversion" in tree
    kind = tree.get("type" if is_cloud else "eventType")
    if not isinstance(kind, str) or not kind:
        return Poison("an event without its type")
    if not kind.startswith(_STORAGE):
        is_grid = kind.startswith(_GRID) and kind.removeprefix(_GRID).isalnum()
        return Ignored(kind if is_grid else "an event that is not the storage's")
    name = kind.removeprefix(_STORAGE)
    if name not in {"BlobCreated", "BlobRenamed", "DirectoryRenamed"}:
        return Ignored(name if name.isalnum() else "another storage event")
    data = tree.get("data")
    subject = tree.get("subject")
    match = _SUBJECT.fullmatch(subject) if isinstance(subject, str) else None
    if not isinstance(data, dict) or match is None:
        return Poison(f"{name} without data or the subject of a blob")
    if name == "BlobCreated":
        refused = _not_whole(data)
        if refused is not None:
            return refused
    time = tree.get("time" if is_cloud else "eventTime")
    topic = tree.get("source" if is_cloud else "topic")
    account = _ACCOUNT.search(topic) if isinstance(topic, str) else None
    return (FolderEvent if name == "DirectoryRenamed" else FileEvent)(
        match[1],
        match[2],
        moment(time if isinstance(time, str) else None),
        None if account is None else account[1].lower(),
    )


def _not_whole(data: dict[str, Any]) -> Ignored | Poison | None:
    """Tell why a created blob is not to be read yet."""
    api = data.get("api")
    if not isinstance(api, str):
        return Poison("BlobCreated without its api")
    if api not in _WHOLE:
        return Ignored(f"BlobCreated:{api}" if api.isalnum() else "BlobCreated by another api")
    if data.get("blobType") == "AppendBlob" and data.get("contentLength") == 0:
        return Ignored("BlobCreated: an append blob with nothing in it")
    return None
