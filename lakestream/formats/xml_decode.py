"""Row elements of XML files, gathered into blocks, to record batches by the decoder of JSON."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Final

import msgspec

from lakestream.errors import BadFileError, LakestreamError
from lakestream.formats.bad_records import KEPT_OF_OVERSIZED
from lakestream.formats.base import DecodePlan, FileChunk, InputFile
from lakestream.formats.json_blocks import Block, Part
from lakestream.formats.json_decode import BlockDecoder, Judged, Merge, Rewriter
from lakestream.formats.json_exact import ExactRules
from lakestream.formats.json_validator import Validator
from lakestream.formats.lines import steps
from lakestream.formats.xml_rows import XmlRow
from lakestream.plan import types as t

#: Rows are parsed in Python, so blocks are smaller than those of JSON.
_BLOCK_BYTES: Final = 2**18
_BLOCK_ROWS: Final = 8192

Feed = Callable[[bytes, bool], list[XmlRow]]


class XmlBlock(Block):
    """Row elements of one or several files, in order.

    Args:
        numbers: The line that each of ``records`` begins on.
    """

    numbers: list[int] = msgspec.field(default_factory=list)


class RowGatherer:
    """Gathers rows until a block is full.

    Args:
        open_file: Gives the function that cuts a file, from its chunks to its rows.
    """

    def __init__(self, open_file: Callable[[InputFile], Feed]) -> None:
        self._open_file = open_file
        self._feed: Feed | None = None
        self._rows: list[tuple[InputFile, XmlRow]] = []
        self._size = 0
        self._failures: list[tuple[InputFile, LakestreamError]] = []
        self._failed: int | None = None

    def blocks(self, chunks: Iterable[FileChunk]) -> Generator[Block, None, None]:
        """Give the rows of all files in blocks."""
        for chunk in chunks:
            if chunk.file.index == self._failed:
                continue
            if chunk.failure is not None:
                self._fail(chunk.file, chunk.failure)
                continue
            yield from self._take(chunk)
            if chunk.last:
                self._feed = None
        yield from self._flush()

    def _take(self, chunk: FileChunk) -> Iterator[Block]:
        feed = self._feed = self._feed or self._open_file(chunk.file)
        for piece, last in steps(chunk.data, _BLOCK_BYTES, last=chunk.last):
            try:
                rows = feed(piece, last)
            except BadFileError as error:
                self._fail(chunk.file, error)
                self._failed = chunk.file.index
                return
            for row in rows:
                yield from self._add(chunk.file, row)

    def _add(self, file: InputFile, row: XmlRow) -> Iterator[Block]:
        if row.overlong:
            yield from self._flush()
            part = Part(file, row.line, 1)
            yield Block(row.raw[:KEPT_OF_OVERSIZED], [part], overlong=True)
            return
        self._rows.append((file, row))
        self._size += len(row.raw)
        if self._size >= _BLOCK_BYTES or len(self._rows) >= _BLOCK_ROWS:
            yield from self._flush()

    def _fail(self, file: InputFile, failure: LakestreamError) -> None:
        """Leave out what is still gathered of a file that cannot be read on."""
        self._rows = [each for each in self._rows if each[0].index != file.index]
        self._failures.append((file, failure))
        self._feed = None

    def _flush(self) -> Iterator[Block]:
        if not self._rows and not self._failures:
            return
        parts: list[Part] = []
        for file, row in self._rows:
            if parts and parts[-1].file.index == file.index:
                parts[-1].lines += 1
            else:
                parts.append(Part(file, row.line, 1))
        yield XmlBlock(
            parts=parts,
            records=[row.raw for _, row in self._rows],
            failures=self._failures,
            numbers=[row.line for _, row in self._rows],
        )
        self._rows, self._size, self._failures = [], 0, []


class XmlBlockDecoder(BlockDecoder):
    """Decodes blocks of row elements: each goes the exact way.

    Args:
        plan: Columns and modes.
        rules: Those of the exact path of JSON.
        validator: What the exact path of JSON takes as it is.
        rewriter: Makes, of the columns to fill and their exact path, what rewrites an element.
        merge: How types of new fields merge.
    """

    def __init__(
        self,
        plan: DecodePlan,
        rules: ExactRules,
        validator: Validator,
        rewriter: Callable[[t.Struct, Rewriter], Rewriter],
        merge: Merge,
    ) -> None:
        super().__init__(plan, rules, validator)
        self._exact = rewriter(self._filled, self._exact)
        self._merge = merge

    def _takes_whole(self, block: Block) -> bool:  # noqa: ARG002 - no block is taken whole
        return False

    def _judge_records(self, block: Block, *, every: bool) -> Judged:  # noqa: ARG002 - all are
        assert isinstance(block, XmlBlock), "the gatherer makes no other"  # noqa: S101
        judged = Judged(block, [], [], {}, exact=True)
        records = iter(zip(block.split(), block.numbers, strict=True))
        for part in block.parts:
            found = (
                self._row_of(judged, part.file, line, record)
                for record, line in (next(records) for _ in range(part.lines))
            )
            judged.add_rows(part.file, [row for row in found if row is not None])
        return judged
