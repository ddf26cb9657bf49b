"""The place that files land in: a store, and the pattern or the one file in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lakestream.errors import ObjectNotFoundError
from lakestream.storage import stores

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.glob import Glob
    from lakestream.storage.base import ReadStore


class Landing(msgspec.Struct, frozen=True):
    """An opened landing place.

    Args:
        store: Rooted at the path's literal part, or at the folder of the one file.
        pattern: What below the root belongs, or None for all.
        file: The key of the one file, when the path names a file.
        is_local: Whether this is the local disk, where a file can be seen growing.
    """

    store: ReadStore
    pattern: Glob | None
    file: str | None
    is_local: bool


def open_landing(description: FilesDescription) -> Landing:
    """Open the place that a description names.

    A path without a glob whose last part has a dot may be a file: it is looked up once.

    Raises:
        EnvironmentNotSetError, ConfigError, AccessDeniedError, StorageUnavailableError.
    """
    root, pattern = description.split_path()
    if pattern is None and "." in root.rstrip("/").rpartition("/")[2].lstrip("."):
        folder, _, name = root.rpartition("/")
        if name and folder and not folder.endswith("/"):
            landing = _open(description, folder, None, name)
            try:
                landing.store.head(name)
            except ObjectNotFoundError:
                pass
            else:
                return landing
    return _open(description, root, pattern, None)


def _open(
    description: FilesDescription, root: str, pattern: Glob | None, file: str | None
) -> Landing:
    store = stores.open_read_store(
        root, description.storage_options, filesystem=description.filesystem
    )
    is_local = description.filesystem is None and store.uri.startswith("/")
    return Landing(store, pattern, file, is_local)
