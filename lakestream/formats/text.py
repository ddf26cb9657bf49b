"""Text files: a row a line (or a file), in one string column ``value``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from arro3.core import Array, DataType

from lakestream.errors import ConfigError
from lakestream.formats.bad_records import fail_file, take_bad_record, too_long
from lakestream.formats.base import (
    BadRecord,
    DecodedBatch,
    DecodePlan,
    FileChunk,
    InputFile,
    Outcomes,
    Sample,
)
from lakestream.formats.encodings import Utf8Reader, canonical_encoding
from lakestream.formats.fixed_columns import fixed_batch
from lakestream.formats.lines import LineBlock, LineSplitter, steps
from lakestream.plan import types as t

_SCHEMA: Final = t.Struct((("value", t.STRING),))
_BATCH_BYTES: Final = 4 * 2**20
_BATCH_ROWS: Final = 65_536
#: Lines are cut out of this much at a time: short ones are many objects.
_STEP_BYTES: Final = 2**18


@dataclass(frozen=True, slots=True)
class TextFormat:
    r"""Lines of text, empty ones included, as Spark's ``text`` reads them.

    Args:
        whole_text: One row a file instead of one a line.
        line_sep: What ends a line; by default ``\n``, ``\r\n`` and ``\r`` do.
        encoding: Of the files; bytes that it does not have make a line a bad record.
    """

    whole_text: bool = False
    line_sep: str | None = None
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ConfigError: An unknown encoding, or an empty separator.
        """
        canonical = canonical_encoding(self.encoding, where="option encoding")
        object.__setattr__(self, "encoding", canonical)
        if self.line_sep == "":
            raise ConfigError(
                "line_sep is empty", where="option line_sep", fix="leave it out, or name one"
            )

    @property
    def name(self) -> str:
        """The format's name."""
        return "text"

    @property
    def whole_files(self) -> bool:
        """Whole files are asked for with ``whole_text`` only."""
        return self.whole_text

    @property
    def ranged(self) -> bool:
        """Files are read from their beginning on."""
        return False

    @property
    def compressible(self) -> bool:
        """Text may come compressed."""
        return True

    @property
    def fixed_schema(self) -> t.Struct | None:
        """One string column ``value``."""
        return _SCHEMA

    def options(self) -> Mapping[str, str]:
        """Give the options that shape the rows."""
        return {
            "encoding": self.encoding,
            "line_sep": self.line_sep or "",
            "whole_text": str(self.whole_text).lower(),
        }

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:  # noqa: ARG002 - the protocol's
        """Give the fixed schema, whatever the samples hold."""
        return _SCHEMA

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says; a line that does not decode is bad."""
        return _Decoding(self, plan, outcomes).read(chunks)


@dataclass(slots=True)
class _Rows:
    """Rows on their way into the next batch."""

    values: list[str | None] = field(default_factory=list)
    corrupt: list[str | None] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, values: list[str], file: int, size_bytes: int) -> None:
        self.values += values
        self.corrupt += [None] * len(values)
        self._count(file, len(values), size_bytes)

    def add_corrupt(self, raw: bytes, file: int) -> None:
        self.values.append(None)
        self.corrupt.append(raw.decode("utf-8", "backslashreplace"))
        self._count(file, 1, len(raw))

    def without(self, file: int) -> _Rows:
        """Give the rows of all other files."""
        rest, at = _Rows(), 0
        for index, count in self.runs:
            if index != file:
                rest.values += self.values[at : at + count]
                rest.corrupt += self.corrupt[at : at + count]
                rest._count(index, count, 0)
            at += count
        rest.size_bytes = self.size_bytes
        return rest

    def _count(self, file: int, rows: int, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        if self.runs and self.runs[-1][0] == file:
            rows += self.runs.pop()[1]
        if rows:
            self.runs.append((file, rows))

    @property
    def full(self) -> bool:
        return self.size_bytes >= _BATCH_BYTES or len(self.values) >= _BATCH_ROWS


class _Decoding:
    """One pass over the files of a batch."""

    def __init__(self, options: TextFormat, plan: DecodePlan, outcomes: Outcomes) -> None:
        self._options = options
        self._plan = plan
        self._outcomes = outcomes
        self._rows = _Rows()
        self._separator = (options.line_sep or "\n").encode()

    def read(self, chunks: Iterable[FileChunk]) -> Iterator[DecodedBatch]:
        opened = self._open()
        for chunk in chunks:
            if chunk.failure is not None:
                fail_file(chunk.file, chunk.failure, self._outcomes)
                self._rows = self._rows.without(chunk.file.index)
            else:
                yield from self._take(chunk, *opened)
            if chunk.last or chunk.failure is not None:
                opened = self._open()
        if self._rows.runs:
            yield self._flush()

    def _take(
        self, chunk: FileChunk, reader: Utf8Reader, splitter: LineSplitter
    ) -> Iterator[DecodedBatch]:
        if self._options.whole_text:
            self._take_lines([reader.read(chunk.data, last=True)], 1, chunk.file)
            yield from self._full()
            return
        for piece, last in steps(chunk.data, _STEP_BYTES, last=chunk.last):
            for block in splitter.feed(reader.read(piece, last=last), last=last):
                self._take_block(block, chunk.file)
            yield from self._full()

    def _full(self) -> Iterator[DecodedBatch]:
        if self._rows.full:
            yield self._flush()

    def _open(self) -> tuple[Utf8Reader, LineSplitter]:
        separator = None if self._options.line_sep is None else self._separator
        return Utf8Reader(self._options.encoding), LineSplitter(separator)

    def _take_block(self, block: LineBlock, file: InputFile) -> None:
        if block.oversized:
            self._take_bad(too_long(file, block.line, block.data), file)
            return
        try:
            text = block.data.decode()
        except UnicodeDecodeError:
            self._take_lines(block.data.split(self._separator), block.line, file)
            return
        self._rows.add(text.split(self._separator.decode()), file.index, len(block.data))

    def _take_lines(self, lines: list[bytes], first: int, file: InputFile) -> None:
        for number, line in enumerate(lines, first):
            try:
                text = line.decode()
            except UnicodeDecodeError:
                reason = f"the line holds bytes that are not {self._options.encoding}"
                bad = BadRecord(file.index, number, "invalid_encoding", reason, line)
                self._take_bad(bad, file)
            else:
                self._rows.add([text], file.index, len(line))

    def _take_bad(self, bad: BadRecord, file: InputFile) -> None:
        if take_bad_record(bad, file, self._plan, self._outcomes):
            self._rows.add_corrupt(bad.raw, file.index)

    def _flush(self) -> DecodedBatch:
        rows, self._rows = self._rows, _Rows()
        columns = {"value": Array(rows.values, DataType.utf8())}
        if self._plan.corrupt_column is not None:
            columns[self._plan.corrupt_column] = Array(rows.corrupt, DataType.utf8())
        for file, count in rows.runs:
            self._outcomes.files[file].rows += count
        return DecodedBatch(fixed_batch(columns, len(rows.values), self._plan), rows.runs)
