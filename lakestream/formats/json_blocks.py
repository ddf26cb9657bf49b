"""Cutting chunks of files into blocks of whole records, joined across small files.

A parser costs something each time it starts, so small files are joined until a block is about
``BLOCK_BYTES``; it works best while a block stays in the processor's cache, so large files are
cut there. Memory is one chunk, one block, and one unfinished record of at most
``MAX_RECORD_BYTES``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Final

import msgspec

from lakestream.errors import LakestreamError
from lakestream.formats.base import FileChunk, Fit, InputFile
from lakestream.formats.encodings import Utf8Reader
from lakestream.formats.json_lenient import Leniency
from lakestream.formats.lines import LineSplitter
from lakestream.limits import MAX_RECORD_BYTES
from lakestream.plan.types import Struct

BLOCK_BYTES: Final = 2**20
#: Lines of a block: each may become an object, a bad record even a big one.
_BLOCK_LINES: Final = 32_768
#: What is kept of a record over the limit, for quarantine.
_KEPT_OF_OVERLONG: Final = 64 * 2**10
#: How much of an array of records is taken apart at a time.
_ARRAY_BYTES: Final = 2**20
BOM: Final = b"\xef\xbb\xbf"
_RAW_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)


class Part(msgspec.Struct, gc=False):
    """Lines of one file in a block, blank ones included.

    Args:
        file: Whose.
        first_line: 1-based number of the first of them in the file.
        lines: How many.
    """

    file: InputFile
    first_line: int
    lines: int


class Block(msgspec.Struct):
    """Records of one or several files, in order.

    Args:
        data: The records, each followed by a line end.
        parts: Whose lines they are, in order.
        records: The same as single records where they are not lines (``multi_line``,
            ``line_sep``).
        overlong: True when this is the beginning of one record over the limit.
        failures: Files that could not be read on, at this place in the order.
        fits: The schema that each record is known to fit already, alone on its line.
    """

    data: bytes = b""
    parts: list[Part] = msgspec.field(default_factory=list)
    records: list[bytes] | None = None
    overlong: bool = False
    failures: list[tuple[InputFile, LakestreamError]] = msgspec.field(default_factory=list)
    fits: Struct | None = None

    @property
    def lines(self) -> int:
        """The number of lines, blank ones included."""
        return sum(part.lines for part in self.parts)

    def split(self) -> list[bytes]:
        """Give the single records, as they stood in the file, without line ends."""
        if self.records is not None:
            return self.records
        return [self.data] if self.overlong else self.data.split(b"\n")


class _LineCutter:
    """Gathers whole lines until a block is full."""

    def __init__(self, block_bytes: int) -> None:
        self._target = block_bytes
        self._pieces: list[bytes] = []
        self._size = 0
        self._lines = 0
        self._parts: list[Part] = []
        self._failures: list[tuple[InputFile, LakestreamError]] = []
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._line = 1
        self._started = False
        self._head = b""
        self._skipping = False
        self._chunk_fits: Fit | None = None
        self._whole = b""
        self._fits: Struct | None = None

    def feed(self, chunk: FileChunk) -> Iterator[Block]:
        """Take a chunk and give the blocks that it completes."""
        if chunk.failure is not None:
            self._fail(chunk.file, chunk.failure)
            return
        data = chunk.data
        self._chunk_fits = chunk.fits
        if not self._started:
            data = self._head + data
            if len(data) < len(BOM) and not chunk.last:
                self._head = data
                return
            self._head, self._started = b"", True
            data = data.removeprefix(BOM)
        self._whole = data
        yield from self._take(chunk.file, data)
        if chunk.last:
            yield from self._end_file(chunk.file)

    def flush(self) -> Iterator[Block]:
        """Give what is gathered, if anything is."""
        if self._pieces or self._failures:
            data = b"".join(self._pieces)
            yield Block(data, self._parts, failures=self._failures, fits=self._fits)
        self._pieces, self._size, self._parts, self._failures = [], 0, [], []
        self._lines = 0

    def _take(self, file: InputFile, data: bytes) -> Iterator[Block]:
        end = data.rfind(b"\n") + 1
        if not end:
            yield from self._keep_rest(file, data)
            return
        if self._rest or self._skipping:
            # Completes the line begun by earlier chunks; small chunks make this join cheap.
            first = data.find(b"\n") + 1
            yield from self._keep_rest(file, data[:first])
            yield from self._end_line(file)
            data, end = data[first:], end - first
        yield from self._add_lines(file, data[:end] if end < len(data) else data)
        yield from self._keep_rest(file, data[end:])

    def _keep_rest(self, file: InputFile, data: bytes) -> Iterator[Block]:
        if not data or self._skipping:
            return
        self._rest.append(data)
        self._rest_size += len(data)
        if self._rest_size > MAX_RECORD_BYTES:
            self._skipping = True
            head = b"".join(self._rest)[:_KEPT_OF_OVERLONG]
            self._rest, self._rest_size = [], 0
            yield from self._overlong(file, head)

    def _end_line(self, file: InputFile) -> Iterator[Block]:
        """Give the unfinished line as a whole one, or count the one that was skipped."""
        if self._skipping:
            self._skipping = False
            self._line += 1
            return
        line = b"".join(self._rest)
        self._rest, self._rest_size = [], 0
        if line:
            yield from self._add_lines(file, line if line.endswith(b"\n") else line + b"\n")

    def _end_file(self, file: InputFile) -> Iterator[Block]:
        yield from self._end_line(file)
        self._line, self._started = 1, False

    def _add_lines(self, file: InputFile, data: bytes) -> Iterator[Block]:
        """Take whole lines, cutting a block wherever one is full."""
        start, end = 0, len(data)
        while end - start > self._target - self._size:
            cut = data.rfind(b"\n", start, start + max(0, self._target - self._size)) + 1
            if not cut and not self._pieces:
                cut = data.find(b"\n", start) + 1
            if cut:
                yield from self._add(file, data[start:cut])
                start = cut
            yield from self.flush()
        if start < end:
            yield from self._add(file, data[start:] if start else data)

    def _add(self, file: InputFile, data: bytes) -> Iterator[Block]:
        if len(data) > MAX_RECORD_BYTES and data.count(b"\n") == 1:
            yield from self._overlong(file, data[:_KEPT_OF_OVERLONG])
            self._line += 1
            return
        known = self._chunk_fits
        fits = None if known is None else known.schema
        lines = known.lines if known is not None and data is self._whole else data.count(b"\n")
        if lines > _BLOCK_LINES:
            middle = data.rfind(b"\n", 0, len(data) // 2) + 1 or data.find(b"\n") + 1
            yield from self._add(file, data[:middle])
            yield from self._add(file, data[middle:])
            return
        if self._lines + lines > _BLOCK_LINES:
            yield from self.flush()
        if not self._pieces:
            self._fits = fits
        elif self._fits is not fits:
            self._fits = None
        self._pieces.append(data)
        self._size += len(data)
        self._lines += lines
        self._parts.append(Part(file, self._line, lines))
        self._line += lines

    def _overlong(self, file: InputFile, head: bytes) -> Iterator[Block]:
        yield from self.flush()
        yield Block(head, [Part(file, self._line, 1)], overlong=True)

    def _fail(self, file: InputFile, failure: LakestreamError) -> None:
        """Leave out what is still gathered of a file that cannot be read on."""
        while self._parts and self._parts[-1].file.index == file.index:
            self._lines -= self._parts.pop().lines
            self._size -= len(self._pieces.pop())
        self._failures.append((file, failure))
        self._rest, self._rest_size = [], 0
        self._line, self._started, self._head, self._skipping = 1, False, b"", False


def line_blocks(
    chunks: Iterable[FileChunk], block_bytes: int = BLOCK_BYTES
) -> Generator[Block, None, None]:
    """Cut newline-delimited records.

    A byte order mark at a file's start is left out, a missing last line end is added.
    """
    cutter = _LineCutter(block_bytes)
    for chunk in chunks:
        yield from cutter.feed(chunk)
    yield from cutter.flush()


def separated_blocks(
    chunks: Iterable[FileChunk], separator: bytes, block_bytes: int = BLOCK_BYTES
) -> Generator[Block, None, None]:
    """Cut records that end with a separator of their own; line ends are white space then.

    A record's "line" is its 1-based number in the file.
    """
    splitter, reader = LineSplitter(separator), Utf8Reader("utf-8")
    for chunk in chunks:
        if chunk.failure is not None:
            yield Block(failures=[(chunk.file, chunk.failure)])
            splitter, reader = LineSplitter(separator), Utf8Reader("utf-8")
            continue
        data = reader.read(chunk.data, last=chunk.last)
        for lines in splitter.feed(data, last=chunk.last):
            if lines.oversized:
                part = Part(chunk.file, lines.line, 1)
                yield Block(lines.data[:_KEPT_OF_OVERLONG], [part], overlong=True)
            else:
                records = lines.data.split(separator)
                yield from _record_blocks(chunk.file, lines.line, records, block_bytes)
        if chunk.last:
            splitter, reader = LineSplitter(separator), Utf8Reader("utf-8")


def document_blocks(
    chunks: Iterable[FileChunk], lenient: Leniency, block_bytes: int = BLOCK_BYTES
) -> Generator[Block, None, None]:
    """Cut whole files: a JSON array gives its elements, anything else is one record.

    A record's "line" is its 1-based number in the file.
    """
    for chunk in chunks:
        if chunk.failure is not None:
            yield Block(failures=[(chunk.file, chunk.failure)])
            continue
        records = document_records(chunk.data, lenient)
        yield from _record_blocks(chunk.file, 1, records, block_bytes)


def document_records(data: bytes, lenient: Leniency) -> Iterator[bytes]:
    """Split a document into records."""
    data = data.removeprefix(BOM)
    if lenient and not _is_json(data):
        strict = lenient.strict(data)
        if strict is not None and (not strict or _is_json(strict)):
            data = strict
    if data.lstrip()[:1] == b"[" and _is_json(data):
        yield from _elements(data.strip())
    elif data.strip():
        yield data


def _elements(array: bytes) -> Iterator[bytes]:
    """Give the elements of an array, of which few are objects at a time.

    What stands before a comma is whole elements when it is an array between brackets of its own:
    a comma within an element leaves a bracket or a text open.
    """
    at, end, window = 1, len(array) - 1, _ARRAY_BYTES
    while at < end:
        stop = end if end - at <= window else _comma(array, at, at + window)
        try:
            found = _RAW_ARRAY.decode(b"[" + array[at:stop] + b"]") if stop > at else None
        except (msgspec.MsgspecError, RecursionError):
            found = None
        if found is None and stop < end:
            window *= 2
            continue
        yield from map(bytes, [array[at:end]] if found is None else found)
        at, window = stop + 1, _ARRAY_BYTES


def _comma(array: bytes, start: int, end: int) -> int:
    """Give the last comma that may stand between two elements, or -1."""
    for mark in (b"},", b"],", b","):
        found = array.rfind(mark, start, end)
        if found >= 0:
            return found + len(mark) - 1
    return -1


def _is_json(data: bytes) -> bool:
    try:
        _RAW.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _record_blocks(
    file: InputFile, first: int, records: Iterable[bytes], block_bytes: int
) -> Iterator[Block]:
    """Gather records to blocks; one over the limit stands alone."""
    taken: list[bytes] = []
    size = 0
    for record in records:
        size += len(record)
        is_full = size > block_bytes or len(taken) >= _BLOCK_LINES
        if taken and (is_full or max(len(record), len(taken[0])) > MAX_RECORD_BYTES):
            yield _record_block(file, first, taken)
            first += len(taken)
            taken, size = [], len(record)
        taken.append(record)
    if taken:
        yield _record_block(file, first, taken)


def _record_block(file: InputFile, first: int, records: list[bytes]) -> Block:
    part = Part(file, first, len(records))
    if len(records[0]) > MAX_RECORD_BYTES:
        return Block(records[0][:_KEPT_OF_OVERLONG], [part], overlong=True)
    return Block(b"\n".join(records) + b"\n", [part], records)
