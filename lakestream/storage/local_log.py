"""A checkpoint in a local folder: put-if-absent by hard link, durable by fsync."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakestream.errors import StorageError, UnsafeLogStoreError
from lakestream.storage import local_files

if TYPE_CHECKING:
    from lakestream.storage.location import Location

#: Names that ``list`` does not show: data on its way into an entry. A process that dies leaves
#: one behind, which nothing ever reads.
TEMPORARY: Final = ".tmp-"
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_TRIES: Final = 10


class LocalLogStore:
    """A ``LogStore`` over a folder, which is made when the first entry is put.

    An entry is written to a temporary file beside it, synced, linked to its name (which fails
    when the name is taken) and its folder synced: it is there whole or not at all, after a
    power cut as well.
    """

    def __init__(self, location: Location) -> None:
        self._root = location.local_path

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return self._root

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` unless it exists; see ``LogStore``. Two fsyncs."""
        path = self._path(key)
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/{TEMPORARY}{name}-{secrets.token_hex(8)}"
        try:
            _write(folder, temporary, data)
            try:
                created = _link(temporary, path)
            finally:
                os.unlink(temporary)
            _sync_folder(folder)
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise UnsafeLogStoreError(
                    "this file system has no hard links, so entries cannot be put atomically",
                    where=self._root,
                    fix="put the checkpoint on another disk, with checkpoint=",
                ) from error
            raise local_files.mapped(error, f"{self._root}/{key}") from error
        return created

    def get(self, key: str) -> bytes:
        """Read one entry whole."""
        try:
            with open(self._path(key), "rb") as file:
                return file.read()
        except OSError as error:
            raise local_files.mapped(error, f"{self._root}/{key}") from error

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Give the keys below ``prefix``, sorted as strings."""
        top = self._path(prefix.rstrip("/")) if prefix else self._root
        skip = len(self._root.rstrip("/")) + 1
        after = start_after or ""
        keys = (path[skip:] for path in _files_below(top, after, skip, self._root))
        return sorted(key for key in keys if key > after)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete entries, and folders that are empty after it."""
        for key in keys:
            path = self._path(key)
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise local_files.mapped(error, f"{self._root}/{key}") from error
            self._drop_empty(path.rpartition("/")[0])

    def _drop_empty(self, folder: str) -> None:
        while len(folder) > len(self._root):
            try:
                os.rmdir(folder)
            except OSError:
                return  # it has entries, or somebody is faster
            folder = folder.rpartition("/")[0]

    def _path(self, key: str) -> str:
        if not local_files.is_inside(key):
            raise StorageError("not a key below the root", where=repr(key))
        return f"{self._root.rstrip('/')}/{key}"


def _write(folder: str, path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for left in reversed(range(_TRIES)):
        try:
            _make_folder(folder)
            descriptor = os.open(path, flags, 0o666)
            break
        except FileNotFoundError:
            if not left:  # another process deletes the empty folder again and again
                raise
    try:
        with open(descriptor, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) or 0 :]
            os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    return True


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    missing = []
    path = Path(folder)
    while not path.exists():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(str(each.parent))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_below(top: str, after: str, skip: int, where: str) -> Iterator[str]:
    folders = [top]
    while folders:
        for entry in _entries(folders.pop(), where):
            is_folder = entry.is_dir(follow_symlinks=False)
            # "0" follows "/": no key in the folder is greater than its path + "0".
            if is_folder and f"{entry.path[skip:]}0" > after:
                folders.append(entry.path)
            elif not is_folder and not entry.name.startswith(TEMPORARY):
                yield entry.path


def _entries(folder: str, where: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise local_files.mapped(error, where) from error
