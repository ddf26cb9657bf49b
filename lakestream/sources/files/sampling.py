"""The beginnings of some files, for schema inference."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from lakestream.errors import (
    BadFileError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
)
from lakestream.formats.base import Fit, Format, InputFile, Sample
from lakestream.formats.codec import decompress, suffix_of
from lakestream.limits import MAX_RECORD_BYTES, MAX_WHOLE_FILE_BYTES
from lakestream.sources.files.fetch import Fetch
from lakestream.sources.files.members import Archives
from lakestream.sources.files.sample_limits import SampleLimits
from lakestream.storage.base import ObjectInfo, ReadStore

#: Of a file above this only the beginning is read, unless the format needs it whole.
_HEAD_BYTES: Final = 1 * 2**20
_DECOMPRESSED_BYTES: Final = 4 * 2**20
_BUFFERED_BYTES: Final = 16 * 2**20
#: Whole files kept for the first batch, so that they are not fetched twice.
_REUSED_BYTES: Final = 32 * 2**20


class Sampler:
    """Reads samples within limits.

    Args:
        store: Where from.
        reader: The format, which says whether it needs whole and decompressed files.
        limits: How many files, and how much of them.
        archives: Which files are archives, and what of them is read.

    Attributes:
        kept: Bytes of whole files by version, as stored, for the first batch's reads.
        folders: Where the files lie that ``choose`` looked at.
        has_content: Whether one of them is not empty.
    """

    def __init__(
        self, store: ReadStore, reader: Format, limits: SampleLimits, archives: Archives
    ) -> None:
        self._limits = limits
        self._archives = archives
        self._store = store
        self._format = reader
        self.kept: dict[ObjectInfo, bytes] = {}
        self.folders: set[str] = set()
        self.has_content = False
        self._head_bytes = _HEAD_BYTES
        self._cut = False
        self._kept_bytes = 0
        self._whole: dict[ObjectInfo, Sample] = {}

    @property
    def fits(self) -> dict[ObjectInfo, Fit]:
        """What inference found of kept files that fit, by version; to be asked after it."""
        return {
            info: each.fits
            for info, each in self._whole.items()
            if each.fits is not None and info in self.kept
        }

    def choose(
        self, infos: Iterable[ObjectInfo], lost: Collection[ObjectInfo] = ()
    ) -> list[ObjectInfo]:
        """Pick the newest files that fit the limits and are not lost; one always does."""
        newest = heapq.nlargest(
            self._limits.files, self._noted(infos, lost), key=lambda each: (each.modified, each.key)
        )
        chosen: list[ObjectInfo] = []
        size_bytes = 0
        for info in newest:
            cost = self._end(info)
            if cost > MAX_WHOLE_FILE_BYTES:
                continue
            if chosen and size_bytes + cost > self._limits.bytes:
                break
            size_bytes += cost
            chosen.append(info)
        return chosen

    def lengthen(self, chosen: list[ObjectInfo]) -> list[ObjectInfo]:
        """Choose again, for beginnings that hold the longest record there may be.

        None where the samples were of whole files: then no more is to be found in them.
        """
        if not self._cut or self._head_bytes == MAX_RECORD_BYTES:
            return []
        self._head_bytes = MAX_RECORD_BYTES
        return self.choose(chosen)

    def _noted(
        self, infos: Iterable[ObjectInfo], lost: Collection[ObjectInfo]
    ) -> Iterator[ObjectInfo]:
        for info in infos:
            self.folders.add(info.key.rpartition("/")[0])
            if info.size_bytes and info not in lost:
                self.has_content = True
                yield info

    def _end(self, info: ObjectInfo) -> int:
        """Give how much of a file is read."""
        whole = self._format.whole_files and not self._format.ranged
        if whole and self._archives.kind(info.key) is None:
            return info.size_bytes
        return min(info.size_bytes, self._head_bytes)

    def samples(self, chosen: list[ObjectInfo]) -> Iterator[Sample]:
        """Read the chosen files' beginnings. Files that are gone or damaged are passed over.

        One that was overwritten gives what it holds now: it is one of the source's files still.

        Raises:
            AccessDeniedError, StorageUnavailableError.
        """
        archives: list[ObjectInfo] = []
        files: list[ObjectInfo] = []
        for info in chosen:
            (files if self._archives.kind(info.key) is None else archives).append(info)
        small = [each for each in files if each.size_bytes <= _HEAD_BYTES]
        fetched = self._store.get_many(small, max_buffered_bytes=_BUFFERED_BYTES)
        for info, data in zip(small, fetched, strict=True):
            if not isinstance(data, LakestreamError):
                self._keep(info, data)
            yield from self._sample(info, data, whole=True)
        for info in files:
            if info.size_bytes > _HEAD_BYTES and self._format.ranged:
                yield from self._first_chunks(info)
            elif info.size_bytes > _HEAD_BYTES:
                yield from self._sample(
                    info, self._head(info), whole=self._end(info) == info.size_bytes
                )
        for info in archives:
            yield from self._first_chunks(info)

    def _first_chunks(self, info: ObjectInfo) -> Iterator[Sample]:
        """Read an archive's first members, or the beginning of one, or look into a ranged file."""
        fetch = Fetch(
            self._store, self._format, ignore_missing=True, reuse={}, archives=self._archives
        )
        chunks = fetch.chunks([InputFile(0, info, self._store.uri_of(info.key))])
        taken = 0
        for chunk in chunks:
            if chunk.failure is not None:
                return
            taken += len(chunk.data)
            if chunk.data or chunk.ranges is not None:
                yield Sample(chunk.file.uri, chunk.data, chunk.last, ranges=chunk.ranges)
            if not chunk.last or taken >= _DECOMPRESSED_BYTES:
                return

    def _head(self, info: ObjectInfo) -> bytes | LakestreamError:
        try:
            return self._store.get(info, end=self._end(info))
        except LakestreamError as error:
            return error

    def _keep(self, info: ObjectInfo, data: bytes) -> None:
        # A read that ended early is not kept: the batch reads the file itself, and checks.
        if len(data) == info.size_bytes and self._kept_bytes + len(data) <= _REUSED_BYTES:
            self.kept[info] = data
            self._kept_bytes += len(data)

    def _sample(
        self, info: ObjectInfo, data: bytes | LakestreamError, *, whole: bool
    ) -> Iterator[Sample]:
        if isinstance(data, ObjectChangedError):
            data, whole = self._present(info, data)
        if isinstance(data, (ObjectNotFoundError, ObjectChangedError)):
            return
        if isinstance(data, LakestreamError):
            raise data
        uri = self._store.uri_of(info.key)
        suffix = suffix_of(info.key) if self._format.compressible else None
        if suffix is None:
            sample = Sample(uri, data, whole)
            self._cut |= not whole
            if info in self.kept:
                self._whole[info] = sample
            yield sample
            return
        text, ended = self._decompressed(data, suffix)
        self._cut |= not (whole and ended)
        if text and (ended or not self._format.whole_files):
            yield Sample(uri, text, whole and ended)

    def _present(
        self, info: ObjectInfo, changed: ObjectChangedError
    ) -> tuple[bytes | LakestreamError, bool]:
        """Read what has come in a file's place, and tell whether that is all of it."""
        try:
            now = self._store.head(info.key)
        except ObjectNotFoundError as error:
            return error, False
        end = self._end(now)
        if not 0 < end <= MAX_WHOLE_FILE_BYTES:
            return changed, False
        return self._head(now), end == now.size_bytes

    def _decompressed(self, data: bytes, suffix: str) -> tuple[bytes, bool]:
        """Give the beginning of what a compressed beginning holds, and whether it is all."""
        limit = max(_DECOMPRESSED_BYTES, self._head_bytes)
        if self._format.whole_files:
            limit = MAX_WHOLE_FILE_BYTES
        found = bytearray()
        try:
            for piece in decompress(iter((data,)), suffix):
                found += piece
                if len(found) >= limit:
                    return bytes(found), False
        except BadFileError:
            return bytes(found), False
        return bytes(found), True
