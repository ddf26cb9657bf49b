"""Spark's casts (ANSI mode) in DuckDB's SQL.

``word`` is ``CAST``, which stops the batch on a value that does not fit, or ``TRY_CAST``, which
gives null for it. Texts are checked against Spark's grammar first, since DuckDB takes more:
``cast('1.5' as int)`` is an error in Spark and 2 in DuckDB.
"""

from __future__ import annotations

from typing import Final, Literal

from lakestream.errors import UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.sql.coercion import (
    FRACTIONS,
    INTEGERS,
    TIMES,
    duck_type,
    is_number,
    quote,
)

Word = Literal["CAST", "TRY_CAST"]

_INTEGER: Final = r"[+-]?[0-9]+"
_FRACTION: Final = r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf(inity)?|nan))"
#: A decimal number as Spark reads it.
EXACT: Final = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DATE: Final = r"[+]?[0-9]{4}(-[0-9]{1,2}(-[0-9]{1,2})?)?"
_CLOCK: Final = r"([01]?[0-9]|2[0-3])(:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{0,9})?)?)?"
_ZONE: Final = r"( ?(Z|UTC|GMT|UT|[A-Za-z_]+/[A-Za-z_/]+|[+-][0-9]{1,2}(:?[0-9]{2})?))?"
_TRUE: Final = "('t', 'true', 'y', 'yes', '1')"
_FALSE: Final = "('f', 'false', 'n', 'no', '0')"


def cast(sql: str, source: t.SparkType, target: t.SparkType, word: Word = "CAST") -> str:
    """Give the SQL that turns a value of one Spark type into another.

    Raises:
        UnsupportedOperationError: Spark has no such cast, or lakestream cannot do it exactly.
    """
    if source == target:
        return sql
    if source == t.VOID:
        return f"CAST(NULL AS {duck_type(target)})"
    nested = _nested(sql, source, target, word)
    if nested is not None:
        return nested
    if not (_is_flat(source) and _is_flat(target)):
        raise _no_cast(source, target)
    if target == t.STRING:
        return _to_text(sql, source)
    if source == t.STRING:
        return _from_text(sql, target, word)
    return _between(sql, source, target, word)


def _is_flat(kind: t.SparkType) -> bool:
    return isinstance(kind, t.Simple | t.Decimal)


def _no_cast(source: t.SparkType, target: t.SparkType) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        f"{t.type_name(source)} cannot be cast to {t.type_name(target)}",
        where="a cast",
        fix="cast to a type that Spark allows, through another one if need be",
    )


def _nested(sql: str, source: t.SparkType, target: t.SparkType, word: Word) -> str | None:
    match source, target:
        case t.Array(a), t.Array(b):
            inner = cast("e_", a, b, word)
            return f"list_transform({sql}, lambda e_: {inner})"
        case t.Struct(a), t.Struct(b) if len(a) == len(b):
            fields = (
                f"{quote(to_name)} := {cast(field_of(sql, name), kind, to, word)}"
                for (name, kind), (to_name, to) in zip(a, b, strict=True)
            )
            return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END"
        case _:
            return None


def field_of(sql: str, name: str) -> str:
    """Give the SQL for a field of a struct."""
    return f"struct_extract({sql}, '{name.replace(chr(39), chr(39) * 2)}')"


def _to_text(sql: str, source: t.SparkType) -> str:
    if source in FRACTIONS:
        return _fraction_text(sql)
    if source == t.TIMESTAMP:
        return f"CAST({sql} AT TIME ZONE 'UTC' AS VARCHAR)"
    if source == t.BINARY:
        return f"decode({sql})"
    return f"CAST({sql} AS VARCHAR)"


def _fraction_text(sql: str) -> str:
    """Spell a fraction as Java does: ``1.0E7`` from ten million on, ``1.0E-4`` below 0.001."""
    plain = f"CAST({sql} AS VARCHAR)"
    size = f"abs({sql})"
    scientific = _java_scientific(f"CAST({size} AS VARCHAR)")
    sign = f"CASE WHEN {sql} < 0 THEN '-' ELSE '' END"
    return (
        f"CASE WHEN isnan({sql}) THEN 'NaN' "
        f"WHEN isinf({sql}) THEN {sign} || 'Infinity' "
        f"WHEN {sql} = 0 OR ({size} >= 0.001 AND {size} < 10000000) THEN {plain} "
        f"ELSE {sign} || {scientific} END"
    )


def _java_scientific(shortest: str) -> str:
    """Turn DuckDB's shortest spelling of a positive fraction into Java's scientific one."""
    mantissa = f"split_part({shortest}, 'e', 1)"
    whole, rest = f"split_part({mantissa}, '.', 1)", f"split_part({mantissa}, '.', 2)"
    digits = f"regexp_replace(ltrim({whole} || {rest}, '0'), '0+$', '')"
    power = f"CAST(coalesce(nullif(split_part({shortest}, 'e', 2), ''), '0') AS INTEGER)"
    point = (
        f"CASE WHEN {whole} = '0' THEN length(ltrim({rest}, '0')) - length({rest}) - 1 "
        f"ELSE length({whole}) - 1 END"
    )
    tail = f"coalesce(nullif(substr({digits}, 2), ''), '0')"
    return f"({digits}[1] || '.' || {tail} || 'E' || CAST({power} + ({point}) AS VARCHAR))"


def _from_text(sql: str, target: t.SparkType, word: Word) -> str:
    trimmed = f"trim({sql}, e' \\t\\n\\r\\f\\v')"
    kind = duck_type(target)

    def checked(pattern: str) -> str:
        wrong = f"NOT regexp_full_match({trimmed}, '{pattern}')"
        return f"CASE WHEN {wrong} THEN '' ELSE {trimmed} END"

    if target in INTEGERS:
        return f"{word}({checked(_INTEGER)} AS {kind})"
    if target in FRACTIONS:
        # Java reads 1d and 1f as numbers too.
        suffixed = f"regexp_full_match({trimmed}, '{EXACT}[dDfF]')"
        text = f"CASE WHEN {suffixed} THEN left({trimmed}, -1) ELSE {checked(_FRACTION)} END"
        return f"{word}({text} AS {kind})"
    if isinstance(target, t.Decimal):
        return f"{word}({checked(EXACT)} AS {kind})"
    if target == t.BOOLEAN:
        small = f"lower({trimmed})"
        known = f"CASE WHEN {small} IN {_TRUE} THEN 'true' WHEN {small} IN {_FALSE} THEN 'false'"
        return f"{word}({known} ELSE CASE WHEN {sql} IS NOT NULL THEN '' END END AS BOOLEAN)"
    if target == t.BINARY:
        return f"encode({sql})"
    return _time_from_text(trimmed, target, word)


def _time_from_text(trimmed: str, target: t.SparkType, word: Word) -> str:
    plain = f"ltrim({trimmed}, '+')"
    day = f"regexp_extract({plain}, '^[0-9-]+')"
    full = (
        f"CASE WHEN length({day}) = 4 THEN {day} || '-01-01' "
        f"WHEN regexp_full_match({day}, '[0-9]+-[0-9]+') THEN {day} || '-01' ELSE {day} END"
    )
    pattern = f"{_DATE}([ T].*)?"
    if target != t.DATE:
        pattern = f"{_DATE}([ T]{_CLOCK}{_ZONE})?"
        clock = f"regexp_extract({plain}, '^[0-9-]+[ T]([0-9:.]+)', 1)"
        hours = f"regexp_full_match({clock}, '[0-9]+')"
        shown = f"' ' || {clock} || CASE WHEN {hours} THEN ':00' ELSE '' END"
        full = f"({full}) || CASE WHEN {clock} = '' THEN '' ELSE {shown} END"
    if target == t.TIMESTAMP:
        # A time of no zone of its own ignores the one that is written.
        full = f"{full} || {_zone_of(plain)}"
    right = f"regexp_full_match({trimmed}, '{pattern}')"
    found = f"{word}(CASE WHEN NOT {right} THEN '' ELSE {full} END AS {duck_type(target)})"
    if target != t.TIMESTAMP:
        return found
    region = f"regexp_extract({plain}, '[A-Za-z_]+/[A-Za-z_/]+$')"
    earlier = instant(f"timezone({region}, m_)", region)
    first = f"list_transform([{found}], lambda m_: {earlier})[1]"
    return f"CASE WHEN contains({plain}, '/') THEN {first} ELSE {found} END"


def instant(local: str, zone: str) -> str:
    """Give the SQL for the moment at which a region's clocks show a time.

    A time that they show twice is the first, as in Java; the engine takes the second.
    """
    day = "INTERVAL 24 HOURS"
    before = f"(timezone({zone}, {local} - {day}) + {day})"
    shows = f"timezone({zone}, {before}) = {local}"
    return f"(CASE WHEN {shows} THEN {before} ELSE timezone({zone}, {local}) END)"


def _zone_of(plain: str) -> str:
    """Give the SQL of a time's zone, as the engine reads it: +02:00, a region, or nothing."""
    zone = f"regexp_extract({plain}, '^[0-9-]+[ T][0-9:.]+ ?(.*)$', 1)"

    def part(group: int) -> str:
        return f"regexp_extract({zone}, '^([+-])([0-9]{{1,2}}):?([0-9]{{2}})?$', {group})"

    minutes = f"coalesce(nullif({part(3)}, ''), '00')"
    return (
        f"CASE WHEN {part(1)} <> '' THEN {part(1)} || lpad({part(2)}, 2, '0') || ':' || {minutes} "
        f"WHEN {zone} IN ('', 'Z', 'UTC', 'GMT', 'UT') THEN '' ELSE ' ' || {zone} END"
    )


def _between(sql: str, source: t.SparkType, target: t.SparkType, word: Word) -> str:
    kind = duck_type(target)
    if source in TIMES or target in TIMES:
        return _times(sql, source, target, word)
    if t.BINARY in (source, target):
        raise _no_cast(source, target)
    if target == t.BOOLEAN:
        return f"({sql} <> 0)"
    if source == t.BOOLEAN:
        return f"CAST(CAST({sql} AS INTEGER) AS {kind})"
    if target == t.LONG and source in FRACTIONS:
        # The largest bigint is 2^63 as a double, which Java cuts to it.
        return f"(CASE WHEN {sql} = 9223372036854775808 THEN CAST(9223372036854775807 AS BIGINT) ELSE {word}(trunc({sql}) AS BIGINT) END)"  # noqa: E501 - one expression
    if target in INTEGERS and (source in FRACTIONS or isinstance(source, t.Decimal)):
        return f"{word}(trunc({sql}) AS {kind})"
    if isinstance(target, t.Decimal) and source in FRACTIONS:
        # Through its shortest spelling, as Java's BigDecimal does: 1.005 rounds to 1.01.
        text = f"CAST(CAST({sql} AS DOUBLE) AS VARCHAR)"
        return f"(CASE WHEN isfinite({sql}) THEN {word}({text} AS {kind}) END)"
    if target == t.FLOAT and source == t.DOUBLE:
        most = "3.4028235677973366e38"
        infinite = f"CAST(CASE WHEN {sql} > 0 THEN 'Infinity' ELSE '-Infinity' END AS FLOAT)"
        return f"(CASE WHEN isfinite({sql}) AND abs({sql}) >= {most} THEN {infinite} ELSE CAST({sql} AS FLOAT) END)"  # noqa: E501 - one expression
    return f"{word}({sql} AS {kind})"


def _times(sql: str, source: t.SparkType, target: t.SparkType, word: Word) -> str:  # noqa: C901 - one case a pair
    match source, target:
        case t.TIMESTAMP, t.DATE:
            return f"CAST({sql} AT TIME ZONE 'UTC' AS DATE)"
        case t.TIMESTAMP, t.TIMESTAMP_NTZ:
            return f"({sql} AT TIME ZONE 'UTC')"
        case t.TIMESTAMP_NTZ, t.DATE:
            return f"CAST({sql} AS DATE)"
        case t.TIMESTAMP_NTZ, t.TIMESTAMP:
            return f"({sql} AT TIME ZONE 'UTC')"
        case t.DATE, t.TIMESTAMP:
            return f"(CAST({sql} AS TIMESTAMP) AT TIME ZONE 'UTC')"
        case t.DATE, t.TIMESTAMP_NTZ:
            return f"CAST({sql} AS TIMESTAMP)"
        case (t.TIMESTAMP, _) if target in INTEGERS:
            return f"{word}({epoch_seconds(sql)} AS {duck_type(target)})"
        case (t.TIMESTAMP, _) if target in FRACTIONS:
            return f"CAST(epoch_us({sql}) / 1000000 AS {duck_type(target)})"
        case (_, t.TIMESTAMP) if source in INTEGERS:
            return f"make_timestamptz({word}(CAST({sql} AS HUGEINT) * 1000000 AS BIGINT))"
        case (_, t.TIMESTAMP) if is_number(source):
            micros = f"trunc(CAST({sql} AS DOUBLE) * 1000000)"
            if isinstance(source, t.Decimal):
                whole, rest = f"CAST(trunc({sql}) AS HUGEINT)", f"trunc(({sql} % 1) * 1000000)"
                micros = f"{whole} * 1000000 + CAST({rest} AS HUGEINT)"
            return f"make_timestamptz({word}({micros} AS BIGINT))"
        case _:
            raise _no_cast(source, target)


def epoch_seconds(sql: str) -> str:
    """Give the SQL for whole seconds since 1970, rounded down."""
    micros = f"epoch_us({sql})"
    return f"({micros} // 1000000 - CAST({micros} % 1000000 < 0 AS BIGINT))"
