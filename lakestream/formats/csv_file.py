"""One CSV file as it comes: its encoding, skipped lines, header, and pieces of records."""

from __future__ import annotations

from dataclasses import dataclass

from lakestream.errors import BadFileError
from lakestream.formats.column_layout import positional_names, safe_names
from lakestream.formats.csv_dialect import CsvDialect, MalformedRecordError, RecordSplitter
from lakestream.formats.csv_framing import LineFramer, Piece, QuoteFramer
from lakestream.formats.encodings import Utf8Reader


@dataclass(frozen=True, slots=True)
class FileRules:
    """How every file of a source is read; ``CsvFormat`` describes each."""

    dialect: CsvDialect
    header: bool
    skip_rows: int
    line_sep: bytes | None
    encoding: str


class OpenFile:
    """The state of one file between its chunks.

    Args:
        rules: How files are read.
        splitter: The compiled dialect.
        where: The file's URI, for messages.
    """

    def __init__(self, rules: FileRules, splitter: RecordSplitter, where: str) -> None:
        self._rules = rules
        self._splitter = splitter
        self._where = where
        self._reader = Utf8Reader(rules.encoding)
        self._framer: LineFramer | QuoteFramer = (
            QuoteFramer(splitter, rules.skip_rows)
            if rules.dialect.multi_line
            else LineFramer(splitter, rules.line_sep, rules.skip_rows)
        )
        #: The columns, once they are known.
        self.names: tuple[str, ...] | None = None

    def feed(self, data: bytes, *, last: bool) -> list[tuple[tuple[str, ...], Piece]]:
        """Take the next bytes; give the records that are complete now, with their columns.

        Raises:
            BadFileError: The header cannot be read.
        """
        found: list[tuple[tuple[str, ...], Piece]] = []
        for piece in self._framer.feed(self._reader.read(data, last=last), last=last):
            rest: Piece | None = piece
            if self.names is None and self._rules.header:
                rest = self._take_header(piece)
            elif self.names is None:
                self.names = self._width_of(piece)
            if rest is not None:
                found.append((self.names or positional_names(1), rest))
        return found

    def _take_header(self, piece: Piece) -> Piece | None:
        if piece.oversized:
            raise self._bad_header("it is over the limit of one record")
        first, rest = piece.first_and_rest()
        try:
            header = self._splitter.split(first.decode())
        except UnicodeDecodeError as error:
            raise self._bad_header(f"it is not {self._rules.encoding}") from error
        except MalformedRecordError as error:
            raise self._bad_header(error.reason) from error
        self.names = safe_names(header)
        return rest

    def _width_of(self, piece: Piece) -> tuple[str, ...] | None:
        """Name the columns after the first record that can be cut into fields."""
        for _, record in piece.numbered():
            try:
                return positional_names(len(self._splitter.split(record.decode())))
            except (UnicodeDecodeError, MalformedRecordError):
                continue
        return None

    def _bad_header(self, reason: str) -> BadFileError:
        return BadFileError(
            f"the CSV header cannot be read: {reason}",
            where=self._where,
            fix="check the options sep, quote, encoding and header against the file",
        )
