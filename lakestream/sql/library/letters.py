"""Functions of letters and bytes: case as Java maps it, lengths, base64, hexadecimal."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from lakestream.plan import types as t
from lakestream.sql.coercion import INTEGERS, quote_text
from lakestream.sql.library.registry import accept, function, simple
from lakestream.sql.value import Value, cast_value

#: Behind the last of them no letter changes into several.
_LAST: Final = 0xFB18
#: What a final sigma may have between itself and its word's letters.
_IGNORED: Final = r"\p{Mn}\p{Me}\p{Cf}\p{Lm}\p{Sk}'.:·\x{2019}"
_SIGMA: Final = rf"(\p{{L}}[{_IGNORED}]*)Σ([{_IGNORED}]*(?:[^\p{{L}}{_IGNORED}]|$))"


@functools.cache
def _long_capitals() -> tuple[tuple[str, str], ...]:
    """Give the letters whose capital is several: the engine maps one letter to one."""
    every = (chr(code) for code in range(0x80, _LAST))
    return tuple((each, each.upper()) for each in every if len(each.upper()) > 1)


@functools.cache
def _titles() -> str:
    every = (chr(code) for code in range(0x80, _LAST))
    odd = [c for c in every if c.title() != c.upper() or len(c.upper()) > 1]
    pairs = ", ".join(f"{quote_text(each)}: {quote_text(each.title())}" for each in odd)
    return f"MAP {{{pairs}}}"


def upper_of(sql: str) -> str:
    """Give the SQL of a text in capitals."""
    letters = "".join(each for each, _ in _long_capitals())
    long = sql
    for each, capital in _long_capitals():
        long = f"replace({long}, {quote_text(each)}, {quote_text(capital)})"
    return (
        f"(CASE WHEN regexp_matches({sql}, '[{letters}]') THEN upper({long}) ELSE upper({sql}) END)"
    )


def lower_of(sql: str) -> str:
    """Give the SQL of a text in small letters, with a sigma's own form at a word's end."""
    dotted = f"replace({sql}, 'İ', 'i̇')"
    final = f"regexp_replace({dotted}, {quote_text(_SIGMA)}, '\\1ς\\2', 'g')"
    return f"(CASE WHEN regexp_matches({sql}, '[İΣ]') THEN lower({final}) ELSE lower({sql}) END)"


@function("upper ucase", 1)
def _upper(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    return text.merge(upper_of(text.sql), t.STRING)


@function("lower lcase", 1)
def _lower(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    return text.merge(lower_of(text.sql), t.STRING)


@function("initcap", 1)
def _initcap(values: Sequence[Value], where: str) -> Value:
    text = accept(values[0], "string", where)
    first = f"coalesce(({_titles()})[left(w_, 1)], upper(left(w_, 1)))"
    words = f"string_split({lower_of(text.sql)}, ' ')"
    sql = f"array_to_string(list_transform({words}, lambda w_: {first} || substring(w_, 2)), ' ')"
    return text.merge(sql, t.STRING)


def _sized(names: str, of_text: str, of_bytes: str) -> None:
    @function(names, 1)
    def build(values: Sequence[Value], where: str) -> Value:
        value = accept(values[0], "bytes", where)
        template = of_bytes if value.kind == t.BINARY else of_text
        return value.merge(f"CAST({template.format(value.sql)} AS INTEGER)", t.INT)


_sized("length char_length character_length len", "length({0})", "octet_length({0})")
_sized("octet_length", "strlen({0})", "octet_length({0})")
_sized("bit_length", "strlen({0}) * 8", "octet_length({0}) * 8")

# Java breaks base64 into lines of 76, and reads what other signs stand between.
simple(
    "base64",
    "binary",
    "string",
    "rtrim(regexp_replace(to_base64({0}), '(.{{76}})', e'\\\\1\\r\\n', 'g'), e'\\r\\n')",
)
_SIGNS: Final = "regexp_replace({0}, '[^A-Za-z0-9+/]', '', 'g')"
simple(
    "unbase64",
    "string",
    "binary",
    f"from_base64(rpad({_SIGNS}, CAST(ceil(length({_SIGNS}) / 4) * 4 AS INTEGER), '='))",
)


@function("hex", 1)
def _hex(values: Sequence[Value], where: str) -> Value:
    value = values[0]
    if value.kind in INTEGERS or not isinstance(value.kind, t.Simple):
        number = accept(value, "bigint", where)
        return number.merge(f"printf('%X', {number.sql})", t.STRING)
    if value.kind in (t.FLOAT, t.DOUBLE):
        return _hex([cast_value(value, t.LONG)], where)
    given = accept(value, "bytes", where)
    return given.merge(f"hex({given.sql})", t.STRING)


@function("reverse", 1)
def _reverse(values: Sequence[Value], where: str) -> Value:
    value = values[0]
    if isinstance(value.kind, t.Array):
        return value.merge(f"list_reverse({value.sql})", value.kind)
    text = accept(value, "string", where)
    # By code points: the engine's own function keeps a letter and its marks together.
    signs = f"regexp_extract_all({text.sql}, '(?s:.)')"
    sql = f"(CASE WHEN {text.sql} = '' THEN '' ELSE array_to_string(list_reverse({signs}), '') END)"
    return text.merge(sql, t.STRING)
