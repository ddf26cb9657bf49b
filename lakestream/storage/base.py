"""The two storage seams: where data lands (read) and where checkpoints live (log)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from arro3.core import RecordBatch

from lakestream.errors import LakestreamError


class ObjectInfo(msgspec.Struct, frozen=True, gc=False):
    """One version of one object.

    Args:
        key: Path below the store's root, ``/``-separated, exact as the store has it.
        size_bytes: Size of this version.
        etag: The store's entity tag of this version, where it has one.
        version: The store's version id, where it keeps versions.
        modified: Aware UTC.
    """

    key: str
    size_bytes: int
    etag: str | None
    version: str | None
    modified: datetime


class ReadStore(Protocol):
    """A folder, bucket prefix or other file system that data lands in. Thread-safe."""

    @property
    def uri(self) -> str:
        """The root as the user would write it, without secrets, without trailing slash."""
        ...

    @property
    def lists_in_order(self) -> bool:
        """Whether ``list`` gives keys in the order of their texts, as a promise of the store."""
        ...

    def uri_of(self, key: str) -> str:
        """Give the full URI of an object, as ``_metadata.file_path`` shows it."""
        ...

    def list(
        self, prefix: str = "", *, start_after: str | None = None, parallelism: int = 1
    ) -> Iterator[RecordBatch]:
        """List objects below ``prefix``, recursively, a page at a time.

        Args:
            prefix: Whole path segments below the root, or "" for all.
            start_after: Give only keys greater than this one, whatever the store does with it.
            parallelism: So many folders may be listed at the same time. With more than one pages
                come in no order. It says nothing beside ``start_after``, and to stores that
                gain nothing from it.

        Yields:
            Batches with columns ``path`` (string, the key), ``last_modified`` (timestamp[us, UTC]),
            ``size`` (uint64), ``e_tag`` (string, nullable), ``version`` (string, nullable).
            Ordered by key where ``lists_in_order`` says so. A missing root gives no batch.

        Raises:
            AccessDeniedError, StorageUnavailableError.

        Cost: one request a page (1,000 keys on S3); memory is one page. With ``parallelism`` a
        request or two more a folder, and so many pages, as ``folder_listing`` says.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Look one object up.

        Raises:
            ObjectNotFoundError, AccessDeniedError, StorageUnavailableError.
        """
        ...

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read bytes ``[start, end)`` of exactly this version of an object.

        Raises:
            ObjectNotFoundError: It is gone.
            ObjectChangedError: What is there now is not ``info``'s version.
            AccessDeniedError, StorageUnavailableError.
        """
        ...

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read many whole objects concurrently; results come in the order of ``infos``.

        A failure is given in its object's place and does not end the iteration. At most
        ``max_buffered_bytes`` are held that the caller has not taken yet (one object is
        always admitted).
        """
        ...


class LogStore(Protocol):
    """Small objects that are created once and never change: a checkpoint. Thread-safe.

    Every method retries what is transient for a bounded time.
    """

    @property
    def uri(self) -> str:
        """The root as the user would write it, without secrets, without trailing slash."""
        ...

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` with ``data`` unless it exists.

        Atomic: readers see all of it or nothing; of several callers exactly one gets True.
        Durable on return: on a local disk file and folder are synced.

        Returns:
            True when this call created it; False when it exists already (which may be this
            caller's own earlier try whose reply was lost: read it back to know).

        Raises:
            AccessDeniedError, StorageUnavailableError. After the latter the outcome is unknown.

        Cost: one request.
        """
        ...

    def get(self, key: str) -> bytes:
        """Read one object whole.

        Raises:
            ObjectNotFoundError, AccessDeniedError, StorageUnavailableError.
        """
        ...

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Give the keys below ``prefix`` (whole segments, recursive), sorted as strings.

        Keys not greater than ``start_after`` are left out. A missing prefix gives ``[]``.
        """
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error. Not atomic as a whole."""
        ...
