"""Spark's rules for types that meet: common types, decimal arithmetic, DuckDB's type names.

Source: Spark 4's ANSI type coercion and ``DecimalPrecision``, with ANSI mode on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lakestream.plan import types as t

_NUMBERS: Final = (t.BYTE, t.SHORT, t.INT, t.LONG, t.FLOAT, t.DOUBLE)
INTEGERS: Final = (t.BYTE, t.SHORT, t.INT, t.LONG)
FRACTIONS: Final = (t.FLOAT, t.DOUBLE)
TIMES: Final = (t.DATE, t.TIMESTAMP_NTZ, t.TIMESTAMP)
_INTEGER_DIGITS: Final = {t.BYTE: 3, t.SHORT: 5, t.INT: 10, t.LONG: 20}
_DUCK: Final = {
    t.BOOLEAN: "BOOLEAN", t.BYTE: "TINYINT", t.SHORT: "SMALLINT", t.INT: "INTEGER",
    t.LONG: "BIGINT", t.FLOAT: "FLOAT", t.DOUBLE: "DOUBLE", t.STRING: "VARCHAR",
    t.BINARY: "BLOB", t.DATE: "DATE", t.TIMESTAMP: "TIMESTAMPTZ", t.TIMESTAMP_NTZ: "TIMESTAMP",
    t.VOID: "INTEGER",
}  # fmt: skip


def duck_type(kind: t.SparkType) -> str:
    """Give the DuckDB type that holds a Spark type; an untyped null travels as an integer."""
    match kind:
        case t.Decimal(precision, scale):
            return f"DECIMAL({precision},{scale})"
        case t.Array(element):
            return f"{duck_type(element)}[]"
        case t.Map(key, value):
            return f"MAP({duck_type(key)}, {duck_type(value)})"
        case t.Struct(fields):
            inner = ", ".join(f"{quote(name)} {duck_type(each)}" for name, each in fields)
            return f"STRUCT({inner})"
        case t.Simple():
            return _DUCK[kind]


def quote(name: str) -> str:
    """Give a name as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Give a text as a DuckDB literal."""
    return "'" + text.replace("'", "''") + "'"


def is_number(kind: t.SparkType) -> bool:
    """Tell whether arithmetic works on the type."""
    return kind in _NUMBERS or isinstance(kind, t.Decimal)


def as_decimal(kind: t.SparkType) -> t.Decimal | None:
    """Give the decimal that holds an integer type's values, or the decimal itself."""
    if isinstance(kind, t.Decimal):
        return kind
    digits = _INTEGER_DIGITS.get(kind) if isinstance(kind, t.Simple) else None
    return t.Decimal(digits, 0) if digits else None


def wider_decimal(left: t.Decimal, right: t.Decimal) -> t.Decimal | None:
    """Give the decimal that holds the values of both, or None when 38 digits do not suffice."""
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return _bounded(whole + scale, scale)


def decimal_result(operator: str, left: t.Decimal, right: t.Decimal) -> t.Decimal | None:
    """Give Spark's result type of ``+ - * / %``, or None beyond 38 digits.

    Beyond 38 digits Spark gives up digits behind the point; a silent loss that we refuse.
    """
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    match operator:
        case "*":
            return _bounded(p1 + p2 + 1, s1 + s2)
        case "/":
            scale = max(6, s1 + p2 + 1)
            return _bounded(p1 - s1 + s2 + scale, scale)
        case "%":
            return _bounded(min(p1 - s1, p2 - s2) + max(s1, s2), max(s1, s2))
        case _:
            scale = max(s1, s2)
            return _bounded(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _bounded(precision: int, scale: int) -> t.Decimal | None:
    return t.Decimal(precision, scale) if precision <= t.MAX_PRECISION else None


def common_type(kinds: Iterable[t.SparkType]) -> t.SparkType | None:
    """Give the type that all values take when they meet in one column, or None.

    As Spark's ANSI mode: numbers widen, dates become timestamps, a text takes the other's type
    (integers: bigint; fractions: double), an untyped null takes any.
    """
    found: t.SparkType = t.VOID
    for kind in kinds:
        met = _meet(found, kind)
        if met is None:
            return None
        found = met
    return found


def _meet(a: t.SparkType, b: t.SparkType) -> t.SparkType | None:
    if b in (a, t.VOID):
        return a
    if a == t.VOID:
        return b
    if t.STRING in (a, b):
        return _with_text(b if a == t.STRING else a)
    if is_number(a) and is_number(b):
        return _numbers(a, b)
    if a in TIMES and b in TIMES:
        return max(a, b, key=TIMES.index)
    if isinstance(a, t.Array) and isinstance(b, t.Array):
        element = _meet(a.element, b.element)
        return t.Array(element) if element else None
    return None


def _with_text(other: t.SparkType) -> t.SparkType | None:
    if other in INTEGERS:
        return t.LONG
    if is_number(other):
        return t.DOUBLE
    return other if isinstance(other, t.Simple) else None


def _numbers(a: t.SparkType, b: t.SparkType) -> t.SparkType | None:
    if isinstance(a, t.Decimal) or isinstance(b, t.Decimal):
        if a in FRACTIONS or b in FRACTIONS:
            return t.DOUBLE
        left, right = as_decimal(a), as_decimal(b)
        return wider_decimal(left, right) if left and right else None
    if t.FLOAT in (a, b) and (a in INTEGERS or b in INTEGERS):
        return t.DOUBLE
    return max(a, b, key=_NUMBERS.index)
