"""Functions over JSON texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lakestream.errors import UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.casts import EXACT
from lakestream.sql.coercion import FRACTIONS, INTEGERS, duck_type, quote, quote_text
from lakestream.sql.library.registry import accept, function
from lakestream.sql.value import Value

_PATH: Final = re.compile(r"\$(\.[A-Za-z_][\w-]*|\['[^'\"]+'\]|\[\d+\])*")


@function("get_json_object", 2)
def _get_json_object(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    path = str(accept(values[1], "literal", where).literal)
    if not _PATH.fullmatch(path):
        raise UnsupportedOperationError(
            "this JSON path is not computed here",
            where=where,
            fix="write names and positions: $.a.b[0]",
        )
    ours = re.sub(r"\['([^']+)'\]", r'."\1"', path)
    ours = re.sub(r"\.([A-Za-z_][\w-]*)", r'."\1"', ours)
    sql = (
        f"(CASE WHEN json_valid({text.sql}) "
        f"THEN json_extract_string({text.sql}, {quote_text(ours)}) END)"
    )
    return text.merge(sql, t.STRING)


@function("from_json", 2)
def _from_json(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    ddl = str(accept(values[1], "literal", where).literal)
    kind = _target(ddl)
    if not isinstance(kind, t.Struct):
        raise UnsupportedOperationError(
            "from_json() reads objects here", where=where, fix='give columns: "a INT, b STRING"'
        )
    # A text that is no JSON object gives a struct of nulls, as Spark's permissive mode.
    whole = f"(CASE WHEN json_valid({text.sql}) THEN CAST({text.sql} AS JSON) END)"
    fields = _fields(whole, kind, 0)
    return text.merge(f"(CASE WHEN {text.sql} IS NOT NULL THEN {fields} END)", kind)


def _target(ddl: str) -> t.SparkType:
    if re.match(r"\s*(struct|array|map)\s*<", ddl, re.IGNORECASE):
        return t.parse_type(ddl)
    return t.schema_of_ddl(ddl)


def _fields(json: str, kind: t.Struct, depth: int) -> str:
    packed = ", ".join(
        f"{quote(name)} := {_value(_member(json, name), each, depth)}" for name, each in kind.fields
    )
    return f"struct_pack({packed})"


def _member(json: str, name: str) -> str:
    # Of several members of one name Spark takes the last, json_extract the first.
    keys = f"json_keys({json})"
    back = f"list_position(list_reverse({keys}), {quote_text(name)})"
    return f"(json_extract({json}, '$.*'))[len({keys}) + 1 - {back}]"


def _value(json: str, kind: t.SparkType, depth: int) -> str:
    """Give a JSON value as a type, or null where Spark would not take it as that type."""
    text, found = f"({json} ->> '$')", f"json_type({json})"
    duck = duck_type(kind)
    if kind == t.STRING:
        return text
    if kind in INTEGERS:
        return f"CASE WHEN {found} IN ('BIGINT', 'UBIGINT') THEN TRY_CAST({text} AS {duck}) END"
    if isinstance(kind, t.Decimal):
        plain = f"replace({text}, ',', '')"
        fits = f"({found} <> 'VARCHAR' OR regexp_full_match({plain}, '{EXACT}'))"
        known = "('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT', 'VARCHAR')"
        return f"CASE WHEN {found} IN {known} AND {fits} THEN TRY_CAST({plain} AS {duck}) END"
    if kind in FRACTIONS:
        numbers = "('BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT')"
        return f"CASE WHEN {found} IN {numbers} THEN TRY_CAST({text} AS {duck}) END"
    if kind == t.BOOLEAN:
        return f"CASE WHEN {found} = 'BOOLEAN' THEN {text} = 'true' END"
    if kind in (t.DATE, t.TIMESTAMP):
        return f"CASE WHEN {found} = 'VARCHAR' THEN TRY_CAST({text} AS {duck}) END"
    if isinstance(kind, t.Array):
        name = f"j{depth}_"
        items = f"json_extract({json}, '$[*]')"
        inner = _value(name, kind.element, depth + 1)
        return (
            f"CASE WHEN {found} = 'ARRAY' THEN list_transform({items}, lambda {name}: {inner}) END"
        )
    if isinstance(kind, t.Struct):
        return f"CASE WHEN {found} = 'OBJECT' THEN {_fields(json, kind, depth)} END"
    raise UnsupportedOperationError(
        f"from_json() does not read {t.type_name(kind)} here",
        where="from_json",
        fix="read it as STRING",
    )
