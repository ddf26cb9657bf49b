"""Spark's arithmetic (ANSI mode) in DuckDB's SQL: overflow and division by zero are errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.coercion import (
    INTEGERS,
    TIMES,
    as_decimal,
    common_type,
    decimal_result,
    duck_type,
    is_number,
    wider_decimal,
)
from lakestream.sql.value import Value, cast_value

_UNITS: Final = {
    "year": "month", "month": "month", "week": "day", "day": "day", "hour": "time",
    "minute": "time", "second": "time", "millisecond": "time", "microsecond": "time",
}  # fmt: skip
#: Digits of a decimal that the engine holds in 64 bits.
_NARROW: Final = 18
_COUNT: Final = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Interval:
    """A literal interval of one unit."""

    count: int
    unit: str

    @classmethod
    def of(cls, count: str, unit: str) -> Interval:
        """Read ``INTERVAL count unit``.

        Raises:
            UnsupportedOperationError: Not a whole number of one known unit.
        """
        name = unit.lower().removesuffix("s")
        if name not in _UNITS or not _COUNT.fullmatch(count.strip()):
            raise UnsupportedOperationError(
                "this interval is not a whole number of one unit",
                where="an INTERVAL",
                fix="write INTERVAL 90 MINUTES, or add several intervals",
            )
        return cls(int(count), name)


def shift(value: Value, interval: Interval, operator: str) -> Value:
    """Give a date or time moved by an interval; whole days leave a date a date.

    Raises:
        PlanError: The value is no time, or the operator neither plus nor minus.
    """
    if value.kind not in TIMES or operator not in "+-":
        raise PlanError(
            f"an interval cannot be used with {operator!r} on {t.type_name(value.kind)}",
            where="an INTERVAL",
            fix="add it to a date or timestamp",
        )
    if value.kind == t.DATE and _UNITS[interval.unit] == "time":
        value = cast_value(value, t.TIMESTAMP)
    sql = f"({value.sql} {operator} to_{interval.unit}s({interval.count}))"
    return value.merge(f"CAST({sql} AS {duck_type(value.kind)})", value.kind)


def negate(value: Value) -> Value:
    """Give ``-value``.

    Raises:
        PlanError: It is no number.
    """
    if value.kind == t.STRING:
        value = cast_value(value, t.DOUBLE)
    if not is_number(value.kind):
        raise PlanError(
            f"a {t.type_name(value.kind)} has no negative", where="-", fix="cast it to a number"
        )
    return value.merge(f"(-{value.sql})", value.kind)


def combine(operator: str, left: Value, right: Value, where: str) -> Value:
    """Give ``left operator right``, as the type that Spark gives it.

    Raises:
        PlanError: The types do not go together.
        UnsupportedOperationError: Spark would lose digits of a decimal silently.
    """
    if left.kind in TIMES or right.kind in TIMES:
        return _days(operator, left, right, where)
    left, right = _as_numbers(left, right, where)
    if operator in "&|^":
        return _bits(operator, left, right, where)
    if operator == "div":
        return _whole_division(left, right, where)
    if isinstance(left.kind, t.Decimal):
        return _decimals(operator, left, right, where)
    if operator == "/":
        left, right = cast_value(left, t.DOUBLE), cast_value(right, t.DOUBLE)
    return left.merge(f"({left.sql} {operator} {right.sql})", left.kind, right)


def _as_numbers(left: Value, right: Value, where: str) -> tuple[Value, Value]:
    kind = common_type((left.kind, right.kind))
    if kind == t.VOID:
        kind = t.DOUBLE
    both = isinstance(left.kind, t.Decimal) or isinstance(right.kind, t.Decimal)
    decimals = [_literal_decimal(left), _literal_decimal(right)]
    if both and all(decimals):
        # Each keeps its own precision: the result's type depends on both.
        a, b = (each for each in decimals if each)
        return cast_value(left, a), cast_value(right, b)
    if kind is None or not is_number(kind):
        raise PlanError(
            f"{t.type_name(left.kind)} and {t.type_name(right.kind)} cannot be computed with",
            where=where,
            fix="cast both to numbers",
        )
    return cast_value(left, kind), cast_value(right, kind)


def _literal_decimal(value: Value) -> t.Decimal | None:
    """Give a number as a decimal; an integer literal is as wide as it is written."""
    if value.kind in INTEGERS and isinstance(value.literal, int):
        return t.Decimal(len(str(abs(value.literal))), 0)
    return as_decimal(value.kind)


def _decimals(operator: str, left: Value, right: Value, where: str) -> Value:
    a, b = as_decimal(left.kind), as_decimal(right.kind)
    result = decimal_result(operator, a, b) if a and b else None
    wide = wider_decimal(a, b) if a and b else None
    if a is None or b is None or result is None or wide is None:
        raise UnsupportedOperationError(
            "the exact result has more than 38 digits",
            where=where,
            fix="cast one side to a narrower decimal or to double",
        )
    if operator == "/":
        return _decimal_division(left, right, a, b, result)
    if operator in "+-":
        left, right = cast_value(left, result), cast_value(right, result)
    elif operator == "%":
        left, right = cast_value(left, wide), cast_value(right, wide)
    elif a.precision + b.precision > _NARROW:
        # The engine gives a product of two narrow decimals 18 digits; one wide side widens it.
        left = cast_value(left, t.Decimal(max(a.precision, _NARROW + 1), a.scale))
    sql = f"({left.sql} {operator} {right.sql})"
    return left.merge(f"CAST({sql} AS {duck_type(result)})", result, right)


def _decimal_division(
    left: Value, right: Value, a: t.Decimal, b: t.Decimal, result: t.Decimal
) -> Value:
    """Divide as whole numbers, rounded half up; DuckDB alone would divide doubles."""
    top = f"({_unscaled(left)} * {_power(result.scale - a.scale + b.scale)})"
    bottom = _unscaled(right)
    half = f"((abs({top}) * 2 + abs({bottom})) // (abs({bottom}) * 2))"
    plain = f"CAST({half} AS VARCHAR)"
    width = f"CAST(greatest(length({plain}), {result.scale + 1}) AS INTEGER)"
    digits = f"lpad({plain}, {width}, '0')"
    minus = f"CASE WHEN sign({top}) * sign({bottom}) < 0 THEN '-' ELSE '' END"
    text = f"({minus}) || left({digits}, -{result.scale}) || '.' || right({digits}, {result.scale})"
    return left.merge(f"CAST({text} AS {duck_type(result)})", result, right)


def _unscaled(value: Value) -> str:
    return f"CAST(replace(CAST({value.sql} AS VARCHAR), '.', '') AS HUGEINT)"


def _power(digits: int) -> str:
    return f"CAST('1{'0' * digits}' AS HUGEINT)"


def _whole_division(left: Value, right: Value, where: str) -> Value:
    if left.kind not in INTEGERS or right.kind not in INTEGERS:
        raise UnsupportedOperationError(
            "DIV takes whole numbers here", where=where, fix="cast both sides to bigint"
        )
    left, right = cast_value(left, t.LONG), cast_value(right, t.LONG)
    return left.merge(f"({left.sql} // {right.sql})", t.LONG, right)


def _bits(operator: str, left: Value, right: Value, where: str) -> Value:
    if left.kind not in INTEGERS:
        raise PlanError(f"{operator} takes whole numbers", where=where, fix="cast both sides")
    if operator == "^":
        return left.merge(f"xor({left.sql}, {right.sql})", left.kind, right)
    return left.merge(f"({left.sql} {operator} {right.sql})", left.kind, right)


def _days(operator: str, left: Value, right: Value, where: str) -> Value:
    if left.kind == t.DATE and right.kind in INTEGERS and operator in "+-":
        days = cast_value(right, t.INT)
        return left.merge(f"CAST({left.sql} {operator} {days.sql} AS DATE)", t.DATE, right)
    raise PlanError(
        f"{t.type_name(left.kind)} {operator} {t.type_name(right.kind)} is not defined here",
        where=where,
        fix="use datediff(end, start), or add an INTERVAL",
    )
