"""A bucket of the GCS double whose objects are told of on a topic, as Google writes it.

The double sends no notifications: whoever puts an object here publishes its message, too.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from lakestream.storage import stores
from lakestream.storage.options import StorageOptions
from support.gcs_double import GcsServer

TIME: Final = "2026-11-20T09:00:00.958410Z"


def attributes(name: str, *, bucket: str = "landing", **changes: str) -> dict[str, str]:
    """Give a notification's attributes as Google documents them."""
    return {
        "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": name,
        "objectGeneration": "1732180000000000",
        "eventTime": TIME,
        **changes,
    }


def payload(name: str, *, bucket: str = "landing") -> bytes:
    """Give a notification's payload, shortened."""
    return json.dumps(
        {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/1732180000000000",
            "name": name,
            "bucket": bucket,
            "generation": "1732180000000000",
            "metageneration": "1",
            "size": "524288",
        }
    ).encode()


def message(data: bytes, told: Mapping[str, str]) -> str:
    """Give a message as text that ``GcsLake.send`` publishes."""
    return json.dumps({"data": b64encode(data).decode(), "attributes": dict(told)})


@dataclass
class GcsLake:
    """A folder of a bucket, and a subscription that its events come to.

    Args:
        server: The double.
        host: Of Pub/Sub.
    """

    server: GcsServer
    host: str
    folder: str = field(default_factory=lambda: f"landing-{uuid.uuid4().hex[:10]}")

    kind = "pubsub"

    def __post_init__(self) -> None:
        self.bucket = self.folder
        self._keys: list[str] = []
        self.queue = self.make_queue(self.folder)
        self._store = stores.open_log_store(
            f"gs://{self.server.bucket}/{self.folder}",
            StorageOptions.of(self.options, where="test"),
        )

    @property
    def options(self) -> dict[str, str]:
        return self.server.options

    @property
    def landing(self) -> str:
        return f"gs://{self.server.bucket}/{self.folder}/in"

    def make_queue(self, name: str) -> str:
        """Make a topic and a subscription to it; give the subscription's name."""
        topic, subscription = (
            f"projects/tests/topics/{name}",
            f"projects/tests/subscriptions/{name}",
        )
        self.ask("PUT", topic, {})
        self.ask("PUT", subscription, {"topic": topic, "ackDeadlineSeconds": 10})
        return subscription

    def ask(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        reply = requests.request(method, f"http://{self.host}/v1/{path}", json=body, timeout=30)
        reply.raise_for_status()
        return dict(reply.json())

    def put(self, key: str, data: bytes) -> None:
        """Write an object, and its event, with payload and without."""
        assert self._store.put_absent(key, data)
        self._keys.append(key)
        name, bucket = f"{self.folder}/{key}", self.server.bucket
        if len(self._keys) % 2:
            self.send(message(payload(name, bucket=bucket), attributes(name, bucket=bucket)))
        else:
            self.send(message(b"", attributes(name, bucket=bucket, payloadFormat="NONE")))

    def object_keys(self) -> list[str]:
        return list(self._keys)

    def send(self, *bodies: str, queue: str | None = None) -> None:
        """Publish messages."""
        if bodies:
            topic = (queue or self.queue).replace("/subscriptions/", "/topics/")
            self.ask("POST", f"{topic}:publish", {"messages": [json.loads(b) for b in bodies]})

    def take(self) -> list[str]:
        """Take all messages off the subscription."""
        found: list[str] = []
        body = {"maxMessages": 100, "returnImmediately": True}
        while got := self.ask("POST", f"{self.queue}:pull", body).get("receivedMessages"):
            ids = [each["ackId"] for each in got]
            self.ask("POST", f"{self.queue}:acknowledge", {"ackIds": ids})
            for each in got:
                data = b64decode(each["message"].get("data", ""))
                found.append(message(data, each["message"].get("attributes", {})))
        return found

    def counts(self, queue: str | None = None) -> tuple[int, int]:
        """Give nothing: the service does not count."""
        raise NotImplementedError(queue)
