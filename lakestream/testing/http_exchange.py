"""One HTTP request on its way through a proxy, and the reply on its way back."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

#: Headers that speak of one connection, not of the message.
_PER_CONNECTION: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_LARGEST_HEAD: Final = 256 * 2**10
#: With a linger time of zero a socket closes with a reset.
_RESET: Final = struct.pack("ii", 1, 0)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as the client sent it; its body is whole."""

    method: str
    target: str
    headers: Headers
    body: bytes

    @property
    def key(self) -> str:
        """Path and query with percent escapes decoded: what rules match."""
        return unquote(self.target)

    def encoded(self) -> bytes:
        """Give the bytes for a server that shall close the connection after its reply."""
        start = f"{self.method} {self.target} HTTP/1.1"
        return _head(start, self.headers, len(self.body)) + self.body


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply; ``length`` is what its Content-Length says, which a fault may falsify."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    length: int

    @classmethod
    def of(cls, status: int, body: bytes, headers: Mapping[str, str]) -> HttpReply:
        """Build a reply of the proxy's own."""
        return cls(status, "Fault", tuple(headers.items()), body, len(body))

    def head(self) -> bytes:
        """Give the status line and the headers."""
        return _head(f"HTTP/1.1 {self.status} {self.reason}", self.headers, self.length)


class Exchange:
    """What a fault has in hand: the request, the way to the server, the way back to the client.

    Args:
        request: What the client asked.
        server: Host and port of the real server.
        reader: The client's side, on which nothing more is expected.
        writer: Where the reply goes.
    """

    def __init__(
        self,
        request: HttpRequest,
        server: tuple[str, int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.request = request
        self._server = server
        self._reader = reader
        self._client = writer

    async def forward(self) -> HttpReply:
        """Let the server act, and give its whole reply."""
        reader, writer = await asyncio.open_connection(*self._server, limit=_LARGEST_HEAD)
        try:
            writer.write(self.request.encoded())
            await writer.drain()
            return await _read_reply(reader, self.request.method)
        finally:
            writer.close()

    async def answer(
        self,
        reply: HttpReply,
        *,
        most_bytes: int | None = None,
        slice_bytes: int = 0,
        pause_s: float = 0.0,
    ) -> None:
        """Send a reply to the client.

        Args:
            reply: What to send.
            most_bytes: Of the body, no more than these.
            slice_bytes: Of the body, so many at a time; 0 for all at once.
            pause_s: Seconds before each slice.
        """
        self._client.write(reply.head())
        body = reply.body[:most_bytes]
        size = slice_bytes or max(1, len(body))
        for start in range(0, len(body), size):
            if pause_s:
                await self._client.drain()
                await asyncio.sleep(pause_s)
            self._client.write(body[start : start + size])
        await self._client.drain()

    async def hung_up(self) -> None:
        """Wait until the client has closed its side."""
        while await self._reader.read(1):
            pass

    def reset(self) -> None:
        """Break the client's connection off with a TCP reset."""
        found = self._client.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._client.transport.abort()


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> HttpRequest | None:
    """Read the next request of a connection; None when the client is done with it."""
    try:
        start, headers = await _read_head(reader)
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = start.split(" ", 2)
    if _value(headers, "expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        headers = tuple(each for each in headers if each[0].lower() != "expect")
    body = await _read_body(reader, headers, or_to_the_end=False)
    return HttpRequest(method, target, headers, body)


async def _read_reply(reader: asyncio.StreamReader, method: str) -> HttpReply:
    start, headers = await _read_head(reader)
    _, status, reason = (*start.split(" ", 2), "")[:3]
    if method == "HEAD" or int(status) in _WITHOUT_BODY:
        length = int(_value(headers, "content-length") or 0)
        return HttpReply(int(status), reason, headers, b"", length)
    body = await _read_body(reader, headers, or_to_the_end=True)
    return HttpReply(int(status), reason, headers, body, len(body))


def with_length(reply: HttpReply, length: int) -> HttpReply:
    """Let a reply claim another length than its body has."""
    return replace(reply, length=length)


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    head = await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return start, tuple((name.strip(), value.strip()) for name, _, value in pairs)


async def _read_body(
    reader: asyncio.StreamReader, headers: Headers, *, or_to_the_end: bool
) -> bytes:
    if "chunked" in _value(headers, "transfer-encoding").lower():
        return await _read_chunks(reader)
    length = _value(headers, "content-length")
    if length:
        return await reader.readexactly(int(length))
    return await reader.read() if or_to_the_end else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readline()).partition(b";")[0], 16)
        if size == 0:
            break
        body += await reader.readexactly(size)
        await reader.readline()
    while (await reader.readline()).strip():
        pass  # trailers are of no use here
    return bytes(body)


def _value(headers: Headers, name: str) -> str:
    return next((value for each, value in headers if each.lower() == name), "")


def _head(start: str, headers: Headers, length: int) -> bytes:
    kept = [
        f"{name}: {value}"
        for name, value in headers
        if name.lower() not in _PER_CONNECTION and name.lower() != "content-length"
    ]
    lines = [start, *kept, f"Content-Length: {length}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")
