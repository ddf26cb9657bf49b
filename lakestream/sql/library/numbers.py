"""Functions over numbers."""

from __future__ import annotations

from collections.abc import Sequence

from lakestream.errors import PlanError
from lakestream.plan import types as t
from lakestream.sql import arithmetic
from lakestream.sql.coercion import FRACTIONS, INTEGERS, duck_type
from lakestream.sql.library.registry import accept, function, simple
from lakestream.sql.value import Value, cast_value

simple("abs", "number", "{0}", "abs({0})")
simple(
    "sqrt", "double", "double", "(CASE WHEN {0} < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt({0}) END)"
)
simple("cbrt", "double", "double", "cbrt({0})")
simple("exp", "double", "double", "exp({0})")
simple("ln log", "double", "double", "(CASE WHEN {0} > 0 THEN ln({0}) END)")
simple("log10", "double", "double", "(CASE WHEN {0} > 0 THEN log10({0}) END)")
simple("log2", "double", "double", "(CASE WHEN {0} > 0 THEN log2({0}) END)")
# Zero to a negative power is infinite; minus zero to an odd one keeps its sign.
simple("pow power", "double double", "double",
       "(CASE WHEN {0} = 0 AND {1} < 0 THEN CASE WHEN CAST({0} AS VARCHAR) = '-0.0' "
       "AND abs({1} % 2) = 1 THEN CAST('-Infinity' AS DOUBLE) ELSE CAST('Infinity' AS DOUBLE) END "
       "ELSE pow({0}, {1}) END)")  # fmt: skip
for _name in ("sin", "cos", "tan"):
    simple(_name, "double", "double",
           f"(CASE WHEN isinf({{0}}) THEN CAST('NaN' AS DOUBLE) ELSE {_name}({{0}}) END)")  # fmt: skip  # noqa: E501 - one expression
simple("atan", "double", "double", "atan({0})")
simple("atan2", "double double", "double", "atan2({0}, {1})")
simple("degrees", "double", "double", "degrees({0})")
simple("radians", "double", "double", "radians({0})")
simple("pi", "", "double", "pi()")
simple("sign signum", "double", "double",
       "(CASE WHEN {0} = 0 OR isnan({0}) THEN {0} ELSE CAST(sign({0}) AS DOUBLE) END)")  # fmt: skip
simple("isnan", "double", "boolean", "coalesce(isnan({0}), false)")
simple("factorial", "int", "bigint",
       "(CASE WHEN {0} BETWEEN 0 AND 20 THEN CAST(factorial({0}) AS BIGINT) END)")  # fmt: skip
simple("positive", "number", "{0}", "{0}")


def _whole(name: str) -> None:
    def build(values: Sequence[Value], where: str) -> Value:
        value = accept(values[0], "number", where)
        if value.kind in INTEGERS:
            return cast_value(value, t.LONG)
        if isinstance(value.kind, t.Decimal):
            digits = value.kind.precision - value.kind.scale + (1 if value.kind.scale else 0)
            kind = t.Decimal(max(digits, 1), 0)
            return value.merge(f"CAST({name}({value.sql}) AS {duck_type(kind)})", kind)
        # As Java: what is too large becomes the largest, what is not a number 0.
        sql = (
            f"(CASE WHEN isnan({value.sql}) THEN 0 WHEN {value.sql} >= 9223372036854775807 "
            f"THEN 9223372036854775807 WHEN {value.sql} <= -9223372036854775808 "
            f"THEN -9223372036854775808 ELSE CAST({name}({value.sql}) AS BIGINT) END)"
        )
        return value.merge(f"CAST({sql} AS BIGINT)", t.LONG)

    function("ceil ceiling" if name == "ceil" else "floor", 1)(build)


_whole("ceil")
_whole("floor")


def _round(values: Sequence[Value], where: str) -> Value:
    value = accept(values[0], "number", where)
    places = values[1].literal if len(values) > 1 else 0
    if not isinstance(places, int):
        raise PlanError("round() takes a literal number of places", where=where, fix="write it out")
    if value.kind in INTEGERS:
        if places >= 0:
            return value.merge(value.sql, value.kind)
        unit = 10 ** min(-places, 18)
        wide = f"CAST({value.sql} AS HUGEINT)"
        sql = f"CAST(sign({wide}) * ((abs({wide}) + {unit // 2}) // {unit}) * {unit} AS {duck_type(value.kind)})"  # noqa: E501 - one expression
        return value.merge(sql, value.kind)
    if isinstance(value.kind, t.Decimal):
        return _round_decimal(value, value.kind, places)
    if value.kind in FRACTIONS and places >= 0:
        # Through the shortest spelling, as Java's BigDecimal does: 2.675 rounds to 2.68.
        exact = (
            f"CAST(CAST(CAST({value.sql} AS DOUBLE) AS VARCHAR) AS DECIMAL(38,{min(places, 18)}))"
        )
        large = f"(abs({value.sql}) >= 1e15 OR isnan({value.sql}))"
        sql = f"(CASE WHEN {large} THEN {value.sql} ELSE CAST({exact} AS {duck_type(value.kind)}) END)"  # noqa: E501 - one expression
        return value.merge(sql, value.kind)
    raise PlanError("places below zero need a whole number", where=where, fix="cast to bigint")


def _round_decimal(value: Value, kind: t.Decimal, places: int) -> Value:
    scale = max(0, min(kind.scale, places))
    if places < 0:
        raise PlanError("places below zero need a whole number", fix="cast to bigint")
    digits = min(kind.precision - kind.scale + scale + 1, t.MAX_PRECISION)
    return cast_value(value, t.Decimal(max(digits, 1), scale))


function("round", 1)(_round)
function("round", 2)(_round)


@function("mod", 2)
def _mod(values: Sequence[Value], where: str) -> Value:
    return arithmetic.combine("%", values[0], values[1], where)


@function("pmod", 2)
def _pmod(values: Sequence[Value], where: str) -> Value:
    inner = arithmetic.combine("%", values[0], values[1], where)
    divisor = cast_value(accept(values[1], "number", where), inner.kind)
    wide = f"CAST({divisor.sql} AS HUGEINT)" if inner.kind in INTEGERS else divisor.sql
    moved = f"(({inner.sql}) + {wide}) % {wide}"
    sql = f"CAST(CASE WHEN {inner.sql} < 0 THEN {moved} ELSE {inner.sql} END AS {duck_type(inner.kind)})"  # noqa: E501 - one expression
    return inner.merge(sql, inner.kind, divisor)


@function("negative negate", 1)
def _negative(values: Sequence[Value], where: str) -> Value:
    return arithmetic.negate(accept(values[0], "number", where))
