"""Deleting and moving files of any fsspec filesystem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakestream.errors import ObjectChangedError, ObjectNotFoundError, StorageError
from lakestream.storage.fsspec_store import FsspecReadStore, mapping_errors, version_of

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped] # it has none

    from lakestream.storage.base import ObjectInfo


class FsspecCleanStore(FsspecReadStore):
    """A ``CleanStore`` over a folder of an fsspec filesystem.

    fsspec has no conditions: a version that is written between the look and the act is not
    protected.
    """

    def __init__(self, filesystem: AbstractFileSystem, root: str, destination: str | None) -> None:
        super().__init__(filesystem, root)
        self._moved = None if destination is None else FsspecReadStore(filesystem, destination)

    def delete(self, info: ObjectInfo) -> None:
        """Delete exactly this version."""
        self._check(info)
        with mapping_errors(self._where(info.key)):
            self._filesystem.rm_file(self.path_of(info.key))

    def move(self, info: ObjectInfo, names: Sequence[str]) -> str:
        """Move exactly this version: copy it, then delete it."""
        assert self._moved is not None, "opened without a destination"  # noqa: S101
        try:
            self._check(info)
        except ObjectNotFoundError:
            return self._moved_before(self._moved, info, names)
        name, is_copied = self._placed(self._moved, info, names)
        try:
            self.delete(info)
        except ObjectChangedError:
            if is_copied:  # of this version, or of the other: nobody knows
                self._filesystem.rm_file(self._moved.path_of(name))
            raise
        except ObjectNotFoundError:
            pass  # another run has moved it just now
        return f"{self._moved.uri}/{name}"

    def _placed(
        self, moved: FsspecReadStore, info: ObjectInfo, names: Sequence[str]
    ) -> tuple[str, bool]:
        """Give the first name that is free or its own, and whether it was copied there."""
        for name in names:
            target = moved.path_of(name)
            found = _found(moved, name)
            if found is None:
                with mapping_errors(self._where(info.key)):
                    self._filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
                    self._filesystem.cp_file(self.path_of(info.key), target)
                self._check_copied(moved, info, name)
                return name, True
            if found.size_bytes == info.size_bytes and moved.get(found) == self.get(info):
                return name, False
        raise StorageError(
            "other files have its name in the destination", where=self._where(info.key)
        )

    def _check_copied(self, moved: FsspecReadStore, info: ObjectInfo, name: str) -> None:
        if moved.head(name).size_bytes != info.size_bytes:
            self._filesystem.rm_file(moved.path_of(name))
            raise StorageError("it was not copied whole", where=self._where(info.key))

    def _moved_before(self, moved: FsspecReadStore, info: ObjectInfo, names: Sequence[str]) -> str:
        for name in names:
            found = _found(moved, name)
            if found is not None and found.size_bytes == info.size_bytes:
                return f"{moved.uri}/{name}"
        raise ObjectNotFoundError("there is no such file", where=self._where(info.key))

    def _check(self, info: ObjectInfo) -> None:
        if version_of(self.head(info.key)) != version_of(info):
            raise ObjectChangedError(
                "the file is not the version that was read", where=self._where(info.key)
            )


def _found(store: FsspecReadStore, key: str) -> ObjectInfo | None:
    try:
        return store.head(key)
    except ObjectNotFoundError:
        return None
