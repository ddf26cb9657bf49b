"""The table of functions, and how a line in it is written.

A simple function is its parameters' types, its result's type and a DuckDB template, in which
``{0}`` is the first argument. Parameter words: a Spark type (the argument is cast to it as Spark
would implicitly), ``number`` (any number, a text becomes a double), ``any``, ``array``, ``map``
``bytes`` (a text or bytes) or ``literal`` (a text that must be a literal, since it decides the
translation). A type with ``!`` is not cast to.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from sqlglot import exp

from lakestream.errors import PlanError
from lakestream.plan import types as t
from lakestream.sql.coercion import INTEGERS, TIMES, is_number
from lakestream.sql.value import Value, cast_value

if TYPE_CHECKING:
    from lakestream.sql.scope import Origin, Scope

#: Spark's functions that look at more than one row; known, so that the error can say why not.
MANY_ROWS: Final = frozenset(
    [
        "count",
        "sum",
        "avg",
        "mean",
        "min",
        "max",
        "first",
        "last",
        "first_value",
        "last_value",
        "collect_list",
        "collect_set",
        "approx_count_distinct",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "corr",
        "covar_pop",
        "covar_samp",
        "kurtosis",
        "skewness",
        "percentile",
        "percentile_approx",
        "approx_percentile",
        "median",
        "mode",
        "any",
        "any_value",
        "bool_and",
        "bool_or",
        "every",
        "some",
        "count_if",
        "max_by",
        "min_by",
        "sum_distinct",
        "count_distinct",
        "grouping",
        "grouping_id",
        "explode",
        "explode_outer",
        "posexplode",
        "posexplode_outer",
        "inline",
        "inline_outer",
        "stack",
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "ntile",
        "lag",
        "lead",
        "cume_dist",
        "nth_value",
        "window",
        "session_window",
        "window_time",
        "monotonically_increasing_id",
    ]
)
_MODULES: Final = (
    "strings",
    "letters",
    "patterns",
    "numbers",
    "times",
    "nested",
    "conditions",
    "json",
)


class Context(Protocol):
    """What a function may ask of the translator that met it."""

    @property
    def scope(self) -> Scope:
        """The columns."""
        ...

    @property
    def depth(self) -> int:
        """How many lambdas the call is inside of."""
        ...

    def translate(self, expression: exp.Expression) -> Value:
        """Translate an argument."""
        ...

    def condition(self, expression: exp.Expression) -> Value:
        """Translate an argument that must be a boolean."""
        ...

    def alike(self, values: Sequence[Value], place: str) -> list[Value]:
        """Bring values to one type."""
        ...

    def with_variables(self, variables: Mapping[str, Value]) -> Context:
        """Give a context for the body of a lambda."""
        ...


Build = Callable[[Sequence[Value], str], Value]
RawBuild = Callable[[Context, Sequence[exp.Expression], str], Value]


@dataclass(slots=True)
class Function:
    """One name: a builder by number of arguments, or one for any number."""

    name: str
    by_count: dict[int, Build] = field(default_factory=dict)
    any_count: Build | None = None
    raw: RawBuild | None = None
    at_least: int = 0

    def apply(self, context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
        """Give a call's SQL and type.

        Raises:
            PlanError: Wrong number or types of arguments.
        """
        if self.raw is not None:
            return self.raw(context, arguments, where)
        build = self.by_count.get(len(arguments))
        if build is None and len(arguments) >= self.at_least:
            build = self.any_count
        if build is None:
            counts = " or ".join(str(n) for n in sorted(self.by_count)) or f">= {self.at_least}"
            raise PlanError(
                f"{self.name}() takes {counts} arguments, not {len(arguments)}",
                where=where,
                fix="see docs/sql.md for the function's arguments",
            )
        return build([context.translate(each) for each in arguments], where)


_TABLE: Final[dict[str, Function]] = {}


def _entry(name: str) -> Function:
    return _TABLE.setdefault(name, Function(name))


def simple(names: str, parameters: str, result: str, template: str) -> None:
    """Write down a function by template. ``result`` is a type, or ``{0}`` for the argument's."""
    words = parameters.split()
    kind = None if result.startswith("{") else t.parse_type(result)

    def build(values: Sequence[Value], where: str) -> Value:
        given = [accept(v, word, where) for v, word in zip(values, words, strict=True)]
        found = given[int(result[1:-1])].kind if kind is None else kind
        sql = template.format(*(each.sql for each in given))
        return Value(sql, found, origins=origins_of(given))

    for name in names.split():
        _entry(name).by_count[len(words)] = build


def function(names: str, count: int) -> Callable[[Build], Build]:
    """Write down a function for a number of arguments, by code."""

    def register(build: Build) -> Build:
        for name in names.split():
            _entry(name).by_count[count] = build
        return build

    return register


def variadic(names: str, at_least: int) -> Callable[[Build], Build]:
    """Write down a function for any number of arguments from ``at_least`` on."""

    def register(build: Build) -> Build:
        for name in names.split():
            entry = _entry(name)
            entry.any_count, entry.at_least = build, at_least
        return build

    return register


def raw(names: str) -> Callable[[RawBuild], RawBuild]:
    """Write down a function that looks at its arguments before they are translated."""

    def register(build: RawBuild) -> RawBuild:
        for name in names.split():
            _entry(name).raw = build
        return build

    return register


def accept(value: Value, word: str, where: str) -> Value:  # noqa: C901 - one case a word
    """Give an argument as what a parameter wants.

    Raises:
        PlanError: Spark would not cast it so without being told.
    """
    kind = value.kind
    match word:
        case "any":
            return value
        case "number":
            if kind in (t.STRING, t.VOID):
                return cast_value(value, t.DOUBLE)
            fits = is_number(kind)
        case "array":
            fits = isinstance(kind, t.Array)
        case "map":
            fits = isinstance(kind, t.Map)
        case "literal":
            fits = isinstance(value.literal, str)
        case "bytes" | "bytes!" if kind == t.BINARY:
            return value
        case "bytes" | "bytes!":
            return accept(value, word.replace("bytes", "string"), where)
        case _:
            wanted = t.parse_type(word.removesuffix("!"))
            if kind == wanted:
                return value
            fits = kind == t.VOID if word.endswith("!") else _implicit(kind, wanted)
            value = cast_value(value, wanted) if fits else value
    if not fits:
        shown = "text literal" if word == "literal" else word
        raise PlanError(
            f"an argument must be {shown}, this one is {t.type_name(kind)}",
            where=where,
            fix="cast it first" if word != "literal" else "write the text itself, not a column",
        )
    return value


def _implicit(kind: t.SparkType, wanted: t.SparkType) -> bool:
    if kind == t.VOID:
        return True
    if not isinstance(kind, t.Simple | t.Decimal):
        return False
    if wanted == t.STRING:
        return kind != t.BINARY
    if kind == t.STRING:
        return True
    if wanted == t.BINARY:
        return False
    if kind in INTEGERS and wanted in INTEGERS:
        return INTEGERS.index(kind) <= INTEGERS.index(wanted)
    if is_number(wanted):
        return is_number(kind) and (kind in INTEGERS or wanted not in INTEGERS)
    return wanted in TIMES and kind in TIMES


def origins_of(values: Sequence[Value]) -> frozenset[Origin]:
    """Give the columns that several values come from."""
    found: frozenset[Origin] = frozenset()
    return found.union(*(value.origins for value in values))


def element(array: Value, index: Value, *, first: int) -> Value:
    """Give an array's element, counted from ``first``; outside of the array is an error."""
    assert isinstance(array.kind, t.Array)  # noqa: S101 - the callers have looked
    at, size = index.sql, f"len({array.sql})"
    if first == 0:
        outside, place = f"({at} < 0 OR {at} >= {size})", f"{at} + 1"
    else:
        outside, place = f"({at} = 0 OR abs({at}) > {size})", at
    stop = "error('array index out of range')"
    sql = f"(CASE WHEN {array.sql} IS NULL THEN NULL WHEN {outside} THEN {stop} ELSE ({array.sql})[{place}] END)"  # noqa: E501 - one expression
    return array.merge(sql, array.kind.element, index)


@functools.cache
def _load() -> None:
    for module in _MODULES:
        importlib.import_module(f"lakestream.sql.library.{module}")


def find(name: str) -> Function | None:
    """Give a function by its lower-case name."""
    _load()
    return _TABLE.get(name)


def names() -> tuple[str, ...]:
    """Give all functions' names, sorted."""
    _load()
    return tuple(sorted(_TABLE))
