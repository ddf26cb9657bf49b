"""``Column``: an expression over a stream's columns, with PySpark's operators and methods."""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Never

from lakestream.errors import PlanError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.plan import types as t

if TYPE_CHECKING:
    from sqlglot import exp

#: What may stand where a value is wanted: a column, or a Python value that becomes a literal.
Literal = None | bool | int | float | str | bytes | decimal.Decimal | dt.date | dt.datetime
_INT_MAX: Final = 2**31
_NAME: Final = lazy_pattern(r"(`((?:[^`]|``)+)`|([^`.()+/=<>,;'\"|&!%]+))(?:\.|$)")


class Column:
    """An expression, lazy and immutable. Made by ``F.col``, ``F.lit``, ``F.expr``, ``stream.x``."""

    __slots__ = ("_expression", "_pending")

    def __init__(
        self, expression: exp.Expression, pending: tuple[exp.Expression, ...] | None = None
    ) -> None:
        self._expression = expression
        self._pending = pending

    @property
    def expression(self) -> exp.Expression:
        """The sqlglot tree, in Spark's dialect; not to be changed."""
        return self._expression

    # --- arithmetic and comparison ------------------------------------------------------------
    def __add__(self, other: Column | Literal) -> Column:
        return _binary("Add", self, other)

    def __radd__(self, other: Column | Literal) -> Column:
        return _binary("Add", other, self)

    def __sub__(self, other: Column | Literal) -> Column:
        return _binary("Sub", self, other)

    def __rsub__(self, other: Column | Literal) -> Column:
        return _binary("Sub", other, self)

    def __mul__(self, other: Column | Literal) -> Column:
        return _binary("Mul", self, other)

    def __rmul__(self, other: Column | Literal) -> Column:
        return _binary("Mul", other, self)

    def __truediv__(self, other: Column | Literal) -> Column:
        return _binary("Div", self, other)

    def __rtruediv__(self, other: Column | Literal) -> Column:
        return _binary("Div", other, self)

    def __mod__(self, other: Column | Literal) -> Column:
        return _binary("Mod", self, other)

    def __rmod__(self, other: Column | Literal) -> Column:
        return _binary("Mod", other, self)

    def __neg__(self) -> Column:
        from sqlglot import exp

        return Column(exp.Neg(this=_wrapped(self)))

    def __eq__(self, other: object) -> Column:  # type: ignore[override] # PySpark's column DSL
        return _binary("EQ", self, other)

    def __ne__(self, other: object) -> Column:  # type: ignore[override] # PySpark's column DSL
        return _binary("NEQ", self, other)

    def __lt__(self, other: Column | Literal) -> Column:
        return _binary("LT", self, other)

    def __le__(self, other: Column | Literal) -> Column:
        return _binary("LTE", self, other)

    def __gt__(self, other: Column | Literal) -> Column:
        return _binary("GT", self, other)

    def __ge__(self, other: Column | Literal) -> Column:
        return _binary("GTE", self, other)

    __hash__ = None  # type: ignore[assignment] # equality builds an expression

    def eqNullSafe(self, other: Column | Literal) -> Column:  # noqa: N802 - PySpark's name
        """Equal, where two nulls are equal too: Spark's ``<=>``."""
        return _binary("NullSafeEQ", self, other)

    # --- logic --------------------------------------------------------------------------------
    def __and__(self, other: Column | Literal) -> Column:
        return _binary("And", self, other)

    def __rand__(self, other: Column | Literal) -> Column:
        return _binary("And", other, self)

    def __or__(self, other: Column | Literal) -> Column:
        return _binary("Or", self, other)

    def __ror__(self, other: Column | Literal) -> Column:
        return _binary("Or", other, self)

    def __invert__(self) -> Column:
        from sqlglot import exp

        return Column(exp.Not(this=_wrapped(self)))

    def __bool__(self) -> Never:
        raise PlanError(
            "a column has no truth of its own",
            where="and, or, not or if with a column",
            fix="write & for and, | for or, ~ for not, with brackets around each comparison",
        )

    def isNull(self) -> Column:  # noqa: N802 - PySpark's name
        """True where there is no value."""
        from sqlglot import exp

        return Column(exp.Is(this=_wrapped(self), expression=exp.Null()))

    def isNotNull(self) -> Column:  # noqa: N802 - PySpark's name
        """True where there is a value."""
        return ~self.isNull()

    def isin(self, *values: Column | Literal | list[Any] | tuple[Any, ...]) -> Column:
        """True where the value is one of these; a list may stand for them all."""
        from sqlglot import exp

        given: Any = values
        if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset):
            given = values[0]
        listed = [to_column(each).expression for each in given]
        if not listed:
            return literal(False)
        return Column(exp.In(this=_wrapped(self), expressions=listed))

    def between(self, lowerBound: Column | Literal, upperBound: Column | Literal) -> Column:  # noqa: N803 - PySpark's names
        """True from the lower to the upper bound, both included."""
        return (self >= lowerBound) & (self <= upperBound)

    # --- text ---------------------------------------------------------------------------------
    def like(self, other: str) -> Column:
        """Match with ``%`` for anything and ``_`` for one character."""
        return _binary("Like", self, other)

    def ilike(self, other: str) -> Column:
        """Match as ``like``, upper and lower case alike."""
        return _binary("ILike", self, other)

    def rlike(self, other: str) -> Column:
        """True where the regular expression is found anywhere."""
        return _binary("RegexpLike", self, other)

    def startswith(self, other: Column | str) -> Column:
        """True where the text starts so."""
        return call("startswith", self, other)

    def endswith(self, other: Column | str) -> Column:
        """True where the text ends so."""
        return call("endswith", self, other)

    def contains(self, other: Column | str) -> Column:
        """True where the text is found."""
        return call("contains", self, other)

    def substr(self, startPos: Column | int, length: Column | int) -> Column:  # noqa: N803 - PySpark's name
        """Give ``length`` characters from a position that counts from 1."""
        return call("substring", self, startPos, length)

    # --- the rest -----------------------------------------------------------------------------
    def alias(self, alias: str) -> Column:
        """Name the column."""
        from sqlglot import exp

        inner = self._expression
        if isinstance(inner, exp.Alias):
            inner = inner.this
        return Column(exp.Alias(this=inner, alias=exp.to_identifier(alias, quoted=True)))

    name = alias

    def cast(self, dataType: str) -> Column:  # noqa: N803 - PySpark's name
        """Turn into another type, by its DDL name: ``"decimal(10,2)"``.

        A value that the type cannot hold stops the batch with an error, as Spark 4 does.
        """
        return self._cast(dataType, safe=False)

    astype = cast

    def try_cast(self, dataType: str) -> Column:  # noqa: N803 - PySpark's name
        """Turn into another type; a value that it cannot hold becomes null."""
        return self._cast(dataType, safe=True)

    def _cast(self, kind: str, *, safe: bool) -> Column:
        from sqlglot import exp

        target = t.type_ddl(t.parse_type(kind))
        to = exp.DataType.build(target, dialect="spark")
        return Column(exp.TryCast(this=_plain(self), to=to, safe=safe))

    def getField(self, name: str) -> Column:  # noqa: N802 - PySpark's name
        """Take a field of a struct."""
        from sqlglot import exp

        return Column(exp.Dot(this=_wrapped(self), expression=exp.to_identifier(name, quoted=True)))

    def getItem(self, key: Column | Literal) -> Column:  # noqa: N802 - PySpark's name
        """Take an element of an array (from 0) or the value of a map's key."""
        from sqlglot import exp

        return Column(exp.Bracket(this=_wrapped(self), expressions=[to_column(key).expression]))

    def __getitem__(self, k: Column | Literal | slice) -> Column:
        """Take an element or value; ``column[start:length]`` is ``substr``, as in PySpark."""
        if not isinstance(k, slice):
            return self.getItem(k)
        if k.step is not None or k.start is None or k.stop is None:
            raise PlanError(
                "column[...] takes a start and a length", fix="write column[start:length]"
            )
        return self.substr(k.start, k.stop)

    def __iter__(self) -> Never:
        raise TypeError("a column cannot be iterated over")

    def when(self, condition: Column, value: Column | Literal) -> Column:
        """Add a branch to ``F.when(...)``."""
        from sqlglot import exp

        if self._pending is None:
            raise PlanError("when() follows F.when() only", fix="start with F.when(...)")
        branches = (
            *self._pending,
            exp.If(this=_plain(condition), true=to_column(value).expression),
        )
        return Column(exp.Case(ifs=list(branches)), branches)

    def otherwise(self, value: Column | Literal) -> Column:
        """Close ``F.when(...)``: what holds where no condition is true."""
        from sqlglot import exp

        if self._pending is None:
            raise PlanError("otherwise() follows F.when() only", fix="start with F.when(...)")
        return Column(exp.Case(ifs=list(self._pending), default=to_column(value).expression))

    def __repr__(self) -> str:
        return f"Column<{self._expression.sql(dialect='spark')!r}>"


def to_column(value: object) -> Column:
    """Give the column itself, or a Python value as a literal.

    Raises:
        PlanError: The value's type has no place in Spark.
    """
    return value if isinstance(value, Column) else literal(value)


def literal(value: object) -> Column:  # noqa: C901 - one case a type
    """Give a Python value as a literal of the type that PySpark gives it.

    Raises:
        PlanError: The value's type has no place in Spark.
    """
    from sqlglot import exp

    match value:
        case None:
            return Column(exp.Null())
        case bool():
            return Column(exp.Boolean(this=value))
        case int():
            kind = "int" if -_INT_MAX <= value < _INT_MAX else "bigint"
            return _typed(str(value), kind)
        case float():
            return _typed(repr(value), "double", text=True)
        case str():
            return Column(exp.Literal.string(value))
        case bytes():
            return Column(exp.HexString(this=value.hex()))
        case decimal.Decimal():
            return _decimal(value)
        case dt.datetime():
            # Without a zone it is UTC, the session's.
            moment = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return _typed(moment.isoformat(" "), "timestamp", text=True)
        case dt.date():
            return _typed(value.isoformat(), "date", text=True)
        case list():
            return call("array", *value)
        case _:
            raise PlanError(
                f"a {type(value).__name__} cannot stand in an expression",
                where="a literal",
                fix="give a text, number, boolean, date, datetime, Decimal, bytes or None",
            )


def _typed(value: str, kind: str, *, text: bool = False) -> Column:
    from sqlglot import exp

    made = exp.Literal.string(value) if text else exp.Literal.number(value)
    if not text and kind == "int":
        return Column(made)
    return Column(exp.TryCast(this=made, to=exp.DataType.build(kind, dialect="spark"), safe=False))


def _decimal(value: decimal.Decimal) -> Column:
    if not value.is_finite():
        raise PlanError("a decimal literal must be finite", fix="use float for NaN and infinity")
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    precision = max(len(digits) + max(0, int(exponent)), scale, 1)
    t.parse_type(f"decimal({precision},{scale})")
    return _typed(f"{value:f}", f"decimal({precision},{scale})", text=True)


def call(name: str, *arguments: object, keep_names: bool = False) -> Column:
    """Call a function of Spark SQL by name; Python values become literals.

    Args:
        name: As in Spark SQL.
        arguments: Columns or literals.
        keep_names: Aliases of the arguments mean something: ``struct`` takes its names from them.
    """
    from sqlglot import exp

    columns = [to_column(each) for each in arguments]
    given = [each.expression if keep_names else _plain(each) for each in columns]
    return Column(exp.Anonymous(this=name, expressions=given))


def branch(condition: Column, value: object) -> Column:
    """Begin a CASE that ``when`` and ``otherwise`` go on with."""
    from sqlglot import exp

    first = exp.If(this=_plain(condition), true=_plain(to_column(value)))
    return Column(exp.Case(ifs=[first]), (first,))


def lambda_of(function: Callable[..., Column]) -> Column:
    """Give a Python function of columns as a lambda of Spark SQL."""
    from sqlglot import exp

    names = [f"x_{next(_parameters)}" for _ in inspect.signature(function).parameters]
    body = _plain(to_column(function(*(column(name) for name in names))))
    return Column(exp.Lambda(this=body, expressions=[exp.to_identifier(name) for name in names]))


_parameters: Final = itertools.count(1)


def named(item: object) -> Column:
    """Give a column by its name as PySpark reads it, or what is a column or a value already.

    ``"a.b"`` is a field or a table's column, a name in backquotes stands for itself, ``"*"`` for
    all columns.

    Raises:
        PlanError: It is no name but an expression.
    """
    if not isinstance(item, str):
        return to_column(item)
    if item == "*":
        from sqlglot import exp

        return Column(exp.Star())
    parts = _NAME.findall(item)
    if not parts or ".".join(whole for whole, _, _ in parts) != item:
        raise PlanError(
            f"{item!r} is not a column's name",
            where="a column by name",
            fix=f"write F.expr({item!r}), or the name in backquotes if it is one",
        )
    names = [quoted.replace("``", "`") if quoted else word for _, quoted, word in parts]
    if names[-1] == "*":
        from sqlglot import exp

        return Column(exp.Column(this=exp.Star(), table=exp.to_identifier(names[0], quoted=True)))
    return column(*names)


def column(*parts: str) -> Column:
    """Give a column by its name, or by qualifier and name, or by name and field names."""
    from sqlglot import exp

    made: exp.Expression = exp.Column(this=exp.to_identifier(parts[0], quoted=True))
    for part in parts[1:]:
        made = exp.Dot(this=made, expression=exp.to_identifier(part, quoted=True))
    return Column(made)


def _plain(value: Column) -> exp.Expression:
    """Give the expression without its name: an alias inside another expression means nothing."""
    from sqlglot import exp

    inner = value.expression
    return inner.this if isinstance(inner, exp.Alias) else inner


def _wrapped(value: object) -> exp.Expression:
    from sqlglot import exp

    inner = _plain(to_column(value))
    if isinstance(inner, exp.Binary | exp.Unary | exp.Case | exp.In | exp.Lambda):
        return exp.Paren(this=inner) if not isinstance(inner, exp.Dot | exp.Paren) else inner
    return inner


def _binary(kind: str, left: object, right: object) -> Column:
    from sqlglot import exp

    made: exp.Expression = getattr(exp, kind)(this=_wrapped(left), expression=_wrapped(right))
    return Column(made)


#: What PySpark takes where a column is wanted: itself, or its name.
ColumnOrName = Column | str
