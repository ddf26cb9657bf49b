"""Queues on azurite; Event Grid's side against a double of the resource manager's REST API.

The double keeps what it is given and gives it back as the service does: with more properties, ids
in another case, labels in another order. It proves what is asked, not that Azure takes it.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from azure.core.credentials import AccessToken
from support.azure_events import AzureLake, base64, event

from lakestream.errors import (
    ForeignResourceError,
    ProvisioningRefusedError,
    ProvisioningUnavailableError,
)
from lakestream.provisioning.azure import azure_site
from lakestream.provisioning.azure_session import Arm
from lakestream.provisioning.base import NotificationPlan, Site, Target
from lakestream.sources.files.notifications.azure_queue import AzureStorageQueue
from lakestream.sources.files.notifications.base import FileEvent
from lakestream.storage.options import StorageOptions

GROUP = "/subscriptions/0000-1/resourceGroups/lake"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"


@dataclass
class Manager:
    """What the double knows, and what it was asked."""

    resources: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    status: int | None = None
    url: str = ""

    def answer(self, method: str, path: str, version: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, version, body))
        if self.status is not None:
            return self.status, {"error": {"code": "Told"}}
        if method == "PUT":
            told = json.loads(json.dumps(body["properties"]))
            told["provisioningState"] = "Succeeded"
            told["labels"] = told["labels"][::-1]
            destination = told["destination"]["properties"]
            destination["resourceId"] = destination["resourceId"].replace("lake", "LAKE")
            self.resources[path] = {"id": path, "properties": told}
            return 201, self.resources[path]
        if path not in self.resources:
            return 404, {"error": {"code": "ResourceNotFound"}}
        return 200, self.resources.pop(path) if method == "DELETE" else self.resources[path]


class Handler(BaseHTTPRequestHandler):
    manager: Manager

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        (version,) = parse_qs(parts.query)["api-version"]
        assert self.headers["Authorization"] == "Bearer a-token"
        body = json.loads(sent) if sent else None
        status, reply = self.manager.answer(self.command, parts.path, version, body)
        text = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_DELETE = _serve  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        pass


class Token:
    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("a-token", 2**31)


@pytest.fixture
def manager() -> Iterator[Manager]:
    found = Manager()
    handler = type("Bound", (Handler,), {"manager": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def target() -> Target:
    digits = uuid.uuid4().hex[:12]
    tags = {"team": "a", "cost-center": "7", "lakestream-stream": digits}
    return Target(digits, f"lakestream-orders-{digits}", "az://landing/in", "landing", "in/", tags)


@pytest.fixture
def options(azurite_server: Any, monkeypatch: pytest.MonkeyPatch) -> StorageOptions:
    endpoint = azurite_server.queue_endpoint.rpartition("/")[0]
    monkeypatch.setenv("AZURITE_QUEUE_STORAGE_URL", endpoint)
    return StorageOptions.of(azurite_server.options, where="test")


@pytest.fixture
def site(target: Target, options: StorageOptions, manager: Manager) -> Site:
    return azure_site(target, options, Arm(Token(), manager.url), GROUP)


def actions(plan: NotificationPlan) -> list[str]:
    return [each.action for each in plan.resources]


def test_azure_when_applied_twice_then_made_once_and_destroyed_whole(
    site: Site, target: Target, manager: Manager, azurite_server: Any
) -> None:
    queues = AzureLake(azurite_server).queues
    assert actions(site.plan(target)) == ["create"] * 3
    assert {each[0] for each in manager.asked} == {"GET"}
    site.apply(target)
    assert site.plan(target).is_done
    assert actions(site.apply(target)) == ["keep"] * 3
    assert [each[0] for each in manager.asked].count("PUT") == 1
    names = [each.name for each in site.list()]
    assert names == [target.name, f"{target.name}-poison", target.name]
    assert len(site.destroy()) == 3
    assert (site.list(), site.destroy(), manager.resources) == ([], [], {})
    assert not list(queues.list_queues(name_starts_with=target.name))


def test_subscription_when_made_then_asked_as_event_grid_documents_it(
    site: Site, target: Target, manager: Manager
) -> None:
    site.apply(target)
    ((_, path, version, body),) = [each for each in manager.asked if each[0] == "PUT"]
    assert path == f"{ACCOUNT}/providers/Microsoft.EventGrid/eventSubscriptions/{target.name}"
    assert version == "2022-06-15"
    assert body == {
        "properties": {
            "destination": {
                "endpointType": "StorageQueue",
                "properties": {
                    "resourceId": ACCOUNT,
                    "queueName": target.name,
                    "queueMessageTimeToLiveInSeconds": -1,
                },
            },
            "filter": {
                "includedEventTypes": [
                    "Microsoft.Storage.BlobCreated",
                    "Microsoft.Storage.BlobRenamed",
                    "Microsoft.Storage.DirectoryRenamed",
                ],
                "subjectBeginsWith": "/blobServices/default/containers/landing/blobs/in/",
                "isSubjectCaseSensitive": True,
            },
            "eventDeliverySchema": "EventGridSchema",
            "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
            "labels": ["cost-center=7", f"lakestream-stream={target.id}", "team=a"],
        }
    }


def test_queue_when_made_then_the_declared_one_receives_from_it(
    site: Site, target: Target, options: StorageOptions, azurite_server: Any
) -> None:
    site.apply(target)
    url, poison = site.declare.split('"')[1::2]
    AzureLake(azurite_server).send(base64(event("in/a.json", container="landing")), queue=url)
    queue = AzureStorageQueue(url, poison_queue=poison).open(options)
    (message,) = queue.receive(wait_s=0, lease_s=30)
    (read,) = queue.events(message)
    queue.close()
    assert isinstance(read, FileEvent)
    assert (read.bucket, read.key) == ("landing", "in/a.json")


def test_azure_when_changed_by_hand_then_mended(
    site: Site, target: Target, manager: Manager
) -> None:
    site.apply(target)
    (resource,) = manager.resources.values()
    resource["properties"]["filter"]["subjectBeginsWith"] = "/elsewhere"
    drifted = [(each.kind, each.detail) for each in site.plan(target).resources if each.detail]
    assert drifted == [("event grid subscription", "filter")]
    site.apply(target)
    assert site.plan(target).is_done


def test_azure_when_a_resource_of_our_name_is_not_ours_then_left_alone(
    site: Site, target: Target, manager: Manager, azurite_server: Any
) -> None:
    AzureLake(azurite_server).make_queue(target.name)
    with pytest.raises(ForeignResourceError, match=target.name):
        site.apply(target)
    assert (site.destroy(), manager.resources) == ([], {})
    assert [each.kind for each in msgspec.structs.replace(site, parts=site.parts[1:]).list()] == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, ProvisioningRefusedError), (409, ProvisioningUnavailableError)],
)
def test_resource_manager_when_it_fails_then_told_apart(
    site: Site, target: Target, manager: Manager, status: int, error: type[Exception]
) -> None:
    manager.status = status
    with pytest.raises(error, match=f"eventSubscriptions/read.*HTTP {status}"):
        site.plan(target)
