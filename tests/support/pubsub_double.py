"""A double of Pub/Sub's REST interface: topics, subscriptions, pulls, deadlines, acknowledgements.

It proves our code's path where Google's emulator is not installed. Every pull answers at once.
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
        now, found = time.monotonic(), []
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
class _Service:
    subscriptions: dict[str, _Subscription] = field(default_factory=dict)
    published: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Give the reply; None is 404."""
        name, _, verb = path.removeprefix("/v1/").partition(":")
        if method == "PUT":
            if "topic" in body:
                self.subscriptions[name] = _Subscription(body["topic"], body["ackDeadlineSeconds"])
            return {"name": name}
        if verb == "publish":
            return {"messageIds": [self._publish(name, each) for each in body["messages"]]}
        if name not in self.subscriptions:
            return None
        found = self.subscriptions[name]
        match verb:
            case "":
                return {"name": name, "topic": found.topic}
            case "pull":
                return {"receivedMessages": found.pull(body["maxMessages"])}
            case "acknowledge":
                found.acknowledge(body["ackIds"])
            case "modifyAckDeadline":
                found.extend(body["ackIds"], body["ackDeadlineSeconds"])
            case _:
                return None
        return {}

    def _publish(self, topic: str, message: dict[str, Any]) -> str:
        self.published += 1
        number = str(self.published)
        sent = {"messageId": number, "publishTime": datetime.now(UTC).isoformat()}
        for each in self.subscriptions.values():
            if each.topic == topic:
                each.waiting[number] = message | sent
        return number


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: _Service

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
            found = self.service.answer(self.command, self.path, json.loads(body or b"{}"))
        data = json.dumps(found or {}).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving() -> Iterator[str]:
    """Answer on a free port until the block ends; give host and port."""
    handler = type("Handler", (_Handler,), {"service": _Service()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
