"""msgspec types made from a schema: they accept a value exactly when the column parser keeps it.

What these types refuse is not lost: it goes to the exact path (``json_exact``), which knows
every other form of the same value. So they may be stricter than the table in ``formats.json``,
never laxer. They also bound nesting before any parser without such a bound sees the bytes.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Annotated, Any, Final, Optional

import msgspec

from lakestream.formats.infer import MIXED
from lakestream.plan import types as t

#: What decoding foreign bytes into these types can raise.
REFUSALS: Final = (msgspec.MsgspecError, ArithmeticError, RecursionError, ValueError)
_FLOAT32_MAX: Final = 3.4028234663852886e38
_BITS: Final = {t.BYTE: 8, t.SHORT: 16, t.INT: 32, t.LONG: 64}


def _integer(bits: int) -> object:
    return Annotated[int, msgspec.Meta(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)]


_PLAIN: Final[dict[t.SparkType, object]] = {
    t.BOOLEAN: bool,
    **{kind: _integer(bits) for kind, bits in _BITS.items()},
    t.FLOAT: Annotated[float, msgspec.Meta(ge=-_FLOAT32_MAX, le=_FLOAT32_MAX)],
    t.DOUBLE: float,
    t.STRING: str,
    t.DATE: dt.date,
    t.TIMESTAMP: dt.datetime,
    t.TIMESTAMP_NTZ: Annotated[dt.datetime, msgspec.Meta(tz=False)],
    MIXED: Any,
}


class Validator(msgspec.Struct, frozen=True):
    """Builds the types for one schema.

    Args:
        forbid_unknown: Whether an object with another field is refused.
        exact_only: Types of which only null is accepted here: their usual form is not the one
            that the column parser reads.
    """

    forbid_unknown: bool
    exact_only: frozenset[t.SparkType] = frozenset()

    def rows(
        self, schema: t.Struct, *, reserved: Sequence[str] = (), is_open: bool = False
    ) -> type[msgspec.Struct]:
        """Give the type of a whole record.

        Args:
            schema: The columns that input fills.
            reserved: Other names, for which only null is accepted.
            is_open: Take other fields in the record itself; what is nested stays strict.
        """
        whole = t.Struct((*schema.fields, *((name, t.VOID) for name in reserved)))
        return self._struct(whole, forbid_unknown=self.forbid_unknown and not is_open)

    def value(self, kind: t.SparkType) -> object:
        """Give the type of one nullable value."""
        return Optional[self._plain(kind)]  # noqa: UP045 - built at run time

    def _plain(self, kind: t.SparkType) -> object:
        if kind in self.exact_only:
            return None
        match kind:
            case t.Decimal():
                return decimal.Decimal
            case t.Array(element):
                return list[self.value(element)]  # type: ignore[misc] # a type made at run time
            case t.Struct():
                return self._struct(kind, forbid_unknown=self.forbid_unknown)
            case _:
                # Maps: the column parser keeps both of two equal keys. Binary: it reads hex.
                return _PLAIN.get(kind)

    def _struct(self, kind: t.Struct, *, forbid_unknown: bool) -> type[msgspec.Struct]:
        named = [(f"f{i}", name, each) for i, (name, each) in enumerate(kind.fields)]
        spoken = {attribute: name for attribute, name, _ in named if _nameable(name)}
        return msgspec.defstruct(
            "Row",
            [(a, self.value(each), None) for a, _, each in named if a in spoken],
            rename=spoken,
            # A field that msgspec cannot name must count as unknown, else it goes unchecked.
            forbid_unknown_fields=forbid_unknown or len(spoken) < len(named),
            gc=False,
        )


def _nameable(name: str) -> bool:
    """Tell whether msgspec can have a field of this name."""
    return name.isprintable() and '"' not in name and "\\" not in name


class DecimalCheck:
    """Tells whether the decimals of decoded rows fit their types without rounding."""

    def __init__(self, schema: t.Struct) -> None:
        self._schema = schema
        self.needed = has_decimals(schema)

    def accepts(self, rows: Sequence[object]) -> bool:
        """Look at every decimal of these rows, column by column."""
        if not self.needed:
            return True
        try:
            _check(self._schema, rows)
        except ArithmeticError:
            return False
        return True


def has_decimals(kind: t.SparkType) -> bool:
    """Tell whether a type has a decimal somewhere inside (maps aside: they are never strict)."""
    return _has(kind, lambda each: isinstance(each, t.Decimal))


def has_zoned_times(kind: t.SparkType) -> bool:
    """Tell whether a type has a timestamp somewhere inside (maps aside)."""
    return _has(kind, lambda each: each == t.TIMESTAMP)


def _has(kind: t.SparkType, wanted: Callable[[t.SparkType], bool]) -> bool:
    match kind:
        case t.Array(element):
            return _has(element, wanted)
        case t.Struct(fields):
            return any(_has(each, wanted) for _, each in fields)
        case _:
            return wanted(kind)


def _check(kind: t.SparkType, values: Sequence[Any]) -> None:
    """Raise an ``ArithmeticError`` for a value that would be rounded or does not fit."""
    match kind:
        case t.Decimal(precision, scale):
            context = decimal.Context(
                precision, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow]
            )
            unit = decimal.Decimal((0, (1,), -scale))
            deque(map(context.quantize, values, repeat(unit)), maxlen=0)
        case t.Array(element):
            _check(element, [item for item in chain.from_iterable(values) if item is not None])
        case t.Struct(fields):
            for attribute, each in _decimal_fields(fields):
                found = map(attrgetter(attribute), values)
                _check(each, [value for value in found if value is not None])


def _decimal_fields(
    fields: tuple[tuple[str, t.SparkType], ...],
) -> Iterator[tuple[str, t.SparkType]]:
    for i, (name, kind) in enumerate(fields):
        # A field that msgspec cannot name is not in the rows: those that have it are refused.
        if has_decimals(kind) and _nameable(name):
            yield f"f{i}", kind
