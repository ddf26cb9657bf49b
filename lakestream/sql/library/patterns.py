"""Functions of regular expressions, which must be literals: they are translated from Java's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.coercion import quote_text
from lakestream.sql.library.registry import accept, function
from lakestream.sql.regular import LINE_ENDS, Regular, translate_regular
from lakestream.sql.value import Value


def _regular(value: Value, where: str) -> Regular:
    return translate_regular(str(accept(value, "literal", where).literal), where)


def _consuming(regular: Regular, where: str) -> Regular:
    """Give a pattern whose matches are cut out of the text.

    Raises:
        UnsupportedOperationError: It matches the empty text, where Java and RE2 differ.
    """
    if regular.matches_nothing:
        raise UnsupportedOperationError(
            "a pattern that matches the empty text is not computed here",
            where=where,
            fix="write one that takes a character at least: x+ for x*",
        )
    return regular


def _guarded(text: Value, regular: Regular, sql: str) -> str:
    """Stop at a text where Java's ``$`` would match before a last line's end."""
    if not regular.has_end:
        return sql
    ends = f"regexp_matches({text.sql}, {quote_text(f'[{LINE_ENDS}]' + chr(92) + 'z')})"
    return f"(CASE WHEN {ends} THEN error('$ before a line end') ELSE {sql} END)"


@function("rlike regexp regexp_like", 2)
def _rlike(values: Sequence[Value], where: str) -> Value:
    text, regular = accept(values[0], "string", where), _regular(values[1], where)
    return text.merge(f"regexp_matches({text.sql}, {quote_text(regular.test)})", t.BOOLEAN)


def _extract(values: Sequence[Value], where: str) -> Value:
    text, regular = accept(values[0], "string", where), _regular(values[1], where)
    group = values[2].literal if len(values) > 2 else 1  # noqa: PLR2004 - a count of arguments, digits or signs
    if not isinstance(group, int):
        raise PlanError("the group must be a literal number", where=where, fix="write it out")
    if not 0 <= group <= regular.groups:
        raise PlanError(
            f"the pattern has {regular.groups} groups, not {group}",
            where=where,
            fix="give 0 for all of it",
        )
    sql = f"regexp_extract({text.sql}, {quote_text(regular.pattern)}, {group})"
    return text.merge(_guarded(text, regular, sql), t.STRING)


function("regexp_extract", 2)(_extract)
function("regexp_extract", 3)(_extract)


@function("regexp_replace", 3)
def _regexp_replace(values: Sequence[Value], where: str) -> Value:
    text, regular = (
        accept(values[0], "string", where),
        _consuming(_regular(values[1], where), where),
    )
    given = str(accept(values[2], "literal", where).literal)
    wrong = [m[1] for m in re.finditer(r"\\.|\$(\d?)", given, re.DOTALL) if m[1] is not None]
    if any(not digit or int(digit) > regular.groups for digit in wrong):
        raise PlanError(
            "a $ in the replacement names a group of the pattern by number",
            where=where,
            fix=f"the pattern has {regular.groups} groups; write \\$ for the sign itself",
        )
    parts = re.split(r"(\\.|\$\d)", given)
    made = "".join(_replacement(part) for part in parts)
    sql = f"regexp_replace({text.sql}, {quote_text(regular.pattern)}, {quote_text(made)}, 'g')"
    return text.merge(_guarded(text, regular, sql), t.STRING)


def _replacement(part: str) -> str:
    if part.startswith("$") and len(part) > 1:
        return "\\" + part[1]
    plain = part.removeprefix("\\")
    return plain.replace("\\", "\\\\")


@function("split", 2)
def _split(values: Sequence[Value], where: str) -> Value:
    text, regular = (
        accept(values[0], "string", where),
        _consuming(_regular(values[1], where), where),
    )
    sql = f"string_split_regex({text.sql}, {quote_text(regular.pattern)})"
    return text.merge(_guarded(text, regular, sql), t.Array(t.STRING))
