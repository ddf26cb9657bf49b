"""Opening stores. Callers write ``stores.open_log_store(...)``, so that tests can wrap it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lakestream.errors import (
    ConfigError,
    LakestreamError,
    ObjectNotFoundError,
    UnsafeLogStoreError,
)
from lakestream.storage.location import (
    OBJECT_SCHEMES,
    Location,
    PathLike,
    display,
    parse_location,
)
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped] # it has none

    from lakestream.storage.base import LogStore, ReadStore

_PROBES: Final = "probes"


def open_read_store(
    path: PathLike | Location,
    options: StorageOptions | None = None,
    *,
    filesystem: AbstractFileSystem | None = None,
) -> ReadStore:
    """Open where data lands.

    Args:
        path: A folder, a URI of a cloud's store, ``memory://``, or of any installed fsspec library.
        options: Checked storage options; None is none.
        filesystem: An fsspec filesystem to read through, in place of our own stores.

    Raises:
        ConfigError: Nothing speaks this scheme.
        EnvironmentNotSetError: The path or an option stands for a variable that is not set.

    Cost: no request.
    """
    if filesystem is not None:
        from lakestream.storage.fsspec_store import FsspecReadStore

        root = path.uri if isinstance(path, Location) else parse_location(path).uri
        return FsspecReadStore(filesystem, root)
    location = path if isinstance(path, Location) else parse_location(path)
    checked = (options or StorageOptions()).at(location)
    if location.is_local:
        from lakestream.storage.local_read import LocalReadStore

        return LocalReadStore(location)
    if location.scheme in OBJECT_SCHEMES:
        from lakestream.storage.object_store import (
            ObjectReadStore,
            ObjectStore,
        )

        return ObjectReadStore(ObjectStore(location, checked))
    from lakestream.storage import fsspec_store

    return fsspec_store.open_fsspec(location.uri, checked.for_fsspec())


def open_log_store(path: PathLike | Location, options: StorageOptions | None = None) -> LogStore:
    """Open where a checkpoint lives.

    Args:
        path: A folder, a URI of a cloud's store, or ``memory://``.
        options: Checked storage options; None is none.

    Raises:
        ConfigError: Checkpoints cannot live in this scheme.
        EnvironmentNotSetError: The path or an option stands for a variable that is not set.

    Cost: no request; see ``probe_log_store``.
    """
    location = path if isinstance(path, Location) else parse_location(path)
    checked = (options or StorageOptions()).at(location)
    if location.is_local:
        from lakestream.storage.local_log import LocalLogStore

        return LocalLogStore(location)
    if location.scheme not in OBJECT_SCHEMES:
        raise ConfigError(
            f"tables and checkpoints cannot live in {location.scheme}://",
            where=display(location.uri),
            fix="use a folder, s3://, az://, abfss:// or gs://",
        )
    from lakestream.storage.object_store import (
        ObjectLogStore,
        ObjectStore,
    )

    return ObjectLogStore(ObjectStore(location, checked))


def probe_log_store(store: LogStore) -> None:
    """Refuse a store that does not honour put-if-absent, by creating one random key twice.

    Raises:
        UnsafeLogStoreError: It accepted both, or lost the first content.
        ObjectNotFoundError: There is no such bucket.

    Cost: two puts, a get and a delete; nothing for a local folder, which honours it by
    construction: a hard link to a name that is taken fails (``LogStoreContract`` races it).
    """
    from lakestream.storage.local_log import LocalLogStore

    if isinstance(store, LocalLogStore):
        return
    key = f"{_PROBES}/{os.urandom(8).hex()}"
    try:
        # Refused, too, when a try whose reply was lost had made it: the name is only ours.
        store.put_absent(key, b"first")
        second = store.put_absent(key, b"second")
        try:
            kept = store.get(key) == b"first"
        except ObjectNotFoundError:
            kept = False
    except LakestreamError:
        # Whoever may not write may not delete either, and what stopped the writing counts.
        with suppress(LakestreamError):
            store.delete([key])
        raise
    store.delete([key])
    if second or not kept:
        raise UnsafeLogStoreError(
            "the store does not honour put-if-absent: two writers would overwrite each other",
            where=store.uri,
            fix="put the checkpoint on a store with conditional writes (S3, Azure, GCS, a disk)",
        )
