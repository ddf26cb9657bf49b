"""What text is accepted for each type: the written table, one value at a time.

| type | accepted |
|---|---|
| string, binary | everything |
| boolean | ``true`` and ``false`` in any case |
| tinyint ... bigint | an optional sign and digits, within the type's range |
| float, double | digits with point, sign and exponent, within the type's range; ``nan_value``, ``positive_inf``, ``negative_inf`` |
| decimal(p,s) | the same digits, rounded half up to the scale, within the precision |
| date | ``date_format``, else ``yyyy-[M]M-[d]d`` |
| timestamp | ``timestamp_format``, else ``yyyy-[M]M-[d]d[(T or space)HH:mm[:ss[.fraction]][zone]]``; without a zone it is UTC; digits behind microseconds are cut off |
| timestamp_ntz | the same without a zone |
| anything else | nothing |

White space belongs to a number, so ``" 1"`` is none; dates and times may have it around them.
Years are 1 to 9999. ``1.0`` is no integer. This is Spark's table, but where Spark turns a
number beyond the range into infinity, it is no value here: the text is rescued.
"""  # noqa: E501 - a table's row is a line

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import inf, isfinite, nan
from typing import Final

from lakestream.formats.json_scalars import (
    TimePattern,
    date_text,
    decimal_text,
    time_pattern,
    timestamp_text,
)
from lakestream.formats.zones import in_utc, zone_of
from lakestream.lazy_pattern import lazy_pattern
from lakestream.plan import types as t

_INTEGER: Final = lazy_pattern(r"[+-]?[0-9]+")
_NUMBER: Final = lazy_pattern(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BITS: Final = {t.BYTE: 8, t.SHORT: 16, t.INT: 32, t.LONG: 64}
#: Longer texts are no integer of ours; Python refuses to read very long ones at all.
_MAX_DIGITS: Final = 400

#: A value as pyarrow takes it; None when the text is not of the type.
Value = bool | int | float | str | bytes | Decimal | date | datetime


@dataclass(frozen=True, slots=True)
class ValueRules:
    """The options that say how values are written.

    Args:
        nan_value, positive_inf, negative_inf: Texts of the floats that have no digits.
        date_format, timestamp_format: Spark's patterns, or None for the forms above.
        prefer_date: Whether inference takes a text without a time for a date.
        time_zone: Of timestamps that are written without one; None for UTC.
    """

    nan_value: str = "NaN"
    positive_inf: str = "Inf"
    negative_inf: str = "-Inf"
    date_format: str | None = None
    timestamp_format: str | None = None
    prefer_date: bool = True
    time_zone: str | None = None

    @property
    def date_pattern(self) -> TimePattern | None:
        """The compiled ``date_format``."""
        return time_pattern(self.date_format, "date_format") if self.date_format else None

    @property
    def timestamp_pattern(self) -> TimePattern | None:
        """The compiled ``timestamp_format``."""
        if not self.timestamp_format:
            return None
        return time_pattern(self.timestamp_format, "timestamp_format")


def value_of(text: str, kind: t.SparkType, rules: ValueRules) -> Value | None:
    """Read a text as a value of a type by the table, or give None."""
    match kind:
        case t.STRING:
            return text
        case t.BINARY:
            return text.encode()
        case t.BOOLEAN:
            return {"true": True, "false": False}.get(text.lower())
        case t.BYTE | t.SHORT | t.INT | t.LONG:
            return _integer(text, _BITS[kind])
        case t.FLOAT | t.DOUBLE:
            return _float(text, rules, single=kind == t.FLOAT)
        case t.Decimal(precision, scale):
            found = decimal_text(text, precision, scale)
            return None if found is None else Decimal(found)
        case t.DATE:
            pattern = rules.date_pattern
            day = pattern.date(text) if pattern else date_text(text)
            return None if day is None else date.fromisoformat(day)
        case t.TIMESTAMP | t.TIMESTAMP_NTZ:
            return _time(text, rules, zone_allowed=kind == t.TIMESTAMP)
        case _:
            return None


def _integer(text: str, bits: int) -> int | None:
    if len(text) > _MAX_DIGITS or not _INTEGER.fullmatch(text):
        return None
    found = int(text)
    return found if -(2 ** (bits - 1)) <= found < 2 ** (bits - 1) else None


def _float(text: str, rules: ValueRules, *, single: bool) -> float | None:
    named = {rules.nan_value: nan, rules.positive_inf: inf, rules.negative_inf: -inf}.get(text)
    if named is not None:
        return named
    if not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    if single and isfinite(found):
        try:
            struct.pack("<f", found)
        except OverflowError:
            return None
    return found if isfinite(found) else None


def _time(text: str, rules: ValueRules, *, zone_allowed: bool) -> datetime | None:
    pattern = rules.timestamp_pattern
    read = pattern.timestamp if pattern else timestamp_text
    found = read(text, zone_allowed=zone_allowed)
    if found is None:
        return None
    moment = datetime.fromisoformat(found)
    if not zone_allowed:
        return moment
    return in_utc(moment, zone_of(rules.time_zone))


def kind_of(text: str, rules: ValueRules) -> t.SparkType:
    """Give the type that inference takes a text for: the first of the table's that reads it.

    In order: int, bigint, decimal(p,0) for longer integers, double, date (with ``prefer_date``),
    timestamp, boolean, string.
    """
    if len(text) <= _MAX_DIGITS and _INTEGER.fullmatch(text):
        return _integer_kind(text)
    if _float(text, rules, single=False) is not None:
        return t.DOUBLE
    if rules.prefer_date and value_of(text, t.DATE, rules) is not None:
        return t.DATE
    for kind in (t.TIMESTAMP, t.BOOLEAN):
        if value_of(text, kind, rules) is not None:
            return kind
    return t.STRING


def _integer_kind(text: str) -> t.SparkType:
    number = int(text)
    for kind in (t.INT, t.LONG):
        if -(2 ** (_BITS[kind] - 1)) <= number < 2 ** (_BITS[kind] - 1):
            return kind
    digits = len(str(abs(number)))
    if digits <= t.MAX_PRECISION:
        return t.Decimal(digits, 0)
    return t.DOUBLE if digits < len(str(10**308)) else t.STRING


def merged_kind(one: t.SparkType, other: t.SparkType) -> t.SparkType:
    """Give the type that holds both; ``VOID`` is that of no value at all."""
    if other in (one, t.VOID):
        return one
    if one == t.VOID:
        return other
    if {one, other} == {t.DATE, t.TIMESTAMP}:
        return t.TIMESTAMP
    ranks = [_rank(one), _rank(other)]
    if None in ranks:
        return t.STRING
    wide, narrow = (one, other) if (ranks[0] or 0) >= (ranks[1] or 0) else (other, one)
    if isinstance(wide, t.Decimal):
        digits = narrow.precision if isinstance(narrow, t.Decimal) else 20
        return t.Decimal(max(wide.precision, digits), 0)
    return wide


def _rank(kind: t.SparkType) -> int | None:
    match kind:
        case t.INT:
            return 0
        case t.LONG:
            return 1
        case t.Decimal():
            return 2
        case t.DOUBLE:
            return 3
        case _:
            return None
