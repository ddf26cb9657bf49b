"""Zip and tar archives, held against Python's own libraries, and against hostile bytes."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestream.errors import BadFileError
from lakestream.formats import archives, codec
from lakestream.formats.archives import ArchiveKind, archive_kind, member_name, outer_key
from lakestream.formats.tar_archive import TarReader
from lakestream.sources.files import members as members_module
from lakestream.sources.files.members import Window, members

ZIP, TAR = ArchiveKind(zipped=True, suffix=""), ArchiveKind(zipped=False, suffix="")
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/\\", min_codepoint=33), min_size=1
)
CONTENTS = st.lists(st.tuples(NAMES, st.binary(max_size=3_000)), max_size=5)


def read(data: bytes, kind: ArchiveKind) -> list[tuple[str, bytes]]:
    def window() -> Window:
        return Window(lambda start, end: data[start:end], len(data))

    return [
        (each.name, b"".join(each.pieces)) for each in members(kind, window, len(data), "s3://a")
    ]


def zipped(
    files: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.comment = comment
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return target.getvalue()


def tarred(files: list[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("window_bytes", [7, 4 * 2**20])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@settings(max_examples=25, deadline=None)
@given(files=CONTENTS, comment=st.binary(max_size=40))
def test_zip_of_any_files_then_they_are_read_as_they_were(
    window_bytes: int, method: int, files: list[tuple[str, bytes]], comment: bytes
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members_module, "_WINDOW_BYTES", window_bytes)

        assert read(zipped(files, method, comment), ZIP) == files


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@settings(max_examples=25, deadline=None)
@given(files=CONTENTS)
def test_tar_of_any_files_then_they_are_read_as_they_were(
    form: int, files: list[tuple[str, bytes]]
) -> None:
    files = [(name[: 20 if form == tarfile.USTAR_FORMAT else None], data) for name, data in files]

    assert read(tarred(files, form), TAR) == files


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_of_long_names_then_read_whole(form: int) -> None:
    files = [("folder/" * 20 + "a.json", b"1"), ("b.json", b"2"), ("é" * 60, b"3")]
    if form == tarfile.USTAR_FORMAT:
        files = files[:2]

    assert read(tarred(files, form), TAR) == files


def test_zip_with_numbers_of_64_bits_then_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    files = [("a", b"x" * 100), ("b", b"y" * 100)]
    data = zipped(files, zipfile.ZIP_STORED)
    assert b"PK\x06\x06" in data

    assert read(data, ZIP) == files


def _every_cut(data: bytes) -> Iterator[bytes]:
    return (data[:end] for end in range(len(data)))


def test_zip_when_cut_off_anywhere_then_bad() -> None:
    for cut in _every_cut(zipped([("a.json", b'{"a": 1}\n' * 5), ("b.json", b"2")])):
        with pytest.raises(BadFileError):
            read(cut, ZIP)


def test_tar_when_cut_off_before_its_end_then_bad() -> None:
    files = [("a.json", b'{"a": 1}\n' * 5), ("b.json", b"2" * 600)]
    data = tarred(files)
    end = data.rstrip(b"\0").rfind(b"2") // 512 * 512 + 1024
    for cut in _every_cut(data[:end]):
        with pytest.raises(BadFileError, match="cut off"):
            read(cut, TAR)
    assert read(data[:end], TAR) == files


@pytest.mark.parametrize("kind", [ZIP, TAR], ids=["zip", "tar"])
def test_archive_with_a_damaged_byte_then_read_or_bad(kind: ArchiveKind) -> None:
    files = [("a.json", b'{"a": 1}\n' * 5), ("b.json", b"23456")]
    data = zipped(files) if kind is ZIP else tarred(files)[:3072]
    for at in range(len(data)):
        for bit in (1, 128):
            spoilt = bytes([*data[:at], data[at] ^ bit, *data[at + 1 :]])
            try:
                found = read(spoilt, kind)
            except BadFileError:
                continue
            if kind is ZIP:
                assert {content for _, content in found} <= {content for _, content in files}


def test_zip_that_is_encrypted_then_bad() -> None:
    data = bytearray(zipped([("a", b"1" * 100)]))
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(BadFileError, match="encrypted"):
        read(bytes(data), ZIP)


def test_zip_of_an_unknown_method_then_bad() -> None:
    data = bytearray(zipped([("a", b"1" * 100)]))
    data[data.index(b"PK\x01\x02") + 10] = 9

    with pytest.raises(BadFileError, match="method 9"):
        read(bytes(data), ZIP)


def test_zip_whose_entries_are_one_member_many_times_then_bad() -> None:
    data = zipped([("a", bytes(range(256)) * 20)], zipfile.ZIP_STORED)
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[start:end]
    size = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), start, 0)

    with pytest.raises(BadFileError, match="overlap"):
        read(data[:start] + entry * 2 + size, ZIP)


@pytest.mark.parametrize("hidden", [True, False])
def test_zip_whose_directory_tells_another_number_of_entries_then_bad(*, hidden: bool) -> None:
    data = bytearray(zipped([("a", b"1"), ("b", b"2")]))
    end = data.index(b"PK\x05\x06")
    struct.pack_into("<H", data, end + 10, 1 if hidden else 3)

    with pytest.raises(BadFileError, match="another number of entries"):
        read(bytes(data), ZIP)


def test_zip_whose_members_unpack_to_too_much_then_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "COMPRESSION_RATIO_FROM_BYTES", 2**16)
    monkeypatch.setattr(archives, "MAX_COMPRESSION_RATIO", 10)
    monkeypatch.setattr(codec, "COMPRESSION_RATIO_FROM_BYTES", 2**30)

    with pytest.raises(BadFileError, match="unpacks to more than"):
        read(zipped([(str(at), bytes(2**14)) for at in range(8)]), ZIP)


@pytest.mark.parametrize("kind", [ZIP, TAR], ids=["zip", "tar"])
def test_archive_of_too_many_entries_then_bad(
    kind: ArchiveKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_ARCHIVE_MEMBERS", 3)
    pack = zipped if kind is ZIP else tarred
    files = [(str(at), b"") for at in range(4)]
    assert len(read(pack(files[:3]), kind)) == 3

    with pytest.raises(BadFileError, match="more than 3 entries"):
        read(pack(files), kind)


@pytest.mark.parametrize("kind", [ZIP, TAR], ids=["zip", "tar"])
def test_archive_with_a_name_of_ten_thousand_letters_then_bad(kind: ArchiveKind) -> None:
    pack = zipped if kind is ZIP else tarred

    with pytest.raises(BadFileError, match="10,000 characters"):
        read(pack([("a" * 10_000, b"")]), kind)


def test_tar_with_links_devices_and_folders_then_only_its_files() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                     tarfile.BLKTYPE, tarfile.FIFOTYPE):  # fmt: skip
            info = tarfile.TarInfo("link" + kind.decode())
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("a")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"1"))

    assert read(target.getvalue(), TAR) == [("a", b"1")]


def test_zip_with_links_and_folders_then_only_its_files() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("folder")
        archive.writestr("folder/a", b"1")

    assert read(target.getvalue(), ZIP) == [("folder/a", b"1")]


def _header(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_header("a", tarfile.XHDTYPE, 2**40), "claims"),
        (_header("a", tarfile.GNUTYPE_LONGNAME, 2**33), "claims"),
        (_header("a", tarfile.GNUTYPE_SPARSE, 0), "kind 'S'"),
        (_header("a", b"M", 0), "kind 'M'"),
        (_header("a", tarfile.XHDTYPE, 512) + b"9" * 512, "pax header"),
        (_header("a", tarfile.XHDTYPE, 512) + b"5 a=b".ljust(512, b"\n"), "pax header"),
        (b"\0" * 512 + _header("a", tarfile.REGTYPE, 0), "follows its end"),
        (b"x" * 512, "no tar archive"),
        (b"", "cut off"),
    ],
)
def test_tar_that_is_hostile_or_another_kind_then_bad_at_once(data: bytes, why: str) -> None:
    with pytest.raises(BadFileError, match=why):
        read(data, TAR)


class _Sliced(bytes):
    """Bytes that count how many of them are copied by slices."""

    copied = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(place, slice):
            _Sliced.copied += len(found)
            return _Sliced(found)
        return found


def test_tar_with_a_pax_header_of_many_records_then_each_is_copied_once() -> None:
    header = _Sliced(b"5 a=\n" * 999 + b"12 path=one\n")
    _Sliced.copied = 0
    assert TarReader(iter(()), 1, "x")._pax(header) == {"a": "", "path": "one"}
    assert _Sliced.copied <= len(header)


def test_tar_with_a_sparse_file_of_pax_then_bad() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"GNU.sparse.major": "1"}
        archive.addfile(info)

    with pytest.raises(BadFileError, match="sparse"):
        read(target.getvalue(), TAR)


def test_tar_whose_members_are_not_read_then_each_byte_is_asked_for_once() -> None:
    data = tarred([(str(at), b"x" * 700) for at in range(300)])
    taken: list[int] = []

    def get(start: int, end: int) -> bytes:
        taken.append(end - start)
        return data[start:end]

    found = list(members(TAR, lambda: Window(get, len(data)), len(data), "a"))

    assert len(found) == 300
    assert sum(taken) == len(data)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.zip", ZIP),
        ("x/A.ZIP", ZIP),
        ("a.tar", TAR),
        ("a.b.tar", TAR),
        ("a.tgz", ArchiveKind(zipped=False, suffix=".gz")),
        ("a.tar.gz", ArchiveKind(zipped=False, suffix=".gz")),
        ("a.tar.zst", ArchiveKind(zipped=False, suffix=".zst")),
        ("a.txz", ArchiveKind(zipped=False, suffix=".xz")),
        ("a.tbz2", ArchiveKind(zipped=False, suffix=".bz2")),
        ("a.tar.lz4", ArchiveKind(zipped=False, suffix=".lz4")),
        ("a.gz", None),
        ("tar.gz", None),
        ("a.zip/b.json", None),
        ("a.zip.gz", None),
        ("zip", None),
    ],
)
def test_archive_kind_then_by_the_end_of_the_name(key: str, kind: ArchiveKind | None) -> None:
    assert archive_kind(key) == kind


@pytest.mark.parametrize(
    ("key", "outer"),
    [
        ("a/b.zip!/c/d.json", "a/b.zip"),
        ("a/b.tar.gz!/c.zip!/x", "a/b.tar.gz"),
        ("wow!/a.json", "wow!/a.json"),
        ("a.json", "a.json"),
        ("a.zip", "a.zip"),
    ],
)
def test_outer_key_then_the_archive_of_a_member(key: str, outer: str) -> None:
    assert outer_key(key) == outer


@pytest.mark.parametrize("name", ["../../a/b", "/a/b", "./a/./b", "a//b", "a/../b/"])
def test_member_name_then_it_leads_nowhere(name: str) -> None:
    assert member_name(name) == "a/b"
