"""The type of values that are already in a tree: what inference and drift are made of.

The rules (Spark's, where it has one):

| values | type |
|---|---|
| integers within 64 bits | bigint |
| longer integers | decimal(p,0) up to 38 digits, else double |
| numbers with a point or exponent | double (``prefers_decimal``: decimal when 38 digits hold it) |
| true, false | boolean |
| text | string (``infer_timestamp``: timestamp when all of it reads as one) |
| objects, arrays | struct of all fields seen, array of the merged element |
| integers and doubles | double |
| decimals and integers | the decimal that holds both, else double |
| only null, an empty array's element, an object without any field | string |
| anything else together | string |

Fields come in first-seen order; names that differ only in case are one field, with the first
spelling. A name with a NUL character is no column: its values are rescued.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from lakestream.formats.json_scalars import time_pattern, timestamp_text
from lakestream.formats.schema import can_be_column
from lakestream.limits import MAX_DEPTH
from lakestream.plan import types as t

#: Inside inference only: values that have no type in common; a string in the end.
MIXED: Final = t.Simple("mixed")
_INT64: Final = 2**63
#: Digits of a 64-bit integer, as Spark's decimal for it has them.
_LONG_DIGITS: Final = 20


class FloatLiteral(str):
    """The text of a number with a point or an exponent: ``float_hook`` of the JSON decoder."""

    __slots__ = ()


class TooDeepError(Exception):
    """A value is nested deeper than ``MAX_DEPTH``."""


class InferenceRules(msgspec.Struct, frozen=True):
    """What is guessed.

    Args:
        types: False makes every value inside structs and arrays a string.
        timestamps: Whether text that reads as a timestamp is one.
        prefers_decimal: Whether numbers with a point are decimals where that is exact.
        timestamp_format: The pattern that such text is read by; None for ISO timestamps.
    """

    types: bool = True
    timestamps: bool = False
    prefers_decimal: bool = False
    timestamp_format: str | None = None

    def is_timestamp(self, text: str) -> bool:
        """Tell whether a text is a timestamp by these rules."""
        if not self.timestamps:
            return False
        if self.timestamp_format is None:
            return timestamp_text(text) is not None
        return time_pattern(self.timestamp_format, "timestamp_format").timestamp(text) is not None


def kind_of(value: object, rules: InferenceRules, depth: int = 1) -> t.SparkType:
    """Give the type of one value; ``VOID`` stands for null until ``settled``.

    Raises:
        TooDeepError: It is nested deeper than ``MAX_DEPTH``.
    """
    match value:
        case None:
            return t.VOID
        case dict() | list():
            return _kind_of_container(value, rules, depth)
        case _ if not rules.types:
            return MIXED
        case bool():
            return t.BOOLEAN
        case int():
            return _kind_of_integer(value)
        case FloatLiteral():
            return _kind_of_float(value, rules)
        case str() if rules.is_timestamp(value):
            return t.TIMESTAMP
        case _:
            return t.STRING


def _kind_of_container(
    value: dict[str, object] | list[object], rules: InferenceRules, depth: int
) -> t.SparkType:
    if depth > MAX_DEPTH:
        raise TooDeepError
    if isinstance(value, dict):
        return _kind_of_object(value, rules, depth)
    element: t.SparkType = t.VOID
    for each in value:
        element = merge_kinds(element, kind_of(each, rules, depth + 1))
    return t.Array(element)


def _kind_of_object(value: dict[str, object], rules: InferenceRules, depth: int) -> t.SparkType:
    fields: dict[str, t.SparkType] = {}
    for name, each in value.items():
        if can_be_column(name):
            fields[name] = kind_of(each, rules, depth + 1)
    found = t.Struct(tuple(fields.items()))
    if len({name.casefold() for name in fields}) == len(fields):
        return found
    return _merge_structs(t.Struct(()), found)


def _kind_of_integer(value: int) -> t.SparkType:
    if -_INT64 <= value < _INT64:
        return t.LONG
    digits = len(str(abs(value)))
    return t.Decimal(digits, 0) if digits <= t.MAX_PRECISION else t.DOUBLE


def _kind_of_float(literal: FloatLiteral, rules: InferenceRules) -> t.SparkType:
    return (exact_decimal(literal) if rules.prefers_decimal else None) or t.DOUBLE


def exact_decimal(literal: str) -> t.Decimal | None:
    """Give the smallest decimal type that holds a number's text exactly, or None."""
    try:
        _, digits, exponent = Decimal(literal).as_tuple()
    except ArithmeticError:
        return None
    if not isinstance(exponent, int):
        return None
    scale = max(0, -exponent)
    precision = max(len(digits) + max(0, exponent), scale, 1)
    return t.Decimal(precision, scale) if precision <= t.MAX_PRECISION else None


def merge_kinds(left: t.SparkType, right: t.SparkType) -> t.SparkType:
    """Give the type that holds values of both."""
    if right in (left, t.VOID):
        return left
    match left, right:
        case t.VOID, _:
            return right
        case t.Struct(), t.Struct():
            return _merge_structs(left, right)
        case t.Array(one), t.Array(other):
            return t.Array(merge_kinds(one, other))
        case t.Map(key, one), t.Map(_, other):
            return t.Map(key, merge_kinds(one, other))
        case ((t.LONG | t.DOUBLE | t.Decimal()), (t.LONG | t.DOUBLE | t.Decimal())):
            return _merge_numbers(left, right)
        case ((t.STRING | t.TIMESTAMP), (t.STRING | t.TIMESTAMP)):
            return t.STRING
        case _:
            return MIXED


def _merge_structs(left: t.Struct, right: t.Struct) -> t.Struct:
    fields = dict(left.fields)
    spelling = {name.casefold(): name for name in fields}
    for name, kind in right.fields:
        known = spelling.setdefault(name.casefold(), name)
        fields[known] = merge_kinds(fields[known], kind) if known in fields else kind
    return t.Struct(tuple(fields.items()))


def _merge_numbers(left: t.SparkType, right: t.SparkType) -> t.SparkType:
    digits = scale = 0
    for kind in (left, right):
        match kind:
            case t.Decimal(precision, behind):
                digits, scale = max(digits, precision - behind), max(scale, behind)
            case t.LONG:
                digits = max(digits, _LONG_DIGITS)
            case _:
                return t.DOUBLE
    precision = digits + scale
    return t.Decimal(precision, scale) if precision <= t.MAX_PRECISION else t.DOUBLE


def settled(kind: t.SparkType) -> t.SparkType:
    """Give the final type: what stayed open or mixed is a string."""
    match kind:
        case t.Struct(fields) if fields:
            return t.Struct(tuple((name, settled(each)) for name, each in fields))
        case t.Array(element):
            return t.Array(settled(element))
        case t.Map(key, value):
            return t.Map(key, settled(value))
        case t.VOID | t.Struct() | t.Simple("mixed"):
            return t.STRING
        case _:
            return kind
