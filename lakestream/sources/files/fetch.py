"""Bytes of planned files, in order: small files many at a time, big ones in ranges.

Each member of an archive comes as a file of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final

from lakestream.errors import (
    AccessDeniedError,
    BadFileError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    SourceChangedError,
    StorageUnavailableError,
)
from lakestream.formats.archives import Budget, Read
from lakestream.formats.base import FileChunk, FileFailedError, Fit, Format, InputFile, Ranges
from lakestream.formats.codec import decompress, suffix_of
from lakestream.limits import MAX_WHOLE_FILE_BYTES
from lakestream.sources.files.members import Archives, Window, member_file, members, unpacked
from lakestream.storage.base import ObjectInfo, ReadStore

#: Files above this are read in ranges, so that a batch's memory does not follow their size.
_WHOLE_BYTES: Final = 8 * 2**20
_RANGE_BYTES: Final = 4 * 2**20
#: Of small files, what may be held that was not taken yet.
_BUFFERED_BYTES: Final = 32 * 2**20


_NOTHING_KNOWN: Final[Mapping[ObjectInfo, Fit]] = MappingProxyType({})


_NO_ARCHIVES: Final = Archives()


class SupersededError(SourceChangedError):
    """A planned version was overwritten, and versions are followed: nothing is wrong."""


class Fetch:
    """Reads exactly the planned versions.

    Args:
        store: Where from.
        reader: The format, which says whether it wants whole and decompressed files.
        ignore_missing: Files that are gone or changed are failures of their own, not of the
            batch.
        allow_overwrites: Files that changed have a newer version, which is read in their place.
        reuse: Bytes of whole files that were read already, by version; taken out when used.
        fits: What inference found out about those (``FileChunk.fits``), by version.
        archives: Which files are archives, and what of them is read.
    """

    def __init__(
        self,
        store: ReadStore,
        reader: Format,
        *,
        ignore_missing: bool,
        allow_overwrites: bool = False,
        reuse: dict[ObjectInfo, bytes],
        fits: Mapping[ObjectInfo, Fit] = _NOTHING_KNOWN,
        archives: Archives = _NO_ARCHIVES,
    ) -> None:
        self._store = store
        self._format = reader
        self._archives = archives
        self._next_member = 0
        self._whole_files = reader.whole_files
        self._compressible = reader.compressible
        self._ignore_missing = ignore_missing
        self._allow_overwrites = allow_overwrites
        self._reuse = reuse
        self._fits = fits

    def chunks(
        self, files: Sequence[InputFile], *, first_member: int | None = None
    ) -> Iterator[FileChunk]:
        """Give the files' bytes, decompressed, one file after another.

        Args:
            files: The files.
            first_member: The position that the first member of an archive gets; the next ones
                follow. None is behind the files.

        Raises:
            SourceChangedError: A file is gone or has another version.
            AccessDeniedError: A file may not be read.
            StorageUnavailableError: The store does not answer.
        """
        self._next_member = len(files) if first_member is None else first_member
        for ranged, some in groupby(files, key=self._is_ranged):
            if ranged:
                for file in some:
                    yield from self._big(file)
            else:
                yield from self._small(list(some))

    def _is_ranged(self, file: InputFile) -> bool:
        return file.info.size_bytes > _WHOLE_BYTES and file.info not in self._reuse

    def _small(self, files: list[InputFile]) -> Iterator[FileChunk]:
        missing = [each.info for each in files if each.info not in self._reuse]
        fetched = self._store.get_many(missing, max_buffered_bytes=_BUFFERED_BYTES)
        for file in files:
            kept = self._reuse.pop(file.info, None)
            data = next(fetched) if kept is None else kept
            if isinstance(data, LakestreamError):
                yield self._failed(file, data)
                continue
            _check_length(file, data, file.info.size_bytes)
            if self._archives.kind(file.info.key) is not None:
                yield from self._members(file, _held(data))
            elif (suffix := self._suffix(file)) is not None:
                yield from self._decompressed(file, iter((data,)), suffix)
            else:
                fits = None if kept is None else self._fits.get(file.info)
                yield FileChunk(file, data, last=True, fits=fits)

    def _big(self, file: InputFile) -> Iterator[FileChunk]:
        suffix = self._suffix(file)
        if self._archives.kind(file.info.key) is not None:
            yield from self._members(file, lambda start, end: self._range(file, start, end))
        elif self._whole_files and suffix is None:
            yield self._whole(file)
        elif suffix is not None:
            yield from self._decompressed(file, self._ranges(file), suffix)
        else:
            yield from self._last_marked(file, self._ranges(file))

    def _suffix(self, file: InputFile) -> str | None:
        return suffix_of(file.info.key) if self._compressible else None

    def _whole(self, file: InputFile) -> FileChunk:
        if self._format.ranged:
            return FileChunk(file, b"", last=True, ranges=self._in_places(file))
        if file.info.size_bytes > MAX_WHOLE_FILE_BYTES:
            return FileChunk(file, b"", last=True, failure=_too_big(file))
        try:
            data = self._store.get(file.info)
        except LakestreamError as error:
            return self._failed(file, error)
        _check_length(file, data, file.info.size_bytes)
        return FileChunk(file, data, last=True)

    def _in_places(self, file: InputFile) -> Ranges:
        size = file.info.size_bytes
        window = Window(lambda start, end: self._range(file, start, end), size)

        def read(start: int, end: int) -> bytes:
            try:
                return window(start, end)
            except LakestreamError as error:
                failure = self._failed(file, error).failure or error
                raise FileFailedError(failure) from error

        return Ranges(size, read)

    def _ranges(self, file: InputFile) -> Iterator[bytes]:
        size = file.info.size_bytes
        for start in range(0, size, _RANGE_BYTES):
            yield self._range(file, start, min(start + _RANGE_BYTES, size))

    def _range(self, file: InputFile, start: int, end: int) -> bytes:
        data = self._store.get(file.info, start=start, end=end)
        _check_length(file, data, end - start)
        return data

    def _members(self, file: InputFile, read: Read) -> Iterator[FileChunk]:
        """Give the members of an archive; a failure ends it, as one of the member at hand."""
        info = file.info
        kind = self._archives.kind(info.key)
        if kind is None or not info.size_bytes:
            yield FileChunk(file, b"", last=True)
            return
        opened = members(kind, lambda: Window(read, info.size_bytes), info.size_bytes, file.uri)
        budget = Budget(info.size_bytes, file.uri)
        at_hand = file
        try:
            for member in filter(self._archives.takes, opened):
                at_hand = member_file(file, member, self._next_member)
                self._next_member += 1
                pieces = unpacked(member, self._format, file, budget)
                failed = yield from self._member(at_hand, pieces)
                if failed:
                    return
                at_hand = file
        except LakestreamError as error:
            yield self._failed(at_hand, error)

    def _member(self, file: InputFile, pieces: Iterator[bytes]) -> Generator[FileChunk, None, bool]:
        """Give a member of an archive; tell whether it could not be read."""
        if not self._whole_files:
            chunks = self._last_marked(file, pieces)
        elif file.info.size_bytes > MAX_WHOLE_FILE_BYTES:
            chunks = iter((FileChunk(file, b"", last=True, failure=_too_big(file)),))
        else:
            chunks = iter((self._joined(file, pieces),))
        failed = False
        for chunk in chunks:
            failed = chunk.failure is not None
            yield chunk
        return failed

    def _decompressed(
        self, file: InputFile, chunks: Iterator[bytes], suffix: str
    ) -> Iterator[FileChunk]:
        if file.info.size_bytes == 0:
            yield FileChunk(file, b"", last=True)
            return
        pieces = decompress(chunks, suffix, where=file.uri)
        if self._whole_files:
            yield self._joined(file, pieces)
        else:
            yield from self._last_marked(file, pieces)

    def _joined(self, file: InputFile, pieces: Iterator[bytes]) -> FileChunk:
        joined = bytearray()
        try:
            for piece in pieces:
                joined += piece
                if len(joined) > MAX_WHOLE_FILE_BYTES:
                    return FileChunk(file, b"", last=True, failure=_too_big(file))
        except LakestreamError as error:
            return self._failed(file, error)
        return FileChunk(file, bytes(joined), last=True)

    def _last_marked(self, file: InputFile, pieces: Iterator[bytes]) -> Iterator[FileChunk]:
        """Give pieces one behind, so that the last one is known to be it."""
        held = b""
        try:
            for piece in pieces:
                if held:
                    yield FileChunk(file, held, last=False)
                held = piece
        except LakestreamError as error:
            yield self._failed(file, error)
            return
        yield FileChunk(file, held, last=True)

    def _failed(self, file: InputFile, error: LakestreamError) -> FileChunk:
        """Give a failure of the file itself as a chunk; raise what is not the file's."""
        if isinstance(error, BadFileError):
            return FileChunk(file, b"", last=True, failure=error)
        if self._allow_overwrites and isinstance(error, ObjectChangedError):
            return FileChunk(file, b"", last=True, failure=_superseded(file))
        if isinstance(error, (ObjectNotFoundError, ObjectChangedError)):
            gone = changed(file, error)
            if self._ignore_missing:
                return FileChunk(file, b"", last=True, failure=gone)
            raise gone from error
        if isinstance(error, AccessDeniedError):
            raise AccessDeniedError(
                "a planned file may not be read",
                where=file.uri,
                fix="allow reading it; the same batch is tried again by the next run",
            ) from error
        raise error


def _held(data: bytes) -> Read:
    return lambda start, end: data[start:end]


def changed(file: InputFile, error: LakestreamError) -> SourceChangedError:
    """Build the error for a planned file whose version is not there any more."""
    gone = isinstance(error, ObjectNotFoundError)
    return SourceChangedError(
        "a planned file is gone" if gone else "a planned file was overwritten after discovery",
        where=file.uri,
        fix="put that version back, or set ignore_missing_files=True to leave it out with a"
        " record of it",
    )


def _superseded(file: InputFile) -> SupersededError:
    return SupersededError(
        "superseded: overwritten before it was read; the newer version is a file of its own",
        where=file.uri,
    )


def _check_length(file: InputFile, data: bytes, size_bytes: int) -> None:
    """Refuse a read that ended early: what is missing would be rows that nobody misses."""
    if len(data) != size_bytes:
        raise StorageUnavailableError(
            f"a read of {size_bytes:,} bytes gave {len(data):,}",
            where=file.uri,
            fix="run again; when it stays so, look at what stands between here and the store",
        )


def _too_big(file: InputFile) -> BadFileError:
    return BadFileError(
        f"the file is over {MAX_WHOLE_FILE_BYTES // 2**20:,} MB, and its format is read whole",
        where=file.uri,
        fix="split the file",
    )
