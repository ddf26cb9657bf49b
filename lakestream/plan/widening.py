"""Which types widen to which: every value of the one is a value of the other. Pure.

| stored | seen | becomes |
|---|---|---|
| tinyint, smallint, int | a wider integer | that integer |
| tinyint, smallint, int | float, double | double |
| tinyint, smallint, int | decimal(p,s) | decimal with 10 integer digits or more, and that scale |
| bigint | decimal(p,s) | decimal with 20 integer digits or more, and that scale |
| float | double | double |
| decimal(p,s) | decimal(q,r), integers | decimal that holds both |
| date | timestamp_ntz | timestamp_ntz |

A decimal of more than 38 digits does not exist: there the stored type stays. The table is Auto
Loader's (``addNewColumnsWithTypeWidening``), whose types are those of Delta's type widening.
"""

from __future__ import annotations

from typing import Final

from lakestream.plan import types as t

_INTEGERS: Final = (t.BYTE, t.SHORT, t.INT, t.LONG)
_INTEGER_DIGITS: Final = {t.BYTE: 10, t.SHORT: 10, t.INT: 10, t.LONG: 20}


def widened(stored: t.SparkType, seen: t.SparkType) -> t.SparkType | None:
    """Give the type that a stored type widens to when a value of another type is seen.

    Returns:
        The wider type, or None where the table above has none (also for equal or narrower).
    """
    found: t.SparkType | None = None
    match stored, seen:
        case t.Simple(), t.Simple() if stored in _INTEGERS and seen in _INTEGERS:
            found = max(stored, seen, key=_INTEGERS.index)
        case ((t.BYTE | t.SHORT | t.INT), (t.FLOAT | t.DOUBLE)):
            found = t.DOUBLE
        case t.FLOAT, t.DOUBLE:
            found = t.DOUBLE
        case t.DATE, t.TIMESTAMP_NTZ:
            found = t.TIMESTAMP_NTZ
        case _:
            found = _wider_decimal(stored, seen)
    return None if found == stored else found


def widens_to(narrow: t.SparkType, wide: t.SparkType) -> bool:
    """Tell whether every value of a type, parts of nested ones included, is one of the other.

    Fields that only the wide one has may come; none may go.
    """
    match narrow, wide:
        case t.Struct(), t.Struct():
            pairs = ((kind, wide.get(name)) for name, kind in narrow.fields)
            return all(found is not None and widens_to(kind, found) for kind, found in pairs)
        case t.Array(one), t.Array(other):
            return widens_to(one, other)
        case t.Map(key, value), t.Map(wide_key, wide_value):
            return key == wide_key and widens_to(value, wide_value)
        case _:
            return narrow == wide or widened(narrow, wide) == wide


def retyped(stored: t.SparkType, seen: t.SparkType) -> t.SparkType:
    """Give a stored type as it must be to take values of another: wider, but no part more.

    Fields are told apart without case; keys of maps stay as they are. Where the table above has no
    wider type, the stored one stays.
    """
    match stored, seen:
        case t.Struct(fields), t.Struct():
            kinds = {name.lower(): kind for name, kind in seen.fields}
            return t.Struct(
                tuple((name, retyped(kind, kinds.get(name.lower(), kind))) for name, kind in fields)
            )
        case t.Array(one), t.Array(other):
            return t.Array(retyped(one, other))
        case t.Map(key, one), t.Map(_, other):
            return t.Map(key, retyped(one, other))
        case _:
            return widened(stored, seen) or stored


def _wider_decimal(stored: t.SparkType, seen: t.SparkType) -> t.Decimal | None:
    """Give the decimal that holds both, when one of them is a decimal and both are exact."""
    sizes = [_decimal_size(stored), _decimal_size(seen)]
    if t.Decimal not in (type(stored), type(seen)) or None in sizes:
        return None
    known = [size for size in sizes if size is not None]
    digits = max(digits for digits, _ in known)
    scale = max(scale for _, scale in known)
    return t.Decimal(digits + scale, scale) if digits + scale <= t.MAX_PRECISION else None


def _decimal_size(kind: t.SparkType) -> tuple[int, int] | None:
    """Give the digits before and behind the point that hold any value of an exact type."""
    match kind:
        case t.Decimal(precision, scale):
            return precision - scale, scale
        case t.Simple() if kind in _INTEGER_DIGITS:
            return _INTEGER_DIGITS[kind], 0
        case _:
            return None
