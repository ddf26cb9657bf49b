"""Spark's date and time patterns as DuckDB's, with a regular expression of what they accept."""

from __future__ import annotations

import re
from typing import Final

from lakestream.errors import UnsupportedOperationError

_LETTERS: Final = {
    "yyyy": ("%Y", r"\d{4}"), "yy": ("%y", r"\d{2}"), "MM": ("%m", r"\d{2}"),
    "M": ("%-m", r"\d{1,2}"), "dd": ("%d", r"\d{2}"), "d": ("%-d", r"\d{1,2}"),
    "HH": ("%H", r"\d{2}"), "H": ("%-H", r"\d{1,2}"), "hh": ("%I", r"\d{2}"),
    "h": ("%-I", r"\d{1,2}"), "mm": ("%M", r"\d{2}"), "m": ("%-M", r"\d{1,2}"),
    "ss": ("%S", r"\d{2}"), "s": ("%-S", r"\d{1,2}"), "SSS": ("%g", r"\d{3}"),
    "SSSSSS": ("%f", r"\d{6}"), "a": ("%p", r"(?i:am|pm)"), "E": ("%a", r"[A-Za-z]{3}"),
    "EEE": ("%a", r"[A-Za-z]{3}"), "EEEE": ("%A", r"[A-Za-z]+"), "MMM": ("%b", r"[A-Za-z]{3}"),
    "MMMM": ("%B", r"[A-Za-z]+"), "DDD": ("%j", r"\d{3}"), "D": ("%-j", r"\d{1,3}"),
}  # fmt: skip
_TOKEN: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)


def reads_all(pattern: str, where: str) -> None:
    """Check that a pattern can read a time.

    Raises:
        UnsupportedOperationError: It has no year, whose default differs, or a day of the week,
            which Spark does not read.
    """
    letters = {m[2] for m in _TOKEN.finditer(pattern) if m[2]}
    if "y" not in letters or "E" in letters:
        raise UnsupportedOperationError(
            "a time is read by a pattern with a year and without a day of the week",
            where=where,
            fix="write yyyy into the pattern, and leave E out",
        )


def translate_pattern(pattern: str, where: str) -> tuple[str, str]:
    """Give DuckDB's pattern, and the regular expression of the texts that Spark accepts.

    Raises:
        UnsupportedOperationError: A letter that has no exact counterpart.
    """
    made, accepted = [], []
    for match in _TOKEN.finditer(pattern):
        word = match[0]
        if match[1] is not None:
            text = match[1].replace("''", "'") or "'"
        elif match[2] is not None:
            if word not in _LETTERS:
                raise UnsupportedOperationError(
                    f"the date pattern {word!r} is not computed here",
                    where=where,
                    fix=f"there are: {', '.join(sorted(_LETTERS))}, and text in single quotes",
                )
            ours, expression = _LETTERS[word]
            made.append(ours)
            accepted.append(expression)
            continue
        else:
            text = word
        made.append(text.replace("%", "%%"))
        accepted.append(re.escape(text))
    return "".join(made), "".join(accepted)
