"""Functions over arrays, maps and structs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from lakestream.errors import PlanError
from lakestream.plan import types as t
from lakestream.sql import ordering
from lakestream.sql.coercion import common_type, quote
from lakestream.sql.library import registry
from lakestream.sql.library.registry import Context, accept, function, origins_of, raw, variadic
from lakestream.sql.value import Value, cast_value


def _array(value: Value, where: str) -> tuple[Value, t.SparkType]:
    found = accept(value, "array", where)
    assert isinstance(found.kind, t.Array)  # noqa: S101 - accept has looked
    return found, found.kind.element


def _map(value: Value, where: str) -> tuple[Value, t.Map]:
    found = accept(value, "map", where)
    assert isinstance(found.kind, t.Map)  # noqa: S101 - accept has looked
    return found, found.kind


@variadic("array", 0)
def _make_array(values: Sequence[Value], where: str) -> Value:
    kind = common_type(value.kind for value in values)
    if kind is None:
        raise PlanError("the elements' types do not go together", where=where, fix="cast them")
    listed = ", ".join(cast_value(value, kind).sql for value in values)
    return Value(f"[{listed}]", t.Array(kind), origins=origins_of(values))


@variadic("map create_map", 0)
def _make_map(values: Sequence[Value], where: str) -> Value:
    if len(values) % 2:
        raise PlanError(
            "map() takes keys and values in turn", where=where, fix="add the last value"
        )
    keys, items = _make_array(values[::2], where), _make_array(values[1::2], where)
    assert isinstance(keys.kind, t.Array)  # noqa: S101 - just made
    assert isinstance(items.kind, t.Array)  # noqa: S101 - just made
    return keys.merge(
        f"map({keys.sql}, {items.sql})", t.Map(keys.kind.element, items.kind.element), items
    )


@raw("struct")
def _struct(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    fields = []
    for i, each in enumerate(arguments, 1):
        name = (
            each.alias_or_name if isinstance(each, exp.Alias | exp.Column | exp.Dot) else f"col{i}"
        )
        inner = each.this if isinstance(each, exp.Alias) else each
        fields.append((name, context.translate(inner)))
    return _packed(fields, where)


@raw("named_struct")
def _named_struct(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    values = [context.translate(each) for each in arguments]
    if len(values) % 2:
        raise PlanError("named_struct() takes names and values in turn", where=where, fix="add one")
    names = [str(accept(each, "literal", where).literal) for each in values[::2]]
    return _packed(list(zip(names, values[1::2], strict=True)), where)


def _packed(fields: Sequence[tuple[str, Value]], where: str) -> Value:
    if not fields:
        raise PlanError("a struct needs a field", where=where, fix="name at least one")
    inner = ", ".join(f"{quote(name)} := {value.sql}" for name, value in fields)
    kind = t.Struct(tuple((name, value.kind) for name, value in fields))
    return Value(f"struct_pack({inner})", kind, origins=origins_of([v for _, v in fields]))


@function("size cardinality", 1)
def _size(values: Sequence[Value], where: str) -> Value:
    if isinstance(values[0].kind, t.Map):
        return values[0].merge(f"CAST(cardinality({values[0].sql}) AS INTEGER)", t.INT)
    array, _ = _array(values[0], where)
    return array.merge(f"CAST(len({array.sql}) AS INTEGER)", t.INT)


@function("array_size", 1)
def _array_size(values: Sequence[Value], where: str) -> Value:
    array, _ = _array(values[0], where)
    return array.merge(f"CAST(len({array.sql}) AS INTEGER)", t.INT)


@function("element_at", 2)
def _element_at(values: Sequence[Value], where: str) -> Value:
    if isinstance(values[0].kind, t.Map):
        found = cast_value(values[1], values[0].kind.key)
        return values[0].merge(f"({values[0].sql})[{found.sql}]", values[0].kind.value, found)
    array, _ = _array(values[0], where)
    return registry.element(array, accept(values[1], "int", where), first=1)


@function("get", 2)
def _get(values: Sequence[Value], where: str) -> Value:
    array, kind = _array(values[0], where)
    at = accept(values[1], "int", where)
    return array.merge(f"(CASE WHEN {at.sql} >= 0 THEN ({array.sql})[{at.sql} + 1] END)", kind, at)


@function("array_contains", 2)
def _contains(values: Sequence[Value], where: str) -> Value:
    array, kind = _array(values[0], where)
    wanted = cast_value(values[1], kind)
    # Not found beside a null is unknown, as in SQL's IN.
    found = f"list_contains({array.sql}, {wanted.sql})"
    unknown = f"len(list_filter({array.sql}, lambda e_: e_ IS NULL)) > 0"
    sql = f"(CASE WHEN {wanted.sql} IS NULL THEN NULL WHEN {found} THEN true WHEN {unknown} THEN NULL ELSE {found} END)"  # noqa: E501 - one expression
    return array.merge(sql, t.BOOLEAN, wanted)


def _same_array(name: str, template: str) -> None:
    @function(name, 1)
    def build(values: Sequence[Value], where: str) -> Value:
        array, _ = _array(values[0], where)
        return array.merge(template.format(array.sql), array.kind)


_same_array("array_compact", "list_filter({0}, lambda e_: e_ IS NOT NULL)")


def _sort_array(values: Sequence[Value], where: str) -> Value:
    array, element = _array(values[0], where)
    upwards = values[1].literal if len(values) > 1 else True
    if not isinstance(upwards, bool):
        raise PlanError("sort_array() takes a literal direction", where=where, fix="write true")
    return array.merge(ordering.sort_list(array.sql, element, upwards=upwards), array.kind)


function("sort_array", 1)(_sort_array)
function("sort_array", 2)(_sort_array)


def _one_of(name: str, *, largest: bool) -> None:
    @function(name, 1)
    def build(values: Sequence[Value], where: str) -> Value:
        array, kind = _array(values[0], where)
        return array.merge(ordering.extreme(array.sql, kind, largest=largest), kind)


_one_of("array_max", largest=True)
_one_of("array_min", largest=False)


@function("slice", 3)
def _slice(values: Sequence[Value], where: str) -> Value:
    array, _ = _array(values[0], where)
    start, length = (accept(each, "int", where) for each in values[1:])
    size = f"len({array.sql})"
    begin = f"(CASE WHEN {start.sql} < 0 THEN {size} + {start.sql} + 1 ELSE {start.sql} END)"
    wrong = f"({array.sql} IS NOT NULL AND ({start.sql} = 0 OR {length.sql} < 0))"
    missing = f"({array.sql} IS NULL OR {start.sql} IS NULL OR {length.sql} IS NULL)"
    # A start before the first element, counted from the end, leaves nothing.
    sql = (
        f"(CASE WHEN {missing} THEN NULL WHEN {wrong} THEN error('slice from 0 or below zero') "
        f"WHEN {begin} < 1 OR {length.sql} = 0 THEN ({array.sql})[2:1] "
        f"ELSE ({array.sql})[{begin}:{begin} + {length.sql} - 1] END)"
    )
    return array.merge(sql, array.kind, start, length)


@function("flatten", 1)
def _flatten(values: Sequence[Value], where: str) -> Value:
    array, kind = _array(values[0], where)
    if not isinstance(kind, t.Array):
        raise PlanError("flatten() takes an array of arrays", where=where, fix="it is flat already")
    missing = f"len(list_filter({array.sql}, lambda e_: e_ IS NULL)) > 0"
    return array.merge(f"(CASE WHEN {missing} THEN NULL ELSE flatten({array.sql}) END)", kind)


def _join(values: Sequence[Value], where: str) -> Value:
    array, kind = _array(values[0], where)
    if kind != t.STRING:
        array = cast_value(array, t.Array(t.STRING))
    mark = accept(values[1], "string", where)
    listed = f"list_filter({array.sql}, lambda e_: e_ IS NOT NULL)"
    if len(values) > 2:  # noqa: PLR2004 - a count of arguments, digits or signs
        instead = accept(values[2], "literal", where).sql
        listed = f"list_transform({array.sql}, lambda e_: coalesce(e_, {instead}))"
    sql = f"(CASE WHEN {array.sql} IS NOT NULL AND {mark.sql} IS NOT NULL THEN coalesce(array_to_string({listed}, {mark.sql}), '') END)"  # noqa: E501 - one expression
    return array.merge(sql, t.STRING, mark)


function("array_join", 2)(_join)
function("array_join", 3)(_join)


@function("map_keys", 1)
def _keys(values: Sequence[Value], where: str) -> Value:
    found, kind = _map(values[0], where)
    return found.merge(f"map_keys({found.sql})", t.Array(kind.key))


@function("map_values", 1)
def _values(values: Sequence[Value], where: str) -> Value:
    found, kind = _map(values[0], where)
    return found.merge(f"map_values({found.sql})", t.Array(kind.value))


@function("map_contains_key", 2)
def _contains_key(values: Sequence[Value], where: str) -> Value:
    found, kind = _map(values[0], where)
    key = cast_value(values[1], kind.key)
    return found.merge(f"list_contains(map_keys({found.sql}), {key.sql})", t.BOOLEAN, key)


def _lambda(
    context: Context, arguments: Sequence[exp.Expression], where: str, *, most: int = 1
) -> tuple[Value, str, Value]:
    """Give the array, the parameters' SQL names and the translated body."""
    if len(arguments) != 2 or not isinstance(arguments[1], exp.Lambda):  # noqa: PLR2004 - two arguments
        raise PlanError(
            "this takes an array and a lambda", where=where, fix="write f(xs, x -> ...)"
        )
    array, kind = _array(context.translate(arguments[0]), where)
    parameters = [each.name for each in arguments[1].expressions]
    if len(parameters) > most:
        raise PlanError(
            f"the lambda takes {most} parameters here, not {len(parameters)}",
            where=where,
            fix="write x -> ..." if most == 1 else "write (x, i) -> ...",
        )
    # Lambdas nest: each depth has names of its own. The engine counts from 1, Spark from 0.
    names = [f"x{context.depth}_", f"i{context.depth}_"][: len(parameters)]
    values = [
        Value(names[0], kind),
        *(Value(f"CAST({i} - 1 AS INTEGER)", t.INT) for i in names[1:]),
    ]
    variables = dict(zip(parameters, values, strict=True))
    body = context.with_variables(variables).translate(arguments[1].this)
    return array, ", ".join(names), body


@raw("transform")
def _transform(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    array, name, body = _lambda(context, arguments, where, most=2)
    return array.merge(
        f"list_transform({array.sql}, lambda {name}: {body.sql})", t.Array(body.kind), body
    )


@raw("filter")
def _filter(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    array, name, body = _lambda(context, arguments, where, most=2)
    test = cast_value(body, t.BOOLEAN)
    return array.merge(f"list_filter({array.sql}, lambda {name}: {test.sql})", array.kind, body)


@raw("exists")
def _exists(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    array, name, body = _lambda(context, arguments, where)
    tested = f"list_transform({array.sql}, lambda {name}: {cast_value(body, t.BOOLEAN).sql})"
    sql = f"(CASE WHEN {array.sql} IS NULL THEN NULL WHEN coalesce(list_contains({tested}, true), false) THEN true WHEN len(list_filter({tested}, lambda e_: e_ IS NULL)) > 0 THEN NULL ELSE false END)"  # noqa: E501 - one expression
    return array.merge(sql, t.BOOLEAN, body)


@raw("forall")
def _forall(context: Context, arguments: Sequence[exp.Expression], where: str) -> Value:
    array, name, body = _lambda(context, arguments, where)
    tested = f"list_transform({array.sql}, lambda {name}: {cast_value(body, t.BOOLEAN).sql})"
    sql = f"(CASE WHEN {array.sql} IS NULL THEN NULL WHEN coalesce(list_contains({tested}, false), false) THEN false WHEN len(list_filter({tested}, lambda e_: e_ IS NULL)) > 0 THEN NULL ELSE true END)"  # noqa: E501 - one expression
    return array.merge(sql, t.BOOLEAN, body)
