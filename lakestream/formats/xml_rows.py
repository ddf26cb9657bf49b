"""Finds the row elements of an XML file in its bytes, as they come, at flat memory.

It looks for the tags of one element and steps over comments, CDATA sections and processing
instructions; each row is parsed on its own (``xml_tree``). So one malformed row does not take the
rest of the file with it, and what stands between rows is never parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lakestream.errors import BadFileError
from lakestream.limits import MAX_DEPTH, MAX_RECORD_BYTES

#: What stands between a tag's name and its end; "<" never does. Before 3.11.5 Python goes on from
#: where the last round of "(?:...)*+" failed (gh-106052); "(?>...)" in it goes back before it.
ATTRIBUTES: Final = re.compile(rb"""(?:(?>[^"'<>]++|"[^"<]*+"|'[^'<]*+'))*+""")
_ENDS: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
#: Bytes of a tag's name, with its prefix.
_MAX_NAME: Final = 2**12
#: Rows within a row that is still open; more are taken for rows of their own.
_MAX_INNER: Final = 100_000
_ANY_TAG: Final = re.compile(rb"<[A-Za-z_:\x80-\xff]")


@dataclass(frozen=True, slots=True)
class XmlRow:
    """The bytes of one row element.

    Args:
        line: 1-based number of the line that it begins on.
        raw: From its start tag to its end tag; of a broken one up to the next row.
        overlong: It is over the limit, and ``raw`` its beginning.
    """

    line: int
    raw: bytes
    overlong: bool = False


class RowScanner:
    """Cuts one file, given as UTF-8, into its rows.

    Args:
        tag: The row element's name.
        any_prefix: Whether it may have a namespace prefix.
        where: The file, for errors.
    """

    def __init__(self, tag: str, *, any_prefix: bool, where: str) -> None:
        prefix = rb"(?:[^\s<>/:=\"'!?]+:)?" if any_prefix else b""
        name = prefix + re.escape(tag.encode())
        self._mark = re.compile(rb"<(?:!--|!\[CDATA\[|\?|!DOCTYPE|/?%b(?=[\s/>]))" % name)
        self._where = where
        self._buffer = b""
        self._position = 0
        self._line = 1
        self._until: bytes | None = None
        self._starts: list[int] = []
        self._inner: list[tuple[int, int]] = []
        self._found: list[tuple[int, int]] = []
        self._wanted = 0
        self._has_tag = False
        self._has_content = False

    def feed(self, data: bytes, *, last: bool) -> list[XmlRow]:
        """Take the next bytes; give the rows that are complete now.

        Raises:
            BadFileError: It has a document type declaration, or is no XML at all.
        """
        self._has_content = self._has_content or bool(data.strip())
        self._buffer += data
        if len(self._buffer) < self._wanted and not last:
            return []
        self._wanted = 0
        self._has_tag = self._has_tag or _ANY_TAG.search(self._buffer) is not None
        while self._step(last=last):
            pass
        if last:
            self._take_broken(len(self._buffer))
            if self._has_content and not self._has_tag:
                raise BadFileError("the file has no XML element", where=self._where)
        rows = self._rows()
        if self._starts and len(self._buffer) > MAX_RECORD_BYTES:
            rows += self._relieve()
        return rows

    def _step(self, *, last: bool) -> bool:
        """Go on behind the next mark; False when more bytes are needed for it."""
        buffer = self._buffer
        if self._until is not None:
            end = buffer.find(self._until, self._position)
            if end < 0:
                self._position = max(self._position, len(buffer) - len(self._until) + 1)
                return False
            self._position, self._until = end + len(self._until), None
        match = self._mark.search(buffer, self._position)
        if match is None:
            tail = buffer.rfind(b"<", self._position)
            is_open = tail >= 0 and len(buffer) - tail <= _MAX_NAME and not last
            self._position = tail if is_open else len(buffer)
            return False
        mark = match[0]
        if mark in _ENDS:
            self._position, self._until = match.end(), _ENDS[mark]
            return True
        if mark == b"<!DOCTYPE":
            if not self._starts:
                raise BadFileError(
                    "the file has a document type declaration (DTD)",
                    where=self._where,
                    fix="write it without <!DOCTYPE ...>: entities and DTDs are never read",
                )
            self._position = match.end()
            return True
        return self._take_tag(match, last=last)

    def _take_tag(self, match: re.Match[bytes], *, last: bool) -> bool:
        """Open or close a row, or give one without content; False when the tag has no end yet."""
        buffer = self._buffer
        end = ATTRIBUTES.match(buffer, match.end()).end()  # type: ignore[union-attr] # it matches nothing too
        is_whole = buffer[end : end + 1] == b">"
        is_short = len(buffer) - match.start() <= MAX_RECORD_BYTES
        if not is_whole and not last and is_short and buffer.find(b"<", end) < 0:
            self._position = match.start()
            # It is looked at again once it has doubled: the work stays linear.
            self._wanted = min(2 * len(buffer) - match.start(), MAX_RECORD_BYTES + 1)
            return False
        self._position = end + is_whole
        if match[0].startswith(b"</"):
            self._close(self._position)
        elif is_whole and buffer[end - 1 : end] == b"/":
            self._add(match.start(), self._position)
        else:
            self._starts.append(match.start())
        if len(self._starts) > MAX_DEPTH or len(self._inner) > _MAX_INNER:
            self._take_broken(self._position)
        return True

    def _close(self, end: int) -> None:
        if self._starts:
            start = self._starts.pop()
            while self._inner and self._inner[-1][0] > start:
                self._inner.pop()
            self._add(start, end)

    def _add(self, start: int, end: int) -> None:
        (self._inner if self._starts else self._found).append((start, end))

    def _take_broken(self, end: int) -> None:
        """Give up the elements that were never closed; whole ones inside are rows."""
        borders = sorted([*((start, 0) for start in self._starts), *self._inner])
        for at, (start, stop) in enumerate(borders):
            following = borders[at + 1][0] if at + 1 < len(borders) else end
            self._found.append((start, stop or following))
        self._starts, self._inner = [], []

    def _relieve(self) -> list[XmlRow]:
        """Make room when an element is not closed within the limit of a record."""
        if len(self._starts) + len(self._inner) > 1:
            self._take_broken(self._position)
            rows = self._rows()
        else:
            raw = self._buffer[self._starts[0] :]
            rows = [XmlRow(self._line, raw, overlong=True)]
            self._starts = []
            self._rows()
        return rows

    def _rows(self) -> list[XmlRow]:
        """Give what was found, and drop what is not needed any more."""
        rows: list[XmlRow] = []
        counted = 0
        for start, end in self._found:
            self._line += self._buffer.count(b"\n", counted, start)
            counted = start
            raw = self._buffer[start:end]
            rows.append(XmlRow(self._line, raw, overlong=len(raw) > MAX_RECORD_BYTES))
        base = self._starts[0] if self._starts else self._position
        self._line += self._buffer.count(b"\n", counted, base)
        self._buffer = self._buffer[base:]
        self._position -= base
        self._wanted -= base
        self._starts = [start - base for start in self._starts]
        self._inner = [(start - base, end - base) for start, end in self._inner]
        self._found = []
        return rows
