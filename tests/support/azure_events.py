"""A container of azurite whose blobs are told of on a storage queue, as Event Grid writes them.

The emulator has no Event Grid: whoever puts a blob here puts its message, too.
"""

from __future__ import annotations

import itertools
import json
import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from support.azurite import ACCOUNT, AzuriteServer

Schema = Literal["event grid", "cloud events"]
SCHEMAS: Final[tuple[Schema, ...]] = ("event grid", "cloud events")
_TOPIC: Final = (
    "/subscriptions/5b4b650e-28b9-4790-b3ab-ddbd88d727c4/resourceGroups/lake"
    f"/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
)
TIME: Final = "2026-11-20T09:00:00.9584103Z"


def event(
    path: str,
    *,
    container: str = "landing",
    schema: Schema = "event grid",
    kind: str = "BlobCreated",
    data: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Give the event of a blob as Microsoft documents it."""
    common = {
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {
            "api": "PutBlockList",
            "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "application/json",
            "contentLength": 524288,
            "blobType": "BlockBlob",
            "url": f"https://{ACCOUNT}.blob.core.windows.net/{container}/{path}",
            "sequencer": "00000000000004420000000000028963",
            "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
            **(data or {}),
        },
    }
    name = f"Microsoft.Storage.{kind}"
    if schema == "cloud events":
        own = {"specversion": "1.0", "type": name, "source": _TOPIC, "time": TIME}
    else:
        own = {
            "topic": _TOPIC, "eventType": name, "eventTime": TIME, "dataVersion": "",
            "metadataVersion": "1",
        }  # fmt: skip
    return {**own, **common, **changes}


def base64(tree: object) -> str:
    """Give a message's text as Event Grid writes it."""
    return b64encode(json.dumps(tree).encode()).decode()


@dataclass
class AzureLake:
    """A container and a queue that its events come to.

    Args:
        server: The emulator.
    """

    server: AzuriteServer
    bucket: str = field(default_factory=lambda: f"landing-{uuid.uuid4().hex[:10]}")

    kind = "azure"

    def __post_init__(self) -> None:
        from azure.storage.blob import BlobServiceClient
        from azure.storage.queue import QueueServiceClient

        string = self.server.connection_string
        self.queues = QueueServiceClient.from_connection_string(string)
        self.blobs = BlobServiceClient.from_connection_string(string).create_container(self.bucket)
        self.queue = self.make_queue(self.bucket)
        self._shapes = itertools.cycle(itertools.product(SCHEMAS, (base64, json.dumps)))

    @property
    def options(self) -> dict[str, str]:
        return self.server.options

    @property
    def landing(self) -> str:
        return f"az://{self.bucket}/in"

    def make_queue(self, name: str) -> str:
        """Make a queue; give its URL."""
        self.queues.create_queue(name)
        return f"{self.server.queue_endpoint}/{name}"

    def put(self, key: str, data: bytes) -> None:
        """Write a blob, and its event in one of the shapes that there are."""
        self.blobs.upload_blob(key, data, overwrite=True)
        schema, text = next(self._shapes)
        self.send(text(event(key, container=self.bucket, schema=schema)))

    def object_keys(self) -> list[str]:
        return list(self.blobs.list_blob_names(name_starts_with="in/"))

    def send(self, *bodies: str, queue: str | None = None) -> None:
        """Put messages on the queue by hand."""
        client = self._client(queue)
        for each in bodies:
            client.send_message(each)

    def take(self) -> list[str]:
        """Take all messages off the queue; give their bodies."""
        client, found = self._client(None), []
        for each in client.receive_messages(messages_per_page=32):
            found.append(str(each.content))
            client.delete_message(each)
        return found

    def counts(self, queue: str | None = None) -> tuple[int, int]:
        """Give how many messages there are, and none that are taken: they are not told apart."""
        return self._client(queue).get_queue_properties().approximate_message_count or 0, 0

    def _client(self, queue: str | None) -> Any:
        return self.queues.get_queue_client((queue or self.queue).rpartition("/")[2])
