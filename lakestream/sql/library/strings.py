"""Functions over texts and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.coercion import common_type
from lakestream.sql.library.registry import accept, function, origins_of, simple, variadic
from lakestream.sql.value import Value, cast_value

simple("trim", "string", "string", "trim({0}, ' ')")
simple("ltrim", "string", "string", "ltrim({0}, ' ')")
simple("rtrim", "string", "string", "rtrim({0}, ' ')")
simple("btrim", "string", "string", "trim({0}, ' ')")
simple("btrim", "string string", "string", "trim({0}, {1})")
simple("trim", "string string", "string", "trim({1}, {0})")
simple("ltrim", "string string", "string", "ltrim({1}, {0})")
simple("rtrim", "string string", "string", "rtrim({1}, {0})")
simple("repeat", "string int", "string", "repeat({0}, {1})")
simple("replace", "string string", "string", "replace({0}, {1}, '')")
simple("replace", "string string string", "string",
       "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END")  # fmt: skip
simple("startswith", "string string", "boolean", "starts_with({0}, {1})")
simple("endswith", "string string", "boolean", "ends_with({0}, {1})")
simple("contains", "string string", "boolean", "contains({0}, {1})")
simple("instr", "string string", "int", "CAST(instr({0}, {1}) AS INTEGER)")
simple("locate position charindex", "string string", "int", "CAST(instr({1}, {0}) AS INTEGER)")
simple("locate position charindex", "string string int", "int",
       "CAST(CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN {2} < 1 OR {2} IS NULL THEN 0 "
       "ELSE coalesce(nullif(instr(substring({1}, {2}), {0}), 0) + {2} - 1, 0) END AS INTEGER)")  # fmt: skip  # noqa: E501 - one expression
# The engine's greatest() skips a null: a length that is null would be 0.
_LENGTH: Final = "(CASE WHEN {1} < 0 THEN 0 ELSE {1} END)"
simple("left", "string int", "string", f"substring({{0}}, 1, {_LENGTH})")
simple("right", "string int", "string",
       "(CASE WHEN {1} <= 0 THEN left({0}, 0) ELSE right({0}, {1}) END)")  # fmt: skip
simple("ascii", "string", "int", "CAST(CASE WHEN {0} = '' THEN 0 ELSE unicode({0}) END AS INTEGER)")
simple("md5", "bytes!", "string", "md5({0})")
simple("sha sha1", "bytes!", "string", "sha1({0})")
simple("translate", "string string string", "string", "translate({0}, {1}, {2})")
simple("url_encode", "string", "string",
       "replace(replace(replace(url_encode({0}), '%20', '+'), '~', '%7E'), '%2A', '*')")  # fmt: skip  # noqa: E501 - one expression
for _name in ("lpad", "rpad"):
    _cut = f"left({{0}}, {_LENGTH})"
    simple(_name, "string int string", "string",
           f"(CASE WHEN {{2}} = '' THEN {_cut} ELSE {_name}({{0}}, {_LENGTH}, {{2}}) END)")  # fmt: skip  # noqa: E501 - a template
    simple(_name, "string int", "string", f"{_name}({{0}}, {_LENGTH}, ' ')")
simple("split_part", "string string int", "string",
       "(CASE WHEN {2} = 0 AND {0} IS NOT NULL AND {1} IS NOT NULL THEN error('a part from 1') "
       "WHEN {1} = '' THEN CASE WHEN abs({2}) = 1 THEN {0} ELSE left({0}, 0) END "
       "ELSE split_part({0}, {1}, {2}) END)")  # fmt: skip
simple("chr char", "bigint", "string",
       "(CASE WHEN {0} < 0 THEN '' WHEN {0} % 256 = 0 THEN chr(0) "
       "ELSE chr(CAST({0} % 256 AS INTEGER)) END)")  # fmt: skip
simple("space", "int", "string", "repeat(' ', {0})")


@function("substring substr", 3)
def _substring(values: Sequence[Value], where: str) -> Value:
    text, start, length = (
        accept(values[0], "string", where),
        *(accept(each, "int", where) for each in values[1:]),
    )
    # Spark takes the span [start, start + length) and cuts it to the text; a start behind the
    # text's beginning counts from its end, before the cut.
    size = f"length({text.sql})"
    begin = f"(CASE WHEN {start.sql} > 0 THEN {start.sql} - 1 WHEN {start.sql} < 0 THEN {size} + {start.sql} ELSE 0 END)"  # noqa: E501 - one expression
    end = f"({begin} + greatest({length.sql}, 0))"
    cut = f"substring({text.sql}, greatest({begin}, 0) + 1, greatest({end} - greatest({begin}, 0), 0))"  # noqa: E501 - one expression
    there = f"{start.sql} IS NOT NULL AND {length.sql} IS NOT NULL"
    sql = f"(CASE WHEN {there} THEN {cut} END)"
    return Value(sql, t.STRING, origins=origins_of(values))


@function("substring substr", 2)
def _substring_from(values: Sequence[Value], where: str) -> Value:
    text, start = accept(values[0], "string", where), accept(values[1], "int", where)
    size = f"length({text.sql})"
    begin = f"(CASE WHEN {start.sql} < 0 THEN greatest({size} + {start.sql}, 0) + 1 ELSE greatest({start.sql}, 1) END)"  # noqa: E501 - one expression
    sql = f"(CASE WHEN {start.sql} IS NOT NULL THEN substring({text.sql}, {begin}) END)"
    return text.merge(sql, t.STRING, start)


@function("substring_index", 3)
def _substring_index(values: Sequence[Value], where: str) -> Value:
    text, mark = (accept(each, "string", where) for each in values[:2])
    plain = mark.literal
    if not isinstance(plain, str) or any(
        plain.startswith(plain[at:]) for at in range(1, len(plain))
    ):
        raise UnsupportedOperationError(
            "the delimiter must be a literal that cannot overlap itself",
            where=where,
            fix='write it out; for one such as "aa" use mapBatches',
        )
    count = accept(values[2], "int", where)
    parts = f"string_split({text.sql}, {mark.sql})"
    ahead = f"array_to_string({parts}[1:{count.sql}], {mark.sql})"
    behind = f"array_to_string({parts}[greatest(len({parts}) + {count.sql} + 1, 1):], {mark.sql})"
    sql = (
        f"(CASE WHEN {count.sql} = 0 OR {mark.sql} = '' THEN left({text.sql}, 0) "
        f"WHEN {count.sql} > 0 THEN {ahead} WHEN {count.sql} < 0 THEN {behind} END)"
    )
    return text.merge(sql, t.STRING, mark, count)


@variadic("concat", 1)
def _concat(values: Sequence[Value], where: str) -> Value:
    if all(isinstance(each.kind, t.Array) for each in values):
        kind = common_type(each.kind for each in values)
        if kind is None:
            raise PlanError("arrays of these types cannot be joined", where=where, fix="cast them")
        given = [cast_value(each, kind) for each in values]
    elif all(each.kind == t.BINARY for each in values):
        kind, given = t.BINARY, list(values)
    else:
        kind, given = t.STRING, [accept(each, "string", where) for each in values]
    return Value(f"({' || '.join(e.sql for e in given)})", kind, origins=origins_of(values))


@variadic("concat_ws", 1)
def _concat_ws(values: Sequence[Value], where: str) -> Value:
    mark, *rest = values
    mark = accept(mark, "string", where)
    lists = [
        each.sql if each.kind == t.Array(t.STRING) else f"[{accept(each, 'string', where).sql}]"
        for each in rest
    ]
    joined = " || ".join(f"coalesce({each}, CAST([] AS VARCHAR[]))" for each in lists)
    listed = f"list_filter({joined or 'CAST([] AS VARCHAR[])'}, lambda e_: e_ IS NOT NULL)"
    sql = f"(CASE WHEN {mark.sql} IS NOT NULL THEN coalesce(array_to_string({listed}, {mark.sql}), '') END)"  # noqa: E501 - one expression
    return Value(sql, t.STRING, origins=origins_of(values))


@function("sha2", 2)
def _sha2(values: Sequence[Value], where: str) -> Value:
    if values[1].literal not in (0, 256):
        raise UnsupportedOperationError(
            "sha2() is computed with 256 bits only", where=where, fix="write sha2(x, 256)"
        )
    text = accept(values[0], "bytes!", where)
    return text.merge(f"sha256({text.sql})", t.STRING)
