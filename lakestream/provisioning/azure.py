"""Azure's blob events to a storage queue, by a subscription of Event Grid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError
from lakestream.provisioning.azure_session import mapped
from lakestream.provisioning.base import Found, Site, Target
from lakestream.provisioning.naming import STREAM_TAG
from lakestream.sources.files.notifications.azure_account import account_url, credential_of

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from lakestream.provisioning.azure_session import Arm
    from lakestream.storage.options import StorageOptions

_VERSION: Final = "2022-06-15"
_EVENTS: Final = (
    "Microsoft.Storage.BlobCreated",
    "Microsoft.Storage.BlobRenamed",
    "Microsoft.Storage.DirectoryRenamed",
)
_ACTIONS: Final = (
    "Microsoft.EventGrid/eventSubscriptions/delete",
    "Microsoft.EventGrid/eventSubscriptions/read",
    "Microsoft.EventGrid/eventSubscriptions/write",
    "Microsoft.Storage/storageAccounts/queueServices/queues/delete",
    "Microsoft.Storage/storageAccounts/queueServices/queues/read",
    "Microsoft.Storage/storageAccounts/queueServices/queues/write",
    "Microsoft.Storage/storageAccounts/read",
)


def azure_site(target: Target, options: StorageOptions, arm: Arm, group: str) -> Site:
    """Give the parts of a stream of Azure: the queues come before what fills them.

    Args:
        target: Whose.
        options: Of the files; they name the account.
        arm: The resource manager.
        group: The account's resource group, as ``/subscriptions/<id>/resourceGroups/<name>``.

    Raises:
        ConfigError: azure-storage-queue is not installed, or no account is named.

    Cost: no request.
    """
    try:
        from azure.storage.queue import QueueClient
    except ImportError as error:
        raise ConfigError(
            "making queues in Azure needs azure-storage-queue",
            where=target.uri,
            fix="pip install 'lakestream[azure]'",
        ) from error
    service = account_url(options, target.uri)
    # An emulator has the account in the path.
    account = service.rpartition("/")[2].partition(".")[0]
    scope = f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"
    credential = credential_of(options)
    names = (target.name, f"{target.name}-poison")
    queues = [
        QueuePart(QueueClient(service, name, credential=credential), name, target.tags)
        for name in names
    ]
    queue_ids = [f"{scope}/queueServices/default/queues/{name}" for name in names]
    container = f"{scope}/blobServices/default/containers/{target.bucket}"
    return Site(
        parts=(*queues, SubscriptionPart(arm, scope, target)),
        declare=f'ls.AzureStorageQueue("{service}/{names[0]}", poison_queue="{names[1]}")',
        policies={
            "setup": {
                "Name": "lakestream notifications",
                "Actions": list(_ACTIONS),
                "AssignableScopes": [scope],
            },
            "stream": [
                {"role": "Storage Blob Data Reader", "scope": container},
                {"role": "Storage Queue Data Message Processor", "scope": queue_ids[0]},
                {"role": "Storage Queue Data Reader", "scope": queue_ids[0]},
                {"role": "Storage Queue Data Message Sender", "scope": queue_ids[1]},
            ],
        },
    )


class QueuePart:
    """A storage queue of the stream; its metadata are its tags."""

    kind: Final = "storage queue"

    def __init__(self, client: QueueClient, name: str, tags: Mapping[str, str]) -> None:
        self._client = client
        self._metadata = {_identifier(key): value for key, value in tags.items()}
        self.name: Final = name

    def find(self) -> Found | None:
        """Look at the queue. Cost: one request."""
        from azure.core.exceptions import ResourceNotFoundError

        with mapped("queues/read", self.name):
            try:
                found = dict(self._client.get_queue_properties().metadata or {})
            except ResourceNotFoundError:
                return None
        tag = _identifier(STREAM_TAG)
        missing = self._metadata.items() - found.items()
        return Found(
            is_ours=found.get(tag) == self._metadata[tag], drift=("metadata",) if missing else ()
        )

    def make(self) -> None:
        """Make the queue, or set its metadata. Cost: up to two requests."""
        from azure.core.exceptions import ResourceExistsError

        with mapped("queues/write", self.name):
            try:
                self._client.create_queue(metadata=self._metadata)
            except ResourceExistsError:
                self._client.set_queue_metadata(self._metadata)

    def remove(self) -> None:
        """Delete the queue and what waits in it. Cost: one request."""
        from azure.core.exceptions import ResourceNotFoundError

        with mapped("queues/delete", self.name):
            try:
                self._client.delete_queue()
            except ResourceNotFoundError:
                return


class SubscriptionPart:
    """The storage account's subscription of Event Grid that fills the queue."""

    kind: Final = "event grid subscription"

    def __init__(self, arm: Arm, scope: str, target: Target) -> None:
        self._arm = arm
        self._path = f"{scope}/providers/Microsoft.EventGrid/eventSubscriptions/{target.name}"
        self._wanted = subscription_of(scope, target)
        self._label = f"{STREAM_TAG}={target.id}"
        self.name: Final = target.name

    def find(self) -> Found | None:
        """Look at the subscription. Cost: one request."""
        with mapped("Microsoft.EventGrid/eventSubscriptions/read", self.name):
            reply = self._arm.get(self._path, _VERSION)
        if reply is None:
            return None
        found: dict[str, Any] = reply.get("properties", {})
        drift = [name for name, value in self._wanted.items() if not _holds(found.get(name), value)]
        return Found(
            is_ours=self._label in (found.get("labels") or ()),
            drift=tuple(drift),
        )

    def make(self) -> None:
        """Make the subscription, or set all of it. Cost: one request."""
        with mapped("Microsoft.EventGrid/eventSubscriptions/write", self.name):
            self._arm.put(self._path, _VERSION, {"properties": self._wanted})

    def remove(self) -> None:
        """Delete the subscription. Cost: one request."""
        with mapped("Microsoft.EventGrid/eventSubscriptions/delete", self.name):
            self._arm.delete(self._path, _VERSION)


def subscription_of(scope: str, target: Target) -> dict[str, Any]:
    """Give the properties of Event Grid's subscription (its REST API, 2022-06-15)."""
    subject = f"/blobServices/default/containers/{target.bucket}/blobs/{target.prefix}"
    return {
        "destination": {
            "endpointType": "StorageQueue",
            "properties": {
                "resourceId": scope,
                "queueName": target.name,
                "queueMessageTimeToLiveInSeconds": -1,
            },
        },
        "filter": {
            "includedEventTypes": list(_EVENTS),
            "subjectBeginsWith": subject,
            "isSubjectCaseSensitive": True,
        },
        "eventDeliverySchema": "EventGridSchema",
        "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
        "labels": sorted(f"{key}={value}" for key, value in target.tags.items()),
    }


def _holds(found: object, wanted: object) -> bool:
    """Tell whether a reply has what was asked for; it may have more, and ids in another case."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _holds(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and sorted(found) == sorted(wanted)
    if isinstance(wanted, str) and isinstance(found, str) and wanted.startswith("/subscriptions/"):
        return found.lower() == wanted.lower()
    return found == wanted


def _identifier(key: str) -> str:
    """Give a tag's key as metadata take it: a C# identifier."""
    return re.sub(r"\W", "_", key if key[:1].isalpha() else f"_{key}", flags=re.ASCII)
