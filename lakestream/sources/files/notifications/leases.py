"""Keeping received messages hidden from others for as long as they are worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Self

from lakestream.errors import QueueRefusedError, QueueUnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    from lakestream.sources.files.notifications.base import Message, OpenedQueue

#: Held messages are extended this often within one lease.
_BEATS: Final = 3


class Leases:
    """The messages that this process holds; a thread extends them while there are any.

    A lease that ends all the same costs nothing but work: the message comes again, and its files
    are known by then.

    Args:
        queue: Where the messages are from.
        lease_s: How long they were taken for, and are extended by.
    """

    def __init__(self, queue: OpenedQueue, lease_s: float) -> None:
        self._queue = queue
        self._lease_s = lease_s
        self._held: dict[str, Message] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of all: what was not acknowledged comes again when its lease ends."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def __len__(self) -> int:
        """Count the messages held."""
        return len(self._held)

    def hold(self, messages: Iterable[Message]) -> None:
        """Hold messages; one that is held already is held by its newer receipt."""
        with self._lock:
            self._held.update({each.id: each for each in messages})
        if self._held and self._thread is None:
            self._thread = threading.Thread(
                target=self._extend_in_time, name="lakestream-leases", daemon=True
            )
            self._thread.start()

    def held(self) -> list[Message]:
        """Give the messages held, in the order they came."""
        with self._lock:
            return list(self._held.values())

    def release(self, ids: Iterable[str]) -> list[Message]:
        """Hold messages no longer; give them with their newest receipts."""
        with self._lock:
            return [self._held.pop(each) for each in ids if each in self._held]

    def _extend_in_time(self) -> None:
        while not self._ended.wait(self._lease_s / _BEATS):
            with self._lock:
                if not self._held:
                    continue
                try:
                    kept = self._queue.extend(list(self._held.values()), lease_s=self._lease_s)
                except (QueueUnavailableError, QueueRefusedError):
                    continue
                self._held.update({each.id: each for each in kept})
