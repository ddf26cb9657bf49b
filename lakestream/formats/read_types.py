"""The types that columns of a file are read as, where the library that decodes it gives others.

A file may say more of a column than its library's type does: that Parquet's INT96 is an instant,
that an ORC integer is a time. The schema of the file then has the type that Spark gives the
column, and its arrays come in the other one.
"""

from __future__ import annotations

from collections.abc import Callable

from lakestream.formats.lazy_pyarrow import Column, arrow_type, compute, pyarrow
from lakestream.formats.parquet_columns import file_kind
from lakestream.plan import types as t


def mapped(field: Column, leaf: Callable[[Column], Column]) -> Column:
    """Give the type of a pyarrow field with what ``leaf`` makes of the fields that hold values.

    ``leaf`` is called in their order, once for each. Lists of other layouts and extension types
    stay as they are.
    """
    pa, kind = pyarrow(), field.type
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(mapped(each, leaf)) for each in kind])
    if pa.types.is_map(kind):
        key, item = kind.key_field, kind.item_field
        return pa.map_(key.with_type(mapped(key, leaf)), item.with_type(mapped(item, leaf)))
    if hasattr(kind, "value_field"):
        value = kind.value_field.with_type(mapped(kind.value_field, leaf))
        return pa.list_(value) if pa.types.is_list(kind) else kind
    if isinstance(kind, pa.BaseExtensionType):
        mapped(field.with_type(kind.storage_type), leaf)
        return kind
    return leaf(field)


def retyped(column: Column, kind: t.SparkType, wanted: t.SparkType | None) -> Column:
    """Give a column as its file means it.

    Args:
        column: As the library gives it.
        kind: The type that it is read as.
        wanted: The type that it is fitted to. What it already has of that stays: a table may have
            the library's type from before.
    """
    target = _target(column.type, kind, wanted)
    return column if target == column.type else compute().cast(column, target, safe=False)


def _target(arrow: Column, kind: t.SparkType, wanted: t.SparkType | None) -> Column:
    pa = pyarrow()
    match kind:
        case t.Struct(fields) if pa.types.is_struct(arrow):
            inner = dict(wanted.fields) if isinstance(wanted, t.Struct) else {}
            return pa.struct(
                [
                    each.with_type(_target(each.type, meant, inner.get(name)))
                    for each, (name, meant) in zip(arrow, fields, strict=True)
                ]
            )
        case t.Array(element) if pa.types.is_list(arrow):
            item = wanted.element if isinstance(wanted, t.Array) else None
            field = arrow.value_field
            return pa.list_(field.with_type(_target(field.type, element, item)))
        case t.Map(key, value) if pa.types.is_map(arrow):
            keys, values = (wanted.key, wanted.value) if isinstance(wanted, t.Map) else (None, None)
            return pa.map_(
                arrow.key_field.with_type(_target(arrow.key_type, key, keys)),
                arrow.item_field.with_type(_target(arrow.item_type, value, values)),
            )
        case t.TIMESTAMP | t.TIMESTAMP_NTZ if file_kind(arrow) not in (kind, wanted):
            return arrow_type(kind)
        case _:
            return arrow
