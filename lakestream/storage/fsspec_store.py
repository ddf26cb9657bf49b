"""Reading through any fsspec filesystem, for what obstore does not speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lakestream.errors import (
    AccessDeniedError,
    ConfigError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
)
from lakestream.storage.base import ObjectInfo
from lakestream.storage.concurrent_reads import read_in_order
from lakestream.storage.location import display
from lakestream.storage.pages import PageBuilder

if TYPE_CHECKING:
    from arro3.core import RecordBatch
    from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped] # it has none

_READS_IN_FLIGHT: Final = 16
#: Where filesystems keep an entity tag, and a modification time.
_ETAGS: Final = ("ETag", "etag", "e_tag", "md5", "checksum", "sha256", "content_md5")
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)


class FsspecReadStore:
    """A ``ReadStore`` over a folder of an fsspec filesystem.

    Args:
        filesystem: The opened filesystem.
        root: The folder, as this filesystem writes its paths.
    """

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = str(filesystem._strip_protocol(root)).rstrip("/")  # noqa: SLF001 - fsspec's own extension point, documented for implementers
        protocol = filesystem.protocol
        self._scheme = protocol if isinstance(protocol, str) else protocol[0]

    @property
    def uri(self) -> str:
        """The folder with its scheme, without credentials."""
        return display(f"{self._scheme}://{self._root}")

    def uri_of(self, key: str) -> str:
        """Give a file's URI, percent-encoded."""
        scheme, mark, rest = self.uri.partition("://")
        return f"{scheme}{mark}{quote(f'{rest}/{key}')}"

    def list(self, prefix: str = "", *, start_after: str | None = None) -> Iterator[RecordBatch]:
        """List files below ``prefix``. fsspec holds the whole listing in memory."""
        top = f"{self._root}/{prefix}".rstrip("/") if prefix else self._root
        skip = len(self._root) + 1
        with mapping_errors(self.uri):
            self._filesystem.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = self._filesystem.find(
                top, detail=True, **_told_of_errors(self._filesystem)
            )
        page = PageBuilder()
        for path in sorted(found):
            key = path[skip:]
            # Asked for a file, ``find`` gives the file itself: not below the root.
            if not key or (start_after is not None and key <= start_after):
                continue
            info = _info(key, found[path])
            modified_us = round(info.modified.timestamp() * 1e6)
            page.add(key, info.size_bytes, modified_us, info.etag, info.version)
            if page.is_full:
                yield page.take()
        if len(page):
            yield page.take()

    def head(self, key: str) -> ObjectInfo:
        """Look one file up, past fsspec's cache."""
        path = self.path_of(key)
        with mapping_errors(self._where(key)):
            self._filesystem.invalidate_cache(path.rpartition("/")[0])
            found = self._filesystem.info(path)
        if found.get("type") != "file":
            raise ObjectNotFoundError("not a file", where=self._where(key))
        return _info(key, found)

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read ``[start, end)``; looks after the read whether it still is this version.

        Cost: two requests.
        """
        stop = info.size_bytes if end is None else min(end, info.size_bytes)
        with mapping_errors(self._where(info.key)):
            data: bytes = (
                self._filesystem.cat_file(self.path_of(info.key), start=start, end=stop)
                if start < stop
                else b""
            )
        now = self.head(info.key)
        if version_of(now) != version_of(info) or len(data) != max(stop - start, 0):
            raise ObjectChangedError(
                "the file is not the version that was found",
                where=self._where(info.key),
                fix="write each file once, under a name of its own",
            )
        return data

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read whole files in a few threads, results in order."""
        return read_in_order(
            self.get, infos, threads=_READS_IN_FLIGHT, max_buffered_bytes=max_buffered_bytes
        )

    def path_of(self, key: str) -> str:
        """Give a file's path as the filesystem writes it."""
        if any(part in {"", ".", ".."} for part in key.split("/")):
            raise ObjectNotFoundError("not a key below the root", where=repr(key))
        return f"{self._root}/{key}"

    def _where(self, key: str) -> str:
        return f"{self.uri}/{key}" if key.isprintable() else f"{self.uri}/{key!r}"


def open_filesystem(uri: str, options: Mapping[str, object]) -> AbstractFileSystem:
    """Open the fsspec filesystem of a URI.

    Raises:
        ConfigError: No installed library speaks its scheme.
    """
    # Imported here because it costs start-up time; it has no types.
    import fsspec  # type: ignore[import-untyped] # it has no types

    try:
        filesystem, _ = fsspec.core.url_to_fs(uri, **options)
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"nothing here speaks {uri.partition(':')[0]}://",
            where=display(uri),
            fix="use a folder, s3:// or memory://, or install the fsspec library of this scheme",
        ) from error
    return filesystem


def _info(key: str, found: Mapping[str, Any]) -> ObjectInfo:
    etag = next((str(found[name]) for name in _ETAGS if found.get(name)), None)
    version = found.get("VersionId") or found.get("generation")
    return ObjectInfo(
        key=key,
        size_bytes=int(found.get("size") or 0),
        etag=etag,
        version=None if version in (None, "null") else str(version),
        modified=_time(next((found[name] for name in _TIMES if found.get(name)), None)),
    )


def _time(found: object) -> datetime:
    match found:
        case datetime():
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        case int() | float():
            return datetime.fromtimestamp(round(found * 1e6) / 1e6, UTC)
        case str():
            try:
                return _time(datetime.fromisoformat(found))
            except ValueError:
                return _UNKNOWN_TIME
        case _:
            return _UNKNOWN_TIME


def version_of(info: ObjectInfo) -> tuple[object, ...]:
    """Give what tells versions apart: the tag where there is one, else size and time."""
    return (info.etag or info.modified, info.size_bytes, info.version)


def _told_of_errors(filesystem: AbstractFileSystem) -> dict[str, Callable[[OSError], None]]:
    """Make fsspec's own ``find`` raise: it takes a folder that cannot be listed for an empty one.

    One with a ``find`` of its own (s3fs) need not know the argument, and is left to its ways.
    """
    from fsspec.asyn import AsyncFileSystem  # type: ignore[import-untyped] # it has none
    from fsspec.spec import AbstractFileSystem

    kind = type(filesystem)
    own = (
        kind._find is not AsyncFileSystem._find  # noqa: SLF001 - its extension point
        if issubclass(kind, AsyncFileSystem)
        else kind.find is not AbstractFileSystem.find
    )
    return {} if own else {"on_error": _raise_unless_missing}


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def mapping_errors(where: str) -> Iterator[None]:
    """Raise our error for what a filesystem raises inside."""
    try:
        yield
    except (LakestreamError, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise ObjectNotFoundError("there is no such file", where=where) from error
    except PermissionError as error:
        raise AccessDeniedError(
            "the store denies access", where=where, fix="check the filesystem's credentials"
        ) from error
    except (OSError, TimeoutError) as error:
        raise StorageUnavailableError(
            "the store does not answer as it should", where=where, fix="run again"
        ) from error
    except Exception as error:
        raise StorageError(
            f"the filesystem failed with {type(error).__name__}", where=where
        ) from error
