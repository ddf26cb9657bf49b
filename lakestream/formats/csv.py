"""CSV files: columns matched by header name, types by a written table, nothing lost.

What text a type accepts stands in ``csv_values``, how a record is cut in ``csv_dialect``. Small
files with the same header are parsed as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from lakestream.errors import ConfigError
from lakestream.formats.base import DecodedBatch, DecodePlan, FileChunk, Outcomes, Sample
from lakestream.formats.csv_decode import Decoding
from lakestream.formats.csv_dialect import (
    BACK_TO_DELIMITER,
    RAISE_ERROR,
    UNESCAPED_QUOTES,
    CsvDialect,
)
from lakestream.formats.csv_file import FileRules
from lakestream.formats.csv_inference import infer_columns
from lakestream.formats.csv_values import ValueRules
from lakestream.formats.encodings import canonical_encoding
from lakestream.formats.zones import zone_of
from lakestream.plan import types as t

_MAX_SEPARATOR: Final = 8


@dataclass(frozen=True, slots=True)
class CsvFormat:
    r"""CSV with Spark's options and defaults, but ``header=True``.

    The header is on by default as Auto Loader assumes it when it infers a schema. Without one
    the columns are ``_c0``, ``_c1``, ... and go to the schema's columns by position.

    Args:
        header: Whether the first record of each file names the columns.
        sep: Between fields; up to 8 characters (more than one is slow).
        quote: Around fields; None or "" turns quoting off.
        escape: Makes a quote inside quotes ordinary; None or "" for none. Doubled quotes count
            as one in any case.
        comment: Lines that begin with it are left out; None for none.
        skip_rows: Lines left out at the start of each file, before the header.
        line_sep: What ends a record; by default ``\n``, ``\r\n`` and ``\r`` do.
        multi_line: Whether newlines may stand in quotes.
        encoding: Of the files; bytes that it does not have make a record bad.
        null_value: A field with this text is null; an empty field always is.
        empty_value: What a quoted empty field is.
        nan_value: The text of the float "not a number".
        positive_inf: The text of the float infinity.
        negative_inf: The text of the float minus infinity.
        date_format: Spark's pattern for dates, or None for ISO dates.
        timestamp_format: Spark's pattern for timestamps, or None for ISO timestamps.
        time_zone: Of timestamps that are written without a zone, "Europe/Paris" or "+05:30";
            None for UTC. Reads slower.
        prefer_date: Whether inference takes texts without a time for dates, not timestamps.
        ignore_leading_white_space: Whether white space before a field is removed.
        ignore_trailing_white_space: Whether white space behind a field is removed.
        max_columns: Of a file; a longer header makes the file bad.
        max_chars_per_column: A field with more characters makes its record bad; -1 for no limit.
        char_to_escape_quote_escaping: Makes the escape character ordinary; None or "" for the
            escape character itself.
        unescaped_quote_handling: What a quote is that closes a field before its end, in
            ``"p"r,q``. "raise_error" makes the record bad. "stop_at_delimiter" takes the field
            up to the separator as it stands, quotes included; "stop_at_closing_quote" goes on to
            the quote before a separator; "skip_value" makes the field null.
            "back_to_delimiter" is as "stop_at_delimiter", also where the quote is never closed.
            (Spark's default is "stop_at_delimiter"; here nothing is guessed.)
    """

    header: bool = True
    sep: str = ","
    quote: str | None = '"'
    escape: str | None = "\\"
    comment: str | None = None
    skip_rows: int = 0
    line_sep: str | None = None
    multi_line: bool = False
    encoding: str = "utf-8"
    null_value: str = ""
    empty_value: str = ""
    nan_value: str = "NaN"
    positive_inf: str = "Inf"
    negative_inf: str = "-Inf"
    date_format: str | None = None
    timestamp_format: str | None = None
    time_zone: str | None = None
    prefer_date: bool = True
    ignore_leading_white_space: bool = False
    ignore_trailing_white_space: bool = False
    max_columns: int = 20_480
    max_chars_per_column: int = -1
    char_to_escape_quote_escaping: str | None = None
    unescaped_quote_handling: str = RAISE_ERROR

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ConfigError: One that cannot work, or two that exclude each other.
        """
        encoding = canonical_encoding(self.encoding, where="option encoding")
        object.__setattr__(self, "encoding", encoding)
        characters = ("quote", "escape", "comment", "char_to_escape_quote_escaping")
        for name in (*characters, "line_sep"):
            object.__setattr__(self, name, getattr(self, name) or None)
        for name in characters:
            value = getattr(self, name)
            if value is not None and (len(value) != 1 or value in "\r\n"):
                raise _wrong(name, value, "give one character, or None")
        if not 0 < len(self.sep) <= _MAX_SEPARATOR or re.search(r"[\r\n]", self.sep):
            raise _wrong("sep", self.sep, f"give 1 to {_MAX_SEPARATOR} characters of one line")
        if self.quote is not None and self.quote in self.sep:
            raise _wrong("sep", self.sep, "the separator and the quote must differ")
        if self.escape is not None and self.escape in self.sep:
            raise _wrong("sep", self.sep, "the separator and the escape must differ")
        if self.multi_line and self.line_sep is not None:
            raise _wrong("line_sep", self.line_sep, "leave it out with multi_line=True")
        self._check_quotes()
        self._check_numbers()
        _ = self.rules.date_pattern, self.rules.timestamp_pattern, zone_of(self.time_zone)

    def _check_numbers(self) -> None:
        if self.max_chars_per_column < -1 or self.max_chars_per_column == 0:
            raise _wrong("max_chars_per_column", self.max_chars_per_column, "give 1 or more, or -1")
        if self.skip_rows < 0:
            raise _wrong("skip_rows", self.skip_rows, "give 0 or more")
        if self.max_columns < 1:
            raise _wrong("max_columns", self.max_columns, "give 1 or more")

    def _check_quotes(self) -> None:
        handling, escapes_it = self.unescaped_quote_handling, self.char_to_escape_quote_escaping
        if handling not in UNESCAPED_QUOTES:
            fix = f"give one of {', '.join(UNESCAPED_QUOTES)}"
            raise _wrong("unescaped_quote_handling", handling, fix)
        if handling == BACK_TO_DELIMITER and self.multi_line:
            fix = "with multi_line a quote that is never closed takes the rest of the file"
            raise _wrong("unescaped_quote_handling", handling, fix)
        if escapes_it is not None and (
            self.escape in (None, self.quote) or escapes_it in (self.quote, self.sep)
        ):
            fix = "it stands before an escape character that is not the quote"
            raise _wrong("char_to_escape_quote_escaping", escapes_it, fix)

    @property
    def name(self) -> str:
        """The format's name."""
        return "csv"

    @property
    def whole_files(self) -> bool:
        """Files may come in chunks."""
        return False

    @property
    def ranged(self) -> bool:
        """Files are read from their beginning on."""
        return False

    @property
    def compressible(self) -> bool:
        """CSV may come compressed."""
        return True

    @property
    def fixed_schema(self) -> t.Struct | None:
        """The schema is the files' own."""
        return None

    @property
    def rules(self) -> ValueRules:
        """How values are written."""
        return ValueRules(
            self.nan_value,
            self.positive_inf,
            self.negative_inf,
            self.date_format,
            self.timestamp_format,
            self.prefer_date,
            self.time_zone,
        )

    @property
    def dialect(self) -> CsvDialect:
        """How records are cut."""
        return CsvDialect(
            sep=self.sep,
            quote=self.quote,
            escape=self.escape,
            comment=self.comment,
            null_value=self.null_value,
            empty_value=self.empty_value,
            trim_start=self.ignore_leading_white_space,
            trim_end=self.ignore_trailing_white_space,
            multi_line=self.multi_line,
            max_columns=self.max_columns,
            max_chars=self.max_chars_per_column if self.max_chars_per_column > 0 else None,
            escape_escape=self.char_to_escape_quote_escaping,
            unescaped_quotes=self.unescaped_quote_handling,
        )

    def options(self) -> Mapping[str, str]:
        """Give the options that shape the rows."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: "" if value is None else str(value) for name, value in values.items()}

    def infer(self, samples: Iterable[Sample], *, infer_types: bool) -> t.Struct:
        """Find the columns in samples as ``Format.infer`` says.

        Columns come in first-seen order, names that differ only in case are one; a column
        without any value is a string. Malformed records are left out.

        Raises:
            SchemaInferenceError: No sample has a header (or, without headers, a record).
        """
        return infer_columns(samples, self._rules_of_files(), self.rules, infer_types=infer_types)

    def _rules_of_files(self) -> FileRules:
        separator = None if self.line_sep is None else self.line_sep.encode()
        return FileRules(self.dialect, self.header, self.skip_rows, separator, self.encoding)

    def decode(
        self, chunks: Iterable[FileChunk], plan: DecodePlan, outcomes: Outcomes
    ) -> Iterator[DecodedBatch]:
        """Decode files as ``Format.decode`` says.

        A value that is not of its column's type is null and rescued; a record with more fields
        than the header has the surplus rescued as ``_c<position>``; broken quotes, too few
        fields and undecodable bytes make a record bad.
        """
        return Decoding(self._rules_of_files(), self.rules, plan, outcomes).read(chunks)


def _wrong(name: str, value: object, fix: str) -> ConfigError:
    return ConfigError(f"{name}={value!r} cannot work", where=f"option {name}, csv", fix=fix)
