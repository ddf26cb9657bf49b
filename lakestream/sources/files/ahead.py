"""Run an iterator ahead of its consumer in one thread, bounded by bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")
#: Items are handed over in groups of about this many bytes, so that the threads meet seldom.
_GROUP_BYTES: Final = 256 * 2**10
_GROUP_ITEMS: Final = 64


class Ahead(Generic[T]):
    """An iterator whose items another thread makes.

    Args:
        items: What to run; closed in its own thread when it ends or is given up.
        size_of: The bytes an item holds.
        max_bytes: Held at most before the thread waits (one group is always admitted).
    """

    def __init__(self, items: Iterator[T], *, size_of: Callable[[T], int], max_bytes: int) -> None:
        self._size_of = size_of
        self._max_bytes = max_bytes
        self._groups: deque[tuple[list[T], int]] = deque()
        self._held = 0
        self._state = threading.Condition()
        self._done = False
        self._stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(items,), name="lakestream-fetch", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """Give the items; what the thread raised is raised here, in its place."""
        while (group := self._take()) is not None:
            yield from group
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop the thread and wait for it. Safe to repeat."""
        with self._state:
            self._stopped = True
            self._state.notify_all()
        self._thread.join()

    def _take(self) -> list[T] | None:
        with self._state:
            self._state.wait_for(lambda: bool(self._groups) or self._done)
            if not self._groups:
                return None
            group, size = self._groups.popleft()
            self._held -= size
            self._state.notify_all()
            return group

    def _run(self, items: Iterator[T]) -> None:
        try:
            self._give_all(items)
        except BaseException as error:  # noqa: BLE001 - raised again by the consumer
            self._failure = error
        finally:
            with self._state:
                self._done = True
                self._state.notify_all()

    def _give_all(self, items: Iterator[T]) -> None:
        """Hand the items over in groups, also those made before a failure."""
        group: list[T] = []
        size = 0
        try:
            for item in items:
                group.append(item)
                size += self._size_of(item)
                if size < _GROUP_BYTES and len(group) < _GROUP_ITEMS:
                    continue
                given, group = group, []
                if not self._give(given, size):
                    return
                size = 0
        finally:
            self._give(group, size)

    def _give(self, group: list[T], size: int) -> bool:
        """Hand a group over; False when nobody wants more."""
        with self._state:
            self._state.wait_for(
                lambda: self._stopped or not self._groups or self._held + size <= self._max_bytes
            )
            if self._stopped:
                return False
            self._groups.append((group, size))
            self._held += size
            self._state.notify_all()
            return True
