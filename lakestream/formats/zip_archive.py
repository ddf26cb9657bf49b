"""Zip archives read by their directory, entry by entry, at flat memory (PKWARE's APPNOTE 6.3).

The directory at the archive's end says what there is; what stands between members, or before the
first, is not looked at. Each member is held against its size and checksum.
"""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final

import msgspec

from lakestream.errors import BadFileError
from lakestream.formats.archives import Budget, Member, Read, damaged_archive
from lakestream.formats.codec import decompress_member

_STEP_BYTES: Final = 2**20
_END: Final = Struct("<4s4H2LH")
_END_64: Final = Struct("<4sQ2H2L4Q")
_LOCATOR_64: Final = Struct("<4sLQL")
_ENTRY: Final = Struct("<4s4B4HL2L5H2L")
_LOCAL: Final = Struct("<4s5H3L2H")
_MARKS: Final = (b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02", b"PK\x03\x04")
_END_MARK, _END_64_MARK, _LOCATOR_MARK, _ENTRY_MARK, _LOCAL_MARK = _MARKS
_MOST_COMMENT: Final = 2**16 - 1
#: What a field of 16 or 32 bits holds when the number stands in a field of 64 bits elsewhere.
_ELSEWHERE_16: Final = 2**16 - 1
_ELSEWHERE: Final = 2**32 - 1
_ZIP_64: Final = 1
_ENCRYPTED: Final = 1
_UTF_8: Final = 0x800
_UNIX: Final = 3


class _Directory(msgspec.Struct, frozen=True):
    """Where the directory is, and how many entries it has; ``wide`` if the number is exact."""

    start: int
    size_bytes: int
    entries: int
    wide: bool


class _Entry(msgspec.Struct, frozen=True):
    name: str
    method: int
    flags: int
    checksum: int
    packed_bytes: int
    size_bytes: int
    start: int
    is_file: bool


class ZipReader:
    """Reads one zip archive.

    Args:
        directory: Gives bytes, for the directory.
        data: Gives bytes, for the members: the two go through the archive side by side.
        size_bytes: The archive's size.
        where: The archive, for messages.
    """

    def __init__(self, directory: Read, data: Read, size_bytes: int, where: str) -> None:
        self._directory = directory
        self._data = data
        self._size = size_bytes
        self._where = where
        self._budget = Budget(size_bytes, where)

    def members(self) -> Iterator[Member]:
        """Give the files in it, in the directory's order; folders, links and devices are none.

        Raises:
            BadFileError: The archive is damaged, cut off or over a limit; on a member's bytes:
                that the member is, or is encrypted.
        """
        directory = self._found()
        packed_bytes = 0
        for entry in self._entries(directory):
            self._budget.entry(entry.name)
            packed_bytes += entry.packed_bytes
            if packed_bytes > directory.start:
                raise self._bad("its members overlap")
            if entry.is_file:
                yield Member(entry.name, entry.size_bytes, self._bytes(entry, directory.start))

    def _bad(self, reason: str) -> BadFileError:
        return damaged_archive(reason, self._where)

    def _found(self) -> _Directory:
        """Find the directory by the record at the archive's end."""
        tail_start = max(0, self._size - _END.size - _MOST_COMMENT)
        tail = self._directory(tail_start, self._size)
        at = tail.rfind(_END_MARK)
        while at >= 0:
            if at + _END.size <= len(tail):
                _, disk, _, _, entries, size, start, comment = _END.unpack_from(tail, at)
                if at + _END.size + comment == len(tail):
                    break
            at = tail.rfind(_END_MARK, 0, at)
        else:
            raise self._bad("it is cut off, or no zip archive")
        end = tail_start + at
        wide = self._wide(end)
        if wide is not None:
            return wide
        if disk or _ELSEWHERE in (size, start) or start + size > end:
            raise self._bad("it is one part of several, or its directory is damaged")
        return _Directory(start, size, entries, wide=False)

    def _wide(self, end: int) -> _Directory | None:
        """Find the directory of an archive that needs numbers of 64 bits."""
        at = end - _LOCATOR_64.size
        if at < 0:
            return None
        mark, _, place, disks = _LOCATOR_64.unpack(self._directory(at, end))
        if mark != _LOCATOR_MARK:
            return None
        if disks > 1 or place + _END_64.size > at:
            raise self._bad("it is one part of several, or its directory is damaged")
        record = _END_64.unpack(self._directory(place, place + _END_64.size))
        mark, entries, size, start = record[0], *record[-3:]
        if mark != _END_64_MARK or start + size > place:
            raise self._bad("its directory is damaged")
        return _Directory(start, size, entries, wide=True)

    def _entries(self, directory: _Directory) -> Iterator[_Entry]:
        at, end, found = directory.start, directory.start + directory.size_bytes, 0
        while at < end:
            if at + _ENTRY.size > end:
                raise self._bad("its directory is cut off")
            fields = _ENTRY.unpack(self._directory(at, at + _ENTRY.size))
            name, extra, comment = fields[12:15]
            at += _ENTRY.size
            if fields[0] != _ENTRY_MARK or at + name + extra + comment > end:
                raise self._bad("its directory is damaged")
            texts = self._directory(at, at + name + extra)
            yield self._entry(fields, texts[:name], texts[name:])
            at += name + extra + comment
            found += 1
        if found != directory.entries and (
            directory.wide or found % (_ELSEWHERE_16 + 1) != directory.entries
        ):
            raise self._bad("its directory has another number of entries than it says")

    def _entry(self, fields: tuple[int, ...], name: bytes, extra: bytes) -> _Entry:
        system, flags, method, checksum = fields[2], fields[5], fields[6], fields[9]
        packed, size, start = fields[10], fields[11], fields[18]
        wide = self._wide_numbers(extra)
        size = next(wide, size) if size == _ELSEWHERE else size
        packed = next(wide, packed) if packed == _ELSEWHERE else packed
        start = next(wide, start) if start == _ELSEWHERE else start
        mode = fields[17] >> 16 if system == _UNIX else 0
        kind = stat.S_IFMT(mode)
        text = name.decode("utf-8" if flags & _UTF_8 else "cp437", "backslashreplace")
        is_file = not text.endswith("/") and kind in (0, stat.S_IFREG)
        return _Entry(text, method, flags, checksum, packed, size, start, is_file)

    def _wide_numbers(self, extra: bytes) -> Iterator[int]:
        at = 0
        while len(extra) - at > 4:  # noqa: PLR2004 - a kind and a length of two bytes each
            kind, length = (int.from_bytes(extra[at + to : at + to + 2], "little") for to in (0, 2))
            at += 4
            if kind == _ZIP_64:
                numbers = extra[at : at + length]
                for place in range(0, len(numbers) - 7, 8):
                    yield int.from_bytes(numbers[place : place + 8], "little")
            at += length

    def _bytes(self, entry: _Entry, end: int) -> Iterator[bytes]:
        """Give a member's bytes; ``end`` is where the archive's last may end."""
        if entry.flags & _ENCRYPTED:
            raise BadFileError(
                "a member of the archive is encrypted",
                where=self._where,
                fix="write archives without a password; who may read them is the store's matter",
            )
        if not entry.size_bytes:
            return
        checksum = size_bytes = 0
        packed = self._packed(entry, end)
        unpacked = decompress_member(packed, entry.method, where=self._where)
        for piece in self._budget.counted(unpacked):
            checksum = zlib.crc32(piece, checksum)
            size_bytes += len(piece)
            yield piece
        if (size_bytes, checksum) != (entry.size_bytes, entry.checksum):
            raise self._bad("a member has another size or checksum than the directory says")

    def _packed(self, entry: _Entry, end: int) -> Iterator[bytes]:
        start = entry.start + _LOCAL.size
        if start <= end:
            mark, *_, name, extra = _LOCAL.unpack(self._data(entry.start, start))
            start += name + extra
        if start + entry.packed_bytes > end or mark != _LOCAL_MARK:
            raise self._bad("a member does not stand where the directory says")
        stop = start + entry.packed_bytes
        for at in range(start, stop, _STEP_BYTES):
            yield self._data(at, min(at + _STEP_BYTES, stop))
