"""How a CSV record is cut into fields: the exact splitter, and what the fast one may be given.

The rulings, which both paths follow:

- A field is quoted when its first character is the quote (behind white space that
  ``ignore_leading_white_space`` ignores). A quote further in is an ordinary character.
- Inside quotes, a doubled quote is one quote, the escape character makes a quote or itself
  ordinary, and every other character stands for itself. (Spark reads doubled quotes only with
  ``escape='"'``; almost every writer of CSV doubles them, so here they always count.)
- Outside quotes the escape character is ordinary.
- A quote that is not closed, or closed and followed by anything but a separator, makes the
  record malformed, unless ``unescaped_quotes`` says how to read on.
- White space is what Java's ``trim`` takes: every character up to U+0020. It is removed around
  fields on request, never inside quotes.
- An empty field is null; a quoted empty one is ``empty_value``. Any text equal to
  ``null_value`` is null, in quotes too.
- Lines of nothing but white space, and lines that begin with ``comment``, are no records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from lakestream.lazy_pattern import lazy_pattern

RAISE_ERROR: Final = "raise_error"
STOP_AT_DELIMITER: Final = "stop_at_delimiter"
STOP_AT_CLOSING_QUOTE: Final = "stop_at_closing_quote"
BACK_TO_DELIMITER: Final = "back_to_delimiter"
SKIP_VALUE: Final = "skip_value"
UNESCAPED_QUOTES: Final = (
    RAISE_ERROR, STOP_AT_DELIMITER, STOP_AT_CLOSING_QUOTE, BACK_TO_DELIMITER, SKIP_VALUE,
)  # fmt: skip
_WHITE: Final = "".join(map(chr, range(0x21)))
_BLANK: Final = lazy_pattern(rb"[\x00-\x20]*+\Z")
_BLANK_LINE: Final = lazy_pattern(rb"\n[\x00-\x09\x0b-\x20]*+(?:\n|\Z)")
_FIRST_BLANK: Final = lazy_pattern(rb"[\x00-\x09\x0b-\x20]*+(?:\n|\Z)")


class MalformedRecordError(Exception):
    """A record that cannot be cut into fields; it never leaves ``formats``."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """The characters and texts that shape records; ``CsvFormat`` describes each."""

    sep: str
    quote: str | None
    escape: str | None
    comment: str | None
    null_value: str
    empty_value: str
    trim_start: bool
    trim_end: bool
    multi_line: bool
    max_columns: int
    #: None for no limit.
    max_chars: int | None = None
    #: Makes the escape character ordinary; None for the escape character itself.
    escape_escape: str | None = None
    unescaped_quotes: str = RAISE_ERROR

    @property
    def escapes(self) -> tuple[str, str] | None:
        """The escape character, and what escapes it; None when only doubled quotes count."""
        if self.quote is None or self.escape in (None, self.quote):
            return None
        return self.escape, self.escape_escape or self.escape


@dataclass(slots=True)
class RecordSplitter:
    """The compiled form of a dialect.

    Args:
        dialect: What to compile.
    """

    dialect: CsvDialect
    #: Whether pyarrow's parser can stand in at all: it wants single ASCII characters.
    fast: bool = field(init=False)
    trims: bool = field(init=False)
    _quoted: re.Pattern[str] | None = field(init=False)
    _escaped: re.Pattern[str] | None = field(init=False)
    _plain_block: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Compile what every record needs."""
        d = self.dialect
        self.trims = d.trim_start or d.trim_end
        self.fast = len(d.sep.encode()) == 1 and (d.quote is None or len(d.quote.encode()) == 1)
        self._quoted = self._escaped = None
        if d.quote is not None:
            quote = re.escape(d.quote)
            inner, escaped = f"[^{quote}]++|{quote}{quote}", quote + quote
            if d.escapes is not None:
                escape, escapes_it = map(re.escape, d.escapes)
                inner = f"[^{quote}{escape}{escapes_it}]++|{quote}{quote}|{escape}{quote}"
                inner += f"|{escapes_it}{escape}|{escape}|{escapes_it}"
                escaped += f"|{escape}{quote}|{escapes_it}{escape}"
            self._quoted = re.compile(f"{quote}((?:{inner})*+){quote}", re.DOTALL)
            self._escaped = re.compile(escaped)
        record = self._plain_record("*+")
        self._plain_block = re.compile(record + b"(?:(?>\n" + record + b"))*+")

    def is_record(self, line: bytes) -> bool:
        """Tell a record from a blank or commented line."""
        if _BLANK.match(line):
            return False
        comment = self.dialect.comment
        return comment is None or not line.startswith(comment.encode())

    def all_records(self, lines: bytes) -> bool:
        r"""Tell whether every ``\n``-separated line is a record that nothing else could end."""
        if b"\r" in lines or _FIRST_BLANK.match(lines) or _BLANK_LINE.search(lines):
            return False
        if self.dialect.comment is None:
            return True
        comment = self.dialect.comment.encode()
        return not lines.startswith(comment) and b"\n" + comment not in lines

    def has_quote(self, data: bytes) -> bool:
        """Tell whether the quote character stands anywhere."""
        return self.dialect.quote is not None and self.dialect.quote.encode() in data

    def plain_block(self, lines: bytes) -> bool:
        """Tell whether pyarrow's parser reads these records as ``split`` does."""
        if not self.is_short(lines) and not all(map(self.is_short, lines.split(b"\n"))):
            return False
        return not self.has_quote(lines) or self._plain_block.fullmatch(lines) is not None

    def is_short(self, record: bytes) -> bool:
        """Tell whether no field of a record can be over ``max_chars``."""
        return self.dialect.max_chars is None or len(record) <= self.dialect.max_chars

    def plain_record(self, width: int) -> re.Pattern[bytes]:
        """Give the pattern of a record of ``width`` fields that pyarrow's parser may read."""
        return re.compile(self._plain_record(f"{{{width - 1}}}"))

    def _plain_record(self, repeat: str) -> bytes:
        d = self.dialect
        if not self.fast:
            return rb"(?!)"
        sep = re.escape(d.sep)
        if d.quote is None:
            plain = rf"[^{sep}\r\n]*+"
        else:
            quote = re.escape(d.quote)
            plain = rf"(?:[^{sep}{quote}\r\n][^{sep}\r\n]*+|{self._plain_quoted(quote)}|)"
            if self.trims:  # a quote may open a field behind white space
                plain = rf"[^{sep}{quote}\r\n]*+"
        return f"{plain}(?:{sep}{plain}){repeat}".encode()

    def _plain_quoted(self, quote: str) -> str:
        d = self.dialect
        never = quote if d.escapes is None else quote + re.escape(d.escapes[0])
        newline = "" if d.multi_line else r"\n"
        # A quoted empty field is what pyarrow takes it for only when both texts are empty.
        repeat = "*+" if d.null_value == d.empty_value == "" else "++"
        return rf"{quote}(?:[^{never}\r{newline}]|{quote}{quote}){repeat}{quote}"

    def frame(self, *, last: bool) -> re.Pattern[bytes]:
        """Give the pattern of one record in a text where newlines may stand in quotes.

        Args:
            last: Whether the end of the text ends a record too.
        """
        d = self.dialect
        sep = d.sep.encode()
        in_field = _none_of(sep, b"\r", b"\n")
        one = in_field
        if d.quote is not None:
            opened = self._framed_opening(d.quote)
            one = b"(?:%b|(?!%b)%b)" % (self._framed_quoted(opened, in_field), opened, in_field)
        end = rb"(?:\r\n|\n|\r|\Z)" if last else rb"(?:\r\n|\n|\r)"
        # A comment is a line, whatever quotes stand in it.
        comment = rb"%b[^\r\n]*+|" % re.escape(d.comment.encode()) if d.comment else b""
        return re.compile(b"(%b%b(?:(?>%b%b))*+)%b" % (comment, one, re.escape(sep), one, end))

    def _framed_opening(self, quote: str) -> bytes:
        """Give the pattern of a quote that opens a field, with the white space before it."""
        d = self.dialect
        if not d.trim_start:
            return re.escape(quote.encode())
        white = b"(?:(?>(?!%b)[\x00-\x09\x0b\x0c\x0e-\x20]))*+" % re.escape(d.sep.encode())
        return white + re.escape(quote.encode())

    def _framed_quoted(self, opened: bytes, in_field: bytes) -> bytes:
        d = self.dialect
        plain = (d.quote or "").encode()
        quote = re.escape(plain)
        inner = b"%b|%b%b" % (_none_of(plain, some=True), quote, quote)
        if d.escapes is not None:
            escape, escapes_it = (each.encode() for each in d.escapes)
            inner = b"%b|%b%b|%b%b|%b%b|%b|%b" % (
                _none_of(plain, escape, escapes_it, some=True), quote, quote,
                re.escape(escape), quote, re.escape(escapes_it), re.escape(escape),
                re.escape(escape), re.escape(escapes_it),
            )  # fmt: skip
        return b"%b(?:%b)*+%b%b" % (opened, inner, quote, in_field)

    def split(self, record: str) -> list[str | None]:
        """Cut a record into its fields, exactly.

        Raises:
            MalformedRecordError: Broken quotes, more fields than ``max_columns``, or a field
                that is longer than ``max_chars``.
        """
        d = self.dialect
        fields: list[str | None] = []
        position = 0
        while True:
            text, end = self._field(record, position)
            if d.max_chars is not None and text is not None and len(text) > d.max_chars:
                raise MalformedRecordError(
                    "field_too_long", f"a field has more than {d.max_chars} characters"
                )
            fields.append(None if text == d.null_value else text)
            if len(fields) > d.max_columns:
                raise MalformedRecordError(
                    "too_many_columns", f"the record has more than {d.max_columns} fields"
                )
            if end == len(record):
                return fields
            position = end + len(d.sep)

    def _field(self, record: str, start: int) -> tuple[str | None, int]:
        d = self.dialect
        at = self._past_white(record, start) if d.trim_start else start
        if d.quote is not None and record.startswith(d.quote, at):
            return self._quoted_field(record, at)
        return self._plain_field(record, at, at)

    def _plain_field(self, record: str, at: int, behind: int) -> tuple[str | None, int]:
        """Give the text up to the first separator from ``behind`` on, as it stands."""
        d = self.dialect
        end = record.find(d.sep, behind)
        end = len(record) if end < 0 else end
        text = record[at:end]
        if d.trim_end:
            text = text.rstrip(_WHITE)
        return text or None, end

    def _quoted_field(self, record: str, at: int) -> tuple[str | None, int]:
        d = self.dialect
        match = self._quoted.match(record, at) if self._quoted else None
        if match is None:
            if d.unescaped_quotes == BACK_TO_DELIMITER:
                return self._plain_field(record, at, at)
            raise _unclosed()
        end = self._past_white(record, match.end()) if d.trim_end else match.end()
        if end < len(record) and not record.startswith(d.sep, end):
            return self._with_unescaped_quote(record, at, match.end())
        return self._without_escapes(match[1]) or d.empty_value, end

    def _with_unescaped_quote(self, record: str, at: int, behind: int) -> tuple[str | None, int]:
        """Read a field whose quote, before ``behind``, closes nothing."""
        match self.dialect.unescaped_quotes:
            case "stop_at_delimiter" | "back_to_delimiter":
                return self._plain_field(record, at, behind)
            case "skip_value":
                return None, self._plain_field(record, at, behind)[1]
            case "stop_at_closing_quote":
                return self._up_to_closing_quote(record, at, behind)
            case _:
                raise MalformedRecordError(
                    "text_after_quote", "something stands between a closing quote and the separator"
                )

    def _up_to_closing_quote(self, record: str, at: int, behind: int) -> tuple[str, int]:
        d = self.dialect
        quote = d.quote or ""
        close = record.find(quote, behind)
        while close >= 0:
            end = self._past_white(record, close + 1) if d.trim_end else close + 1
            if end == len(record) or record.startswith(d.sep, end):
                return self._without_escapes(record[at + 1 : close]), end
            close = record.find(quote, close + 1)
        raise _unclosed()

    def _without_escapes(self, text: str) -> str:
        return self._escaped.sub(_last_character, text) if self._escaped else text

    def _past_white(self, record: str, at: int) -> int:
        sep = self.dialect.sep
        while at < len(record) and record[at] <= " " and not record.startswith(sep, at):
            at += 1
        return at


def _unclosed() -> MalformedRecordError:
    return MalformedRecordError("unclosed_quote", "a quote is opened and never closed")


def _last_character(match: re.Match[str]) -> str:
    return match[0][-1]


def _none_of(*texts: bytes, some: bool = False) -> bytes:
    """Give the pattern of a run of bytes in which none of the texts stands."""
    repeat = b"++" if some else b"*+"
    if all(len(text) == 1 for text in texts):
        return b"[^%b]%b" % (b"".join(re.escape(text) for text in texts), repeat)
    never = b"|".join(re.escape(text) for text in texts)
    return rb"(?:(?!%b)[\s\S])%b" % (never, repeat)
