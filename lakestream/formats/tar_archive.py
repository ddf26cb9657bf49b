"""Tar archives read as their bytes come: POSIX (ustar, pax) and GNU's.

The library of Python is not used, because it holds what a header claims a name to be, however
long, and a list of all members.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lakestream.errors import BadFileError
from lakestream.formats.archives import Budget, Member, damaged_archive

_BLOCK: Final = 512
_NO_BLOCK: Final = bytes(_BLOCK)
#: Bytes of a name, or of what a pax header says of a member.
_MOST_HEADER: Final = 2**20
_FILES: Final = frozenset(b"0\x007")
#: Links, devices, folders and pipes, which have no bytes of their own.
_NO_FILES: Final = frozenset(b"123456")
#: What stands before an entry, or is none: GNU's long names of links, and pax's for all.
_PASSED_OVER: Final = frozenset(b"KgV")
_LONG_NAME, _PAX = b"Lx"
_WIDE: Final = 0x80
#: Digits of a number in a pax header.
_MOST_DIGITS: Final = 20
_STEP_BYTES: Final = 2**20


class TarReader:
    """Reads one tar archive.

    Args:
        pieces: Its bytes, decompressed.
        size_bytes: The archive's size, as it is stored.
        where: The archive, for messages.
    """

    def __init__(self, pieces: Iterator[bytes], size_bytes: int, where: str) -> None:
        self._pieces = pieces
        self._where = where
        self._budget = Budget(size_bytes, where)
        self._piece = b""
        self._at = 0
        self._left = 0

    def members(self) -> Iterator[Member]:
        """Give the files in it, in order; folders, links, devices and pipes are none.

        Raises:
            BadFileError: The archive is damaged, cut off, over a limit, or has a sparse file.
        """
        long_name: str | None = None
        pax: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind, size = header[156], self._number(header[124:136])
            if kind == _LONG_NAME:
                self._budget.entry()
                long_name = _text(self._whole(size).rstrip(b"\0"))
                continue
            if kind == _PAX:
                self._budget.entry()
                pax = self._pax(self._whole(size))
                continue
            if kind in _PASSED_OVER:
                self._budget.entry()
                self._skip(size)
                continue
            name = pax.get("path") or long_name or _name(header)
            self._budget.entry(name)
            size = self._pax_size(pax, size)
            long_name, pax = None, {}
            if kind in _NO_FILES:
                continue
            if kind not in _FILES:
                raise self._bad(f"it has an entry of kind {chr(kind)!r}, which is not read")
            if name.endswith("/"):
                self._skip(size)
                continue
            self._left = size
            yield Member(name, size, self._budget.counted(self._bytes()))
            self._skip(self._left, padding=-size % _BLOCK)

    def _bad(self, reason: str) -> BadFileError:
        return damaged_archive(reason, self._where)

    def _header(self) -> bytes | None:
        """Give the next header; None at the archive's end, behind which there is nothing."""
        header = self._take(_BLOCK)
        if header == _NO_BLOCK:
            while rest := self._some(_STEP_BYTES):
                if rest.strip(b"\0"):
                    raise self._bad("something follows its end (archives that were joined?)")
            return None
        total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        if total != self._number(header[148:156]):
            raise self._bad("a header is damaged, or it is no tar archive")
        return header

    def _number(self, field: bytes) -> int:
        """Read a number: octal digits, or bytes behind a first one of 128."""
        if field[0] == _WIDE:
            return int.from_bytes(field[1:], "big")
        try:
            found = int(field.strip(b" \0") or b"0", 8)
        except ValueError:
            found = -1
        if found < 0:
            raise self._bad("a header is damaged, or it is no tar archive")
        return found

    def _pax(self, data: bytes) -> dict[str, str]:
        """Read records of a length, a space, a keyword, "=", its value and a line end."""
        found: dict[str, str] = {}
        at = 0
        while at < len(data):
            space = data.find(b" ", at, at + _MOST_DIGITS + 1)
            length = data[at:space] if space > at else b""
            size = int(length) if length.isdigit() else 0
            keyword, equals, value = data[space + 1 : at + size].partition(b"=")
            if not equals or not value.endswith(b"\n"):
                raise self._bad("a pax header is damaged")
            found[_text(keyword)] = _text(value[:-1])
            at += size
        if any(keyword.startswith("GNU.sparse.") for keyword in found):
            raise self._bad("it has a sparse file, which is not read")
        return found

    def _pax_size(self, pax: dict[str, str], size: int) -> int:
        text = pax.get("size")
        if text is None:
            return size
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise self._bad("a pax header is damaged")
        return int(text)

    def _whole(self, size: int) -> bytes:
        if size > _MOST_HEADER:
            raise self._bad(f"a name or pax header claims {size:,} bytes")
        data = self._take(size)
        self._skip(0, padding=-size % _BLOCK)
        return data

    def _take(self, size: int) -> bytes:
        self._left = size
        return b"".join(self._bytes())

    def _bytes(self) -> Iterator[bytes]:
        while self._left:
            some = self._some(min(self._left, _STEP_BYTES))
            if not some:
                raise self._bad("it is cut off")
            self._left -= len(some)
            yield some

    def _some(self, most: int) -> bytes:
        """Give some of the next bytes; none at the end."""
        if self._at == len(self._piece):
            self._piece, self._at = next(self._pieces, b""), 0
        some = self._piece[self._at : self._at + most]
        self._at += len(some)
        return some

    def _skip(self, size: int, *, padding: int | None = None) -> None:
        self._left = size + (-size % _BLOCK if padding is None else padding)
        for _ in self._bytes():
            pass


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
