"""Deleting and moving objects of a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import ObjectChangedError, ObjectNotFoundError, StorageError
from lakestream.storage.location import Location
from lakestream.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from lakestream.storage.base import ObjectInfo
    from lakestream.storage.options import StorageOptions

_PIECE: Final = 8 * 2**20


class ObjectCleanStore:
    """A ``CleanStore`` over a bucket's prefix.

    No store that obstore speaks to deletes or copies on a condition, so each look is right
    before the act: a version that is written within these milliseconds is not protected, but by
    the bucket's own versioning.
    """

    def __init__(
        self, root: Location, destination: Location | None, options: StorageOptions
    ) -> None:
        bucket = Location(f"{root.uri.partition('://')[0]}://{_authority(root)}", root.scheme)
        self._store = ObjectStore(bucket, options)
        self._root = _folder(root)
        self._destination = "" if destination is None else _folder(destination)

    def delete(self, info: ObjectInfo) -> None:
        """Delete exactly this version. Cost: two requests."""
        key = self._root + info.key
        self._check(info, self._store.head(key))
        self._store.delete([key])

    def move(self, info: ObjectInfo, names: Sequence[str]) -> str:
        """Move exactly this version: copy it, then delete it. Cost: six requests."""
        key = self._root + info.key
        targets = [self._destination + name for name in names]
        try:
            self._check(info, self._store.head(key))
        except ObjectNotFoundError:
            return self._moved_before(info, targets)
        target, is_copied = self._placed(info, key, targets)
        try:
            self.delete(info)
        except ObjectChangedError:
            if is_copied:  # of this version, or of the other: nobody knows
                self._store.delete([target])
            raise
        except ObjectNotFoundError:
            pass  # another run has moved it just now
        return f"{self._store.uri}/{target}"

    def _placed(self, info: ObjectInfo, key: str, targets: Sequence[str]) -> tuple[str, bool]:
        """Give the first name that is free or its own, and whether it was copied there."""
        for target in targets:
            found = self._found(target)
            if found is None:
                self._copy(info, key, target)
                return target, True
            if self._is_same(msgspec.structs.replace(info, key=key), found):
                return target, False
        raise StorageError(
            "other objects have its name in the destination", where=f"{self._store.uri}/{key}"
        )

    def _copy(self, info: ObjectInfo, key: str, target: str) -> None:
        self._store.copy(key, target)
        if self._store.head(target).size_bytes != info.size_bytes:
            self._store.delete([target])
            raise StorageError("the store did not copy all of it", where=f"{self._store.uri}/{key}")

    def _moved_before(self, info: ObjectInfo, targets: Sequence[str]) -> str:
        for target in targets:
            found = self._found(target)
            if found is not None and found.size_bytes == info.size_bytes:
                return f"{self._store.uri}/{target}"
        raise ObjectNotFoundError(
            "there is no such object", where=f"{self._store.uri}/{self._root}{info.key}"
        )

    def _found(self, key: str) -> ObjectInfo | None:
        try:
            return self._store.head(key)
        except ObjectNotFoundError:
            return None

    def _is_same(self, one: ObjectInfo, other: ObjectInfo) -> bool:
        """Tell whether two objects hold the same bytes."""
        if one.size_bytes != other.size_bytes:
            return False
        if one.etag is not None and one.etag == other.etag:
            return True
        return all(
            self._store.read(one, start, start + _PIECE)
            == self._store.read(other, start, start + _PIECE)
            for start in range(0, one.size_bytes, _PIECE)
        )

    def _check(self, info: ObjectInfo, found: ObjectInfo) -> None:
        """Hold what is there against the version that was read."""
        is_other = (found.size_bytes, found.etag) != (info.size_bytes, info.etag)
        if is_other or info.version not in {None, found.version}:
            raise ObjectChangedError(
                "the object is not the version that was read",
                where=f"{self._store.uri}/{self._root}{info.key}",
            )


def _authority(location: Location) -> str:
    return location.uri.partition("://")[2].partition("/")[0]


def _folder(location: Location) -> str:
    return f"{location.prefix}/" if location.prefix else ""
