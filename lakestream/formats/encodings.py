"""Declared encodings: files become UTF-8 as they come, and nothing is replaced silently.

A byte that does not decode becomes the lone surrogate ``U+DC00 + byte``. Its UTF-8 form is not
valid UTF-8, so the record that holds it fails the same check as a damaged UTF-8 record, and
what the byte was can still be seen in quarantine.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from lakestream.errors import ConfigError, near_names
from lakestream.formats.base import FileChunk, Sample

_UTF8_BOM: Final = b"\xef\xbb\xbf"
#: Encodings in two byte orders: the mark at a file's start that says the order is not the usual.
_LITTLE_ENDIAN_MARKS: Final = {"utf-16": b"\xff\xfe", "utf-32": b"\xff\xfe\x00\x00"}
_MARK: Final = "lakestream.mark"
_COMMON: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1", "cp1252")


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in lost), error.end


codecs.register_error(_MARK, _mark_undecodable)


def canonical_encoding(name: str, *, where: str) -> str:
    """Give Python's name of a text encoding.

    Raises:
        ConfigError: There is no such encoding.
    """
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"there is no encoding {name!r}", where=where, fix=near_names(name, _COMMON)
        ) from error
    if not _is_text(info.name):
        raise ConfigError(f"{name!r} is no text encoding", where=where, fix='use "utf-8"')
    return info.name


def _is_text(name: str) -> bool:
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, UnicodeError, TypeError):
        return False


class Utf8Reader:
    """Turns one file's bytes into UTF-8, without its byte order mark.

    UTF-8 itself passes through unchecked: each record is checked where it becomes text. UTF-16
    and UTF-32 without a mark are big endian, as Unicode and Java have it.
    """

    def __init__(self, encoding: str) -> None:
        self._start: bytes | None = b""
        self._unmarked = b""
        self._encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        if encoding not in ("utf-8", *_LITTLE_ENDIAN_MARKS):
            self._decoder = codecs.getincrementaldecoder(encoding)(_MARK)

    def read(self, data: bytes, *, last: bool) -> bytes:
        """Give the next bytes; some may be held back until the rest of a character comes."""
        if self._decoder is None and self._encoding in _LITTLE_ENDIAN_MARKS:
            data = self._unmarked = self._unmarked + data
            mark = _LITTLE_ENDIAN_MARKS[self._encoding]
            if len(data) < len(mark) and not last:
                return b""
            order = "-le" if data.startswith(mark) else "-be"
            self._decoder = codecs.getincrementaldecoder(self._encoding + order)(_MARK)
            self._unmarked = b""
        if self._decoder is not None:
            data = self._decoder.decode(data, last).encode("utf-8", "surrogatepass")
        if self._start is None:
            return data
        data = self._start + data
        if len(data) < len(_UTF8_BOM) and not last and _UTF8_BOM.startswith(data):
            self._start = data
            return b""
        self._start = None
        return data.removeprefix(_UTF8_BOM)


def utf8_chunks(chunks: Iterable[FileChunk], encoding: str) -> Iterable[FileChunk]:
    """Give chunks of files in an encoding as chunks in UTF-8; of UTF-8 the same."""
    return chunks if encoding == "utf-8" else _decoded_chunks(chunks, encoding)


def _decoded_chunks(chunks: Iterable[FileChunk], encoding: str) -> Iterator[FileChunk]:
    reader = Utf8Reader(encoding)
    for chunk in chunks:
        if chunk.failure is None:
            data = reader.read(chunk.data, last=chunk.last)
            yield msgspec.structs.replace(chunk, data=data)
        else:
            yield chunk
        if chunk.last or chunk.failure is not None:
            reader = Utf8Reader(encoding)


def utf8_samples(samples: Iterable[Sample], encoding: str) -> Iterable[Sample]:
    """Give samples in an encoding as others in UTF-8; of UTF-8 the same."""
    if encoding == "utf-8":
        return samples
    return (
        Sample(each.uri, Utf8Reader(encoding).read(each.data, last=each.whole), each.whole)
        for each in samples
    )
