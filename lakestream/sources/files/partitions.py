"""Hive partition columns: ``key=value`` folders as typed values. Pure.

The types are those that Spark infers from folder names: int, bigint, decimal, double, date,
timestamp, string. A value that is not of its column's type is an error of that file, never a
silent null: the null of a folder name is ``__HIVE_DEFAULT_PARTITION__``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import unquote

from lakestream.errors import BadFileError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.plan import types as t

NULL_NAME: Final = "__HIVE_DEFAULT_PARTITION__"
_INTEGER: Final = lazy_pattern(r"[+-]?\d+")
_DOUBLE: Final = lazy_pattern(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DATE: Final = lazy_pattern(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP: Final = lazy_pattern(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?")
_INTEGER_BITS: Final = {t.BYTE: 8, t.SHORT: 16, t.INT: 32, t.LONG: 64}
_BOOLEANS: Final = {"true": "true", "false": "false"}


def raw_values(key: str) -> dict[str, str | None]:
    """Give the ``key=value`` folders of a path in order, ``%xx`` decoded.

    A folder without ``=`` ends the Hive layout: then there are none, as in Spark.
    """
    found: dict[str, str | None] = {}
    for folder in key.split("/")[:-1]:
        name, mark, value = folder.partition("=")
        if not mark or not name:
            return {}
        found[unquote(name)] = None if value == NULL_NAME else unquote(value)
    return found


def raw_values_of(key: str, names: Sequence[str]) -> dict[str, str | None]:
    """Give the values of chosen ``key=value`` folders, wherever in the path; absent is None."""
    found: dict[str, str | None] = dict.fromkeys(names)
    for folder in key.split("/")[:-1]:
        name, mark, value = folder.partition("=")
        if mark and unquote(name) in found:
            found[unquote(name)] = None if value == NULL_NAME else unquote(value)
    return found


def infer_partitions(keys: Iterable[str], *, infer_types: bool) -> t.Struct:
    """Find the partition columns of a layout and their types.

    Returns:
        No columns when the files do not agree on their ``key=value`` folders.
    """
    names: tuple[str, ...] | None = None
    values: dict[str, set[str]] = {}
    for folder in sorted({key.rpartition("/")[0] for key in keys}):
        found = raw_values(f"{folder}/" if folder else "")
        if names is not None and tuple(found) != names:
            return t.Struct(())
        names = tuple(found)
        for name, value in found.items():
            values.setdefault(name, set()).update(() if value is None else (value,))
    return t.Struct(
        tuple((name, infer_type(values[name]) if infer_types else t.STRING) for name in names or ())
    )


def infer_type(values: set[str]) -> t.SparkType:
    """Give the narrowest type that all values have; without any, string."""
    if not values:
        return t.STRING
    candidates = (
        t.INT, t.LONG, t.Decimal(t.MAX_PRECISION, 0), t.DOUBLE, t.DATE, t.TIMESTAMP,
    )  # fmt: skip
    for kind in candidates:
        if all(canonical(each, kind) is not None for each in values):
            return kind
    return t.STRING


def canonical(value: str, kind: t.SparkType) -> str | None:
    """Give a value as text that Arrow casts to ``kind``, or None when it is not of that type."""
    match kind:
        case t.STRING:
            return value
        case t.Simple() if kind in _INTEGER_BITS:
            return _integer(value, _INTEGER_BITS[kind])
        case t.DOUBLE | t.FLOAT:
            return value if _DOUBLE.fullmatch(value) else None
        case t.BOOLEAN:
            return _BOOLEANS.get(value.lower())
        case t.Decimal(precision, scale):
            return _decimal(value, precision, scale)
        case t.DATE:
            return _parsed(value, date) if _DATE.fullmatch(value) else None
        case t.TIMESTAMP | t.TIMESTAMP_NTZ:
            whole = _DATE.fullmatch(value) or _TIMESTAMP.fullmatch(value)
            return _parsed(value, datetime) if whole else None
        case _:
            return None


def _integer(value: str, bits: int) -> str | None:
    if not _INTEGER.fullmatch(value):
        return None
    number = int(value)
    return str(number) if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def _decimal(value: str, precision: int, scale: int) -> str | None:
    if not _DOUBLE.fullmatch(value) or (scale == 0 and not _INTEGER.fullmatch(value)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or -exponent > scale:
        return None
    return f"{number:f}" if len(digits) + exponent <= precision - scale else None


def _parsed(value: str, kind: type[date | datetime]) -> str | None:
    try:
        return kind.fromisoformat(value).isoformat()
    except ValueError:
        return None


def typed_values(raw: dict[str, str | None], columns: t.Struct) -> tuple[str | None, ...]:
    """Give a file's partition values as texts that cast to their columns' types.

    Raises:
        BadFileError: A folder's value is not of its column's type.
    """
    found: list[str | None] = []
    for name, kind in columns.fields:
        value = raw.get(name)
        text = None if value is None else canonical(value, kind)
        if value is not None and text is None:
            raise BadFileError(
                f"the folder value of partition column {name!r} is no {t.type_name(kind)}",
                fix=f'rename the folder, or read the column as text: schema_hints="{name} STRING"',
            )
        found.append(text)
    return tuple(found)
