"""Reading many objects at once, in order, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from lakestream.errors import LakestreamError
from lakestream.storage.base import ObjectInfo


def read_in_order(
    read: Callable[[ObjectInfo], bytes],
    infos: Sequence[ObjectInfo],
    *,
    threads: int,
    max_buffered_bytes: int,
) -> Iterator[bytes | LakestreamError]:
    """Call ``read`` for each object in a pool; give the results in the order of ``infos``.

    Args:
        read: Reads one object; its ``LakestreamError`` is given in the object's place.
        infos: What to read.
        threads: Reads in flight at most.
        max_buffered_bytes: Sum of the sizes of what is in flight or not yet taken; one object
            is always admitted.
    """
    if not infos:
        return
    with ThreadPoolExecutor(min(threads, len(infos)), "lakestream-read") as pool:
        pending: deque[tuple[int, Future[bytes]]] = deque()
        buffered = 0
        try:
            for info in infos:
                # Make room first: what was taken by the caller does not count any more.
                while pending and (
                    len(pending) >= threads or buffered + info.size_bytes > max_buffered_bytes
                ):
                    size, future = pending.popleft()
                    yield _result(future)
                    buffered -= size
                pending.append((info.size_bytes, pool.submit(read, info)))
                buffered += info.size_bytes
            for _, future in pending:
                yield _result(future)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[bytes]) -> bytes | LakestreamError:
    try:
        return future.result()
    except LakestreamError as error:
        return error
