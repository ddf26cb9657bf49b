"""Cuts one CSV file, as its bytes come, into pieces of whole records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lakestream.formats.csv_dialect import RecordSplitter
from lakestream.formats.lines import LineSplitter
from lakestream.lazy_pattern import lazy_pattern
from lakestream.limits import MAX_RECORD_BYTES

_LINE_END: Final = lazy_pattern(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    r"""Records of one file.

    Args:
        lines: The records as ``\n``-separated lines, when each line is one; else None.
        first_line: 1-based number of the first line of ``lines``.
        records: Line number and bytes of each record, when ``lines`` is None.
        oversized: The one record is the beginning of one over the limit.
    """

    lines: bytes | None
    first_line: int = 0
    records: list[tuple[int, bytes]] = field(default_factory=list)
    oversized: bool = False

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.records) if self.lines is None else self.lines.count(b"\n") + 1

    @property
    def size_bytes(self) -> int:
        """About how many bytes they have."""
        if self.lines is not None:
            return len(self.lines)
        return sum(len(record) for _, record in self.records)

    def numbered(self) -> list[tuple[int, bytes]]:
        """Give every record with its line number."""
        if self.lines is None:
            return self.records
        return list(enumerate(self.lines.split(b"\n"), self.first_line))

    def first_and_rest(self) -> tuple[bytes, Piece | None]:
        """Take the first record off."""
        if self.lines is None:
            rest = self.records[1:]
            return self.records[0][1], Piece(None, records=rest) if rest else None
        first, found, lines = self.lines.partition(b"\n")
        return first, Piece(lines, self.first_line + 1) if found else None


class LineFramer:
    """Every line is a record: newlines in quotes end it, as in Spark without ``multiLine``.

    Args:
        splitter: The dialect.
        line_sep: What ends a line, or None for the usual three.
        skip_rows: Lines left out at the file's start.
    """

    def __init__(self, splitter: RecordSplitter, line_sep: bytes | None, skip_rows: int) -> None:
        self._splitter = splitter
        self._separator = line_sep or b"\n"
        self._lines = LineSplitter(line_sep)
        self._skip_rows = skip_rows

    def feed(self, data: bytes, *, last: bool) -> list[Piece]:
        """Take the next bytes; give the records that are complete now."""
        pieces: list[Piece] = []
        for block in self._lines.feed(data, last=last):
            if block.line + block.count - 1 <= self._skip_rows:
                continue
            if block.oversized:
                pieces.append(Piece(None, records=[(block.line, block.data)], oversized=True))
                continue
            skipped = max(0, self._skip_rows + 1 - block.line)
            rest = block.data.split(self._separator, skipped)[-1]
            pieces += self._piece(rest, block.line + skipped)
        return pieces

    def _piece(self, lines: bytes, first: int) -> list[Piece]:
        if self._separator == b"\n" and self._splitter.all_records(lines):
            return [Piece(lines, first)]
        records = [
            (number, line)
            for number, line in enumerate(lines.split(self._separator), first)
            if self._splitter.is_record(line)
        ]
        return [Piece(None, records=records)] if records else []


class QuoteFramer:
    """Newlines in quotes belong to the record: Spark's ``multiLine``.

    A quote that is never closed takes the rest of the file, or ``MAX_RECORD_BYTES`` of it, as
    one malformed record; records begin again at the line after that.

    Args:
        splitter: The dialect.
        skip_rows: Lines left out at the file's start.
    """

    def __init__(self, splitter: RecordSplitter, skip_rows: int) -> None:
        self._splitter = splitter
        self._frames = {last: splitter.frame(last=last) for last in (False, True)}
        self._skip_rows = skip_rows
        self._buffer = b""
        self._line = 1
        self._wanted = 0
        self._skipping = False

    def feed(self, data: bytes, *, last: bool) -> list[Piece]:
        """Take the next bytes; give the records that are complete now."""
        self._buffer += data
        if (len(self._buffer) < self._wanted and not last) or not self._skip(last=last):
            return []
        if self._splitter.has_quote(self._buffer):
            pieces = self._quoted_records(last=last)
        else:
            pieces = self._plain_lines(last=last)
        if last and self._buffer:  # what follows an oversized record
            pieces += self.feed(b"", last=True)
        return pieces

    def _quoted_records(self, *, last: bool) -> list[Piece]:
        records: list[tuple[int, bytes]] = []
        position = self._frame(records, last=last)
        self._buffer = self._buffer[position:]
        # What is open is looked at again once it has doubled: the work stays linear.
        self._wanted = 2 * len(self._buffer)
        pieces = [Piece(None, records=records)] if records else []
        return pieces + self._unclosed(last=last)

    def _frame(self, records: list[tuple[int, bytes]], *, last: bool) -> int:
        position, frame = 0, self._frames[last]
        while position < len(self._buffer):
            match = frame.match(self._buffer, position)
            if match is None or (match.end() == len(self._buffer) and self._at_border(last=last)):
                return position
            if self._splitter.is_record(match[1]):
                records.append((self._line, match[1]))
            self._line += _newlines(match[0])
            position = match.end()
        return position

    def _at_border(self, *, last: bool) -> bool:
        return not last and self._buffer.endswith(b"\r")

    def _plain_lines(self, *, last: bool) -> list[Piece]:
        held = b""
        if self._at_border(last=last):
            self._buffer, held = self._buffer[:-1], b"\r"
        lines = self._buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        complete, found, rest = lines.rpartition(b"\n")
        if last and rest:
            complete, found, rest = lines, b"\n", b""
        self._buffer = rest + held
        pieces = self._oversized() if len(self._buffer) > MAX_RECORD_BYTES else []
        if not found:
            return pieces
        first = self._line
        self._line += complete.count(b"\n") + 1
        if self._splitter.all_records(complete):
            return [Piece(complete, first), *pieces]
        records = [
            (number, line)
            for number, line in enumerate(complete.split(b"\n"), first)
            if self._splitter.is_record(line)
        ]
        return [Piece(None, records=records), *pieces] if records else pieces

    def _unclosed(self, *, last: bool) -> list[Piece]:
        if len(self._buffer) > MAX_RECORD_BYTES:
            return self._oversized()
        if not last or not self._buffer:
            return []
        record, self._buffer = self._buffer, b""
        return [Piece(None, records=[(self._line, record)])]

    def _oversized(self) -> list[Piece]:
        record = self._buffer[:MAX_RECORD_BYTES]
        piece = Piece(None, records=[(self._line, record)], oversized=True)
        self._line += _newlines(record)
        self._buffer = self._buffer[MAX_RECORD_BYTES:]
        self._skipping, self._wanted = True, 0
        return [piece]

    def _skip(self, *, last: bool) -> bool:
        """Leave out the first lines, or the rest of an oversized record's line."""
        while self._skipping or self._skip_rows:
            end = _LINE_END.search(self._buffer)
            if end is None:
                self._buffer = b""
                return False
            if end.end() == len(self._buffer) and self._at_border(last=last):
                self._buffer = b"\r"
                return False
            self._buffer = self._buffer[end.end() :]
            self._line += 1
            if self._skipping:
                self._skipping = False
            else:
                self._skip_rows -= 1
        return True


def _newlines(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
