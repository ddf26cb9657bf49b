"""A small pipeline of threads: prepare on one, parse on a few, results in order.

It fits work whose first step holds the GIL and whose second lets go of it: while one block is
validated, two others are parsed and the consumer writes a fourth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

_WORKERS: Final = 2
#: Items between the input and the consumer: enough to keep every thread busy.
_AHEAD: Final = 6


class _Pipeline(Generic[Item, Prepared, Result]):
    """One run of the pipeline."""

    def __init__(
        self,
        items: Iterator[Item],
        prepare: Callable[[Item], Prepared],
        parse: Callable[[Prepared], Result],
    ) -> None:
        self._items = items
        self._prepare = prepare
        self._parse = parse
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lakestream-parse")
        self._done: SimpleQueue[Future[Result] | None] = SimpleQueue()
        self._slots = Semaphore(_AHEAD)
        self._stopped = Event()
        # A daemon: a consumer that forgets to close its iterator does not keep Python alive.
        self._thread = Thread(target=self._produce, name="lakestream-validate", daemon=True)

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

    def _produce(self) -> None:
        try:
            for item in self._items:
                prepared = self._prepare(item)
                self._slots.acquire()
                if self._stopped.is_set():
                    return
                self._done.put(self._pool.submit(self._parse, prepared))
        except BaseException as error:  # noqa: BLE001 - the consumer's thread raises it, in order
            failed: Future[Result] = Future()
            failed.set_exception(error)
            self._done.put(failed)
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            self._done.put(None)


def in_order(
    items: Iterator[Item],
    prepare: Callable[[Item], Prepared],
    parse: Callable[[Prepared], Result],
) -> Iterator[Result]:
    """Map items through both steps, several at once, and give the results in order.

    An exception of the input or of a step is raised in its item's place and ends the run. No
    thread outlives this iterator: closing it waits for the step at hand and closes ``items``.

    Args:
        items: Iterated on the preparing thread.
        prepare: Runs on one thread, in order.
        parse: Runs on two threads.

    Cost: at most ``6`` prepared items and results are held.
    """
    return _Pipeline(items, prepare, parse).run()
