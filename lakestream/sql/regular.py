"""Java's regular expressions as RE2's: what both read alike, or an error, never another match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lakestream.errors import UnsupportedOperationError

#: What ends a line for Java; ``.`` matches none of them, and ``$`` stands before the last one.
LINE_ENDS: Final = r"\n\r\x{85}\x{2028}\x{2029}"
_BLANKS: Final = r" \t\n\x0B\f\r"
_AT_END: Final = rf"(?:\r\n|[{LINE_ENDS}])?\z"
_TOKEN: Final = re.compile(
    r"(?P<escape>\\(?:p\{\w+\}|P\{\w+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.))"
    r"|(?P<named>\(\?<[A-Za-z]\w*>)|(?P<flags>\(\?[is]+[:)])|(?P<plain>\(\?:)|(?P<odd>\(\?)"
    r"|(?P<group>\()|(?P<greedy>[*+?}]\+)|(?P<any>\.)|(?P<end>\$)"
    r"|(?P<set>\[\^?(?:[^\]\[\\&]|\\(?:p\{\w+\}|u[0-9a-fA-F]{4}|.)|&(?!&))+\])|(?P<other>[^\[])",
    re.DOTALL,
)
_INSIDE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Regular:
    """A regular expression in RE2's words.

    Args:
        pattern: Finds what Java finds, but for ``$``, which stands at the very end only.
        groups: How many groups it captures.
        has_end: There is a ``$`` in it.
        matches_nothing: It may match the empty text.
    """

    pattern: str
    groups: int
    has_end: bool
    matches_nothing: bool

    @property
    def test(self) -> str:
        """The pattern for asking only whether there is a match; ``$`` is Java's there."""
        return self.pattern.replace(r"\z", _AT_END)


def translate_regular(text: str, where: str) -> Regular:
    """Translate one of Java's regular expressions.

    Raises:
        UnsupportedOperationError: It uses what RE2 does not have or reads differently.
    """
    made, at, groups = [], 0, 0
    every = text.startswith(("(?s)", "(?is)", "(?si)"))
    while at < len(text):
        found = _TOKEN.match(text, at)
        kind = found.lastgroup if found else None
        if found is None or kind in ("odd", "greedy"):
            raise _refused(where)
        word, at = found[0], found.end()
        groups += kind in ("group", "named")
        if kind == "flags" and "s" in word and found.start() > 0:
            raise _refused(where)
        made.append(_word(word, kind or "", where, every=every))
    return Regular("".join(made), groups, r"\z" in made, _may_be_empty(text))


def _word(word: str, kind: str, where: str, *, every: bool) -> str:
    match kind:
        case "any":
            return "(?s:.)" if every else f"[^{LINE_ENDS}]"
        case "end":
            return r"\z"
        case "named":
            return "(?P" + word[2:]
        case "escape":
            return _escape(word, where)
        case "set":
            return _INSIDE.sub(lambda m: _inside(m, where), word)
        case _:
            return word


def _escape(word: str, where: str) -> str:
    if word in (r"\s", r"\S"):
        return f"[{'^' if word[1] == 'S' else ''}{_BLANKS}]"
    if word[1] == "u" and len(word) > 2:  # noqa: PLR2004 - a count of arguments, digits or signs
        return rf"\x{{{word[2:]}}}"
    if word[1] in "0123456789kGZRXhHvVNQEceuzC":
        raise _refused(where)
    return word


def _inside(found: re.Match[str], where: str) -> str:
    if found[1]:
        return rf"\x{{{found[1]}}}"
    if found[2] == "s":
        return _BLANKS
    if found[2] in "0123456789SkGZRXhHvVNQEceubBC":
        raise _refused(where)
    return found[0]


def _may_be_empty(text: str) -> bool:
    plain = re.sub(r"\\[pP]\{\w+\}", "a", text).replace("(?<", "(?P<")
    try:
        return re.search(plain, "") is not None
    except re.error:
        return True


def _refused(where: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        "this regular expression uses what the engine has not, or reads differently: look-around, "
        "back references, possessive repeats, sets within sets, or a rare escape",
        where=where,
        fix="write the pattern without them, or use mapBatches",
    )
