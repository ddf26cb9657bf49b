"""Columns of a data file as columns of the table: casts, missing fields, partition values."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any

from arro3.core import Array, DataType

from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, spark_type, to_arrow
from lakestream.plan.widening import widened


def readable_as(have: t.SparkType, want: t.SparkType) -> bool:
    """Tell whether every value of a file's column is one of the wanted type."""
    match have, want:
        case t.Struct(), t.Struct():
            pairs = ((kind, have.get(name)) for name, kind in want.fields)
            return all(found is None or readable_as(found, kind) for kind, found in pairs)
        case t.Array(one), t.Array(other):
            return readable_as(one, other)
        case t.Map(key, value), t.Map(wanted_key, wanted_value):
            return readable_as(key, wanted_key) and readable_as(value, wanted_value)
        case _:
            # INT96, Spark's old way to store an instant, carries no zone: it is UTC.
            is_instant = (have, want) == (t.TIMESTAMP_NTZ, t.TIMESTAMP)
            return have == want or is_instant or widened(have, want) == want


def column_as(column: Array, kind: t.SparkType) -> Array:
    """Give a column as the wanted type; nested fields that it lacks are null.

    The caller has checked that it is ``readable_as`` that type. Lists and maps are cast even
    when they look equal: arro3 compares types without the names of their children ("item" or
    "element", "entries" or "key_value"), which differ by writer, but makes batches with them.
    """
    wanted = to_arrow(kind)
    if isinstance(kind, t.Simple | t.Decimal) and column.type == wanted:
        return column
    if _same_shape(spark_type(column.type), kind):
        return column.cast(wanted)
    return _nested(column, kind)


def constant(text: str | None, kind: t.SparkType, rows: int) -> Array:
    """Give a partition value as a column; Delta writes null as "" too.

    A text that is no value of the type gives nulls, which the caller tells from a null's.
    """
    if not text:
        return nulls(kind, rows)
    if isinstance(kind, t.Decimal):
        text = _digits(text)
    one = Array([text], DataType.utf8()).cast(to_arrow(kind))
    return one.take(Array([0] * rows, DataType.uint32()))


def _digits(text: str) -> str:
    """Give a decimal without an exponent: Spark writes ``0E-10``, which Arrow does not read."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return text
    return format(found, "f") if abs(found.adjusted()) <= t.MAX_PRECISION else text


def nulls(kind: t.SparkType, rows: int) -> Array:
    """Give a column of nulls."""
    if isinstance(kind, t.Simple | t.Decimal) and kind != t.VOID:
        return Array([None] * rows, DataType.utf8()).cast(to_arrow(kind))
    pa = import_module("pyarrow")
    return Array.from_arrow(pa.nulls(rows, _arrow_type(pa, kind)))


def _same_shape(have: t.SparkType, want: t.SparkType) -> bool:
    match have, want:
        case t.Struct(), t.Struct():
            # arrow casts a struct by name only when the names are the same ones
            return set(have.names) == set(want.names) and all(
                _same_shape(kind, want.get(name) or kind) for name, kind in have.fields
            )
        case t.Array(one), t.Array(other):
            return _same_shape(one, other)
        case t.Map(key, value), t.Map(wanted_key, wanted_value):
            return _same_shape(key, wanted_key) and _same_shape(value, wanted_value)
        case _:
            return True


def _nested(column: Array, kind: t.SparkType) -> Array:
    """Rebuild a nested column through pyarrow, since arro3 shows no validity.

    Only the files from before a struct grew need it, and pay pyarrow's 0.3 s of import.
    """
    pa = import_module("pyarrow")
    return Array.from_arrow(_rebuilt(pa, pa.array(column), kind))


# pyarrow's stubs know no array whose type is found at run time, hence Any.
def _rebuilt(pa: Any, array: Any, kind: t.SparkType) -> Any:  # noqa: ANN401 - see above
    wanted = _arrow_type(pa, kind)
    match kind:
        case t.Struct(fields):
            names = [field.name for field in array.type]
            have = dict(zip(names, array.flatten(), strict=True))
            children = [
                _rebuilt(pa, have[field.name], each)
                if field.name in have
                else pa.nulls(len(array), field.type)
                for field, (_, each) in zip(wanted, fields, strict=True)
            ]
            return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())
        case t.Array(element):
            values = _rebuilt(pa, array.values, element)
            return pa.ListArray.from_arrays(
                _fresh(array.offsets), values, type=wanted, mask=array.is_null()
            )
        case t.Map(key, value):
            keys, items = _rebuilt(pa, array.keys, key), _rebuilt(pa, array.items, value)
            return pa.MapArray.from_arrays(
                _fresh(array.offsets), keys, items, type=wanted, mask=array.is_null()
            )
        case _:
            return array.cast(wanted)


def _arrow_type(pa: Any, kind: t.SparkType) -> Any:  # noqa: ANN401 - see above
    return pa.schema(arrow_schema(t.Struct((("value", kind),)))).field(0).type


def _fresh(offsets: Any) -> Any:  # noqa: ANN401 - see above
    """Copy offsets: pyarrow takes no mask beside a slice of them."""
    return import_module("pyarrow.compute").add(offsets, 0).cast("int32")
