"""Archives: which files are some, by name, and what their readers share.

A member's name is data: it is told in messages and in rows and never used as a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote

import msgspec

from lakestream.errors import BadFileError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.limits import (
    COMPRESSION_RATIO_FROM_BYTES,
    MAX_ARCHIVE_BYTES,
    MAX_ARCHIVE_MEMBERS,
    MAX_COMPRESSION_RATIO,
)

#: Gives bytes ``[start, end)`` of an archive.
Read = Callable[[int, int], bytes]
#: Between an archive's key or URI and a member's name.
SEPARATOR: Final = "!/"
#: What an archive's name ends in, and how it is compressed as a whole.
_ENDINGS: Final[dict[str, str]] = {
    ".zip": "", ".tar": "", ".tgz": ".gz", ".tbz": ".bz2", ".tbz2": ".bz2", ".txz": ".xz",
    ".tzst": ".zst",
    **{f".tar{each}": each for each in (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4")},
}  # fmt: skip
_ALL_ENDINGS: Final = tuple(_ENDINGS)
_LONGEST_ENDING: Final = max(map(len, _ENDINGS))
#: Characters of a member's name: it stands in every row that asks for its file.
_MOST_NAME: Final = 4096
_OUTER: Final = lazy_pattern(
    rf".*?(?:{'|'.join(map(re.escape, _ENDINGS))})(?={SEPARATOR})", re.IGNORECASE | re.DOTALL
)


class Member(msgspec.Struct, frozen=True):
    """A file in an archive.

    Args:
        name: As the archive has it.
        size_bytes: Unpacked.
        pieces: Its bytes, once, before the next member is asked for.
    """

    name: str
    size_bytes: int
    pieces: Iterator[bytes]


class ArchiveKind(msgspec.Struct, frozen=True):
    """What a file's name says of an archive.

    Args:
        zipped: Whether it is a zip archive, else a tar archive.
        suffix: How a tar archive is compressed, as ``codec.decompress`` has it; "" for not.
    """

    zipped: bool
    suffix: str


def archive_kind(key: str) -> ArchiveKind | None:
    """Tell by the ending of a name whether a file is an archive, and of which kind."""
    name = key[-_LONGEST_ENDING:].lower()
    if not name.endswith(_ALL_ENDINGS):  # asked of each file, and mostly the end of it
        return None
    ending = next(each for each in _ENDINGS if name.endswith(each))
    return ArchiveKind(ending == ".zip", _ENDINGS[ending])


def outer_key(key: str) -> str:
    """Give the archive's key of a member's; any other key as it is."""
    found = _OUTER.match(key)
    return key if found is None else found[0]


def member_name(name: str) -> str:
    """Give a member's name as a path below its archive: without what leads out of it."""
    return "/".join(each for each in name.split("/") if each not in {"", ".", ".."})


def member_uri(archive_uri: str, name: str) -> str:
    """Give a member's URI, percent-encoded."""
    return f"{archive_uri}{SEPARATOR}{quote(name)}"


def damaged_archive(reason: str, where: str) -> BadFileError:
    """Build the failure of an archive that cannot be read."""
    return BadFileError(
        f"the archive cannot be read: {reason}",
        where=where,
        fix="write the archive again; this version of it is listed in quarantine",
    )


class Budget:
    """Counts what comes out of one archive.

    Args:
        size_bytes: The archive's size.
        where: The archive, for messages.
    """

    def __init__(self, size_bytes: int, where: str) -> None:
        self._most = min(
            MAX_ARCHIVE_BYTES, max(COMPRESSION_RATIO_FROM_BYTES, size_bytes * MAX_COMPRESSION_RATIO)
        )
        self._where = where
        self._bytes = 0
        self._entries = 0

    def entry(self, name: str = "") -> None:
        """Count an entry.

        Raises:
            BadFileError: They are too many, or its name is too long.
        """
        if len(name) > _MOST_NAME:
            raise damaged_archive(f"a name in it has {len(name):,} characters", self._where)
        self._entries += 1
        if self._entries > MAX_ARCHIVE_MEMBERS:
            raise BadFileError(
                f"the archive has more than {MAX_ARCHIVE_MEMBERS:,} entries",
                where=self._where,
                fix="write several archives",
            )

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give pieces on, and count their bytes.

        Raises:
            BadFileError: They are too many for the archive's size, or for any archive.
        """
        for piece in pieces:
            self._bytes += len(piece)
            if self._bytes > self._most:
                raise BadFileError(
                    f"the archive unpacks to more than {self._most:,} bytes:"
                    f" {MAX_COMPRESSION_RATIO:,} times its size, or"
                    f" {MAX_ARCHIVE_BYTES // 2**30} GB",
                    where=self._where,
                    fix="if it is genuine, store it with less compression or in parts",
                )
            yield piece
