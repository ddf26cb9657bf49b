"""A double of Google Cloud Storage's XML API, as much of it as object_store speaks.

It proves our code's path, not Google's service: no authorisation, no resumable or multipart
upload. Preconditions by generation, ranges, entity tags and pages of listings are real.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

#: A bucket that ignores where a listing shall start, as azurite and others did: whoever asks must
#: mind, and deltalake does not.
CARELESS: Final = "careless"
_PAGE: Final = 7


@dataclass(frozen=True)
class GcsServer:
    """A running double with a bucket, and ``CARELESS``."""

    endpoint: str
    bucket: str
    options: dict[str, str]


@dataclass(frozen=True)
class _Object:
    data: bytes
    generation: int
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}-{self.generation}"'


@dataclass
class _Bucket:
    objects: dict[str, _Object] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    generation: int = 1_000
    is_careless: bool = False


@contextmanager
def serving() -> Iterator[GcsServer]:
    """Answer on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    server.daemon_threads = True
    server.RequestHandlerClass.buckets = {
        "lake": _Bucket(),
        CARELESS: _Bucket(is_careless=True),
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    account = {
        "gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": "",
        "private_key_id": "",
    }  # fmt: skip
    options = {"google_service_account_key": json.dumps(account), "allow_http": "true"}
    try:
        yield GcsServer(endpoint, "lake", options)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request of one connection."""

    protocol_version = "HTTP/1.1"
    # A reply in one piece: two would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    buckets: dict[str, _Bucket]

    def do_GET(self) -> None:
        bucket, key, query = self._target()
        if bucket is None:
            return self._fail(404, "NoSuchBucket")
        if not key:
            return self._list(bucket, query)
        found = bucket.objects.get(key)
        if found is None:
            return self._fail(404, "NoSuchKey")
        if "if-match" in self.headers and self.headers["if-match"] != found.etag:
            return self._fail(412, "PreconditionFailed")
        wanted = query.get("generation", [str(found.generation)])[0]
        if wanted != str(found.generation):
            return self._fail(404, "NoSuchKey")
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        headers = {
            "ETag": found.etag,
            "Last-Modified": format_datetime(found.modified, usegmt=True),
            "x-goog-generation": str(found.generation),
        }
        if ranged is None:
            return self._answer(200, found.data, headers)
        start, end = int(ranged[1]), min(int(ranged[2]) + 1, len(found.data))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(found.data)}"
        return self._answer(206, found.data[start:end], headers)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length", "0")))
        bucket, key, _ = self._target()
        if bucket is None:
            return self._fail(404, "NoSuchBucket")
        with bucket.lock:
            copied = unquote(self.headers.get("x-goog-copy-source", "")).partition("/")[2]
            if copied:
                data = bucket.objects[copied].data
            held = bucket.objects.get(key)
            wanted = self.headers.get("x-goog-if-generation-match")
            if wanted is not None and int(wanted) != (held.generation if held else 0):
                return self._fail(412, "PreconditionFailed")
            bucket.generation += 1
            now = datetime.now(UTC).replace(microsecond=0)
            made = _Object(data, bucket.generation, now)
            bucket.objects[key] = made
        return self._answer(
            200, b"", {"ETag": made.etag, "x-goog-generation": str(made.generation)}
        )

    def do_DELETE(self) -> None:
        bucket, key, _ = self._target()
        if bucket is None or bucket.objects.pop(key, None) is None:
            return self._fail(404, "NoSuchKey")
        return self._answer(204, b"")

    def _list(self, bucket: _Bucket, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        start = "" if bucket.is_careless else query.get("start-after", [""])[0]
        after = query.get("continuation-token", [start])[0]
        keys = sorted(key for key in list(bucket.objects) if key.startswith(prefix) and key > after)
        parts = []
        for key in keys[:_PAGE]:
            held = bucket.objects[key]
            parts.append(
                f"<Contents><Key>{escape(key)}</Key><Generation>{held.generation}</Generation>"
                f"<LastModified>{held.modified.isoformat().replace('+00:00', 'Z')}</LastModified>"
                f"<ETag>{escape(held.etag)}</ETag><Size>{len(held.data)}</Size></Contents>"
            )
        if len(keys) > _PAGE:
            token = escape(keys[_PAGE - 1])
            parts.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        body = "<ListBucketResult>" + "".join(parts) + "</ListBucketResult>"
        self._answer(200, body.encode(), {"Content-Type": "application/xml"})

    def _target(self) -> tuple[_Bucket | None, str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        bucket, _, key = split.path.removeprefix("/").partition("/")
        return self.buckets.get(bucket), unquote(key), parse_qs(split.query)

    def _fail(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""
