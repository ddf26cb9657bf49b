"""Spark expressions to DuckDB's SQL, with the type that Spark would give each of them.

Nothing is passed through as it is: an expression that is not written down here or in
``lakestream.sql.library`` is an error, never a guess.
"""

# ruff: noqa: SLF001 - the table of handlers stands beside the class that it is part of

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from lakestream.errors import (
    PlanError,
    UnknownColumnError,
    UnknownFunctionError,
    UnsupportedOperationError,
    near_names,
)
from lakestream.plan import types as t
from lakestream.sql import arithmetic, casts, ordering
from lakestream.sql.coercion import common_type, duck_type, quote_text
from lakestream.sql.dialect import text_of
from lakestream.sql.library import registry
from lakestream.sql.scope import Scope, parts_of
from lakestream.sql.value import Value, cast_value

_COMPARISONS: Final[dict[type[exp.Expression], str]] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip
_ARITHMETIC: Final[dict[type[exp.Expression], str]] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.IntDiv: "div",
    exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^",
}  # fmt: skip
#: The batch's own time, set by the session before the query.
_NOW: Final = "CAST(getvariable('now') AS TIMESTAMPTZ)"
_MAX_SQL: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates the expressions of one place.

    Args:
        scope: The columns that it may use.
        variables: Parameters of the lambdas that the place is inside of.
        depth: How many lambdas those are.
    """

    scope: Scope
    variables: Mapping[str, Value] = field(default_factory=dict)
    depth: int = 0

    def translate(self, expression: exp.Expression) -> Value:
        """Give an expression's SQL and type.

        Raises:
            UnknownColumnError: A name is none of the columns.
            UnknownFunctionError: A function is none of Spark's, or not among ours.
            UnsupportedOperationError: It cannot be computed row by row, or not exactly.
            PlanError: Types do not fit.
        """
        return self._bounded(self._translate, expression)

    def _bounded(
        self, translate: Callable[[exp.Expression], Value], expression: exp.Expression
    ) -> Value:
        try:
            found = translate(expression)
        except RecursionError as error:
            raise PlanError(
                "an expression nests too deep",
                where=self.scope.where,
                fix="compute parts of it with withColumn first",
            ) from error
        if len(found.sql) > _MAX_SQL:
            raise PlanError(
                "an expression is too large",
                where=self.scope.where,
                fix="compute parts of it with withColumn first",
            )
        return found

    def condition(self, expression: exp.Expression) -> Value:
        """Give a condition's SQL, for a place that only asks whether it is true.

        Raises:
            PlanError: It is not a boolean; and as ``translate``.
        """
        return self._bounded(lambda node: self._truth(node)[0], expression)

    def _truth(self, expression: exp.Expression) -> tuple[Value, str]:
        """Give the SQL of "it is true" and of "it is false"; neither is true of a null."""
        match expression:
            case exp.Paren():
                return self._truth(expression.this)
            case exp.Not():
                holds, fails = self._truth(expression.this)
                return holds.merge(fails, t.BOOLEAN), holds.sql
            case exp.And() | exp.Or():
                word, other = ("AND", "OR") if isinstance(expression, exp.And) else ("OR", "AND")
                left, not_left = self._truth(expression.this)
                right, not_right = self._truth(expression.expression)
                sql = f"({left.sql} {word} {right.sql})"
                return left.merge(sql, t.BOOLEAN, right), f"({not_left} {other} {not_right})"
            case _:
                found = self._boolean_of(expression)
                return found, f"(NOT {found.sql})"

    def _boolean_of(self, expression: exp.Expression) -> Value:
        found = self._translate(expression)
        if found.kind not in (t.BOOLEAN, t.VOID):
            raise PlanError(
                f"a condition must be boolean, this is {t.type_name(found.kind)}",
                where=f"{text_of(expression)} in {self.scope.where}",
                fix="compare it with something",
            )
        return cast_value(found, t.BOOLEAN)

    def with_variables(self, variables: Mapping[str, Value]) -> Translator:
        """Give a translator for the body of a lambda."""
        return Translator(self.scope, {**self.variables, **variables}, self.depth + 1)

    def _translate(self, node: exp.Expression) -> Value:
        kind = type(node)
        if kind in _COMPARISONS:
            return self._comparison(node, _COMPARISONS[kind])
        if kind in _ARITHMETIC:
            return self._arithmetic(node, _ARITHMETIC[kind])
        parts = parts_of(node)
        if parts is not None:
            return self._column(parts)
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise self._unsupported(node)
        return handler(self, node)

    def _unsupported(self, node: exp.Expression) -> UnsupportedOperationError:
        what, fix = _REFUSED.get(type(node), _REFUSED_OTHERWISE)
        return UnsupportedOperationError(
            what, where=f"{text_of(node)} in {self.scope.where}", fix=fix
        )

    # --- names --------------------------------------------------------------------------------
    def _column(self, parts: Sequence[str]) -> Value:
        if parts[0] in self.variables:
            return _fields(self.variables[parts[0]], parts[1:], self.scope.where)
        attribute, rest = self.scope.find(parts)
        found = Value(attribute.sql, attribute.kind, origins=attribute.origins)
        return _fields(found, rest, self.scope.where)

    def _identifier(self, node: exp.Expression) -> Value:
        return self._column([node.name])

    def _dot(self, node: exp.Expression) -> Value:
        return _fields(self._translate(node.this), [node.expression.name], self.scope.where)

    # --- literals -----------------------------------------------------------------------------
    def _literal(self, node: exp.Expression) -> Value:
        text = node.name
        if node.is_string:
            return text_value(text)
        if "e" in text.lower():
            return Value(f"CAST('{text}' AS DOUBLE)", t.DOUBLE, literal=float(text))
        if "." in text:
            digits, _, behind = text.partition(".")
            precision = max(len(digits.lstrip("0") + behind), len(behind), 1)
            kind = t.parse_type(f"decimal({precision},{len(behind)})")
            return Value(f"CAST('{text}' AS {duck_type(kind)})", kind, literal=text)
        return _integer(int(text))

    def _text(self, node: exp.Expression) -> Value:
        return text_value(node.name)

    def _hex(self, node: exp.Expression) -> Value:
        return Value(f"unhex('{bytes.fromhex(node.name).hex()}')", t.BINARY)

    def _boolean(self, node: exp.Expression) -> Value:
        return Value("true" if node.this else "false", t.BOOLEAN, literal=bool(node.this))

    def _null(self, _node: exp.Expression) -> Value:
        return Value("NULL", t.VOID)

    def _now(self, _node: exp.Expression) -> Value:
        return Value(_NOW, t.TIMESTAMP)

    def _today(self, _node: exp.Expression) -> Value:
        return Value(f"CAST({_NOW} AT TIME ZONE 'UTC' AS DATE)", t.DATE)

    # --- operators ----------------------------------------------------------------------------
    def _paren(self, node: exp.Expression) -> Value:
        return self._translate(node.this)

    def _negative(self, node: exp.Expression) -> Value:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            inner = node.this.name
            if inner.isdecimal():
                return _integer(-int(inner))
        return arithmetic.negate(self._translate(node.this))

    def _logic(self, node: exp.Expression) -> Value:
        """Give AND, OR, NOT as a value, so that the left side guards the right one as in Spark.

        The engine computes both sides of a value for each row, of a WHEN only what it needs.
        """
        holds, fails = self._truth(node)
        if isinstance(node, exp.Not) and not isinstance(
            node.this.unnest(), exp.Connector | exp.Not
        ):
            return holds
        sql = f"(CASE WHEN {holds.sql} THEN true WHEN {fails} THEN false END)"
        return holds.merge(sql, t.BOOLEAN)

    def _comparison(self, node: exp.Expression, operator: str) -> Value:
        left, right = self._alike([node.this, node.expression], node)
        if isinstance(left.kind, t.Map):
            raise PlanError(
                "maps cannot be compared", where=self.scope.where, fix="compare their entries"
            )
        sides = [left.sql, right.sql]
        if operator[0] in "<>" and operator != "<>":
            sides = [ordering.order_key(each, left.kind) for each in sides]
        return left.merge(f"({sides[0]} {operator} {sides[1]})", t.BOOLEAN, right)

    def _alike(self, nodes: Sequence[exp.Expression], place: exp.Expression) -> list[Value]:
        values = [self._translate(node) for node in nodes]
        return self.alike(values, text_of(place))

    def alike(self, values: Sequence[Value], place: str) -> list[Value]:
        """Give values as one type.

        Raises:
            PlanError: They have none in common.
        """
        kind = common_type(value.kind for value in values)
        if kind is None:
            shown = " and ".join(dict.fromkeys(t.type_name(value.kind) for value in values))
            raise PlanError(
                f"{shown} do not go together",
                where=f"{place} in {self.scope.where}",
                fix="cast one side to the other's type",
            )
        return [cast_value(value, kind) for value in values]

    def _arithmetic(self, node: exp.Expression, operator: str) -> Value:
        if isinstance(node.expression, exp.Interval):
            return arithmetic.shift(
                self._translate(node.this), _interval(node.expression), operator
            )
        if isinstance(node.this, exp.Interval) and operator == "+":
            return arithmetic.shift(self._translate(node.expression), _interval(node.this), "+")
        left, right = self._translate(node.this), self._translate(node.expression)
        return arithmetic.combine(operator, left, right, f"{text_of(node)} in {self.scope.where}")

    def _bit_not(self, node: exp.Expression) -> Value:
        inner = self._translate(node.this)
        return inner.merge(f"(~{inner.sql})", inner.kind)

    def _concat(self, node: exp.Expression) -> Value:
        given = node.expressions or [node.this, node.expression]
        return self.call("concat", given, text_of(node))

    def _in(self, node: exp.Expression) -> Value:
        if not node.expressions:
            raise UnsupportedOperationError(
                "IN needs a list of values",
                where=f"{text_of(node)} in {self.scope.where}",
                fix="for rows of another table use a left semi join",
            )
        first, *rest = self._alike([node.this, *node.expressions], node)
        listed = ", ".join(each.sql for each in rest)
        return first.merge(f"({first.sql} IN ({listed}))", t.BOOLEAN, *rest)

    def _between(self, node: exp.Expression) -> Value:
        if node.args.get("symmetric"):
            raise self._unsupported(node)
        low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
        high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
        return self._truth(exp.And(this=low, expression=high))[0]

    def _is(self, node: exp.Expression) -> Value:
        inner = self._translate(node.this)
        match node.expression:
            case exp.Null():
                return inner.merge(f"({inner.sql} IS NULL)", t.BOOLEAN)
            case exp.Boolean(this=truth):
                word = "TRUE" if truth else "FALSE"
                return inner.merge(f"({cast_value(inner, t.BOOLEAN).sql} IS {word})", t.BOOLEAN)
            case _:
                raise self._unsupported(node)

    def _like(self, node: exp.Expression) -> Value:
        escape = "\\"
        if isinstance(node, exp.Escape):
            escape, node = node.expression.name, node.this
        if not isinstance(node.expression, exp.Expression) or isinstance(
            node.expression, exp.Any | exp.All
        ):
            raise self._unsupported(node)
        if isinstance(node.expression, exp.Literal):
            self._check_like(node.expression.name, escape, node)
        word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        left = cast_value(self._translate(node.this), t.STRING)
        right = cast_value(self._translate(node.expression), t.STRING)
        # sqlglot tells NOT LIKE by a flag, unlike every other NOT.
        word = f"NOT {word}" if node.args.get("negate") else word
        sql = f"({left.sql} {word} {right.sql} ESCAPE {quote_text(escape)})"
        return left.merge(sql, t.BOOLEAN, right)

    def _check_like(self, pattern: str, escape: str, node: exp.Expression) -> None:
        signs = re.escape(escape)
        if not re.fullmatch(rf"(?:[^{signs}]|{signs}[%_{signs}])*", pattern, re.DOTALL):
            raise PlanError(
                "what follows an escape in LIKE must be %, _ or the escape itself",
                where=f"{text_of(node)} in {self.scope.where}",
                fix=f"write {escape}{escape} for the sign itself",
            )

    def _rlike(self, node: exp.Expression) -> Value:
        return self.call("rlike", [node.this, node.expression], text_of(node))

    # --- the rest -----------------------------------------------------------------------------
    def _cast(self, node: exp.Expression) -> Value:
        target = t.parse_type(node.args["to"].sql(dialect="spark"))
        inner = self._translate(node.this)
        attempt = bool(node.args.get("safe"))
        return cast_value(inner, target, "TRY_CAST" if attempt else "CAST")

    def _case(self, node: exp.Expression) -> Value:
        branches = node.args["ifs"]
        subject = node.this
        conditions = [
            self.condition(
                exp.EQ(this=subject.copy(), expression=each.this.copy()) if subject else each.this
            )
            for each in branches
        ]
        default = node.args.get("default") or exp.Null()
        values = self._alike([*(each.args["true"] for each in branches), default], node)
        *results, otherwise = values
        arms = " ".join(
            f"WHEN {when.sql} THEN {then.sql}"
            for when, then in zip(conditions, results, strict=True)
        )
        sql = f"CASE {arms} ELSE {otherwise.sql} END"
        return otherwise.merge(f"({sql})", otherwise.kind, *results, *conditions)

    def _if(self, node: exp.Expression) -> Value:
        default = node.args.get("false") or exp.Null()
        branch = exp.If(this=node.this.copy(), true=node.args["true"].copy())
        return self._case(exp.Case(ifs=[branch], default=default.copy()))

    def _bracket(self, node: exp.Expression) -> Value:
        inner = self._translate(node.this)
        key = self._translate(node.expressions[0])
        match inner.kind:
            case t.Array():
                return registry.element(inner, cast_value(key, t.INT), first=0)
            case t.Map(key_kind, value_kind):
                found = cast_value(key, key_kind)
                return inner.merge(f"({inner.sql})[{found.sql}]", value_kind, found)
            case t.Struct() if isinstance(key.literal, str):
                return _fields(inner, [key.literal], self.scope.where)
            case _:
                raise PlanError(
                    f"a {t.type_name(inner.kind)} has no elements",
                    where=f"{text_of(node)} in {self.scope.where}",
                    fix="only arrays and maps have",
                )

    def _extract(self, node: exp.Expression) -> Value:
        return self.call(node.name.lower(), [node.expression], text_of(node))

    def _trim(self, node: exp.Expression) -> Value:
        names = {"LEADING": "ltrim", "TRAILING": "rtrim"}
        name = names.get(node.args.get("position") or "", "trim")
        given = [node.expression, node.this] if node.args.get("expression") else [node.this]
        return self.call(name, given, text_of(node))

    def _transform(self, node: exp.Expression) -> Value:
        return self.call("transform", [node.this, node.expression], text_of(node))

    def _function(self, node: exp.Expression) -> Value:
        arguments = node.expressions
        first = arguments[0] if len(arguments) == 1 else None
        if (
            node.name.lower() == "position"
            and isinstance(first, exp.In)
            and first.args.get("field")
        ):
            arguments = [first.this, first.args["field"]]
        return self.call(node.name.lower(), arguments, text_of(node))

    def call(self, name: str, arguments: Sequence[exp.Expression], place: str) -> Value:
        """Give a function's call.

        Raises:
            UnknownFunctionError: There is no such function here.
            UnsupportedOperationError: It looks at more than one row.
            PlanError: Wrong number or types of arguments.
        """
        where = f"{place} in {self.scope.where}"
        if name in ("current_timestamp", "now", "current_date", "curdate") and not arguments:
            return self._today(exp.Null()) if "date" in name else self._now(exp.Null())
        if name in registry.MANY_ROWS:
            raise UnsupportedOperationError(
                f"{name}() looks at more than one row", where=where, fix=_STATELESS
            )
        function = registry.find(name)
        if function is None:
            raise UnknownFunctionError(
                f"unknown function {name}()",
                where=where,
                fix=near_names(name, registry.names()),
            )
        return function.apply(self, arguments, where)


def _fields(value: Value, names: Sequence[str], where: str) -> Value:
    for name in names:
        if isinstance(value.kind, t.Array) and isinstance(value.kind.element, t.Struct):
            field_name, kind = _field(value.kind.element, name, where)
            inner = casts.field_of("e_", field_name)
            value = value.merge(f"list_transform({value.sql}, lambda e_: {inner})", t.Array(kind))
            continue
        if isinstance(value.kind, t.Map):
            key = cast_value(text_value(name), value.kind.key)
            value = value.merge(f"({value.sql})[{key.sql}]", value.kind.value)
            continue
        field_name, kind = _field(value.kind, name, where)
        value = value.merge(casts.field_of(value.sql, field_name), kind)
    return value


def _field(kind: t.SparkType, name: str, where: str) -> tuple[str, t.SparkType]:
    if not isinstance(kind, t.Struct):
        raise PlanError(
            f"a {t.type_name(kind)} has no field {name!r}",
            where=where,
            fix="only structs have fields",
        )
    exact = kind.get(name)
    if exact is not None:
        return name, exact
    for each, found in kind.fields:
        if each.casefold() == name.casefold():
            return each, found
    raise UnknownColumnError(
        f"unknown field {name!r}", where=where, fix=near_names(name, kind.names)
    )


def text_value(text: str) -> Value:
    """Give a text as a literal."""
    return Value(quote_text(text), t.STRING, literal=text)


def _integer(value: int) -> Value:
    if -(2**31) <= value < 2**31:
        return Value(f"CAST({value} AS INTEGER)", t.INT, literal=value)
    if -(2**63) <= value < 2**63:
        return Value(f"CAST({value} AS BIGINT)", t.LONG, literal=value)
    kind = t.parse_type(f"decimal({len(str(abs(value)))},0)")
    return Value(f"CAST('{value}' AS {duck_type(kind)})", kind, literal=value)


def _interval(node: exp.Interval) -> arithmetic.Interval:
    unit = node.args.get("unit")
    return arithmetic.Interval.of(node.this.name if node.this else "", unit.name if unit else "")


_STATELESS: Final = "this needs state across rows, which this version of lakestream does not keep"
_REFUSED: Final[dict[type[exp.Expression], tuple[str, str]]] = {
    exp.Window: (
        "window functions over rows cannot run on a stream",
        "compute it in a batch job over the table",
    ),
    exp.Subquery: ("a subquery cannot stand in an expression", "join with the table instead"),
    exp.Select: ("a subquery cannot stand in an expression", "join with the table instead"),
    exp.Exists: ("a subquery cannot stand in an expression", "use a left semi join instead"),
    exp.Distinct: ("DISTINCT needs state across rows", _STATELESS),
    exp.Star: ("a star cannot stand in an expression", "name the columns"),
    exp.Interval: (
        "an interval stands only beside + or - with a date or timestamp",
        "write ts + INTERVAL 1 DAY",
    ),
}
_REFUSED_OTHERWISE: Final = (
    "this expression is not among those that lakestream computes as Spark does",
    "write it with the functions in docs/sql.md",
)
_Handler = Callable[[Translator, exp.Expression], Value]
_HANDLERS: Final[dict[type[exp.Expression], _Handler]] = {
    exp.Identifier: Translator._identifier, exp.Dot: Translator._dot,
    exp.Literal: Translator._literal, exp.RawString: Translator._text,
    exp.HexString: Translator._hex, exp.Boolean: Translator._boolean, exp.Null: Translator._null,
    exp.CurrentTimestamp: Translator._now, exp.CurrentDate: Translator._today,
    exp.Paren: Translator._paren, exp.Neg: Translator._negative, exp.And: Translator._logic,
    exp.Or: Translator._logic, exp.Not: Translator._logic, exp.BitwiseNot: Translator._bit_not,
    exp.DPipe: Translator._concat, exp.Concat: Translator._concat, exp.In: Translator._in,
    exp.Between: Translator._between, exp.Is: Translator._is, exp.Like: Translator._like,
    exp.ILike: Translator._like, exp.Escape: Translator._like,
    exp.RegexpLike: Translator._rlike, exp.TryCast: Translator._cast, exp.Cast: Translator._cast,
    exp.Case: Translator._case, exp.If: Translator._if, exp.Bracket: Translator._bracket,
    exp.Extract: Translator._extract, exp.Trim: Translator._trim,
    exp.Transform: Translator._transform, exp.Anonymous: Translator._function,
}  # fmt: skip
