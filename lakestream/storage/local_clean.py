"""Deleting and moving files of a local folder."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import secrets
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lakestream.errors import ObjectChangedError, ObjectNotFoundError, StorageError
from lakestream.storage import local_files, local_sync
from lakestream.storage.local_read import LocalReadStore

if TYPE_CHECKING:
    from lakestream.storage.base import ObjectInfo
    from lakestream.storage.location import Location

#: A file on its way out, or into the destination: discovery passes over such names.
_HELD: Final = ".lakestream-"
_NO_LINKS: Final = frozenset({
    errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS,
})  # fmt: skip


class LocalCleanStore(LocalReadStore):
    """A ``CleanStore`` over a folder.

    A file is renamed to a hidden name beside it before it is looked at for the last time, so
    that a version which somebody renames over it meanwhile is never the one that goes.
    """

    def __init__(self, root: Location, destination: Location | None) -> None:
        super().__init__(root)
        self._destination = None if destination is None else destination.local_path

    def delete(self, info: ObjectInfo) -> None:
        """Delete exactly this version."""
        path = self._checked_path(info.key)
        held = f"{os.path.dirname(path)}/{_HELD}{secrets.token_hex(8)}"
        try:
            self._check(info, path)
            os.rename(path, held)
            try:
                self._check(info, held)
            except ObjectChangedError:
                # One that is newer still has the name already: then this one was overwritten.
                with contextlib.suppress(FileExistsError):
                    os.link(held, path)
                os.unlink(held)
                raise
            os.unlink(held)
        except OSError as error:
            raise local_files.mapped(error, self._where(info.key)) from error

    def move(self, info: ObjectInfo, names: Sequence[str]) -> str:
        """Move exactly this version: link or copy it, sync its new name, then delete it."""
        path = self._checked_path(info.key)
        targets = [f"{self._destination}/{local_files.name_of_key(name)}" for name in names]
        try:
            try:
                self._check(info, path)
            except ObjectNotFoundError:
                return self._moved_before(info, targets)
            target = self._placed(info, path, targets)
        except OSError as error:
            raise local_files.mapped(error, self._where(info.key)) from error
        with contextlib.suppress(ObjectNotFoundError):  # another run has moved it just now
            self.delete(info)
        return target

    def _placed(self, info: ObjectInfo, path: str, targets: Sequence[str]) -> str:
        """Put the file under the first name that is free or its own."""
        for target in targets:
            folder = os.path.dirname(target)
            os.makedirs(folder, exist_ok=True)
            try:
                _link(path, target)
            except FileExistsError:
                if not _is_same(path, target):
                    continue
            else:
                try:
                    self._check(info, path)
                except StorageError:
                    os.unlink(target)
                    raise
            local_sync.sync(folder)
            local_sync.sync_above(folder)
            return target
        raise StorageError(
            "other files have its name in the destination", where=self._where(info.key)
        )

    def _moved_before(self, info: ObjectInfo, targets: Sequence[str]) -> str:
        """Give where a run that was cut off has moved it."""
        for target in targets:
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(target).st_size == info.size_bytes:
                    return target
        raise ObjectNotFoundError("there is no such file", where=self._where(info.key))

    def _check(self, info: ObjectInfo, path: str) -> None:
        """Hold what is there against the version that was read."""
        try:
            found = local_files.etag_of(os.lstat(path))
        except FileNotFoundError as error:
            raise local_files.mapped(error, self._where(info.key)) from error
        if found != info.etag:
            raise ObjectChangedError(
                "the file is not the version that was read", where=self._where(info.key)
            )


def _link(path: str, target: str) -> None:
    """Give a file a second name, or a copy where the two are on different disks."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        held = f"{os.path.dirname(target)}/{_HELD}{secrets.token_hex(8)}"
        try:
            shutil.copy2(path, held, follow_symlinks=False)
            local_sync.sync(held)
            os.link(held, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(held)


def _is_same(path: str, target: str) -> bool:
    return os.path.samefile(path, target) or filecmp.cmp(path, target, shallow=False)
