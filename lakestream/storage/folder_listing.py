"""Listing the folders of a place at the same time, where each request takes long."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final

import msgspec
from arro3.core import RecordBatch

#: Levels of folders that are gone down for enough of them: ``year=/month=/day=/hour=``.
_DEEPEST: Final = 4
#: A folder with more folders in it is listed as one, since each costs a request at least.
_MOST_FOLDERS: Final = 10_000


class Level(msgspec.Struct, frozen=True):
    """What lies in one folder.

    Args:
        pages: Its own objects; may be gone through once.
        folders: The folders in it, as prefixes below the store's root.
    """

    pages: Iterable[RecordBatch]
    folders: Sequence[str]


def list_folders(
    level: Callable[[str], Level],
    listed: Callable[[str], Iterator[RecordBatch]],
    prefix: str,
    *,
    parallelism: int,
) -> Generator[RecordBatch, None, None]:
    """List what is below ``prefix``, several folders at a time; pages come in no order.

    Args:
        level: Lists one folder. Thread-safe.
        listed: Lists all that is below a prefix, page by page. Thread-safe.
        prefix: Where to begin.
        parallelism: Requests under way at most.

    Raises:
        What ``level`` and ``listed`` raise, as soon as it is seen; nothing is listed after it.

    Cost: beside the pages two requests a folder down to where there are enough of them; memory is
    a page for each request under way, and the objects that lie beside folders.
    """
    pool = ThreadPoolExecutor(parallelism, "lakestream-list")
    try:
        folders = yield from _gone_down(pool, parallelism, level, prefix)
        yield from _taken_in_turn(pool, parallelism, map(listed, folders))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _gone_down(
    pool: ThreadPoolExecutor, parallelism: int, level: Callable[[str], Level], prefix: str
) -> Generator[RecordBatch, None, list[str]]:
    """Give what lies beside folders, down to where there are enough of these; return them."""
    folders = [prefix]
    whole: list[str] = []
    for _ in range(_DEEPEST):
        if len(folders) + len(whole) >= parallelism:
            break
        above, folders = folders, []
        for parent, found in zip(above, pool.map(level, above), strict=True):
            if not _can_be_parted(parent, found.folders):
                whole.append(parent)
                continue
            folders += found.folders
            yield from found.pages
    return whole + folders


def _can_be_parted(parent: str, folders: Sequence[str]) -> bool:
    """Tell whether the folders are few and lie below; an object's name may begin with a slash."""
    start = f"{parent}/" if parent else ""
    return len(folders) <= _MOST_FOLDERS and all(
        len(each) > len(start) and each.startswith(start) for each in folders
    )


def _taken_in_turn(
    pool: ThreadPoolExecutor, parallelism: int, waiting: Iterator[Iterator[RecordBatch]]
) -> Iterator[RecordBatch]:
    """Ask for one page of each of the first listings; who gave one is asked for the next."""
    running: dict[Future[RecordBatch | None], Iterator[RecordBatch]] = {}

    def ask(pages: Iterator[RecordBatch]) -> None:
        running[pool.submit(next, pages, None)] = pages

    for pages in islice(waiting, parallelism):
        ask(pages)
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            pages = running.pop(future)
            page = future.result()
            if page is not None:
                ask(pages)
                yield page
            elif (following := next(waiting, None)) is not None:
                ask(following)
