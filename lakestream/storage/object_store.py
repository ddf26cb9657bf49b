"""Object stores through obstore, for reading and for checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import quote

import obstore
from arro3.core import Array, DataType, RecordBatch
from obstore.exceptions import AlreadyExistsError, NotSupportedError

from lakestream.errors import (
    AccessDeniedError,
    LakestreamError,
    ObjectChangedError,
    StorageUnavailableError,
    UnsafeLogStoreError,
)
from lakestream.storage.base import ObjectInfo
from lakestream.storage.clouds import AnyStore, open_store
from lakestream.storage.concurrent_reads import read_in_order
from lakestream.storage.folder_listing import Level, list_folders
from lakestream.storage.obstore_errors import mapping_errors
from lakestream.storage.pages import PAGE_ROWS, SCHEMA
from lakestream.storage.patience import Patience, asked_again

if TYPE_CHECKING:
    from pathlib import Path

    from obstore import GetOptions

    from lakestream.storage.location import Location
    from lakestream.storage.options import StorageOptions

#: Reads in flight. 64 threads were best at no latency, 128 requests at 25 ms.
_READS_IN_FLIGHT: Final = 96
_PUT_TRIES: Final = 5
#: S3 deletes at most this many keys in one request.
_DELETE_MANY: Final = 1_000
#: A key that nobody has, to ask whether a listing failed because it is denied.
_NOBODY: Final = "lakestream-asks-for-access"
#: Azure's order is another one where an account has folders, and Fabric's listings from a key on
#: are empty (apache/arrow-rs-object-store#695).
_ORDERED: Final = frozenset({"s3", "gs", "memory"})
#: S3 Express lists in no order.
_DIRECTORY_BUCKET: Final = "--x-s3"

_T = TypeVar("_T")


class ObjectStore:
    """A ``ReadStore`` and a ``LogStore`` over a bucket's prefix."""

    def __init__(self, location: Location, options: StorageOptions) -> None:
        self._uri = location.uri
        with mapping_errors(self._uri):
            self._store, self._prefix = open_store(location, options)
        self.lists_in_order = location.scheme in _ORDERED and not location.bucket.endswith(
            _DIRECTORY_BUCKET
        )
        self._names_versions = True
        #: Azure's listings give ``0x8D`` for what its headers and If-Match call ``"0x8D"``.
        self._lists_bare_tags = location.scheme in {"az", "abfss"}

    @property
    def uri(self) -> str:
        """``scheme://bucket/prefix``."""
        return self._uri

    def uri_of(self, key: str) -> str:
        """Give an object's URI, percent-encoded."""
        scheme, mark, rest = self._uri.partition("://")
        bucket, slash, prefix = rest.partition("/")
        return f"{scheme}{mark}{bucket}/{quote(f'{prefix}{slash}{key}')}"

    # --- ReadStore

    def list_pages(self, prefix: str, start_after: str | None) -> Iterator[RecordBatch]:
        """List by pages; when one breaks off, go on behind the last key that was given.

        Where there is no order that would skip keys: there it is the caller who begins anew.
        """
        patience = Patience()
        begun = start_after
        while True:
            try:
                with mapping_errors(self._uri):
                    for page in self._pages(prefix, start_after):
                        start_after = _last_key(page, start_after)
                        yield page
                        patience = Patience()
            except StorageUnavailableError as error:
                self._check_access(error, patience)
                if start_after != begun and not self.lists_in_order:
                    raise
                patience.pause(error)
            else:
                return

    def list_level(self, folder: str) -> Level:
        """List one folder, without what lies in its folders."""
        top, skip = (self._prefix + folder).rstrip("/"), len(self._prefix)
        patience = Patience()
        try:
            found = self._asked(
                self._uri,
                lambda: obstore.list_with_delimiter(self._store, top or None, return_arrow=True),
            )
        except StorageUnavailableError as error:
            self._check_access(error, patience)
            raise
        parts = (
            batch.slice(start, min(PAGE_ROWS, batch.num_rows - start))
            for batch in found["objects"].to_batches()
            for start in range(0, batch.num_rows, PAGE_ROWS)
        )
        folders = [each[skip:] for each in found["common_prefixes"]]
        pages = (
            self._asked(self._uri, partial(self._without_markers, self._rewritten(each)))
            for each in parts
        )
        return Level(pages, folders)

    def head(self, key: str) -> ObjectInfo:
        """Look one object up."""
        meta = self._asked(self._where(key), lambda: obstore.head(self._store, self._prefix + key))
        return ObjectInfo(key, meta["size"], meta["e_tag"], meta["version"], meta["last_modified"])

    def read(self, info: ObjectInfo, start: int = 0, end: int | None = None) -> bytes:
        """Read ``[start, end)`` of exactly this version, by ``If-Match``.

        Whoever may read what is there now (``s3:GetObject``) need not be allowed to name a version
        (``s3:GetObjectVersion``), also where it is the same one: then none is named any more.
        """
        stop = info.size_bytes if end is None else min(end, info.size_bytes)
        if start >= stop and info.size_bytes:
            return b""
        options: GetOptions = {}
        if start > 0 or stop < info.size_bytes:
            options["range"] = (start, stop)
        if info.etag is not None:
            options["if_match"] = info.etag
        if info.version is None or not (self._names_versions or info.etag is None):
            return self._read(info, options)
        try:
            return self._read(info, {**options, "version": info.version})
        except AccessDeniedError:
            if info.etag is None:
                raise
        data = self._read(info, options)
        self._names_versions = False
        return data

    def _read(self, info: ObjectInfo, options: GetOptions) -> bytes:
        path = self._prefix + info.key
        try:
            return self._asked(
                self._where(info.key),
                lambda: bytes(obstore.get(self._store, path, options=options).bytes()),
            )
        except ObjectChangedError:
            # Some servers hold the condition against an object that is gone.
            self.head(info.key)
            raise

    # --- LogStore

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` unless it exists; see ``LogStore``.

        A refusal is checked: S3 also refuses while another request for the key is under way,
        which may still fail.
        """
        path, where = self._prefix + key, self._where(key)
        for _ in range(_PUT_TRIES):
            try:
                # A put whose reply is lost is made again too: what it made refuses the second.
                self._asked(where, lambda: self._put(path, data))
            except AlreadyExistsError:
                if self._asked(where, lambda: self._exists(path)):
                    return False
            else:
                return True
        raise StorageUnavailableError(
            "the store says that an object exists and does not, by turns",
            where=self._where(key),
            fix="run again",
        )

    def get_whole(self, key: str) -> bytes:
        """Read one object whole."""
        path = self._prefix + key
        return self._asked(self._where(key), lambda: bytes(obstore.get(self._store, path).bytes()))

    def list_keys(self, prefix: str, start_after: str | None) -> list[str]:
        """Give the keys below ``prefix``, sorted as strings."""
        patience = Patience()
        try:
            return self._asked(
                self._uri,
                lambda: sorted(
                    key
                    for batch in self._listed(prefix, start_after)
                    for key in self._keys_of(batch)
                    if start_after is None or key > start_after
                ),
            )
        except StorageUnavailableError as error:
            self._check_access(error, patience)
            raise

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one request for a thousand."""
        for start in range(0, len(keys), _DELETE_MANY):
            paths = [self._prefix + key for key in keys[start : start + _DELETE_MANY]]
            self._asked(self._uri, partial(_delete, self._store, paths))

    def copy(self, key: str, target: str) -> None:
        """Copy an object within the bucket; one that is there is overwritten."""
        source, copied = self._prefix + key, self._prefix + target
        self._asked(self._where(key), lambda: obstore.copy(self._store, source, copied))

    def upload(self, key: str, file: Path) -> None:
        """Store a local file, in parts if it is large; memory stays flat."""
        path = self._prefix + key
        self._asked(self._where(key), lambda: obstore.put(self._store, path, file))

    def _asked(self, where: str, call: Callable[[], _T]) -> _T:
        """Make a call that may be made twice, again when its reply broke off; raise our errors."""

        def mapped_call() -> _T:
            with mapping_errors(where):
                return call()

        return asked_again(mapped_call)

    def _check_access(self, error: StorageUnavailableError, patience: Patience) -> None:
        """Raise what a listing's error does not tell: that it was denied.

        By its class a denied listing looks like an outage; a request for one object does not.
        """
        if patience.is_over:
            return
        try:
            with mapping_errors(self._uri):
                self._exists(self._prefix + _NOBODY)
        except AccessDeniedError as denied:
            raise denied from error
        except LakestreamError:
            return  # the listing's own error says as much

    def _put(self, path: str, data: bytes) -> None:
        try:
            obstore.put(self._store, path, data, mode="create", use_multipart=False)
        except NotSupportedError as error:
            raise UnsafeLogStoreError(
                "the store does not know put-if-absent",
                where=self._uri,
                fix="put the checkpoint on a store with conditional writes",
            ) from error

    def _exists(self, path: str) -> bool:
        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def _without_markers(self, page: RecordBatch) -> RecordBatch:
        """Leave out what consoles make as folders: keys that end with a slash, which obstore drops.

        They are empty, so that one request for each empty object of the page tells.
        """
        empty = [at for at, size in enumerate(page.column("size").to_pylist()) if size == 0]
        if not empty:
            return page
        keys = page.column("path").to_pylist()
        with ThreadPoolExecutor(min(_READS_IN_FLIGHT, len(empty)), "lakestream-head") as pool:
            there = pool.map(self._exists, [self._prefix + keys[at] for at in empty])
            markers = {at for at, found in zip(empty, there, strict=True) if not found}
        if not markers:
            return page
        kept = [at for at in range(page.num_rows) if at not in markers]
        return page.take(Array(kept, DataType.uint64()))

    def _listed(self, prefix: str, start_after: str | None) -> Iterator[RecordBatch]:
        """Give obstore's own pages, whose keys have our prefix."""
        offset = None if start_after is None else self._prefix + start_after
        whole = (self._prefix + prefix).rstrip("/")
        yield from obstore.list(
            self._store, whole or None, offset=offset, chunk_size=PAGE_ROWS, return_arrow=True
        )

    def _pages(self, prefix: str, start_after: str | None) -> Iterator[RecordBatch]:
        as_they_are = not self._prefix and start_after is None and not self._lists_bare_tags
        for batch in self._listed(prefix, start_after):
            page = batch if as_they_are else self._rewritten(batch, start_after)
            yield self._without_markers(page)

    def _rewritten(self, batch: RecordBatch, start_after: str | None = None) -> RecordBatch:
        """Give a batch of obstore's with our keys and tags."""
        keys = self._keys_of(batch)
        columns = {each: batch.column(each).cast(SCHEMA.field(each).type) for each in SCHEMA.names}
        columns["path"] = Array(keys, DataType.utf8())
        if self._lists_bare_tags:
            tags = cast("list[str | None]", columns["e_tag"].to_pylist())
            columns["e_tag"] = Array([self._tag(each) for each in tags], DataType.utf8())
        page = RecordBatch.from_arrays(list(columns.values()), schema=SCHEMA)
        # Some servers ignore the offset and give everything again.
        kept = [at for at, key in enumerate(keys) if start_after is None or key > start_after]
        return page if len(kept) == len(keys) else page.take(Array(kept, DataType.uint64()))

    def _keys_of(self, batch: RecordBatch) -> list[str]:
        skip = len(self._prefix)
        return [each[skip:] for each in cast("list[str]", batch.column("path").to_pylist())]

    def _tag(self, etag: str | None) -> str | None:
        """Give an entity tag of a listing as a request for the object gives it."""
        bare = self._lists_bare_tags and etag is not None and not etag.endswith('"')
        return f'"{etag}"' if bare else etag

    def _where(self, key: str) -> str:
        return f"{self._uri}/{key}" if key.isprintable() else f"{self._uri}/{key!r}"


class ObjectReadStore:
    """A ``ReadStore`` on an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def uri(self) -> str:
        """The root."""
        return self._store.uri

    @property
    def lists_in_order(self) -> bool:
        """Whether the store promises it."""
        return self._store.lists_in_order

    def uri_of(self, key: str) -> str:
        """Give an object's URI, percent-encoded."""
        return self._store.uri_of(key)

    def list(
        self, prefix: str = "", *, start_after: str | None = None, parallelism: int = 1
    ) -> Iterator[RecordBatch]:
        """List objects below ``prefix``, a page at a time."""
        if parallelism == 1 or start_after is not None:
            return self._store.list_pages(prefix, start_after)
        return list_folders(
            self._store.list_level,
            lambda folder: self._store.list_pages(folder, None),
            prefix,
            parallelism=parallelism,
        )

    def head(self, key: str) -> ObjectInfo:
        """Look one object up."""
        return self._store.head(key)

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read ``[start, end)`` of exactly this version."""
        return self._store.read(info, start, end)

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read whole objects with about a hundred requests in flight, results in order."""
        return read_in_order(
            self._store.read,
            infos,
            threads=_READS_IN_FLIGHT,
            max_buffered_bytes=max_buffered_bytes,
        )


class ObjectLogStore:
    """A ``LogStore`` on an object store; a call ends within about a minute (``retry_timeout``)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def uri(self) -> str:
        """The root."""
        return self._store.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` with ``data`` unless it exists."""
        return self._store.put_absent(key, data)

    def get(self, key: str) -> bytes:
        """Read one object whole."""
        return self._store.get_whole(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Give the keys below ``prefix``, sorted as strings."""
        return self._store.list_keys(prefix, start_after)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
        self._store.delete(keys)


def _last_key(page: RecordBatch, before: str | None) -> str | None:
    return page.column("path")[page.num_rows - 1].as_py() if page.num_rows else before


def _delete(store: AnyStore, paths: list[str]) -> None:
    """Delete in one request, or one by one where the store minds what is not there."""
    with contextlib.suppress(FileNotFoundError):
        obstore.delete(store, paths)
        return
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(store, path)
