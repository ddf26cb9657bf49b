"""A double of Pub/Sub's REST interface: topics, subscriptions, pulls, deadlines, acknowledgements.

It proves our code's path where Google's emulator is not installed, and in what that does not do:
labels that change, and who may use what. Every pull answers at once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BATCH = 100


@dataclass
class _Subscription:
    topic: str
    deadline_s: int
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden_until: dict[str, float] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    pulled: int = 0

    def pull(self, count: int) -> list[dict[str, Any]]:
        now = time.monotonic()
        found: list[dict[str, Any]] = []
        for number, message in self.waiting.items():
            if self.hidden_until.get(number, 0) <= now and len(found) < min(count, _BATCH):
                self.pulled += 1
                self.hidden_until[number] = now + self.deadline_s
                self.receipts[f"{self.topic}:{self.pulled}"] = number
                found.append({"ackId": f"{self.topic}:{self.pulled}", "message": message})
        return found

    def acknowledge(self, receipts: list[str]) -> None:
        for each in receipts:
            self.waiting.pop(self.receipts.get(each, ""), None)

    def extend(self, receipts: list[str], seconds: int) -> None:
        for each in receipts:
            if each in self.receipts:
                self.hidden_until[self.receipts[each]] = time.monotonic() + seconds


@dataclass
class Service:
    """Topics, subscriptions, and who may use them."""

    topics: dict[str, dict[str, Any]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, _Subscription] = field(default_factory=dict)
    allowed: list[str] = field(default_factory=list)
    published: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Give the status and the reply."""
        name, _, verb = path.removeprefix("/v1/").partition(":")
        known = self.topics if "/topics/" in name else self.described
        if method == "PUT":
            return self._put(name, body, known)
        if name not in known:
            return 404, {}
        match method, verb:
            case "GET", "":
                return 200, known[name]
            case "PATCH", "":
                changes = body["topic" if known is self.topics else "subscription"]
                known[name] |= {each: changes.get(each) for each in body["updateMask"].split(",")}
                return 200, known[name]
            case "DELETE", "":
                return self._delete(name, known)
            case "GET", "getIamPolicy":
                return 200, self.policies.get(name, {"etag": "0"})
            case "POST", "testIamPermissions":
                return 200, {"permissions": self.allowed}
            case "POST", "setIamPolicy":
                return self._allow(name, body["policy"])
            case "POST", "publish":
                return 200, {"messageIds": [self.publish(name, each) for each in body["messages"]]}
        return self._consume(self.subscriptions[name], verb, body)

    def _delete(self, name: str, known: dict[str, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        for kept in (known, self.subscriptions, self.policies):
            kept.pop(name, None)
        for each in self.described.values():
            if each["topic"] == name:
                each["topic"] = "_deleted-topic_"
        return 200, {}

    def _put(
        self, name: str, body: dict[str, Any], known: dict[str, dict[str, Any]]
    ) -> tuple[int, dict[str, Any]]:
        if name in known:
            return 409, {}
        known[name] = {"name": name, **body}
        if "topic" in body:
            if body["topic"] not in self.topics:
                del known[name]
                return 404, {}
            self.subscriptions[name] = _Subscription(body["topic"], body["ackDeadlineSeconds"])
        return 200, known[name]

    def _allow(self, name: str, policy: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        etag = self.policies.get(name, {}).get("etag", "0")
        if policy.get("etag") != etag:
            return 409, {}
        self.policies[name] = {**policy, "etag": str(int(etag) + 1)}
        return 200, self.policies[name]

    def _consume(
        self, found: _Subscription, verb: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        match verb:
            case "pull":
                return 200, {"receivedMessages": found.pull(body["maxMessages"])}
            case "acknowledge":
                found.acknowledge(body["ackIds"])
            case "modifyAckDeadline":
                found.extend(body["ackIds"], body["ackDeadlineSeconds"])
            case _:
                return 404, {}
        return 200, {}

    def publish(self, topic: str, message: dict[str, Any]) -> str:
        """Let a message come to all subscriptions of a topic; give its number."""
        self.published += 1
        number = str(self.published)
        sent = {"messageId": number, "publishTime": datetime.now(UTC).isoformat()}
        for each in self.subscriptions.values():
            if each.topic == topic:
                each.waiting[number] = message | sent
        return number


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.service.lock:
            path = self.path.partition("?")[0]
            status, found = self.service.answer(self.command, path, json.loads(body or b"{}"))
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving() -> Iterator[str]:
    """Answer on a free port until the block ends; give host and port."""
    handler = type("Handler", (_Handler,), {"service": Service()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
