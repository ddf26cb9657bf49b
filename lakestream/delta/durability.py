"""Are the files of a commit there, and, on a local disk, will they be after a power cut?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from arro3.io import read_parquet

from lakestream.delta.errors import is_panic
from lakestream.errors import ObjectNotFoundError
from lakestream.storage import local_sync

if TYPE_CHECKING:
    from lakestream.delta.log import AddFile
    from lakestream.storage.base import ReadStore

_CONCURRENT: Final = 16
#: Below this many it is quicker to ask one after another than to start threads.
_FEW: Final = 4
#: What every system that lakestream runs on writes back as one, or a part of it.
_PAGE_BYTES: Final = 4096
_MAGIC: Final = b"PAR1"
#: Behind a Parquet footer stand its length and the magic.
_TAIL_BYTES: Final = 8

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def damaged(store: ReadStore, files: Iterable[AddFile]) -> list[str]:
    """Give the keys of those files that are gone, or of another size than the log says.

    Cost: one request a file, 16 at a time.
    """
    wanted = list(files)
    there = _each(wanted, lambda file: _size(store, file.key) == file.size)
    return [file.key for file, is_whole in zip(wanted, there, strict=True) if not is_whole]


def _size(store: ReadStore, key: str) -> int | None:
    try:
        return store.head(key).size_bytes
    except ObjectNotFoundError:
        return None


def is_whole(path: Path) -> bool:
    """Tell whether all of a data file that deltalake wrote for us reached the disk.

    A page whose data was still in memory at a power cut reads as zeros. Our data is compressed
    (ZSTD), which leaves no page of zeros; only a footer may have some, in the minimum of a
    column of blobs, and that one has to parse.

    Raises:
        OSError: The file cannot be read.

    Cost: reads the file, in flat memory.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read()
        footer_start = size - _TAIL_BYTES - int.from_bytes(tail[:4], "little")
        if not tail.endswith(_MAGIC) or footer_start < len(_MAGIC):
            return False
        file.seek(0)
        for _ in range(0, footer_start, _PAGE_BYTES):
            page = file.read(_PAGE_BYTES)
            if page.count(0) == len(page):
                return False
    try:
        read_parquet(path)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        return False
    return True


def sync(root: Path, keys: Iterable[str], *, is_new: bool = False) -> None:
    """Bring files below ``root``, and the folders that name them, to the disk.

    Delta writers sync nothing themselves: a commit survives the death of the process, not that
    of the machine.

    Args:
        root: The table.
        keys: Its files.
        is_new: The table may have been made just now, so that its own name is to be synced too.

    Raises:
        OSError: A file is gone, or the disk failed.

    Cost: one fsync for each file and folder, 16 at a time.
    """
    files = [root / key for key in keys]
    folders = {folder for file in files for folder in _folders(root, file)}
    _each(files, local_sync.sync)
    _each(sorted(folders), local_sync.sync)
    if is_new:
        local_sync.sync_above(str(root))


def _folders(root: Path, file: Path) -> Iterable[Path]:
    """Give the folders from a file's own up to the root: each may be new in this commit."""
    for folder in file.parents:
        yield folder
        if folder == root:
            return


def _each(items: list[_Item], do: Callable[[_Item], _Found]) -> list[_Found]:
    if len(items) <= _FEW:
        return [do(item) for item in items]
    with ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="lakestream-verify") as pool:
        return list(pool.map(do, items))
