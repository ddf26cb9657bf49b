"""JSON beyond the standard, on request: a record with comments, odd quotes or names made strict.

Only records that the strict decoders refused come here, and what is made of one goes back to
them: so strict JSON reads the same with every option, and costs nothing more. The options and
what they take are Jackson's, as Spark has them.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from lakestream.lazy_pattern import lazy_pattern

_TOKEN: Final = lazy_pattern(
    rb"""
      (?P<space>[ \t\r\n]++)
    | (?P<mark>[{}\[\],:])
    | (?P<double>"(?:[^"\\]|\\.)*+")
    | (?P<single>'(?:[^'\\]|\\.)*+')
    | (?P<comment>/\*.*?\*/|//[^\r\n]*+)
    | (?P<word>[\w.$@#*+\-\x80-\xff]++)
    """,
    re.DOTALL | re.VERBOSE,
)
_NAME: Final = lazy_pattern(rb"[\w$@#*+\-\x80-\xff]++")
_LEADING_ZEROS: Final = lazy_pattern(rb"\A(-?)0+(?=[0-9])")
#: What in a text may need other words: an escape, a control character, a quote.
_IN_TEXT: Final = lazy_pattern(rb'\\(.)|[\x00-\x1f"]', re.DOTALL)
_ESCAPES: Final = frozenset(b'"\\/bfnrtu')
_FIRST_PRINTABLE: Final = 0x20


class Leniency(msgspec.Struct, frozen=True):
    """Which forms are taken beside strict JSON; ``JsonFormat`` describes each."""

    comments: bool = False
    single_quotes: bool = False
    unquoted_field_names: bool = False
    unquoted_control_chars: bool = False
    backslash_escaping_any_character: bool = False
    numeric_leading_zeros: bool = False

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self != _STRICT

    def strict(self, record: bytes) -> bytes | None:
        """Write a record as strict JSON.

        Args:
            record: UTF-8 text, not strict JSON itself.

        Returns:
            The record in other words, which a decoder has still to judge; nothing when it has
            comments and white space alone; None when there is no such form.
        """
        pieces: list[bytes] = []
        open_: list[bytes] = []
        before = b""
        position = 0
        while position < len(record):
            match = _TOKEN.match(record, position)
            piece = None if match is None else self._piece(match, open_, before)
            if match is None or piece is None:
                return None
            position = match.end()
            pieces.append(piece)
            if match.lastgroup == "mark":
                _nest(match[0], open_)
            if match.lastgroup not in ("space", "comment"):
                before = match[0]
        return b"".join(pieces).strip()

    def _piece(self, match: re.Match[bytes], open_: list[bytes], before: bytes) -> bytes | None:
        token = match[0]
        match match.lastgroup:
            case "double":
                return self._text(token[1:-1])
            case "single":
                return self._text(token[1:-1]) if self.single_quotes else None
            case "comment":
                return b" " if self.comments else None
            case "word" if open_ and open_[-1] == b"{" and before in (b"{", b","):
                is_name = self.unquoted_field_names and _NAME.fullmatch(token)
                return b'"' + token + b'"' if is_name else None
            case "word" if self.numeric_leading_zeros:
                return _LEADING_ZEROS.sub(rb"\1", token, count=1)
            case _:
                return token

    def _text(self, body: bytes) -> bytes:
        return b'"' + _IN_TEXT.sub(self._character, body) + b'"'

    def _character(self, match: re.Match[bytes]) -> bytes:
        whole, escaped = match[0], match[1]
        if escaped is None:
            if whole == b'"':  # in single quotes
                return b'\\"'
            return _code(whole) if self.unquoted_control_chars else whole
        if escaped[0] in _ESCAPES:
            return whole
        if self.backslash_escaping_any_character or (self.single_quotes and escaped == b"'"):
            return _code(escaped) if escaped[0] < _FIRST_PRINTABLE else escaped
        return whole


_STRICT: Final = Leniency()


def _code(character: bytes) -> bytes:
    return b"\\u%04x" % character[0]


def _nest(mark: bytes, open_: list[bytes]) -> None:
    if mark in b"{[":
        open_.append(mark)
    elif mark in b"}]" and open_:
        open_.pop()
