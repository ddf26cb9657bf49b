"""Are the files of a commit there, and, on a local disk, will they be after a power cut?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from lakestream.errors import ObjectNotFoundError

if TYPE_CHECKING:
    from lakestream.storage.base import ReadStore

_CONCURRENT: Final = 16
#: Below this many it is quicker to ask one after another than to start threads.
_FEW: Final = 4

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def missing(store: ReadStore, keys: Iterable[str]) -> list[str]:
    """Give those keys that have no object.

    Cost: one request a key, 16 at a time.
    """
    wanted = list(keys)
    there = _each(wanted, lambda key: _exists(store, key))
    return [key for key, found in zip(wanted, there, strict=True) if not found]


def _exists(store: ReadStore, key: str) -> bool:
    try:
        store.head(key)
    except ObjectNotFoundError:
        return False
    return True


def sync(root: Path, keys: Iterable[str]) -> None:
    """Bring files below ``root``, and the folders that name them, to the disk.

    Delta writers sync nothing themselves: a commit survives the death of the process, not that
    of the machine.

    Raises:
        OSError: A file is gone, or the disk failed.

    Cost: one fsync for each file and folder, 16 at a time.
    """
    files = [root / key for key in keys]
    folders = {folder for file in files for folder in _folders(root, file)}
    _each(files, _fsync)
    _each(sorted(folders), _fsync)


def _folders(root: Path, file: Path) -> Iterable[Path]:
    """Give the folders from a file's own up to the root: each may be new in this commit."""
    for folder in file.parents:
        yield folder
        if folder == root:
            return


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _each(items: list[_Item], do: Callable[[_Item], _Found]) -> list[_Found]:
    if len(items) <= _FEW:
        return [do(item) for item in items]
    with ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="lakestream-verify") as pool:
        return list(pool.map(do, items))
