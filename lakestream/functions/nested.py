"""Functions over arrays, maps, structs and JSON texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lakestream.plan.column import Column, ColumnOrName, Literal, call, lambda_of, named


def array(*cols: ColumnOrName | Sequence[ColumnOrName]) -> Column:
    """Give an array of these values."""
    return call("array", *_each(cols))


def create_map(*cols: ColumnOrName | Sequence[ColumnOrName]) -> Column:
    """Give a map of these keys and values in turn."""
    return call("map", *_each(cols))


def struct(*cols: ColumnOrName | Sequence[ColumnOrName]) -> Column:
    """Give a struct of these columns, under their names."""
    return call("struct", *_each(cols), keep_names=True)


def _each(cols: Sequence[ColumnOrName | Sequence[ColumnOrName]]) -> list[Column]:
    # One list may stand for them all.
    given = cols[0] if len(cols) == 1 and isinstance(cols[0], list | tuple | set) else cols
    return [named(each) for each in given]


def named_struct(*cols: ColumnOrName) -> Column:
    """Give a struct of these names (``F.lit("name")``) and values in turn."""
    return call("named_struct", *map(named, cols))


def sort_array(col: ColumnOrName, asc: bool = True) -> Column:  # noqa: FBT001, FBT002 - PySpark's manner
    """Sort an array upwards, nulls first, or downwards, nulls last."""
    return call("sort_array", named(col), *([] if asc else [False]))


def from_json(col: ColumnOrName, schema: str) -> Column:
    """Read a JSON object as a struct; ``schema`` is DDL: ``"id BIGINT, tags ARRAY<STRING>"``."""
    return call("from_json", named(col), schema)


def transform(col: ColumnOrName, f: Callable[..., Column]) -> Column:
    """Give each element as what the function makes of it; it may take the position too."""
    return _with_lambda("transform", col, f)


def filter(col: ColumnOrName, f: Callable[..., Column]) -> Column:  # noqa: A001 - PySpark's name
    """Keep the elements for which the function is true; it may take the position too."""
    return _with_lambda("filter", col, f)


def exists(col: ColumnOrName, f: Callable[[Column], Column]) -> Column:
    """True where the function is true for an element."""
    return _with_lambda("exists", col, f)


def forall(col: ColumnOrName, f: Callable[[Column], Column]) -> Column:
    """True where the function is true for all elements."""
    return _with_lambda("forall", col, f)


def _with_lambda(name: str, item: ColumnOrName, function: Callable[..., Column]) -> Column:
    return call(name, named(item), lambda_of(function))


def size(col: ColumnOrName) -> Column:
    """Count the elements of an array or map."""
    return call("size", named(col))


def array_size(col: ColumnOrName) -> Column:
    """Count the elements of an array."""
    return call("array_size", named(col))


def get(col: ColumnOrName, index: ColumnOrName | int) -> Column:
    """Give an element from 0; null outside of the array."""
    return call("get", named(col), named(index))


def element_at(col: ColumnOrName, extraction: Column | Literal) -> Column:
    """Give an element from 1 (from the end below zero), or a map's value."""
    return call("element_at", named(col), extraction)


def array_contains(col: ColumnOrName, value: Column | Literal) -> Column:
    """True where the array has the value."""
    return call("array_contains", named(col), value)


def array_compact(col: ColumnOrName) -> Column:
    """Leave out nulls."""
    return call("array_compact", named(col))


def array_max(col: ColumnOrName) -> Column:
    """Give the largest element."""
    return call("array_max", named(col))


def array_min(col: ColumnOrName) -> Column:
    """Give the smallest element."""
    return call("array_min", named(col))


def array_join(col: ColumnOrName, delimiter: str, null_replacement: str | None = None) -> Column:
    """Join texts; nulls are left out, or given as ``null_replacement``."""
    rest = [] if null_replacement is None else [null_replacement]
    return call("array_join", named(col), delimiter, *rest)


def slice(x: ColumnOrName, start: ColumnOrName | int, length: ColumnOrName | int) -> Column:  # noqa: A001 - PySpark's name
    """Give ``length`` elements from a position that counts from 1, or from the end below zero."""
    return call("slice", named(x), named(start), named(length))


def flatten(col: ColumnOrName) -> Column:
    """Give an array of arrays as one array."""
    return call("flatten", named(col))


def map_keys(col: ColumnOrName) -> Column:
    """Give a map's keys."""
    return call("map_keys", named(col))


def map_values(col: ColumnOrName) -> Column:
    """Give a map's values."""
    return call("map_values", named(col))


def map_contains_key(col: ColumnOrName, value: Column | Literal) -> Column:
    """True where the map has the key."""
    return call("map_contains_key", named(col), value)


def get_json_object(col: ColumnOrName, path: str) -> Column:
    """Give what stands at a path of a JSON text: ``"$.a.b[0]"``."""
    return call("get_json_object", named(col), path)
