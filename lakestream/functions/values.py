"""Columns, literals, and functions that choose between values."""

from __future__ import annotations

from lakestream.errors import PlanError
from lakestream.plan.column import Column, ColumnOrName, Literal, branch, call, named, to_column


def col(col: str) -> Column:
    """Give a column by its name: ``price``, ``table.price``, ``struct.field``, ```odd name```."""
    return named(col)


def lit(col: object) -> Column:
    """Give a Python value as a literal, of the type that PySpark gives it."""
    return to_column(col)


def expr(str: str) -> Column:  # noqa: A002 - PySpark's name
    """Give a Spark SQL expression: ``F.expr("INSTR(product, 'Bike') > 0")``."""
    from lakestream.sql.dialect import parse_expression

    return Column(parse_expression(str))


def when(condition: Column, value: Column | Literal) -> Column:
    """Choose a value by condition; go on with ``.when(...)`` and ``.otherwise(...)``."""
    if not isinstance(condition, Column):
        raise PlanError("when() takes a condition", fix='write F.col("x") > 0, or F.expr("...")')
    return branch(condition, value)


def call_function(funcName: str, *cols: ColumnOrName) -> Column:  # noqa: N803 - PySpark's name
    """Call any function of docs/sql.md by name."""
    return call(funcName, *(named(each) for each in cols))


def coalesce(*cols: ColumnOrName) -> Column:
    """Give the first value that is not null."""
    return call("coalesce", *map(named, cols))


def greatest(*cols: ColumnOrName) -> Column:
    """Give the largest value; nulls are skipped."""
    return call("greatest", *map(named, cols))


def least(*cols: ColumnOrName) -> Column:
    """Give the smallest value; nulls are skipped."""
    return call("least", *map(named, cols))


def isnull(col: ColumnOrName) -> Column:
    """True where there is no value."""
    return named(col).isNull()


def isnotnull(col: ColumnOrName) -> Column:
    """True where there is a value."""
    return named(col).isNotNull()


def nvl(col1: ColumnOrName, col2: ColumnOrName) -> Column:
    """Give the first value, or the second where it is null."""
    return call("nvl", named(col1), named(col2))


def ifnull(col1: ColumnOrName, col2: ColumnOrName) -> Column:
    """Give the first value, or the second where it is null."""
    return call("ifnull", named(col1), named(col2))


def nvl2(col1: ColumnOrName, col2: ColumnOrName, col3: ColumnOrName) -> Column:
    """Give the second value where the first is not null, else the third."""
    return call("nvl2", named(col1), named(col2), named(col3))


def nullif(col1: ColumnOrName, col2: ColumnOrName) -> Column:
    """Give null where two values are equal, else the first."""
    return call("nullif", named(col1), named(col2))


def nanvl(col1: ColumnOrName, col2: ColumnOrName) -> Column:
    """Give the second value where the first is NaN."""
    return call("nanvl", named(col1), named(col2))
