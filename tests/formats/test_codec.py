import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import BadFileError, StorageUnavailableError
from lakestream.formats.codec import decompress, suffix_of


def arrow_packer(codec: str) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()

    return pack


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".gzip": gzip.compress,
    ".deflate": zlib.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": arrow_packer("zstd"),
    ".lz4": arrow_packer("lz4"),
}
ROWS = b'{"id": 1}\n{"id": 2}\n{"id": 3}\n'
#: ``ROWS`` as zstd and lz4 write them on the command line: with a checksum.
CHECKED = {
    ".zst": "28b52ffd241eb50000707b226964223a20317d0a32337d0a0200a088660509947d805c",
    ".lz4": "04224d186c401e000000000000007217000000a37b226964223a20317d0a0a0013320a00503a20337d0a"
    "00000000ca24d790",
}
#: A zstd frame of 100 bytes that asks for 256 MB of memory.
GREEDY = "28b52ffd009045000010787801003f012c"


def unpack(data: bytes, suffix: str, step: int = 7) -> bytes:
    chunks = (data[i : i + step] for i in range(0, len(data), step))
    return b"".join(decompress(chunks, suffix))


@pytest.mark.parametrize("suffix", PACKERS)
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=3), step=st.integers(1, 64))
def test_decompress_of_concatenated_members_gives_all_bytes(
    suffix: str, parts: list[bytes], step: int
) -> None:
    packed = b"".join(PACKERS[suffix](part) for part in parts)
    assert unpack(packed, suffix, step) == b"".join(parts)


@pytest.mark.parametrize("suffix", PACKERS)
@given(data=st.binary(max_size=100), cut=st.integers(1, 10_000))
def test_decompress_of_truncated_file_is_bad(suffix: str, data: bytes, cut: int) -> None:
    packed = PACKERS[suffix](data)
    with pytest.raises(BadFileError):
        unpack(packed[: -(cut % len(packed)) or None][: len(packed) - 1], suffix)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
@given(data=st.binary(min_size=1, max_size=100), place=st.integers(0, 10_000))
def test_decompress_of_flipped_byte_is_bad_or_exact(suffix: str, data: bytes, place: int) -> None:
    packed = bytearray(PACKERS[suffix](data))
    packed[place % len(packed)] ^= 0xFF
    try:
        found = unpack(bytes(packed), suffix)
    except BadFileError:
        return
    assert found == data  # a header field that means nothing: mtime, OS


@pytest.mark.parametrize("suffix", CHECKED)
def test_decompress_of_flipped_byte_in_a_checked_frame_is_bad(suffix: str) -> None:
    packed = bytes.fromhex(CHECKED[suffix])
    assert unpack(packed, suffix) == ROWS
    for place in range(len(packed)):
        with pytest.raises(BadFileError):
            unpack(packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :], suffix)


def test_decompress_of_frame_that_needs_much_memory_is_bad() -> None:
    with pytest.raises(BadFileError):
        unpack(bytes.fromhex(GREEDY), ".zst")


@pytest.mark.parametrize("suffix", PACKERS)
def test_decompress_when_the_bytes_do_not_come_says_why(suffix: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield PACKERS[suffix](b"x" * 1000)[:12]
        raise StorageUnavailableError("gone", where="s3://lake", fix="again")

    with pytest.raises(StorageUnavailableError):
        list(decompress(chunks(), suffix))


def test_decompress_of_gzip_with_zero_padding_reads_it() -> None:
    assert unpack(gzip.compress(b"a") + b"\0" * 40 + gzip.compress(b"b") + b"\0", ".gz") == b"ab"


@pytest.mark.parametrize("suffix", PACKERS)
def test_decompress_with_trailing_junk_is_bad(suffix: str) -> None:
    with pytest.raises(BadFileError):
        unpack(PACKERS[suffix](b"rows") + b"junk", suffix)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_decompress_of_empty_file_is_bad(suffix: str) -> None:
    with pytest.raises(BadFileError, match="cut off"):
        unpack(b"", suffix)


@pytest.mark.parametrize("suffix", [".bz2", ".zst"])
def test_decompress_of_bomb_stops_at_the_ratio(suffix: str) -> None:
    if suffix == ".zst":
        bomb = PACKERS[suffix](bytes(2**30))
    else:
        packer = bz2.BZ2Compressor()
        block = bytes(8 * 2**20)
        bomb = b"".join([*(packer.compress(block) for _ in range(20)), packer.flush()])
    given_bytes = 0

    def read() -> None:
        nonlocal given_bytes
        for piece in decompress(iter([bomb]), suffix, where="s3://lake/bomb"):
            given_bytes += len(piece)
            assert len(piece) <= 4 * 2**20

    with pytest.raises(BadFileError, match="1000 times"):
        read()
    assert given_bytes < 66 * 2**20


def test_decompress_of_unread_compression_is_bad() -> None:
    with pytest.raises(BadFileError, match="snappy"):
        unpack(b"x", ".snappy")


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("a/b.json.gz", ".gz"),
        ("A.JSON.GZ", ".gz"),
        ("b.csv.zst", ".zst"),
        ("b.csv.snappy", ".snappy"),
        ("c.csv", None),
        ("x.gz/plain", None),
        ("gz", None),
    ],
)
def test_suffix_of_key_gives_compression(key: str, suffix: str | None) -> None:
    assert suffix_of(key) == suffix
