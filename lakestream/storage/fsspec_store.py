"""Reading through any fsspec filesystem, for what obstore does not speak."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeVar
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

_T = TypeVar("_T")
_READS_IN_FLIGHT: Final = 16
#: Where filesystems keep an entity tag, and a modification time.
_ETAGS: Final = ("ETag", "etag", "e_tag", "md5", "checksum", "sha256", "content_md5", "sha")
_TIMES: Final = (
    "LastModified", "last_modified", "Last-Modified", "mtime", "updated", "modified", "modify",
    "created",
)  # fmt: skip
#: An FTP server's time: ``20261121160000``, and what may follow.
_FTP_TIME: Final = re.compile(r"(\d{8})(\d{6})(?:\.\d+)?")
#: What libraries call a login that failed, and statuses of one over HTTP.
_DENIALS: Final = frozenset({
    "error_perm", "AuthenticationException", "ClientAuthenticationError", "PermissionDenied",
})  # fmt: skip
_DENIED: Final = frozenset({401, 403})
_MISSING: Final = frozenset({404, 410})
_FAULTS_FROM: Final = 429
_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)


class FsspecReadStore:
    """A ``ReadStore`` over a folder of an fsspec filesystem.

    Args:
        filesystem: The opened filesystem.
        root: The folder, as this filesystem writes its paths.
        reopened: Opens it anew: a connection that lay idle too long is gone.
    """

    def __init__(
        self,
        filesystem: AbstractFileSystem,
        root: str,
        *,
        reopened: Callable[[], AbstractFileSystem] | None = None,
    ) -> None:
        self._filesystem = filesystem
        self._reopened = reopened
        self._root = str(filesystem._strip_protocol(root)).rstrip("/")  # noqa: SLF001 - fsspec's own extension point, documented for implementers
        self._is_url = "://" in self._root
        protocol = filesystem.protocol
        scheme = protocol if isinstance(protocol, str) else protocol[0]
        # As it was given, where it was a URI: what fsspec makes of it may lack the host.
        self._uri = display(root if "://" in root else f"{scheme}://{self._root}")
        # One connection, which knows nothing of threads, serves one call at a time.
        shared = _takes_threads(filesystem)
        self._turn: AbstractContextManager[object] = nullcontext() if shared else RLock()
        self._threads = _READS_IN_FLIGHT if shared else 1

    @property
    def uri(self) -> str:
        """The folder with its scheme, without credentials."""
        return self._uri

    @property
    def lists_in_order(self) -> bool:
        """Yes: what fsspec found is sorted."""
        return True

    def uri_of(self, key: str) -> str:
        """Give a file's URI, percent-encoded."""
        if self._is_url:
            return f"{self._uri}/{key}"
        scheme, mark, rest = self._uri.partition("://")
        host, slash, path = f"{rest}/{key}".partition("/")
        return f"{scheme}{mark}{quote(host, safe=':@*[]')}{slash}{quote(path)}"

    def list(
        self,
        prefix: str = "",
        *,
        start_after: str | None = None,
        parallelism: int = 1,  # noqa: ARG002 - one call lists all
    ) -> Iterator[RecordBatch]:
        """List files below ``prefix``. fsspec holds the whole listing in memory.

        Cost: a request a folder; and one a file where listings tell no sizes, as over HTTP.
        """
        top = f"{self._root}/{prefix}".rstrip("/") if prefix else self._root
        skip = len(self._root) + 1
        try:
            found = self._asked(self._uri, lambda: self._found_below(top))
        except ObjectNotFoundError:
            return
        page = PageBuilder()
        for path in sorted(found):
            key = path[skip:]
            # Asked for a file, ``find`` gives the file itself: not below the root. An index page
            # links to itself in other orders: ``?C=M``.
            if not key or key.rpartition("/")[2].startswith("?"):
                continue
            if start_after is not None and key <= start_after:
                continue
            told = found[path]
            info = _info(key, told) if told.get("size") is not None else self._sized(key)
            if info is None:
                continue
            modified_us = round(info.modified.timestamp() * 1e6)
            page.add(key, info.size_bytes, modified_us, info.etag, info.version)
            if page.is_full:
                yield page.take()
        if len(page):
            yield page.take()

    def head(self, key: str) -> ObjectInfo:
        """Look one file up, past fsspec's cache."""
        path, where = self.path_of(key), self._where(key)

        def look() -> Mapping[str, Any]:
            self._filesystem.invalidate_cache(path.rpartition("/")[0])
            told: Mapping[str, Any] = self._filesystem.info(path)
            return told

        found = self._asked(where, look)
        if found.get("type") != "file":
            raise ObjectNotFoundError("not a file", where=where)
        if found.get("size") is None:
            raise StorageError(
                "the server does not tell how long the file is",
                where=where,
                fix="serve files with Content-Length",
            )
        return _info(key, found)

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Read ``[start, end)``; looks after the read whether it still is this version.

        Cost: two requests.
        """
        stop = info.size_bytes if end is None else min(end, info.size_bytes)
        path, where = self.path_of(info.key), self._where(info.key)
        is_whole = start == 0 and stop == info.size_bytes
        part = {} if is_whole else {"start": start, "end": stop}

        def read() -> bytes:
            told: bytes = self._filesystem.cat_file(path, **part)
            return told

        data = self._asked(where, read) if start < stop else b""
        now = self.head(info.key)
        if not is_whole and len(data) == info.size_bytes:
            data = data[start:stop]  # a server that knows no ranges gives all
        if version_of(now) != version_of(info) or len(data) != max(stop - start, 0):
            raise ObjectChangedError(
                "the file is not the version that was found",
                where=where,
                fix="write each file once, under a name of its own",
            )
        return data

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Read whole files in a few threads, results in order."""
        return read_in_order(
            self.get, infos, threads=self._threads, max_buffered_bytes=max_buffered_bytes
        )

    def _found_below(self, top: str) -> Mapping[str, Mapping[str, Any]]:
        self._filesystem.invalidate_cache()
        found: Mapping[str, Mapping[str, Any]] = self._filesystem.find(
            top, detail=True, **_told_of_errors(self._filesystem)
        )
        return found

    def _sized(self, key: str) -> ObjectInfo | None:
        """Look a listed file up; None when it is gone since."""
        try:
            return self.head(key)
        except ObjectNotFoundError:
            return None

    def _asked(self, where: str, call: Callable[[], _T]) -> _T:
        """Make a call in turn; once more on a new connection when the old one may be gone."""
        with self._turn:
            try:
                with mapping_errors(where):
                    return call()
            except (ObjectNotFoundError, AccessDeniedError):
                raise
            except StorageError:
                if self._reopened is None:
                    raise
                self._filesystem = self._reopened()
            with mapping_errors(where):
                return call()

    def path_of(self, key: str) -> str:
        """Give a file's path as the filesystem writes it."""
        if any(part in {"", ".", ".."} for part in key.split("/")):
            raise ObjectNotFoundError("not a key below the root", where=repr(key))
        return f"{self._root}/{key}"

    def _where(self, key: str) -> str:
        return f"{self.uri}/{key}" if key.isprintable() else f"{self.uri}/{key!r}"


def open_fsspec(uri: str, options: Mapping[str, object]) -> FsspecReadStore:
    """Open a folder for reading; see ``open_filesystem``."""
    filesystem = open_filesystem(uri, options)
    if _takes_threads(filesystem):
        return FsspecReadStore(filesystem, uri)
    return FsspecReadStore(filesystem, uri, reopened=lambda: open_filesystem(uri, options))


def open_filesystem(uri: str, options: Mapping[str, object]) -> AbstractFileSystem:
    """Open the fsspec filesystem of a URI.

    Args:
        uri: A folder of any scheme that an installed fsspec library speaks.
        options: What the filesystem takes, under its own names.

    Raises:
        ConfigError: No installed library speaks its scheme, or it does not take these options.
        AccessDeniedError, StorageUnavailableError: It connects at once, and cannot.
    """
    # Imported here because it costs start-up time; it has no types.
    import fsspec  # type: ignore[import-untyped] # it has no types

    scheme = uri.partition(":")[0]
    with mapping_errors(display(uri)):
        try:
            return fsspec.core.url_to_fs(uri, **options, skip_instance_cache=True)[0]
        except (ValueError, ImportError) as error:
            raise ConfigError(
                f"nothing here speaks {scheme}://",
                where=display(uri),
                fix="use a folder or a cloud's store, or install this scheme's fsspec library",
            ) from error
        except TypeError as error:
            raise ConfigError(
                f"storage_options are not what {scheme}:// takes",
                where=display(uri),
                fix="give the options of this scheme's fsspec filesystem, by its names",
            ) from error


def _takes_threads(filesystem: AbstractFileSystem) -> bool:
    """Whether several threads may use one filesystem at once: what fsspec does not promise."""
    from fsspec.asyn import AsyncFileSystem  # type: ignore[import-untyped] # it has none
    from fsspec.implementations.local import (  # type: ignore[import-untyped] # it has none
        LocalFileSystem,
    )
    from fsspec.implementations.memory import (  # type: ignore[import-untyped] # it has none
        MemoryFileSystem,
    )

    inner = getattr(filesystem, "fs", None)
    known = isinstance(filesystem, AsyncFileSystem | LocalFileSystem | MemoryFileSystem)
    return known and (inner is None or _takes_threads(inner))


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
            return _time_of_text(found)
        case _:
            return _UNKNOWN_TIME


def _time_of_text(text: str) -> datetime:
    """Read ISO 8601, FTP's digits and HTTP's dates; what is none of these is unknown."""
    if match := _FTP_TIME.fullmatch(text):
        text = f"{match[1]}T{match[2]}"
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return _time(read(text))
        except ValueError:
            continue
    return _UNKNOWN_TIME


def version_of(info: ObjectInfo) -> tuple[object, ...]:
    """Give what tells versions apart: the tag where there is one, else size and time."""
    return (info.etag or info.modified, info.size_bytes, info.version)


def _told_of_errors(filesystem: AbstractFileSystem) -> dict[str, Callable[[OSError], None]]:
    """Make fsspec's own ``find`` raise: it takes a folder that cannot be listed for an empty one.

    One with a ``find`` of its own (s3fs) need not know the argument, and is left to its ways.
    """
    from fsspec.asyn import AsyncFileSystem
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
    except Exception as error:
        raise _mapped(error, where) from error


def _mapped(error: BaseException, where: str) -> LakestreamError:
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    match error:
        case FileNotFoundError():
            # Over HTTP fsspec says so whatever went wrong, and keeps what did.
            return _mapped_cause(error.__cause__, where) or ObjectNotFoundError(
                "there is no such file", where=where
            )
        case _ if isinstance(error, PermissionError) or status in _DENIED:
            return _denied(where)
        case OSError() | TimeoutError():
            return _unavailable(where)
        case _ if isinstance(status, int) and status >= _FAULTS_FROM:
            return _unavailable(where)
        case _ if type(error).__name__ in _DENIALS:
            return _denied(where)
        case _:
            return StorageError(f"the filesystem failed with {type(error).__name__}", where=where)


def _mapped_cause(cause: BaseException | None, where: str) -> LakestreamError | None:
    """Give what a missing file really is, or None when it is missing."""
    if cause is None or isinstance(cause, FileNotFoundError):
        return None
    status = getattr(cause, "status", None)
    is_known = isinstance(cause, OSError) or status is not None
    return _mapped(cause, where) if is_known and status not in _MISSING else None


def _denied(where: str) -> AccessDeniedError:
    return AccessDeniedError(
        "the store denies access", where=where, fix="check the filesystem's credentials"
    )


def _unavailable(where: str) -> StorageUnavailableError:
    return StorageUnavailableError(
        "the store does not answer as it should", where=where, fix="run again"
    )
