"""Functions over numbers."""

from __future__ import annotations

from lakestream.plan.column import Column, ColumnOrName, call, named


def round(col: ColumnOrName, scale: int | None = None) -> Column:  # noqa: A001 - PySpark's name
    """Round half up to so many places."""
    return call("round", named(col), *([] if scale is None else [scale]))


def abs(col: ColumnOrName) -> Column:  # noqa: A001 - PySpark's name
    """Give the value without its sign."""
    return call("abs", named(col))


def sqrt(col: ColumnOrName) -> Column:
    """Give the square root; NaN below zero."""
    return call("sqrt", named(col))


def cbrt(col: ColumnOrName) -> Column:
    """Give the cubic root."""
    return call("cbrt", named(col))


def exp(col: ColumnOrName) -> Column:
    """Give e to the power of the value."""
    return call("exp", named(col))


def ln(col: ColumnOrName) -> Column:
    """Give the natural logarithm; null at or below zero."""
    return call("ln", named(col))


def log10(col: ColumnOrName) -> Column:
    """Give the logarithm to base 10; null at or below zero."""
    return call("log10", named(col))


def log2(col: ColumnOrName) -> Column:
    """Give the logarithm to base 2; null at or below zero."""
    return call("log2", named(col))


def pow(col1: ColumnOrName | float, col2: ColumnOrName | float) -> Column:  # noqa: A001 - PySpark's name
    """Give one value to the power of the other."""
    return call("pow", named(col1), named(col2))


def power(col1: ColumnOrName | float, col2: ColumnOrName | float) -> Column:
    """Give one value to the power of the other."""
    return call("power", named(col1), named(col2))


def sin(col: ColumnOrName) -> Column:
    """Give the sine."""
    return call("sin", named(col))


def cos(col: ColumnOrName) -> Column:
    """Give the cosine."""
    return call("cos", named(col))


def tan(col: ColumnOrName) -> Column:
    """Give the tangent."""
    return call("tan", named(col))


def atan(col: ColumnOrName) -> Column:
    """Give the inverse tangent."""
    return call("atan", named(col))


def atan2(col1: ColumnOrName | float, col2: ColumnOrName | float) -> Column:
    """Give the angle of a point."""
    return call("atan2", named(col1), named(col2))


def degrees(col: ColumnOrName) -> Column:
    """Give radians as degrees."""
    return call("degrees", named(col))


def radians(col: ColumnOrName) -> Column:
    """Give degrees as radians."""
    return call("radians", named(col))


def sign(col: ColumnOrName) -> Column:
    """Give -1, 0 or 1."""
    return call("sign", named(col))


def signum(col: ColumnOrName) -> Column:
    """Give -1, 0 or 1."""
    return call("signum", named(col))


def isnan(col: ColumnOrName) -> Column:
    """True where the value is not a number."""
    return call("isnan", named(col))


def factorial(col: ColumnOrName) -> Column:
    """Give the factorial of 0 to 20, else null."""
    return call("factorial", named(col))


def negative(col: ColumnOrName) -> Column:
    """Give the value with the other sign."""
    return call("negative", named(col))


def ceil(col: ColumnOrName) -> Column:
    """Round up to a whole number."""
    return call("ceil", named(col))


def floor(col: ColumnOrName) -> Column:
    """Round down to a whole number."""
    return call("floor", named(col))


def pmod(dividend: ColumnOrName | float, divisor: ColumnOrName | float) -> Column:
    """Give the remainder that is not below zero."""
    return call("pmod", named(dividend), named(divisor))
