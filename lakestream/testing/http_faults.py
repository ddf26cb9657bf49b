"""What can befall an HTTP request between a client and its server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from lakestream.testing.http_exchange import Exchange, HttpReply, with_length

_S3_ERROR: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>{code}</Code><Message>{code}</Message></Error>"
)


@dataclass(frozen=True, slots=True)
class HttpFault:
    """A way for a request to go wrong; ``name`` is how plans count it."""

    name: str
    befall: Callable[[Exchange], Awaitable[None]]


def waits(seconds: float) -> HttpFault:
    """Latency: the request waits, then all goes well."""

    async def befall(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.answer(await exchange.forward())

    return HttpFault("waits", befall)


def trickles(slice_bytes: int, pause_s: float) -> HttpFault:
    """Bandwidth: the reply's body comes in slices, with a pause before each."""

    async def befall(exchange: Exchange) -> None:
        reply = await exchange.forward()
        await exchange.answer(reply, slice_bytes=slice_bytes, pause_s=pause_s)

    return HttpFault("trickles", befall)


def hangs(*, acts: bool = False) -> HttpFault:
    """No reply ever: the client has to give up.

    Args:
        acts: The server does what was asked before.
    """

    async def befall(exchange: Exchange) -> None:
        if acts:
            await exchange.forward()
        await exchange.hung_up()

    return HttpFault("acts and hangs" if acts else "hangs", befall)


def resets() -> HttpFault:
    """The connection is reset before the request reaches the server."""

    async def befall(exchange: Exchange) -> None:
        exchange.reset()

    return HttpFault("resets", befall)


def loses_reply() -> HttpFault:
    """The server acts, and the connection is reset before its reply."""

    async def befall(exchange: Exchange) -> None:
        await exchange.forward()
        exchange.reset()

    return HttpFault("loses its reply", befall)


def cuts_body(most_bytes: int, *, resets: bool = False) -> HttpFault:
    """The server acts, and of its reply's body only the first bytes arrive.

    Args:
        most_bytes: How many.
        resets: The connection ends with a reset; else it is closed in good order.
    """

    async def befall(exchange: Exchange) -> None:
        reply = await exchange.forward()
        await exchange.answer(reply, most_bytes=min(most_bytes, max(0, len(reply.body) - 1)))
        if resets:
            exchange.reset()

    return HttpFault("resets in mid-body" if resets else "cuts the body", befall)


def misstates_length(by: int) -> HttpFault:
    """The reply's Content-Length is wrong, and its body ends where that says or the data does.

    Args:
        by: Added to the right length. A shorter reply looks whole to any HTTP client.
    """

    async def befall(exchange: Exchange) -> None:
        reply = await exchange.forward()
        length = max(0, len(reply.body) + by)
        await exchange.answer(with_length(reply, length), most_bytes=length)

    return HttpFault("misstates its length", befall)


def answers(
    status: int, code: str = "", *, retry_after_s: int | None = None, acts: bool = False
) -> HttpFault:
    """The client gets an error of this status.

    Args:
        status: 429, 503, 500, 401, 403, ...
        code: S3's word for it (``SlowDown``, ``ExpiredToken``), in the body as S3 has it.
        retry_after_s: The Retry-After header, in seconds.
        acts: The server does what was asked before.
    """
    headers = {"Content-Type": "application/xml"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)

    async def befall(exchange: Exchange) -> None:
        if acts:
            await exchange.forward()
        body = b"" if exchange.request.method == "HEAD" else _S3_ERROR.format(code=code).encode()
        await exchange.answer(HttpReply.of(status, body, headers))

    return HttpFault(f"acts and answers {status}" if acts else f"answers {status}", befall)
