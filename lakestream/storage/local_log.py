"""A checkpoint in a local folder: put-if-absent by hard link, durable by fsync."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lakestream.errors import StorageError, UnsafeLogStoreError
from lakestream.storage import local_files, local_sync

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
    power cut as well. So are a folder's own name, and deletions (docs/durability.md).
    """

    def __init__(self, location: Location) -> None:
        self._root = location.local_path
        #: Folders whose own name this process knows to be on the disk.
        self._named: set[str] = set()
        #: Folders that were read since the last put; and when those that this process has
        #: synced had last been changed before.
        self._read: set[str] = set()
        self._settled: dict[str, int] = {}

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return self._root

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` unless it exists; see ``LogStore``. Two fsyncs, more in a new folder."""
        path = self._path(key)
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/{TEMPORARY}{name}-{os.urandom(8).hex()}"
        try:
            self._settle_what_was_read()
            self._write(folder, temporary, data)
            try:
                created = _link(temporary, path)
            finally:
                os.unlink(temporary)
            self._sync(folder)
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
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise local_files.mapped(error, f"{self._root}/{key}") from error
        self._read.add(path.rpartition("/")[0])
        return data

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Give the keys below ``prefix``, sorted as strings."""
        top = self._path(prefix.rstrip("/")) if prefix else self._root
        skip = len(self._root.rstrip("/")) + 1
        after = start_after or ""
        keys = (path[skip:] for path in _files_below(top, after, skip, self._root))
        return sorted(key for key in keys if key > after)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete entries, and folders that are empty after it. One fsync a folder."""
        changed = set()
        for key in keys:
            path = self._path(key)
            try:
                os.unlink(path)
                changed.add(self._drop_empty(path.rpartition("/")[0]))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise local_files.mapped(error, f"{self._root}/{key}") from error
        for folder in sorted(changed):
            try:
                self._sync(folder)
            except FileNotFoundError:
                continue  # dropped after another key of it
            except OSError as error:
                raise local_files.mapped(error, folder) from error

    def _drop_empty(self, folder: str) -> str:
        """Delete a folder and those above it while they are empty; give the one that stays."""
        while len(folder) > len(self._root):
            try:
                os.rmdir(folder)
            except OSError:
                break  # it has entries, or somebody is faster
            self._named.discard(folder)
            self._settled.pop(folder, None)
            folder = folder.rpartition("/")[0]
        return folder

    def _sync(self, folder: str) -> None:
        changed = os.stat(folder).st_mtime_ns
        local_sync.sync(folder)
        self._settled[folder] = changed

    def _settle_what_was_read(self) -> None:
        """Sync the names of entries that the next one may rest on.

        A process that was killed between the name of its entry and the sync of the folder
        leaves one that everybody sees and a power cut would take.
        """
        while self._read:
            folder = self._read.pop()
            try:
                if self._settled.get(folder) != os.stat(folder).st_mtime_ns:
                    self._sync(folder)
            except FileNotFoundError:
                continue  # its entries were merged and deleted

    def _write(self, folder: str, path: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for left in reversed(range(_TRIES)):
            try:
                self._make_folder(folder)
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
                local_sync.sync_descriptor(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise

    def _make_folder(self, folder: str) -> None:
        """Make a folder, and sync its name and those above it that this process does not know.

        One that is there may have been made by a process that died before it synced the name.
        """
        if folder in self._named and os.path.isdir(folder):
            return
        made, path = [], folder
        while not os.path.isdir(path):
            made.append(path)
            path = os.path.dirname(path)
        for each in reversed(made):
            try:
                os.mkdir(each)
            except FileExistsError:
                if not os.path.isdir(each):
                    raise
        path = folder
        while path not in self._named and (len(path) >= len(self._root) or path in made):
            parent = os.path.dirname(path)
            # A folder above the root may be one that we can pass but not open.
            with contextlib.suppress(PermissionError):
                self._sync(parent)
            self._named.add(path)
            path = parent

    def _path(self, key: str) -> str:
        if not local_files.is_inside(key):
            raise StorageError("not a key below the root", where=repr(key))
        return f"{self._root.rstrip('/')}/{key}"


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    return True


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
