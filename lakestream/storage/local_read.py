"""Reading a local folder, by plain system calls.

Measured on 20,000 files of 2 KB: 3 us of CPU for each file against 16 us through obstore, and
listing costs half of obstore's CPU on a million files. obstore's listing also follows links
out of the root and ends at the first name that it cannot express.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from arro3.core import RecordBatch

from lakestream.errors import (
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
)
from lakestream.storage import local_files
from lakestream.storage.base import ObjectInfo
from lakestream.storage.pages import PAGE_ROWS, page_of

if TYPE_CHECKING:
    from lakestream.storage.location import Location

#: What a URI holds as it is.
_PLAIN: Final = "/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Never wait for a writer at a FIFO, never follow a link in the last place.
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
#: The root may be a link, what is below it not.
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW: Final = _FOLDER | os.O_NOFOLLOW
_NO_FOLDER: Final = frozenset({errno.ENOTDIR, errno.ELOOP})


class LocalReadStore:
    """A ``ReadStore`` over a folder.

    Only regular files count. Links below the root, directories, devices and FIFOs are not
    objects: nothing leads out of the root and nothing blocks.
    """

    def __init__(self, location: Location) -> None:
        self._root = location.local_path

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return self._root

    @property
    def lists_in_order(self) -> bool:
        """Yes: each folder's names are sorted before its files are looked at."""
        return True

    def uri_of(self, key: str) -> str:
        """Give a ``file:///`` URI, percent-encoded."""
        path = self._path(key)
        # Most paths need no encoding, and finding that out is a tenth of encoding them.
        return f"file://{path if not path.strip(_PLAIN) else quote(os.fsencode(path))}"

    def list(
        self,
        prefix: str = "",
        *,
        start_after: str | None = None,
        parallelism: int = 1,  # noqa: ARG002 - a disk gains nothing
    ) -> Iterator[RecordBatch]:
        """List regular files below ``prefix``, in the order of their keys.

        Cost: one ``scandir`` a folder and one ``stat`` a file, both only where keys can be greater
        than ``start_after``; memory is one page and the names in the folders at hand, some 70
        bytes each.
        """
        try:
            top = f"{self._checked_path(prefix.rstrip('/')) if prefix else self._root.rstrip('/')}/"
        except ObjectNotFoundError:
            return
        skip = self._skip
        keys: list[str] = []
        found: list[os.stat_result] = []
        for path in _walk(top, skip, start_after or "", self._where):
            key = local_files.key_of_name(path[skip:])
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise local_files.mapped(error, self._where(key)) from error
            if not stat.S_ISREG(status.st_mode):
                continue  # it was when its name was read, which may be long ago
            keys.append(key)
            found.append(status)
            if len(keys) == PAGE_ROWS:
                yield _page(keys, found)
                keys, found = [], []
        if keys:
            yield _page(keys, found)

    def head(self, key: str) -> ObjectInfo:
        """Look one file up."""
        where = self._where(key)
        path = self._checked_path(key)
        try:
            status = os.lstat(path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ObjectNotFoundError("no file can have such a name", where=where) from error
            raise local_files.mapped(error, where) from error
        if not stat.S_ISREG(status.st_mode):
            raise ObjectNotFoundError("not a regular file", where=where)
        return ObjectInfo(
            key=key,
            size_bytes=status.st_size,
            etag=local_files.etag_of(status),
            version=None,
            modified=datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1e6, UTC),
        )

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read ``[start, end)`` of exactly this version; looks before and after the read."""
        where = self._where(info.key)
        path = self._path(info.key) if info.etag else self._checked_path(info.key)
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError as error:
            if os.path.islink(path):
                raise ObjectChangedError("a link stands where a file was", where=where) from error
            raise local_files.mapped(error, where) from error
        try:
            before = os.fstat(descriptor)
            _check(before, info, where)
            stop = info.size_bytes if end is None else min(end, info.size_bytes)
            data = _read(descriptor, start, stop)
            after = os.fstat(descriptor)
        except OSError as error:
            raise local_files.mapped(error, where) from error
        finally:
            os.close(descriptor)
        if after.st_mtime_ns != before.st_mtime_ns or len(data) != max(stop - start, 0):
            raise ObjectChangedError("the file changed while it was read", where=where)
        return data

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read whole files in order, one at a time.

        Threads cost more than they bring here, so that nothing but the file in hand is
        buffered, whatever ``max_buffered_bytes`` allows.
        """
        del max_buffered_bytes
        for info in infos:
            try:
                yield self.get(info)
            except StorageError as error:
                yield error

    @property
    def _skip(self) -> int:
        return len(self._root.rstrip("/")) + 1

    def _path(self, key: str) -> str:
        if not local_files.is_inside(key):
            raise ObjectNotFoundError("not a key below the root", where=repr(key))
        return f"{self._root.rstrip('/')}/{local_files.name_of_key(key)}"

    def _checked_path(self, key: str) -> str:
        """Give the path of a key that did not come with a version tag from our own listing."""
        path = self._path(key)
        folder = os.path.realpath(os.path.dirname(path))
        root = os.path.realpath(self._root)
        if folder != os.path.dirname(os.path.join(root, path[self._skip :])):
            raise ObjectNotFoundError("a link leads away from the root", where=self._where(key))
        return path

    def _where(self, key: str) -> str:
        return f"{self._root}/{key!r}" if not key.isprintable() else f"{self._root}/{key}"


def _page(keys: list[str], found: list[os.stat_result]) -> RecordBatch:
    return page_of(
        keys,
        [each.st_mtime_ns // 1000 for each in found],
        [each.st_size for each in found],
        [local_files.etag_of(each) for each in found],
        [None] * len(keys),
    )


def _walk(top: str, skip: int, start_after: str, where: Callable[[str], str]) -> Iterator[str]:
    """Give the paths of the files below a folder in the order of their keys.

    Args:
        top: The folder, with a slash at its end, as all folders here.
        skip: Where a key begins in a path.
        start_after: Keys up to this one are left out.
        where: Tells where a key is, for errors.
    """
    walked = [(top, iter(_names(top, skip, start_after, where)))]
    while walked:
        folder, names = walked[-1]
        for name in names:
            path = folder + name
            if name.endswith("/"):
                walked.append((path, iter(_names(path, skip, start_after, where))))
                break
            yield path
        else:
            walked.pop()


def _names(folder: str, skip: int, start_after: str, where: Callable[[str], str]) -> list[str]:
    """Give what is in a folder and may have greater keys, in the order of these."""
    names: list[str] = []
    is_root = len(folder) == skip
    start = local_files.key_of_name(folder[skip:])
    try:
        with _scanned(folder, is_root=is_root) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    names.append(f"{entry.name}/")
    except FileNotFoundError:
        return []  # the root is missing, or the folder went away while we walked
    except OSError as error:
        if error.errno in _NO_FOLDER and not is_root:
            return []  # something else came in its place
        raise local_files.mapped(error, where(start)) from error
    names.sort(key=None if all(map(str.isascii, names)) else local_files.key_of_name)
    if start > start_after:
        return names
    return [
        each for each in names if _may_follow(start + local_files.key_of_name(each), start_after)
    ]


@contextmanager
def _scanned(folder: str, *, is_root: bool) -> Iterator[Iterator[os.DirEntry[str]]]:
    descriptor = os.open(folder, _FOLDER) if is_root else os.open(folder[:-1], _BELOW)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _may_follow(key: str, start_after: str) -> bool:
    """Tell whether a file's key, or one that a folder may hold, is greater."""
    return key > start_after or (key.endswith("/") and start_after.startswith(key))


def _check(status: os.stat_result, info: ObjectInfo, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ObjectChangedError("something else stands where a file was", where=where)
    changed = (
        local_files.etag_of(status) != info.etag if info.etag else status.st_size != info.size_bytes
    )
    if changed:
        raise ObjectChangedError(
            "the file is not the version that was found",
            where=where,
            fix="write each file once, under a name of its own",
        )


def _read(descriptor: int, start: int, stop: int) -> bytes:
    data = os.pread(descriptor, max(stop - start, 0), start)
    if start + len(data) >= stop or not data:
        return data
    parts = [data]  # one call gives at most 2 GB
    while data and (at := start + sum(map(len, parts))) < stop:
        data = os.pread(descriptor, stop - at, at)
        parts.append(data)
    return b"".join(parts)
