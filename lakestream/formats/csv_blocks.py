"""Joined CSV records to columns of text: pyarrow for what it reads exactly, else one by one.

Records of several files are parsed in one go. When a block has anything that pyarrow would
read otherwise than the dialect says, only the records that have it take the exact path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lakestream.formats.bad_records import take_bad_record, too_long
from lakestream.formats.base import BadRecord, DecodePlan, InputFile, Outcomes
from lakestream.formats.csv_dialect import MalformedRecordError, RecordSplitter
from lakestream.formats.csv_framing import Piece
from lakestream.formats.lazy_pyarrow import Column, compute, null_column, pyarrow
from lakestream.limits import MAX_RECORD_BYTES
from lakestream.plan import types as t

#: What Java's ``trim`` takes, for columns as a whole.
_WHITE = "".join(map(chr, range(0x21)))
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one file on their way into a block."""

    file: InputFile
    piece: Piece


@dataclass(slots=True)
class TextRows:
    """Rows before their types.

    Args:
        columns: One pyarrow string array for each column of the file.
        runs: Files and how many rows in turn are theirs.
        surplus: For rows with more fields than columns, the fields that are too many.
        corrupt: For rows made of bad records, the record's text; their columns are null.
    """

    columns: list[Column]
    runs: list[tuple[InputFile, int]]
    surplus: dict[int, list[str | None]] = field(default_factory=dict)
    corrupt: dict[int, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    _records: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(rows for _, rows in self.runs)

    def record(self, row: int) -> tuple[int, bytes]:
        """Give the line number and the text of the record that a row was read from."""
        if not self._records:
            self._records = [each for part in self.parts for each in part.piece.numbered()]
        return self._records[row]

    def files(self) -> Iterator[InputFile]:
        """Give each row's file."""
        for file, rows in self.runs:
            for _ in range(rows):
                yield file


class BlockReader:
    """Reads blocks of records of one width each.

    Args:
        splitter: The dialect.
        plan: Modes.
        outcomes: Where bad records go.
    """

    def __init__(self, splitter: RecordSplitter, plan: DecodePlan, outcomes: Outcomes) -> None:
        self._splitter = splitter
        self._plan = plan
        self._outcomes = outcomes
        self._patterns: dict[int, re.Pattern[bytes]] = {}

    def read(self, parts: list[Part], width: int) -> TextRows:
        """Give the rows of some parts, in order.

        Raises:
            BadRecordError: ``mode="failfast"`` met a bad record.
        """
        if self._splitter.fast and all(part.piece.lines is not None for part in parts):
            lines = b"\n".join(part.piece.lines or b"" for part in parts)
            if self._splitter.plain_block(lines):
                columns = self._parse(lines, width)
                count = sum(part.piece.count for part in parts)
                if columns is not None and len(columns[0]) == count:
                    return TextRows(
                        columns, [(part.file, part.piece.count) for part in parts], parts=parts
                    )
        return self._isolate(parts, width)

    def _parse(self, records: bytes, width: int) -> list[Column] | None:
        """Parse plain records with pyarrow; None when it refuses one, or would read it wrong."""
        if records.startswith(_BOM):  # a character here, behind the file's start; skipped there
            return None
        pa, d = pyarrow(), self._splitter.dialect
        import pyarrow.csv as pa_csv

        names = [str(at) for at in range(width)]
        nulls = [] if self._splitter.trims else ["", d.null_value]
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(records + b"\n"),
                pa_csv.ReadOptions(
                    use_threads=False, block_size=len(records) + 2, column_names=names
                ),
                pa_csv.ParseOptions(
                    delimiter=d.sep,
                    quote_char=d.quote or False,
                    newlines_in_values=d.multi_line,
                ),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=nulls,
                    strings_can_be_null=bool(nulls),
                ),
            )
        except pa.ArrowInvalid:
            return None
        columns = [column.combine_chunks() for column in table.columns]
        return [self._trimmed(each) for each in columns] if self._splitter.trims else columns

    def _trimmed(self, column: Column) -> Column:
        pa, pc, d = pyarrow(), compute(), self._splitter.dialect
        if d.trim_start:
            column = pc.utf8_ltrim(column, characters=_WHITE)
        if d.trim_end:
            column = pc.utf8_rtrim(column, characters=_WHITE)
        null = pc.is_in(column, value_set=pa.array(["", d.null_value]))
        return pc.if_else(null, pa.scalar(None, pa.string()), column)

    def _pattern(self, width: int) -> re.Pattern[bytes]:
        if width not in self._patterns:
            self._patterns[width] = self._splitter.plain_record(width)
        return self._patterns[width]

    def _isolate(self, parts: list[Part], width: int) -> TextRows:
        found = _Isolated(TextRows([], []))
        for part in parts:
            before = len(found.order)
            for line, record in part.piece.numbered():
                self._take(part, line, record, width, found)
            if rows := len(found.order) - before:
                found.rows.runs.append((part.file, rows))
        found.rows.columns = self._columns(found, width)
        return found.rows

    def _take(self, part: Part, line: int, record: bytes, width: int, found: _Isolated) -> None:
        try:
            if part.piece.oversized or len(record) > MAX_RECORD_BYTES:
                bad = too_long(part.file, line, record)
            elif self._is_plain(record, width):
                found.add_plain(line, record)
                return
            else:
                found.add_exact(line, record, self._split(record, width), width)
                return
        except MalformedRecordError as error:
            bad = BadRecord(part.file.index, line, error.code, error.reason, record)
        if take_bad_record(bad, part.file, self._plan, self._outcomes):
            found.rows.corrupt[len(found.order)] = bad.raw.decode("utf-8", "backslashreplace")
            found.add_exact(line, record, [None] * width, width)

    def _is_plain(self, record: bytes, width: int) -> bool:
        return (
            self._splitter.is_short(record)
            and self._pattern(width).fullmatch(record) is not None
            and _decodes(record)
        )

    def _split(self, record: bytes, width: int) -> list[str | None]:
        try:
            text = record.decode()
        except UnicodeDecodeError as error:
            raise MalformedRecordError(
                "invalid_encoding", "the record holds bytes that are not of the encoding"
            ) from error
        fields = self._splitter.split(text)
        if len(fields) < width or (len(fields) > width and self._plan.rescued_column is None):
            raise MalformedRecordError(
                "column_count", f"the record has {len(fields)} fields where {width} are expected"
            )
        return fields

    def _columns(self, found: _Isolated, width: int) -> list[Column]:
        pa = pyarrow()
        plain: list[Column] | None = None
        if found.plain:
            plain = self._parse(b"\n".join(found.plain), width)
            if plain is None or len(plain[0]) != len(found.plain):
                plain = _column_lists([self._split(each, width) for each in found.plain], width)
        exact = _column_lists(found.exact, width) if found.exact else None
        if plain is None or exact is None:
            return plain or exact or [null_column(0, t.STRING)] * width
        shift = len(found.plain)
        order = pa.array([at if at >= 0 else shift + ~at for at in found.order], pa.int64())
        return [
            pa.concat_arrays([one, other]).take(order)
            for one, other in zip(plain, exact, strict=True)
        ]


@dataclass(slots=True)
class _Isolated:
    """Rows of a block by the path they take; ``order`` has ``~index`` for exact ones."""

    rows: TextRows
    plain: list[bytes] = field(default_factory=list)
    exact: list[list[str | None]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def add_plain(self, line: int, record: bytes) -> None:
        self.rows._records.append((line, record))  # noqa: SLF001 - its builder
        self.order.append(len(self.plain))
        self.plain.append(record)

    def add_exact(self, line: int, record: bytes, fields: list[str | None], width: int) -> None:
        self.rows._records.append((line, record))  # noqa: SLF001 - its builder
        if len(fields) > width:
            self.rows.surplus[len(self.order)] = fields[width:]
        self.order.append(~len(self.exact))
        self.exact.append(fields[:width])


def _column_lists(rows: list[list[str | None]], width: int) -> list[Column]:
    pa = pyarrow()
    return [pa.array([row[at] for row in rows], pa.string()) for at in range(width)]


def _decodes(record: bytes) -> bool:
    if record.isascii():
        return True
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
