"""Avro's container files taken apart as their bytes come: the header, then block by block.

A file is a header (the writer's schema, the codec and a mark of 16 bytes) and blocks of records,
each with its count, its size and the mark again (Avro specification, "Object Container Files").
Blocks are unpacked here and not by the Avro library, which holds no limit: a small file could
name a block of any size, or a billion records of no bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from lakestream.errors import BadFileError
from lakestream.formats.lazy_pyarrow import pyarrow

#: Bytes of one block, packed or not; Avro's writers make blocks of 16 KB to a few MB.
MAX_BLOCK_BYTES: Final = 64 * 2**20
_MAX_HEADER_BYTES: Final = 16 * 2**20
#: A record without any field takes no bytes; a block may claim only so many of them.
_MAX_EMPTY_RECORDS: Final = 1_000_000
_MAGIC: Final = b"Obj\x01"
_MARK_BYTES: Final = 16
#: A 64-bit number takes ten bytes at most.
_LONG_BYTES: Final = 10
#: Seven bits of a number stand in a byte; its highest bit says that more follow.
_BITS: Final = 0x7F


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself.

    Args:
        schema: The writer's schema, JSON.
        codec: How blocks are packed.
    """

    schema: bytes
    codec: str


class Block(msgspec.Struct, frozen=True):
    """Some records, unpacked.

    Args:
        records: How many.
        data: Their bytes.
    """

    records: int
    data: bytes


class ContainerReader:
    """Reads one file as its bytes come.

    Args:
        chunks: The file's bytes in order.
        where: The file, for messages.

    Every method raises:

    Raises:
        BadFileError: The file is cut off, damaged, or over a limit.
    """

    def __init__(self, chunks: Iterator[bytes], where: str) -> None:
        self._chunks = chunks
        self._where = where
        self._held = bytearray()
        self._mark = b""

    def header(self) -> Header:
        """Read the header; to be called once, before ``blocks``."""
        if self._take(len(_MAGIC)) != _MAGIC:
            raise self._bad("it does not begin as Avro files do")
        entries: dict[str, bytes] = {}
        left = _MAX_HEADER_BYTES
        while count := self._long():
            if count < 0:
                self._long()
                count = -count
            for _ in range(count):
                name, value = self._sized(left), self._sized(left)
                left -= len(name) + len(value) + 1
                entries[name.decode("utf-8", "replace")] = value
        self._mark = self._take(_MARK_BYTES)
        if "avro.schema" not in entries:
            raise self._bad("its header has no schema")
        codec = entries.get("avro.codec", b"null").decode("utf-8", "replace")
        if codec not in _UNPACK:
            raise BadFileError(
                f"the Avro file is packed with codec {codec[:40]!r}, which is not supported",
                where=self._where,
                fix=f"write files with one of: {', '.join(sorted(_UNPACK))}",
            )
        return Header(entries["avro.schema"], codec)

    def blocks(self, codec: str, record_bytes: int) -> Iterator[Block]:
        """Read the blocks to the file's end.

        Args:
            codec: The header's.
            record_bytes: The least bytes that a record takes; a block of more records than its
                bytes hold is damaged.
        """
        unpack = _UNPACK[codec]
        while self._more():
            records = self._long()
            packed = self._sized(MAX_BLOCK_BYTES)
            if self._take(_MARK_BYTES) != self._mark:
                raise self._bad("a block does not end with the file's mark")
            try:
                data = unpack(packed)
            except _unpack_errors() as error:
                raise self._bad(f"a block cannot be unpacked ({codec})") from error
            most = len(data) // record_bytes if record_bytes else _MAX_EMPTY_RECORDS
            if not 0 <= records <= most:
                raise self._bad("a block claims more records than it has")
            if records:
                yield Block(records, data)

    def _bad(self, reason: str) -> BadFileError:
        return BadFileError(
            f"the file cannot be read as Avro: {reason}",
            where=self._where,
            fix="write the file again; this version of it is listed in quarantine",
        )

    def _more(self) -> bool:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._held += chunk
        return True

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise self._bad("it is cut off")
            self._held += chunk
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _long(self) -> int:
        """Read a number: seven bits a byte, the sign in the lowest bit."""
        value = 0
        for place in range(_LONG_BYTES):
            byte = self._take(1)[0]
            value |= (byte & _BITS) << 7 * place
            if byte <= _BITS:
                return (value >> 1) ^ -(value & 1)
        raise self._bad("a number in it is too long")

    def _sized(self, most: int) -> bytes:
        size = self._long()
        if not 0 <= size <= most:
            raise self._bad(f"a part of it claims {size} bytes")
        return self._take(size)


def encode_long(value: int) -> bytes:
    """Encode a number that is not negative, as the format has it."""
    value <<= 1
    found = bytearray()
    while value > _BITS:
        found.append(value & _BITS | _BITS + 1)
        value >>= 7
    found.append(value)
    return bytes(found)


def _same(data: bytes) -> bytes:
    return data


def _over() -> ValueError:
    return ValueError(f"the block unpacks to more than {MAX_BLOCK_BYTES} bytes")


def _deflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    found = inflater.decompress(data, MAX_BLOCK_BYTES)
    if not inflater.eof:
        raise _over() if inflater.unconsumed_tail else ValueError("cut off")
    return found


def _bzip2(data: bytes) -> bytes:
    import bz2

    return _whole(bz2.BZ2Decompressor(), data)


def _xz(data: bytes) -> bytes:
    import lzma

    return _whole(lzma.LZMADecompressor(memlimit=128 * 2**20), data)


def _whole(decoder: object, data: bytes) -> bytes:
    found: bytes = decoder.decompress(data, max_length=MAX_BLOCK_BYTES)  # type: ignore[attr-defined] # bz2's and lzma's alike
    if not decoder.eof:  # type: ignore[attr-defined] # as above
        raise ValueError("cut off, or too large")
    return found


def _snappy(data: bytes) -> bytes:
    """Unpack a block of snappy, which says its size first, and check the sum behind it."""
    packed, checksum = data[:-4], data[-4:]
    size = 0
    for place, byte in enumerate(packed[:5]):
        size |= (byte & _BITS) << 7 * place
        if byte <= _BITS:
            break
    if size > MAX_BLOCK_BYTES:
        raise _over()
    found: bytes = pyarrow().decompress(packed, size, codec="snappy", asbytes=True)
    if zlib.crc32(found).to_bytes(4, "big") != checksum:
        raise ValueError("wrong sum")
    return found


def _zstandard(data: bytes) -> bytes:
    pa = pyarrow()
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        found: bytes = stream.read(MAX_BLOCK_BYTES + 1)
    if len(found) > MAX_BLOCK_BYTES:
        raise _over()
    return found


_UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "null": _same,
    "deflate": _deflate,
    "bzip2": _bzip2,
    "xz": _xz,
    "snappy": _snappy,
    "zstandard": _zstandard,
}


def _unpack_errors() -> tuple[type[Exception], ...]:
    import lzma

    return (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, pyarrow().ArrowException)
