"""Functions that choose between values, and casts by name."""

from __future__ import annotations

from collections.abc import Sequence

from lakestream.errors import PlanError
from lakestream.plan import types as t
from lakestream.sql import ordering
from lakestream.sql.coercion import common_type
from lakestream.sql.library.registry import function, origins_of, simple, variadic
from lakestream.sql.value import Value, cast_value

simple("isnull", "any", "boolean", "({0} IS NULL)")
simple("isnotnull", "any", "boolean", "({0} IS NOT NULL)")

for _name in ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string",
              "date", "timestamp", "binary"):  # fmt: skip

    def _cast_to(values: Sequence[Value], _where: str, kind: str = _name) -> Value:
        return cast_value(values[0], t.parse_type(kind))

    function(_name, 1)(_cast_to)


def _alike(values: Sequence[Value], where: str) -> list[Value]:
    kind = common_type(value.kind for value in values)
    if kind is None:
        raise PlanError("the arguments' types do not go together", where=where, fix="cast them")
    return [cast_value(value, kind) for value in values]


@variadic("coalesce", 1)
def _coalesce(values: Sequence[Value], where: str) -> Value:
    given = _alike(values, where)
    sql = f"coalesce({', '.join(each.sql for each in given)})"
    return Value(sql, given[0].kind, origins=origins_of(given))


function("nvl ifnull", 2)(_coalesce)


@function("nvl2", 3)
def _nvl2(values: Sequence[Value], where: str) -> Value:
    there, missing = _alike(values[1:], where)
    sql = f"(CASE WHEN {values[0].sql} IS NOT NULL THEN {there.sql} ELSE {missing.sql} END)"
    return Value(sql, there.kind, origins=origins_of(values))


@function("nullif", 2)
def _nullif(values: Sequence[Value], where: str) -> Value:
    left, right = _alike(values, where)
    sql = f"(CASE WHEN {left.sql} = {right.sql} THEN NULL ELSE {values[0].sql} END)"
    return Value(sql, values[0].kind, origins=origins_of(values))


@function("nanvl", 2)
def _nanvl(values: Sequence[Value], _where: str) -> Value:
    kind = t.FLOAT if all(each.kind == t.FLOAT for each in values) else t.DOUBLE
    left, right = (cast_value(each, kind) for each in values)
    sql = f"(CASE WHEN isnan({left.sql}) THEN {right.sql} ELSE {left.sql} END)"
    return left.merge(sql, kind, right)


def _extreme(name: str) -> None:
    @variadic(name, 2)
    def build(values: Sequence[Value], where: str) -> Value:
        given = _alike(values, where)
        listed = ", ".join(each.sql for each in given)
        sql = f"{name}({listed})"
        if ordering.is_nested(given[0].kind):
            sql = ordering.extreme(f"[{listed}]", given[0].kind, largest=name == "greatest")
        return Value(sql, given[0].kind, origins=origins_of(given))


_extreme("greatest")
_extreme("least")
