"""An HTTP proxy before a real server that makes requests go wrong: by script, by seed, by number.

It stands where the server stands for the client, so that what is tested is all of the client:
its timeouts, its retries, what it makes of half a reply. Plain HTTP only (MinIO and its like, an
emulator); a cloud's own endpoint needs TLS.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlsplit

from lakestream.testing.fault_script import FaultScript
from lakestream.testing.http_exchange import Exchange, read_request
from lakestream.testing.http_faults import (
    HttpFault,
    answers,
    cuts_body,
    loses_reply,
    resets,
    waits,
)

_READING: Final = (
    resets(),
    answers(503, "SlowDown"),
    answers(500, "InternalError"),
    cuts_body(100),
    cuts_body(100, resets=True),
    waits(0.05),
)
_CHANGING: Final = (
    resets(),
    loses_reply(),
    answers(503, "SlowDown"),
    answers(500, "InternalError"),
    answers(500, "InternalError", acts=True),
    waits(0.05),
)
#: What a seeded plan may do to each method. After all of these the client can find out what
#: became of its request.
SURVIVABLE: Final[Mapping[str, tuple[HttpFault, ...]]] = {
    "GET": _READING,
    "HEAD": _READING,
    "PUT": _CHANGING,
    "POST": _CHANGING,
    "DELETE": _CHANGING,
}


class HttpFaultPlan(FaultScript[HttpFault]):
    """What becomes of each request.

    The operation is the method, the key is path and query without percent escapes, say
    ``/lake/orders/_delta_log/*``.
    """

    @classmethod
    def seeded(cls, seed: int, *, probability: float = 0.05) -> Self:
        """Let each request meet one of its method's ``SURVIVABLE`` faults by chance.

        Args:
            seed: Equal seeds and equal requests give equal faults.
            probability: Of a fault at each request, 0 to 1.
        """
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        return cls(_dice=dice, _probability=probability, _choices=SURVIVABLE)


class HttpFaultProxy:
    """Listens on a free port of the loopback interface; a context manager.

    Args:
        server: The real server's URL, ``http://127.0.0.1:9000``.

    Attributes:
        plan: What becomes of each request; may be replaced at any time. Without rules all goes
            through.
    """

    def __init__(self, server: str, plan: HttpFaultPlan | None = None) -> None:
        found = urlsplit(server)
        if found.scheme != "http" or found.hostname is None:
            raise ValueError(f"the proxy speaks plain HTTP, not {found.scheme or 'that'}")
        self.plan = plan or HttpFaultPlan()
        self._server = (found.hostname, found.port or 80)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What to give the client in place of the real server's URL."""
        assert self._listening is not None, "enter the proxy's `with` block first"  # noqa: S101
        host, port = self._listening.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *raised: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _stop(self) -> None:
        assert self._listening is not None, "the block was entered"  # noqa: S101
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served in a task"  # noqa: S101
        self._tasks.add(task)
        try:
            await self._exchange(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client went away, or the proxy ends
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader, writer)
        if request is None:
            return
        exchange = Exchange(request, self._server, reader, writer)
        fault = self.plan.fault_for(request.method, request.key)
        if fault is None:
            await exchange.answer(await exchange.forward())
        else:
            await fault.befall(exchange)
