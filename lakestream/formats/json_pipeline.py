"""A small pipeline of threads: items drawn on one, worked on by two, results in order.

It fits work of which a part holds the GIL and a part lets go of it. The two workers then fall
into turns by themselves: while one holds the GIL to validate a block, the other parses. (With
validation on the drawing thread instead, the parsing threads waited for the interpreter's
5 ms switch at each of their steps, and nothing overlapped.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORKERS: Final = 2
#: Items between the input and the consumer: enough to keep every thread busy.
_AHEAD: Final = 6


class _Pipeline(Generic[Item, Result]):
    """One run of the pipeline."""

    def __init__(self, items: Generator[Item, None, None], work: Callable[[Item], Result]) -> None:
        self._items = items
        self._work = work
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lakestream-decode")
        self._done: SimpleQueue[Future[Result] | None] = SimpleQueue()
        self._slots = Semaphore(_AHEAD)
        self._stopped = Event()
        # A daemon: a consumer that forgets to close its iterator does not keep Python alive.
        self._thread = Thread(target=self._draw, name="lakestream-draw", daemon=True)

    def run(self) -> Iterator[Result]:
        self._thread.start()
        try:
            while (future := self._done.get()) is not None:
                result = future.result()
                self._slots.release()
                yield result
        finally:
            self._stopped.set()
            self._slots.release()
            self._thread.join()
            self._pool.shutdown(cancel_futures=True)

    def _draw(self) -> None:
        try:
            for item in self._items:
                self._slots.acquire()
                if self._stopped.is_set():
                    break
                self._done.put(self._pool.submit(self._work, item))
        except BaseException as error:  # noqa: BLE001 - the consumer's thread raises it, in order
            failed: Future[Result] = Future()
            failed.set_exception(error)
            self._done.put(failed)
        finally:
            self._items.close()
            self._done.put(None)


def in_order(
    items: Generator[Item, None, None], work: Callable[[Item], Result]
) -> Iterator[Result]:
    """Map items through ``work``, two at once, and give the results in order.

    An exception of the input or of the work is raised in its item's place and ends the run. No
    thread outlives this iterator: closing it waits for the steps at hand and closes ``items``.

    Args:
        items: Iterated and closed on one thread of its own.
        work: Runs on two threads.

    Cost: at most 6 items and results are held.
    """
    return _Pipeline(items, work).run()
