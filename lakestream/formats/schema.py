"""How schemas change: hints, drift, widening, and the limits on what input may make of them.

Names are compared without case, as Delta does: two columns that differ only in case cannot
stand in one table. The spelling that came first stays.

With ``widen=True`` only, a type becomes a wider one by the table of ``plan.widening``; everything
else keeps the stored type and rescues.
"""

from __future__ import annotations

from collections.abc import Iterable

from lakestream.errors import ConfigError, PlanError, SchemaRejectedError
from lakestream.limits import MAX_COLUMNS, MAX_DEPTH
from lakestream.plan import types as t
from lakestream.plan.widening import widened


def find_name(schema: t.Struct, name: str) -> str | None:
    """Give the spelling under which a schema has a name, the exact one first, or None."""
    if schema.get(name) is not None:
        return name
    folded = name.casefold()
    return next((each for each in schema.names if each.casefold() == folded), None)


def can_be_column(name: str) -> bool:
    """Tell whether a field's name may become a column's: Arrow ends names at a NUL character."""
    return "\0" not in name


def check_limits(schema: t.Struct, *, where: str | None = None) -> None:
    """Refuse a schema that is too wide or too deep.

    Raises:
        SchemaRejectedError: More than ``MAX_COLUMNS`` fields, nested ones included, or nested
            deeper than ``MAX_DEPTH``.
    """
    columns, depth = _measure(schema)
    if columns > MAX_COLUMNS:
        raise SchemaRejectedError(
            f"the schema has {columns} columns; {MAX_COLUMNS} are allowed",
            where=where,
            fix="read fields with changing names as one column with a hint, such as"
            ' schema_hints="attributes MAP<STRING, STRING>"',
        )
    if depth > MAX_DEPTH:
        raise SchemaRejectedError(
            f"the schema is nested {depth} levels deep; {MAX_DEPTH} are allowed",
            where=where,
            fix="read the deep field as text with a hint of type STRING",
        )


def _measure(kind: t.SparkType) -> tuple[int, int]:
    """Give the number of fields in a type and its depth."""
    match kind:
        case t.Struct(fields):
            inner = [_measure(each) for _, each in fields]
            columns = len(fields) + sum(count for count, _ in inner)
            return columns, 1 + max((depth for _, depth in inner), default=0)
        case t.Array(element):
            columns, depth = _measure(element)
            return columns, depth + 1
        case t.Map(_, value):
            columns, depth = _measure(value)
            return columns, depth + 1
        case _:
            return 0, 0


def apply_hints(schema: t.Struct, hints_ddl: str) -> t.Struct:
    """Pin the types of columns, whatever was inferred for them.

    A path with dots names a nested field: ``a.b`` in a struct, ``a.element`` in an array,
    ``a.key`` and ``a.value`` in a map. A name that the schema has literally, dots included, is
    taken literally. Absent columns and fields are added at the end; an absent parent becomes
    an array where the next part is ``element``, a map where both ``key`` and ``value`` of it are
    named, else a struct.

    Args:
        schema: The schema as inferred or stored.
        hints_ddl: ``"price DECIMAL(10,2), tags.element STRING"``.

    Raises:
        PlanError: The text is no DDL, names a path twice, or a path leads through a type that
            has no such part.
        SchemaRejectedError: The result is over a limit.
    """
    hints = t.parse_ddl(hints_ddl)
    maps = _maps_of(path for path, _ in hints)
    seen: set[str] = set()
    for path, kind in hints:
        if path.casefold() in seen:
            raise PlanError(
                f"hint for {path!r} is given twice", where="schema_hints", fix="keep one of them"
            )
        seen.add(path.casefold())
        literal = find_name(schema, path)
        parts = [literal] if literal is not None else path.split(".")
        schema = _hint_field(schema, parts, kind, path, maps)
    check_limits(schema, where="schema_hints")
    return schema


def _maps_of(paths: Iterable[str]) -> frozenset[str]:
    """Give the paths of which both key and value are named, without case."""
    named = {
        (".".join(parts[:end]).casefold(), parts[end])
        for parts in (path.split(".") for path in paths)
        for end in range(1, len(parts))
    }
    return frozenset(path for path, last in named if last == "key" and (path, "value") in named)


def _hint_field(
    schema: t.Struct,
    parts: list[str],
    kind: t.SparkType,
    path: str,
    maps: frozenset[str] = frozenset(),
) -> t.Struct:
    name = find_name(schema, parts[0])
    if name is None:
        added = (parts[0], _hinted(None, parts[1:], kind, path, maps))
        return t.Struct((*schema.fields, added))
    return t.Struct(
        tuple(
            (each, _hinted(old, parts[1:], kind, path, maps) if each == name else old)
            for each, old in schema.fields
        )
    )


def _hinted(
    old: t.SparkType | None,
    parts: list[str],
    kind: t.SparkType,
    path: str,
    maps: frozenset[str],
) -> t.SparkType:
    match old, parts:
        case _, []:
            return kind
        case (None | t.VOID | t.Array(), ["element", *rest]):
            element = old.element if isinstance(old, t.Array) else None
            return t.Array(_hinted(element, rest, kind, path, maps))
        case (None | t.VOID, _) if _is_at(maps, path, parts):
            return _hinted(t.Map(t.VOID, t.VOID), parts, kind, path, maps)
        case t.Map(key, value), ["key", *rest]:
            return t.Map(_hinted(key, rest, kind, path, maps), value)
        case t.Map(key, value), ["value", *rest]:
            return t.Map(key, _hinted(value, rest, kind, path, maps))
        case ((None | t.VOID), _):
            return _hint_field(t.Struct(()), parts, kind, path, maps)
        case t.Struct(), _:
            return _hint_field(old, parts, kind, path, maps)
        case _:
            raise PlanError(
                f"hint {path!r} asks for part {parts[0]!r} of a {t.type_name(old)}",
                where="schema_hints",
                fix="give the type of the whole column, such as STRUCT<...>, ARRAY<...> or"
                " MAP<..., ...>",
            )


def _is_at(maps: frozenset[str], path: str, rest: list[str]) -> bool:
    """Tell whether what stands before the rest of a hint's path is to be a map."""
    before = path.split(".")[: -len(rest)]
    return ".".join(before).casefold() in maps


def grow_by_hints(stored: t.Struct, hints_ddl: str) -> t.Struct:
    """Add the columns and fields that hints name and a stored schema lacks.

    Hints that shaped the schema in the first place change nothing, also when a hinted struct
    has grown since.

    Raises:
        PlanError: The hints cannot be read, or lead through a type that has no such part.
        ConfigError: A hint wants another type than the one that is stored.
        SchemaRejectedError: The result is over a limit.
    """
    grown = merge_drift(stored, apply_hints(stored, hints_ddl), widen=False)
    for name, wanted in apply_hints(grown, hints_ddl).fields:
        check_hint(name, stored=dict(grown.fields)[name], wanted=wanted)
    return grown


def widen_drift(stored: t.Struct, drift: t.Struct, hints_ddl: str | None) -> t.Struct:
    """Add what drift brought, and widen types to what was seen; those that hints pin stay.

    Raises:
        SchemaRejectedError: The result is over a limit.
    """
    kept = merge_drift(stored, drift, widen=False)
    grown = merge_drift(stored, drift, widen=True)
    for path, _ in () if hints_ddl is None else t.parse_ddl(hints_ddl):
        literal = find_name(stored, path)
        parts = [literal] if literal is not None else path.split(".")
        if (pinned := _part(kept, parts)) is not None:
            grown = _hint_field(grown, parts, pinned, path)
    return grown


def _part(kind: t.SparkType, parts: list[str]) -> t.SparkType | None:
    """Give the type of a part of a type, by the path of a hint; None where there is none."""
    match kind, parts:
        case _, []:
            return kind
        case t.Array(element), ["element", *rest]:
            return _part(element, rest)
        case t.Map(key, _), ["key", *rest]:
            return _part(key, rest)
        case t.Map(_, value), ["value", *rest]:
            return _part(value, rest)
        case t.Struct(), [name, *rest]:
            known = find_name(kind, name)
            found = None if known is None else kind.get(known)
            return None if found is None else _part(found, rest)
        case _:
            return None


def check_hint(name: str, *, stored: t.SparkType, wanted: t.SparkType) -> None:
    """Refuse a hint for a column that has had another type since the stream began.

    Raises:
        ConfigError: It has.
    """
    if not _holds(stored, wanted):
        raise ConfigError(
            f"schema_hints changes the type of column {name!r}, which has been"
            f" {t.type_name(stored)} since the stream began",
            where="schema_hints",
            fix="take the hint back and cast the column in the stream, or reset the table to"
            " infer its columns anew",
        )


def _holds(stored: t.SparkType, wanted: t.SparkType) -> bool:
    """Tell whether a stored type is the wanted one, or that with more fields in its structs."""
    match stored, wanted:
        case t.Struct(), t.Struct():
            pairs = ((stored.get(name), kind) for name, kind in wanted.fields)
            return all(have is not None and _holds(have, kind) for have, kind in pairs)
        case t.Array(have), t.Array(kind):
            return _holds(have, kind)
        case t.Map(key, have), t.Map(wanted_key, kind):
            return key == wanted_key and _holds(have, kind)
        case _:
            return stored == wanted


def merge_drift(stored: t.Struct, drift: t.Struct, *, widen: bool) -> t.Struct:
    """Add what drift brought: new columns at the end, new nested fields at their struct's end.

    Order, names and types of what is stored stay, except that with ``widen`` a type becomes
    the wider one of ``plan.widening``. Merging the same drift again changes nothing.

    Raises:
        SchemaRejectedError: The result is over a limit.
    """
    merged = _merge_struct(stored, drift, widen=widen)
    check_limits(merged, where="schema evolution")
    return merged


def _merge_struct(stored: t.Struct, drift: t.Struct, *, widen: bool) -> t.Struct:
    fields = dict(stored.fields)
    spelling = {name.casefold(): name for name in reversed(stored.names)}
    for name, seen in drift.fields:
        known = name if name in fields else spelling.get(name.casefold())
        if known is None:
            fields[name] = seen
            spelling[name.casefold()] = name
        else:
            fields[known] = merge_types(fields[known], seen, widen=widen)
    return t.Struct(tuple(fields.items()))


def merge_types(stored: t.SparkType, seen: t.SparkType, *, widen: bool) -> t.SparkType:
    """Give a stored type with the fields, and with ``widen`` the width, that was seen."""
    match stored, seen:
        case t.Struct(), t.Struct():
            return _merge_struct(stored, seen, widen=widen)
        case t.Array(old), t.Array(new):
            return t.Array(merge_types(old, new, widen=widen))
        case t.Map(key, old), t.Map(_, new):
            return t.Map(key, merge_types(old, new, widen=widen))
        case _:
            return (widened(stored, seen) if widen else None) or stored
