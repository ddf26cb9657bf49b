"""Members of archives as files: which of them belong to a stream, and their bytes in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import BadFileError, ConfigError
from lakestream.formats.archives import (
    SEPARATOR,
    ArchiveKind,
    Budget,
    Member,
    Read,
    archive_kind,
    member_name,
    member_uri,
)
from lakestream.formats.base import InputFile
from lakestream.formats.codec import decompress, suffix_of
from lakestream.sources.files.glob import Glob, compile_glob
from lakestream.sources.files.option_values import WHERE
from lakestream.sources.files.paths import is_hidden

if TYPE_CHECKING:
    from lakestream.formats.base import FileOutcome, Format

_WINDOW_BYTES: Final = 4 * 2**20
_STEP_BYTES: Final = 2**20


class Archives(msgspec.Struct, frozen=True):
    """Whether archives are opened, and what is read of them.

    Args:
        opened: Whether files that are archives by their names are opened.
        names: Glob on the members' names without their folders, or None for all.
    """

    opened: bool = False
    names: Glob | None = None

    def kind(self, key: str) -> ArchiveKind | None:
        """Give the kind of a file that is to be opened, else None."""
        return archive_kind(key) if self.opened else None

    def takes(self, member: Member) -> bool:
        """Tell whether a member belongs to the stream; hidden names do not, as in folders."""
        name = member_name(member.name)
        if not name or is_hidden(name):
            return False
        return self.names is None or self.names.matches(name.rpartition("/")[2])


def archives_option(wanted: bool | str | None, reader: Format) -> Archives:  # noqa: FBT001 - an option's value
    """Check the option ``archives``; by default all formats but those of bytes open them.

    Raises:
        ConfigError: It is none of True, False and a glob.
    """
    if wanted is None:
        return Archives(reader.name != "binaryFile")
    if isinstance(wanted, bool):
        return Archives(wanted)
    if not isinstance(wanted, str):
        raise ConfigError(
            f"archives cannot be a {type(wanted).__name__}",
            where=WHERE,
            fix='give True, False, or a glob on the names of members: archives="*.csv"',
        )
    return Archives(opened=True, names=compile_glob(wanted, option="archives"))


def member_file(archive: InputFile, member: Member, index: int) -> InputFile:
    """Describe a member as a file: its key is the archive's and its name."""
    name = member_name(member.name)
    info = msgspec.structs.replace(
        archive.info, key=f"{archive.info.key}{SEPARATOR}{name}", size_bytes=member.size_bytes
    )
    return InputFile(index, info, member_uri(archive.uri, name), archive=archive.index)


def fold_member(member: InputFile, found: FileOutcome, archive: FileOutcome) -> None:
    """Add what became of a member to its archive, which fails with the first that does."""
    archive.rows += found.rows
    archive.rescued += found.rescued
    archive.bad += found.bad
    archive.dropped += found.dropped
    failure = found.failure
    if failure is None or archive.failure is not None:
        return
    if isinstance(failure, BadFileError):
        name = member.info.key.partition(SEPARATOR)[2]
        failure = BadFileError(f"member {name}: {failure.what}", where=member.uri, fix=failure.fix)
    archive.failure = failure


class Window:
    """Reads an object's ranges through the last two blocks of it, which are held.

    Args:
        get: Gives bytes ``[start, end)`` of the object.
        size_bytes: Of the object.
    """

    def __init__(self, get: Read, size_bytes: int) -> None:
        self._get = get
        self._size = size_bytes
        self._blocks: dict[int, bytes] = {}

    def __call__(self, start: int, end: int) -> bytes:
        """Give bytes ``[start, end)``; of what is smaller, the store is asked for 4 MB."""
        if end - start > _WINDOW_BYTES:
            return self._get(start, end)
        first = start // _WINDOW_BYTES * _WINDOW_BYTES
        data = b"".join(self._block(at) for at in range(first, end, _WINDOW_BYTES))
        return data[start - first : end - first]

    def _block(self, start: int) -> bytes:
        data = self._blocks.get(start)
        if data is None:
            while len(self._blocks) > 1:
                del self._blocks[next(iter(self._blocks))]
            stop = min(start + _WINDOW_BYTES, self._size)
            data = self._blocks[start] = self._get(start, stop)
        return data


def members(
    kind: ArchiveKind, window: Callable[[], Read], size_bytes: int, where: str
) -> Iterator[Member]:
    """Open an archive.

    Args:
        kind: What its name says.
        window: Makes a function that gives its bytes ``[start, end)``.
        size_bytes: Its size.
        where: Its URI, for messages.

    Raises:
        BadFileError: It is damaged, cut off or over a limit.
    """
    if kind.zipped:
        from lakestream.formats.zip_archive import ZipReader

        return ZipReader(window(), window(), size_bytes, where).members()
    from lakestream.formats.tar_archive import TarReader

    read = window()
    steps = range(0, size_bytes, _STEP_BYTES)
    pieces = (read(at, min(at + _STEP_BYTES, size_bytes)) for at in steps)
    unpacked = decompress(pieces, kind.suffix, where=where) if kind.suffix else pieces
    return TarReader(unpacked, size_bytes, where).members()


def unpacked(member: Member, reader: Format, archive: InputFile, budget: Budget) -> Iterator[bytes]:
    """Give a member's bytes as the format sees them: a compressed member is decompressed.

    Args:
        member: Which.
        reader: The format.
        archive: Where it is.
        budget: Counts what all its compressed members unpack to.

    Raises:
        BadFileError: It is damaged, or an archive itself; or it unpacks to too much.
    """
    if reader.name != "binaryFile" and archive_kind(member.name) is not None:
        raise BadFileError(
            "a member of the archive is an archive: those are not opened",
            where=archive.uri,
            fix='write one archive, or leave it out by a glob: archives="*.csv"',
        )
    suffix = suffix_of(member.name) if reader.compressible else None
    if suffix is None or not member.size_bytes:
        yield from member.pieces
        return
    yield from budget.counted(decompress(member.pieces, suffix, where=archive.uri))
