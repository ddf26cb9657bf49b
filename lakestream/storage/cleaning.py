"""The seam to taking files away from where they landed, once their rows are in the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from lakestream.errors import ConfigError
from lakestream.storage.location import OBJECT_SCHEMES, Location, display
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped] # it has none

    from lakestream.storage.base import ObjectInfo


class CleanStore(Protocol):
    """A landing place whose files may be deleted or moved to a folder beside it. Thread-safe."""

    def delete(self, info: ObjectInfo) -> None:
        """Delete exactly this version of a file.

        Raises:
            ObjectNotFoundError: It is gone.
            ObjectChangedError: Another version is there, and stays.
            AccessDeniedError, StorageUnavailableError, StorageError.
        """
        ...

    def move(self, info: ObjectInfo, names: Sequence[str]) -> str:
        """Move exactly this version of a file into the destination.

        It is whole there before it goes here, and takes no name that another file has: safe to
        repeat, whenever it was cut off.

        Args:
            info: The file.
            names: Keys below the destination, of which it takes the first that is free, or that
                holds the same bytes.

        Returns:
            Where it is now.

        Raises:
            ObjectNotFoundError: It is gone, and not in the destination.
            ObjectChangedError: Another version is there, and stays.
            AccessDeniedError, StorageUnavailableError.
            StorageError: No name is free, or the store does not copy it.
        """
        ...


def open_clean_store(
    root: Location,
    destination: Location | None,
    options: StorageOptions | None = None,
    *,
    filesystem: AbstractFileSystem | None = None,
) -> CleanStore:
    """Open a landing place for cleaning; see ``open_read_store``.

    Raises:
        ConfigError: Files cannot be moved from here to there, or would land here again.
    """
    if destination is not None:
        _check_beside(root, destination)
    if filesystem is None and root.is_local:
        from lakestream.storage.local_clean import LocalCleanStore

        return LocalCleanStore(root, destination)
    if filesystem is None and root.scheme in OBJECT_SCHEMES:
        from lakestream.storage.object_clean import ObjectCleanStore

        return ObjectCleanStore(root, destination, options or StorageOptions())
    from lakestream.storage.fsspec_clean import FsspecCleanStore
    from lakestream.storage.fsspec_store import open_filesystem

    checked = (options or StorageOptions()).at(root)
    opened = filesystem or open_filesystem(root.uri, checked.for_fsspec())
    return FsspecCleanStore(opened, root.uri, None if destination is None else destination.uri)


def _check_beside(root: Location, destination: Location) -> None:
    """Refuse a destination that is another bucket, or within the source, or around it."""
    here, there = f"{root.uri.rstrip('/')}/", f"{destination.uri.rstrip('/')}/"
    where = f"clean_source_move_destination={display(destination.uri)!r}"
    if (root.scheme, root.is_local or root.bucket) != (
        destination.scheme,
        destination.is_local or destination.bucket,
    ):
        raise ConfigError(
            f"files cannot be moved from {root} to another store",
            where=where,
            fix="give a folder of the same bucket, container or disk",
        )
    if here.startswith(there) or there.startswith(here):
        raise ConfigError(
            f"moved files could be found again: one folder is within the other, {root}",
            where=where,
            fix="give a folder beside the one that is read, such as landing-archive",
        )
