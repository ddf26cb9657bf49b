"""A double of what provisioning asks Google: Pub/Sub, buckets' notifications, and projects.

It keeps what it is given and gives it back as the services do: with more fields, and with ids of
their own. A bucket tells its topics of new objects, if its service agent may. It proves what is
asked, not that Google takes it.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from support.pubsub_double import Service

STORAGE_AGENT: Final = "serviceAccount:service-77@gs-project-accounts.iam.gserviceaccount.com"
PUBSUB_AGENT: Final = "serviceAccount:service-12@gcp-sa-pubsub.iam.gserviceaccount.com"
_TOPIC: Final = "//pubsub.googleapis.com/"


@dataclass
class GoogleDouble:
    """What the double knows, and what it was asked.

    Args:
        url: Its address.
        bucket: The one bucket; its project has the number 77, that of topics has 12.
        asked: Requests, as method and path.
        fails: Paths by what they begin with, and the status that they end with.
        unknown_for: Inserts for which the topic's policy is not known yet.
    """

    url: str = ""
    bucket: str = "landing"
    pubsub: Service = field(default_factory=Service)
    configurations: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    unknown_for: int = 0
    made: int = 0

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Give the status and the reply."""
        self.asked.append((method, path))
        for start, status in self.fails.items():
            if path.startswith(start) and not path.endswith(":testIamPermissions"):
                return status, {"error": {"code": status}}
        if path.startswith("/v1/"):
            return self.pubsub.answer(method, path, body)
        if path.startswith("/v3/projects/"):
            return 200, {"name": "projects/12", "projectId": path.rpartition("/")[2]}
        if path == "/storage/v1/projects/77/serviceAccount":
            return 200, {"email_address": STORAGE_AGENT.partition(":")[2]}
        below = path.removeprefix(f"/storage/v1/b/{self.bucket}")
        if below == path:
            return 404, {}
        return self._of_bucket(method, below, body)

    def add(self, topic: str, **fields: Any) -> str:
        """Make a configuration of the bucket by hand; give its id."""
        self.made += 1
        self.configurations[str(self.made)] = {
            "kind": "storage#notification",
            "id": str(self.made),
            "etag": str(self.made),
            "topic": _TOPIC + topic,
            "payload_format": "JSON_API_V1",
            **fields,
        }
        return str(self.made)

    def put_object(self, name: str) -> None:
        """Let the bucket tell of a new object."""
        for each in self.configurations.values():
            prefix = each.get("object_name_prefix", "")
            if name.startswith(prefix) and "OBJECT_FINALIZE" in each.get(
                "event_types", ["OBJECT_FINALIZE"]
            ):
                attributes = {
                    "eventType": "OBJECT_FINALIZE",
                    "bucketId": self.bucket,
                    "objectId": name,
                    "payloadFormat": each["payload_format"],
                    **each.get("custom_attributes", {}),
                }
                data = b64encode(b"").decode()
                message = {"data": data, "attributes": attributes}
                self.pubsub.publish(each["topic"].removeprefix(_TOPIC), message)

    def members(self, path: str) -> dict[str, list[str]]:
        """Give who has which role on a topic or subscription."""
        found: dict[str, list[str]] = {}
        for each in self.pubsub.policies.get(path, {}).get("bindings", ()):
            found.setdefault(each["role"], []).extend(each["members"])
        return found

    def _of_bucket(
        self, method: str, below: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if not below:
            return 200, {"name": self.bucket, "projectNumber": "77"}
        number = re.fullmatch(r"/notificationConfigs/(\d+)", below)
        if number is not None and method == "DELETE":
            return (204, {}) if self.configurations.pop(number[1], None) else (404, {})
        if below != "/notificationConfigs":
            return 404, {}
        if method == "GET":
            return 200, {"items": list(self.configurations.values())}
        topic = body["topic"].removeprefix(_TOPIC)
        self.unknown_for -= 1
        if self.unknown_for >= 0 or STORAGE_AGENT not in self.members(topic).get(
            "roles/pubsub.publisher", ()
        ):
            return 403, {}
        return 200, self.configurations[self.add(**{**body, "topic": topic})]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: GoogleDouble

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        with self.double.pubsub.lock:
            status, reply = self.double.answer(self.command, path, json.loads(sent or b"{}") or {})
        data = b"" if status == 204 else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[GoogleDouble]:
    """Answer on a free port until the block ends."""
    double = GoogleDouble()
    handler = type("Handler", (_Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
