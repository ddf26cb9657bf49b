"""A translated expression: DuckDB's SQL and Spark's type."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakestream.plan import types as t
from lakestream.sql.casts import Word, cast
from lakestream.sql.scope import Origin


@dataclass(frozen=True, slots=True)
class Value:
    """SQL that gives a value of exactly the DuckDB type that stands for ``kind``.

    Args:
        sql: May stand anywhere a value may, without further brackets.
        kind: Spark's type.
        literal: The Python value, when it is a literal.
        origins: The leaves' columns that it is computed from.
    """

    sql: str
    kind: t.SparkType
    literal: object = None
    origins: frozenset[Origin] = field(default=frozenset())

    def merge(self, sql: str, kind: t.SparkType, *others: Value) -> Value:
        """Give a value that is computed from this one and others."""
        origins = self.origins.union(*(other.origins for other in others))
        return Value(sql, kind, origins=origins)


def cast_value(value: Value, kind: t.SparkType, word: Word = "CAST") -> Value:
    """Give a value as another type; a literal stays one.

    Raises:
        UnsupportedOperationError: Spark has no such cast.
    """
    if value.kind == kind:
        return value
    return Value(cast(value.sql, value.kind, kind, word), kind, value.literal, value.origins)
