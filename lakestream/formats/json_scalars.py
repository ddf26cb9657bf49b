"""Texts that a JSON value may have for a column beside its plain form.

Each function takes a text and gives the canonical one that the column parser reads, or None
when the text is no such value. The whole table of what is accepted stands in ``formats.json``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import Final

from lakestream.errors import ConfigError
from lakestream.lazy_pattern import lazy_pattern

_DATE: Final = lazy_pattern(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*", re.ASCII)
_TIMESTAMP: Final = lazy_pattern(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[Tt ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?"
    r"\s?(Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?)?\s*",
    re.ASCII,
)
_ZONE: Final = lazy_pattern(r"([+-])(\d{1,2}):?(\d{2})?", re.ASCII)
_DECIMAL: Final = lazy_pattern(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NON_NUMBERS: Final = {
    "NaN": "NaN", "Infinity": "Infinity", "INF": "Infinity", "+Infinity": "Infinity",
    "+INF": "Infinity", "-Infinity": "-Infinity", "-INF": "-Infinity",
}  # fmt: skip
_MICROSECOND_DIGITS: Final = 6
_FIRST_DAY: Final = b"0001-01-01"
_LAST_DAY: Final = b"9999-12-31"
#: No hyphen stands between a day and the zone, so that each byte is looked at once.
_BEFORE_FIRST_DAY: Final = lazy_pattern(rb'0001-01-01[^"\n-]*(?:\+|\\u002[bB])')
_BEHIND_LAST_DAY: Final = lazy_pattern(rb'9999-12-31[^"\n-]*-')
_ESCAPE: Final = b"\\u00"
_ESCAPED_DIGIT: Final = lazy_pattern(rb"\\u00(?:3[0-9]|2[dD])")
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59


def non_number_text(text: str) -> str | None:
    """Read Spark's spellings of the floats that JSON has no token for."""
    return _NON_NUMBERS.get(text)


def date_text(text: str) -> str | None:
    """Read ``yyyy-[M]M-[d]d``, with white space around it."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        return None


def timestamp_text(text: str, *, zone_allowed: bool = True) -> str | None:
    """Read ``yyyy-[M]M-[d]d[(T| )[H]H:[m]m[:[s]s[.fraction]][zone]]``.

    Digits behind the microseconds are cut off, as Spark does. A zone is ``Z``, ``UTC``,
    ``GMT``, ``±HH``, ``±HHMM`` or ``±HH:MM``; without one the time is UTC.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    offset = _zone_text(zone) if zone else ""
    if offset is None or (zone and not zone_allowed):
        return None
    try:
        found = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]  # noqa: DTZ001 - six numbers, and the zone follows as text
    except ValueError:
        return None
    behind = "." + fraction[:_MICROSECOND_DIGITS] if fraction else ""
    text = found.isoformat() + behind + offset
    return text if not offset or _is_in_calendar(text) else None


def _is_in_calendar(text: str) -> bool:
    """Tell whether a time with a zone is within years 1 to 9999 in UTC too."""
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        return False
    return True


def may_leave_calendar(data: bytes) -> bool:
    """Tell whether a zone may lead a time in some JSON out of the years 1 to 9999.

    Python cannot read such a time back. Cost: one search, 3 % of what decoding the data takes;
    single bytes, which most data does not have, are found at memory speed.
    """
    return (
        (_LAST_DAY in data and _BEHIND_LAST_DAY.search(data) is not None)
        or (
            (b"+" in data or b"\\" in data)
            and _FIRST_DAY in data
            and _BEFORE_FIRST_DAY.search(data) is not None
        )
        or (b"\\" in data and _ESCAPE in data and _ESCAPED_DIGIT.search(data) is not None)
    )


def _zone_text(zone: str) -> str | None:
    match = _ZONE.fullmatch(zone)
    if match is None:
        return "Z"
    sign, hours, minutes = match[1], int(match[2]), int(match[3] or 0)
    if hours > _LAST_HOUR or minutes > _LAST_MINUTE:
        return None
    return f"{sign}{hours:02}:{minutes:02}"


def decimal_text(text: str, precision: int, scale: int) -> str | None:
    """Read a number, rounded half up to ``scale``; None when ``precision`` does not hold it."""
    if _DECIMAL.fullmatch(text) is None:
        return None
    try:
        found = Decimal(text).quantize(
            Decimal((0, (1,), -scale)), context=Context(precision, ROUND_HALF_UP)
        )
    except (InvalidOperation, Overflow):
        return None
    return f"{found:f}"


class TimePattern:
    """One of Spark's datetime patterns, as ``timestamp_format`` and ``date_format`` take it.

    Known letters: ``yyyy yy MM M dd d HH H mm m ss s S... XXX XX X``, with text in single
    quotes and optional parts in square brackets. A missing part is the first of its kind.

    Raises:
        ConfigError: The pattern has another letter.
    """

    _LETTERS: Final = {
        "yyyy": r"(?P<year>\d{4})", "yy": r"(?P<short_year>\d{2})", "MM": r"(?P<month>\d{2})",
        "M": r"(?P<month>\d{1,2})", "dd": r"(?P<day>\d{2})", "d": r"(?P<day>\d{1,2})",
        "HH": r"(?P<hour>\d{2})", "H": r"(?P<hour>\d{1,2})", "mm": r"(?P<minute>\d{2})",
        "m": r"(?P<minute>\d{1,2})", "ss": r"(?P<second>\d{2})", "s": r"(?P<second>\d{1,2})",
        "XXX": r"(?P<zone>Z|[+-]\d{2}:\d{2})", "XX": r"(?P<zone>Z|[+-]\d{4})",
        "X": r"(?P<zone>Z|[+-]\d{2}(?:\d{2})?)",
    }  # fmt: skip
    _PART: Final = lazy_pattern(r"([A-Za-z])\1*|'((?:[^']|'')*)'|(.)", re.DOTALL)

    def __init__(self, pattern: str, *, option: str) -> None:
        parts = [self._regex(match, pattern, option) for match in self._PART.finditer(pattern)]
        try:
            self._pattern = re.compile("".join(parts), re.ASCII)
        except re.error as error:
            raise self._unknown(pattern, option) from error

    def _regex(self, match: re.Match[str], pattern: str, option: str) -> str:
        letters, quoted, other = match[0], match[2], match[3]
        if quoted is not None:
            return re.escape(quoted.replace("''", "'") or "'")
        if other is not None:
            return {"[": "(?:", "]": ")?"}.get(other, re.escape(other))
        if letters.strip("S") == "":
            return rf"(?P<fraction>\d{{{len(letters)}}})"
        if letters not in self._LETTERS:
            raise self._unknown(pattern, option)
        return self._LETTERS[letters]

    @staticmethod
    def _unknown(pattern: str, option: str) -> ConfigError:
        return ConfigError(
            f"{option} {pattern!r} cannot be read",
            fix="use yyyy, MM, dd, HH, mm, ss, S..., XXX, each once, text in single quotes, and"
            " square brackets around optional parts",
        )

    def timestamp(self, text: str, *, zone_allowed: bool = True) -> str | None:
        """Read a text by this pattern as ``timestamp_text`` gives it."""
        match = self._pattern.fullmatch(text)
        if match is None:
            return None
        found = match.groupdict()
        day = self._day(found)
        time = ":".join(found.get(name) or "0" for name in ("hour", "minute", "second"))
        fraction = f".{found['fraction']}" if found.get("fraction") else ""
        zone = found.get("zone") or ""
        return timestamp_text(f"{day}T{time}{fraction}{zone}", zone_allowed=zone_allowed)

    def date(self, text: str) -> str | None:
        """Read a text by this pattern as ``date_text`` gives it."""
        match = self._pattern.fullmatch(text)
        return date_text(self._day(match.groupdict())) if match else None

    @staticmethod
    def _day(found: dict[str, str | None]) -> str:
        short = found.get("short_year")
        year = found.get("year") or (f"20{short}" if short else "1970")
        return f"{year}-{found.get('month') or 1}-{found.get('day') or 1}"


@lru_cache(maxsize=64)
def time_pattern(pattern: str, option: str) -> TimePattern:
    """Give the compiled form of a pattern.

    Raises:
        ConfigError: It has a letter that is not known.
    """
    return TimePattern(pattern, option=option)
