"""Functions over texts and bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.coercion import quote_text
from lakestream.sql.library.registry import accept, function, origins_of, simple, variadic
from lakestream.sql.value import Value

simple("upper ucase", "string", "string", "upper({0})")
simple("lower lcase", "string", "string", "lower({0})")
simple("length char_length character_length len", "string", "int", "CAST(length({0}) AS INTEGER)")
simple("octet_length", "string", "int", "CAST(strlen({0}) AS INTEGER)")
simple("bit_length", "string", "int", "CAST(strlen({0}) * 8 AS INTEGER)")
simple("trim", "string", "string", "trim({0}, ' ')")
simple("ltrim", "string", "string", "ltrim({0}, ' ')")
simple("rtrim", "string", "string", "rtrim({0}, ' ')")
simple("btrim", "string", "string", "trim({0}, ' ')")
simple("btrim", "string string", "string", "trim({0}, {1})")
simple("trim", "string string", "string", "trim({1}, {0})")
simple("ltrim", "string string", "string", "ltrim({1}, {0})")
simple("rtrim", "string string", "string", "rtrim({1}, {0})")
simple("reverse", "string", "string", "reverse({0})")
simple("repeat", "string int", "string", "repeat({0}, {1})")
simple("replace", "string string", "string", "replace({0}, {1}, '')")
simple("replace", "string string string", "string",
       "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END")  # fmt: skip
simple("startswith", "string string", "boolean", "starts_with({0}, {1})")
simple("endswith", "string string", "boolean", "ends_with({0}, {1})")
simple("contains", "string string", "boolean", "contains({0}, {1})")
simple("instr", "string string", "int", "CAST(instr({0}, {1}) AS INTEGER)")
simple("locate", "string string", "int", "CAST(instr({1}, {0}) AS INTEGER)")
simple("position charindex", "string string", "int", "CAST(instr({1}, {0}) AS INTEGER)")
simple("left", "string int", "string", "substring({0}, 1, greatest({1}, 0))")
simple("right", "string int", "string",
       "(CASE WHEN {1} <= 0 THEN left({0}, 0) ELSE right({0}, {1}) END)")  # fmt: skip
simple("ascii", "string", "int", "CAST(CASE WHEN {0} = '' THEN 0 ELSE unicode({0}) END AS INTEGER)")
simple("md5", "string", "string", "md5({0})")
simple("md5", "binary", "string", "md5({0})")
simple("sha sha1", "string", "string", "sha1({0})")
simple("translate", "string string string", "string", "translate({0}, {1}, {2})")
simple("base64", "binary", "string", "to_base64({0})")
simple("unbase64", "string", "binary", "from_base64({0})")
simple("hex", "bigint", "string", "printf('%X', {0})")
simple(
    "url_encode", "string", "string", "replace(replace(url_encode({0}), '%20', '+'), '~', '%7E')"
)
simple("lpad", "string int string", "string",
       "(CASE WHEN {2} = '' THEN left({0}, {1}) ELSE lpad({0}, greatest({1}, 0), {2}) END)")  # fmt: skip  # noqa: E501 - a template
simple("rpad", "string int string", "string",
       "(CASE WHEN {2} = '' THEN left({0}, {1}) ELSE rpad({0}, greatest({1}, 0), {2}) END)")  # fmt: skip  # noqa: E501 - a template
simple("lpad", "string int", "string", "lpad({0}, greatest({1}, 0), ' ')")
simple("rpad", "string int", "string", "rpad({0}, greatest({1}, 0), ' ')")
simple("initcap", "string", "string",
       "array_to_string(list_transform(string_split(lower({0}), ' '), "
       "lambda w_: upper(left(w_, 1)) || substring(w_, 2)), ' ')")  # fmt: skip
simple("split_part", "string string int", "string", "split_part({0}, {1}, {2})")
simple("chr char", "bigint", "string",
       "(CASE WHEN {0} < 0 THEN '' WHEN {0} % 256 = 0 THEN chr(0) "
       "ELSE chr(CAST({0} % 256 AS INTEGER)) END)")  # fmt: skip
simple("space", "int", "string", "repeat(' ', greatest({0}, 0))")


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
    sql = f"substring({text.sql}, greatest({begin}, 0) + 1, greatest({end} - greatest({begin}, 0), 0))"  # noqa: E501 - one expression
    return Value(sql, t.STRING, origins=origins_of(values))


@function("substring substr", 2)
def _substring_from(values: Sequence[Value], where: str) -> Value:
    text, start = accept(values[0], "string", where), accept(values[1], "int", where)
    size = f"length({text.sql})"
    begin = f"(CASE WHEN {start.sql} < 0 THEN greatest({size} + {start.sql}, 0) + 1 ELSE greatest({start.sql}, 1) END)"  # noqa: E501 - one expression
    return text.merge(f"substring({text.sql}, {begin})", t.STRING, start)


@function("substring_index", 3)
def _substring_index(values: Sequence[Value], where: str) -> Value:
    text, mark = (accept(each, "string", where) for each in values[:2])
    count = accept(values[2], "int", where)
    parts = f"string_split({text.sql}, {mark.sql})"
    ahead = f"array_to_string({parts}[1:{count.sql}], {mark.sql})"
    behind = f"array_to_string({parts}[greatest(len({parts}) + {count.sql} + 1, 1):], {mark.sql})"
    sql = (
        f"(CASE WHEN {count.sql} = 0 OR {mark.sql} = '' THEN left({text.sql}, 0) "
        f"WHEN {count.sql} > 0 THEN {ahead} ELSE {behind} END)"
    )
    return text.merge(sql, t.STRING, mark, count)


@variadic("concat", 1)
def _concat(values: Sequence[Value], where: str) -> Value:
    if all(isinstance(each.kind, t.Array) for each in values):
        kind = values[0].kind
        if any(each.kind != kind for each in values):
            raise PlanError(
                "arrays of several types cannot be joined", where=where, fix="cast them"
            )
        return Value(f"({' || '.join(e.sql for e in values)})", kind, origins=origins_of(values))
    texts = [accept(each, "string", where) for each in values]
    return Value(f"({' || '.join(e.sql for e in texts)})", t.STRING, origins=origins_of(texts))


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
    text = accept(values[0], "binary" if values[0].kind == t.BINARY else "string", where)
    return text.merge(f"sha256({text.sql})", t.STRING)


def _pattern(value: Value, where: str) -> str:
    """Give a literal regular expression that Java and RE2 read alike.

    Raises:
        UnsupportedOperationError: It uses what RE2 does not have.
    """
    text = accept(value, "literal", where).literal
    if not isinstance(text, str) or re.search(
        r"\(\?<?[=!]|\(\?>|[*+?}]\+|\\[1-9]|&&|\\[GZkR]", text
    ):
        raise UnsupportedOperationError(
            "look-around, back references and possessive repeats cannot be computed here",
            where=where,
            fix="write the pattern without them, or use mapBatches",
        )
    return quote_text(text)


@function("rlike regexp regexp_like", 2)
def _rlike(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    return text.merge(f"regexp_matches({text.sql}, {_pattern(values[1], where)})", t.BOOLEAN)


def _extract(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    group = values[2].literal if len(values) > 2 else 1  # noqa: PLR2004 - the third argument
    if not isinstance(group, int):
        raise PlanError("the group must be a literal number", where=where, fix="write it out")
    groups = re.compile(str(accept(values[1], "literal", where).literal)).groups
    if not 0 <= group <= groups:
        raise PlanError(
            f"the pattern has {groups} groups, not {group}", where=where, fix="give 0 for all of it"
        )
    sql = f"regexp_extract({text.sql}, {_pattern(values[1], where)}, {group})"
    return text.merge(sql, t.STRING)


function("regexp_extract", 2)(_extract)
function("regexp_extract", 3)(_extract)


@function("regexp_replace", 3)
def _regexp_replace(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    given = str(accept(values[2], "literal", where).literal)
    escaped = re.sub(r"\\(.)", lambda m: "\\\\" if m[1] == "\\" else m[1], given)
    replacement = re.sub(r"\$(\d)", r"\\\1", escaped)
    sql = (
        f"regexp_replace({text.sql}, {_pattern(values[1], where)}, {quote_text(replacement)}, 'g')"
    )
    return text.merge(sql, t.STRING)


@function("split", 2)
def _split(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    if values[1].literal == "":
        raise UnsupportedOperationError(
            "split() by the empty pattern is not computed here", where=where, fix="give a separator"
        )
    sql = f"string_split_regex({text.sql}, {_pattern(values[1], where)})"
    return text.merge(sql, t.Array(t.STRING))
