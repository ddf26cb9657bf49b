"""Spark's order of arrays and structs: a null in one stands before every value.

DuckDB sorts a null inside of a list or struct behind the values, whatever is asked for outside.
"""

from __future__ import annotations

from lakestream.plan import types as t
from lakestream.sql.casts import field_of


def is_nested(kind: t.SparkType) -> bool:
    """Tell whether values of the type may hold a null inside."""
    return isinstance(kind, t.Array | t.Struct)


def order_key(sql: str, kind: t.SparkType, depth: int = 0) -> str:
    """Give SQL that DuckDB orders as Spark orders the value; a null stays one."""
    match kind:
        case t.Array(element):
            name = f"k{depth}_"
            inner = order_key(name, element, depth + 1)
            pair = f"struct_pack(n := {name} IS NOT NULL, v := {inner})"
            return f"list_transform({sql}, lambda {name}: {pair})"
        case t.Struct(fields):
            parts = []
            for at, (name, each) in enumerate(fields):
                found = field_of(sql, name)
                parts.append(f"n{at} := {found} IS NOT NULL")
                parts.append(f"v{at} := {order_key(found, each, depth)}")
            return f"(CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(parts)}) END)"
        case _:
            return sql


def sort_list(sql: str, element: t.SparkType, *, upwards: bool) -> str:
    """Give the SQL of a sorted list: upwards with nulls first, or downwards with nulls last."""
    order = "'ASC', 'NULLS FIRST'" if upwards else "'DESC', 'NULLS LAST'"
    if not is_nested(element):
        return f"list_sort({sql}, {order})"
    pair = f"struct_pack(k := {order_key('s_', element)}, v := s_)"
    keyed = f"list_transform({sql}, lambda s_: CASE WHEN s_ IS NOT NULL THEN {pair} END)"
    return f"list_transform(list_sort({keyed}, {order}), lambda s_: struct_extract(s_, 'v'))"


def extreme(sql: str, element: t.SparkType, *, largest: bool) -> str:
    """Give the SQL of a list's largest or smallest value; nulls are skipped."""
    if not is_nested(element):
        return f"{'list_max' if largest else 'list_min'}({sql})"
    values = f"list_filter({sql}, lambda s_: s_ IS NOT NULL)"
    return f"({sort_list(values, element, upwards=not largest)})[1]"
