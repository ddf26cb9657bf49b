"""An XML file's bytes as UTF-8, by the encoding that its mark or its declaration says."""

from __future__ import annotations

import re
from typing import Final

from lakestream.errors import BadFileError, ConfigError
from lakestream.formats.encodings import Utf8Reader, canonical_encoding

_DECLARATION: Final = b"<?xml"
_DECLARED: Final = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
#: A declaration that has not ended by then is none.
_MAX_DECLARATION: Final = 1024
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
#: How "<" begins without a mark.
_WIDE: Final = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


class DeclaredReader:
    """Turns one file's bytes into UTF-8, without its byte order mark.

    Args:
        encoding: Of the file; None for what the file says.
        where: The file, for errors.
    """

    def __init__(self, encoding: str | None, *, where: str) -> None:
        self._where = where
        self._start = b""
        self._reader = None if encoding is None else Utf8Reader(encoding)

    def read(self, data: bytes, *, last: bool) -> bytes:
        """Give the next bytes; some may be held back until more come.

        Raises:
            BadFileError: The declared encoding is not known.
        """
        if self._reader is None:
            data = self._start = self._start + data
            if not last and self._may_go_on(data):
                return b""
            self._reader = Utf8Reader(self._encoding(data))
            self._start = b""
        return self._reader.read(data, last=last)

    @staticmethod
    def _may_go_on(data: bytes) -> bool:
        """Tell whether the beginning of a declaration may still come."""
        if len(data) < 2:  # noqa: PLR2004 - a mark has two bytes
            return True
        head = data[: len(_DECLARATION)]
        if not _DECLARATION.startswith(head):
            return False
        return len(data) < _MAX_DECLARATION and b">" not in data

    def _encoding(self, data: bytes) -> str:
        order = data[:2]
        if order in _MARKS or order in _WIDE:
            return _MARKS.get(order) or _WIDE[order]
        match = _DECLARED.match(data[:_MAX_DECLARATION])
        if match is None:
            return "utf-8"
        try:
            found = canonical_encoding(match[1].decode(), where=self._where)
        except ConfigError as error:
            raise BadFileError(
                f"the file declares an encoding that is not known: {match[1].decode()!r}",
                where=self._where,
                fix="give its encoding: encoding=...",
            ) from error
        # What declares a wide encoding in single bytes is none.
        return found if b"\0" not in "<".encode(found) else "utf-8"
