"""Streaming decompression of files by the ending of their name, with limits against bombs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

from lakestream.errors import BadFileError
from lakestream.limits import COMPRESSION_RATIO_FROM_BYTES, MAX_COMPRESSION_RATIO

if TYPE_CHECKING:
    from io import IOBase

#: The most that one step gives; what bounds memory whatever a file claims to hold.
_OUTPUT_BYTES: Final = 2**20
#: Input is taken in pieces this small, so that the ratio is known closely.
_INPUT_BYTES: Final = 16 * 2**10
_XZ_MEMORY_BYTES: Final = 128 * 2**20
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class _Decoder(Protocol):
    """One member of a compressed file, as ``bz2`` and ``lzma`` have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


class _Zlib:
    """``zlib``'s decoder with the interface of the other two: it keeps its own input."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = _OUTPUT_BYTES) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _bz2() -> _Decoder:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> _Decoder:
    import lzma

    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)


#: bz2 and lzma are imported when a file needs them: a run's start counts its milliseconds.
_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    ".gz": lambda: _Zlib(_GZIP_WINDOW),
    ".gzip": lambda: _Zlib(_GZIP_WINDOW),
    ".deflate": lambda: _Zlib(zlib.MAX_WBITS),
    ".bz2": _bz2,
    ".xz": _xz,
}
#: What Arrow decodes, by its name of the codec: frames, one after another.
_ARROW: Final[dict[str, Literal["zstd", "lz4"]]] = {
    ".zst": "zstd", ".zstd": "zstd", ".lz4": "lz4",
}  # fmt: skip
#: Endings that mean a compression which is not read: such a file must not pass as text.
_UNREAD: Final = {".snappy": "snappy", ".br": "brotli", ".lzo": "lzo", ".zip": "zip"}
#: How members of zip archives are compressed, by the number of the method (APPNOTE 4.4.5).
_ZIP_DECODERS: Final[dict[int, Callable[[], _Decoder]]] = {
    8: lambda: _Zlib(-zlib.MAX_WBITS),
    12: _bz2,
    95: _xz,
}
_ZIP_STORED: Final = 0
_ZIP_ZSTD: Final = 93


def suffix_of(key: str) -> str | None:
    """Give the ending of a file's name that means compression, or None.

    Endings of compressions that cannot be read count too: ``decompress`` refuses them, and the
    file is not taken for text.
    """
    name = key.rpartition("/")[2].lower()
    _, dot, ending = name.rpartition(".")
    suffix = dot + ending
    return suffix if suffix in _DECODERS or suffix in _ARROW or suffix in _UNREAD else None


def decompress(
    chunks: Iterator[bytes], suffix: str, *, where: str | None = None
) -> Iterator[bytes]:
    """Decompress the bytes of one file as they come.

    Concatenated members are read as one file, and zero bytes after the last are padding, as
    ``gzip`` has it. A file that is cut off, damaged, followed by something else, or grows beyond
    ``MAX_COMPRESSION_RATIO`` is bad; nothing beyond the limit is held in memory.

    Args:
        chunks: The file's bytes in order.
        suffix: What ``suffix_of`` gave.
        where: The file, for messages.

    Yields:
        Pieces of at most 1 MB.

    Raises:
        BadFileError: The file cannot be decompressed to its end.
    """
    if suffix in _UNREAD:
        raise BadFileError(
            f"the file is compressed with {_UNREAD[suffix]}, which is not supported",
            where=where,
            fix="compress files with gzip, zstd, bzip2, xz or lz4, or not at all"
            + ("; read_files(archives=True) opens archives" if suffix == ".zip" else ""),
        )
    make = _DECODERS.get(suffix)
    reader = _Frames(suffix, where) if make is None else _Members(make, suffix, where)
    yield from _read(reader, chunks, suffix, where, lzma_too=suffix == ".xz")


def decompress_member(
    chunks: Iterator[bytes], method: int, *, where: str | None = None
) -> Iterator[bytes]:
    """Decompress the bytes of one member of a zip archive as ``decompress`` does a file's.

    Args:
        chunks: The member's bytes in order.
        method: The number of its compression.
        where: The archive, for messages.

    Raises:
        BadFileError: It cannot be decompressed to its end.
    """
    make = _ZIP_DECODERS.get(method)
    if method == _ZIP_STORED:
        yield from chunks
    elif make is None and method != _ZIP_ZSTD:
        raise BadFileError(
            f"a member of the archive is compressed by method {method}, which is not supported",
            where=where,
            fix="write archives with deflate, bzip2, xz or zstd, or without compression",
        )
    else:
        reader = _Frames(".zst", where) if make is None else _Members(make, ".zip", where)
        yield from _read(reader, chunks, ".zip", where, lzma_too=make is _xz)


def _read(
    reader: _Counted, chunks: Iterator[bytes], suffix: str, where: str | None, *, lzma_too: bool
) -> Iterator[bytes]:
    try:
        yield from reader.read(chunks)
    except _errors_of(lzma_too=lzma_too) as error:
        raise _damaged("its data is damaged", suffix, where) from error


def _errors_of(*, lzma_too: bool) -> tuple[type[Exception], ...]:
    """Give what a decoder raises for data that is none of its kind."""
    common = (zlib.error, OSError, ValueError, EOFError)
    if not lzma_too:
        return common
    import lzma

    return (*common, lzma.LZMAError)


def _damaged(reason: str, suffix: str, where: str | None) -> BadFileError:
    return BadFileError(
        f"the {suffix} file cannot be decompressed: {reason}",
        where=where,
        fix="write the file again; this version of it is listed in quarantine",
    )


class _Counted:
    """What both ways of reading a file know: how much went in and came out."""

    def __init__(self, suffix: str, where: str | None) -> None:
        self._suffix = suffix
        self._where = where
        self._taken = 0
        self._given = 0

    def read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Give what the file holds, piece by piece."""
        raise NotImplementedError

    def _count(self, size: int) -> None:
        self._given += size
        if (
            self._given > COMPRESSION_RATIO_FROM_BYTES
            and self._given > MAX_COMPRESSION_RATIO * self._taken
        ):
            raise BadFileError(
                f"the {self._suffix} file unpacks to more than {MAX_COMPRESSION_RATIO} times "
                "its size",
                where=self._where,
                fix="if the file is genuine, store it with less compression or in parts",
            )


class _Frames(_Counted):
    """A file that Arrow decompresses: it pulls where the other decoders are fed.

    Arrow refuses a last frame that is cut off, what is no frame, and frames that need more than
    128 MB to be read.
    """

    def read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        from pyarrow import CompressedInputStream, PythonFile

        packed = PythonFile(cast("IOBase", _Pieces(self._pieces(chunks))), mode="r")
        with CompressedInputStream(packed, _ARROW[self._suffix]) as unpacked:
            while out := unpacked.read(_OUTPUT_BYTES):
                self._count(len(out))
                yield out
        if self._taken == 0:
            raise _damaged("it is cut off", self._suffix, self._where)

    def _pieces(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            for start in range(0, len(chunk), _INPUT_BYTES):
                piece = chunk[start : start + _INPUT_BYTES]
                self._taken += len(piece)
                yield piece


class _Pieces:
    """Pieces of bytes as the file that Arrow reads, which may give less than it is asked for."""

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        piece = self._left or next(self._pieces, b"")
        self._left = piece[size:]
        return piece[:size]

    def close(self) -> None:
        self.closed = True


class _Members(_Counted):
    """The state of one file whose decoder is fed: the open member, and how many there were."""

    def __init__(self, make: Callable[[], _Decoder], suffix: str, where: str | None) -> None:
        super().__init__(suffix, where)
        self._make = make
        self._member: _Decoder | None = None
        self._members = 0

    def read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            for start in range(0, len(chunk), _INPUT_BYTES):
                piece = chunk[start : start + _INPUT_BYTES]
                self._taken += len(piece)
                yield from self._feed(piece)
        if self._member is not None or self._members == 0:
            raise _damaged("it is cut off", self._suffix, self._where)

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._member is None:
                if self._members:
                    data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = self._make()
            out = self._member.decompress(data, _OUTPUT_BYTES)
            if out:
                self._count(len(out))
                yield out
            if self._member.eof:
                data = self._member.unused_data
                self._member = None
                self._members += 1
            elif len(out) < _OUTPUT_BYTES:
                return
            else:
                data = b""
