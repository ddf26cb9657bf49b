"""One pass over the CSV files of a batch: joins records of files with the same header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from lakestream.errors import BadFileError, LakestreamError
from lakestream.formats.bad_records import fail_file
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, InputFile, Outcomes
from lakestream.formats.column_layout import Layout, layout_of_header, layout_of_width
from lakestream.formats.csv_batches import BatchBuilder
from lakestream.formats.csv_blocks import BlockReader, Part
from lakestream.formats.csv_dialect import RecordSplitter
from lakestream.formats.csv_file import FileRules, OpenFile
from lakestream.formats.csv_values import ValueRules
from lakestream.formats.lines import steps

#: Records of one header are parsed once they are this many bytes, and all are once those of
#: all headers are four times as many: that bounds memory.
_BLOCK_BYTES: Final = 2**20
_WAITING_BYTES: Final = 4 * _BLOCK_BYTES
#: Short records are many objects: they are parsed once they are this many, and are cut out of
#: this much of a file at a time.
_BLOCK_RECORDS: Final = 65_536
_STEP_BYTES: Final = 2**18

_Names = tuple[str, ...]


class Decoding:
    """The state of one decode.

    Args:
        rules: How files are read.
        values: How values are written.
        plan: Columns and modes.
        outcomes: Where counts, bad records and drift go.
    """

    def __init__(
        self, rules: FileRules, values: ValueRules, plan: DecodePlan, outcomes: Outcomes
    ) -> None:
        self._rules = rules
        self._plan = plan
        self._outcomes = outcomes
        self._splitter = RecordSplitter(rules.dialect)
        self._blocks = BlockReader(self._splitter, plan, outcomes)
        self._batches = BatchBuilder(values, plan, outcomes)
        self._layouts: dict[_Names, Layout] = {}
        self._waiting: dict[_Names, list[Part]] = {}
        self._waiting_bytes: dict[_Names, int] = {}
        self._waiting_records: Counter[_Names] = Counter()

    def read(self, chunks: Iterable[FileChunk]) -> Iterator[DecodedBatch]:
        """Decode chunks as ``Format.decode`` says."""
        opened: OpenFile | None = None
        for chunk in chunks:
            if self._outcomes.files[chunk.file.index].failure is not None:
                continue
            if opened is None:
                opened = self._open(chunk.file)
            if chunk.failure is not None:
                self._fail(chunk.file, chunk.failure)
            else:
                yield from self._take(opened, chunk)
            failed = self._outcomes.files[chunk.file.index].failure is not None
            if chunk.last or failed:
                opened = None
        for names in list(self._waiting):
            yield from self._flush(names)

    def _open(self, file: InputFile) -> OpenFile:
        return OpenFile(self._rules, self._splitter, file.uri)

    def _take(self, opened: OpenFile, chunk: FileChunk) -> Iterator[DecodedBatch]:
        for data, last in steps(chunk.data, _STEP_BYTES, last=chunk.last):
            try:
                pieces = opened.feed(data, last=last)
            except BadFileError as error:
                self._fail(chunk.file, error)
                return
            if opened.names is not None:
                self._note(opened.names, chunk.file)
            for names, piece in pieces:
                self._note(names, chunk.file)
                self._waiting.setdefault(names, []).append(Part(chunk.file, piece))
                size = self._waiting_bytes.get(names, 0) + piece.size_bytes
                self._waiting_bytes[names] = size
                self._waiting_records[names] += piece.count
            yield from self._flush_full()

    def _note(self, names: _Names, file: InputFile) -> None:
        if names not in self._layouts:
            layout = (
                layout_of_header(names, self._plan, where=file.uri)
                if self._rules.header
                else layout_of_width(len(names), self._plan, where=file.uri)
            )
            self._batches.note_layout(layout)
            self._layouts[names] = layout

    def _fail(self, file: InputFile, error: LakestreamError) -> None:
        fail_file(file, error, self._outcomes)
        for names, parts in self._waiting.items():
            self._waiting[names] = [part for part in parts if part.file.index != file.index]

    def _flush_full(self) -> Iterator[DecodedBatch]:
        every = sum(self._waiting_bytes.values()) >= _WAITING_BYTES
        for names in list(self._waiting):
            full = self._waiting_bytes[names] >= _BLOCK_BYTES
            if every or full or self._waiting_records[names] >= _BLOCK_RECORDS:
                yield from self._flush(names)

    def _flush(self, names: _Names) -> Iterator[DecodedBatch]:
        parts = self._waiting.pop(names)
        del self._waiting_bytes[names], self._waiting_records[names]
        if not parts:
            return
        rows = self._blocks.read(parts, len(names))
        if rows.count:
            batch = self._batches.build(rows, self._layouts[names])
            if batch is not None:
                yield batch
