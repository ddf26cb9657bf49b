"""Functions over dates and times; the session's time zone is UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lakestream.errors import UnsupportedOperationError, near_names
from lakestream.plan import types as t
from lakestream.sql.casts import cast, epoch_seconds, instant
from lakestream.sql.coercion import FRACTIONS, TIMES, quote_text
from lakestream.sql.library.registry import accept, function, simple, variadic
from lakestream.sql.patterns import reads_all, translate_pattern
from lakestream.sql.value import Value

for _names, _part in (
    ("year", "year"), ("month", "month"), ("day dayofmonth", "day"), ("quarter", "quarter"),
    ("dayofyear", "dayofyear"), ("weekofyear", "week"),
):  # fmt: skip
    simple(_names, "date", "int", f"CAST({_part}({{0}}) AS INTEGER)")
simple("dayofweek", "date", "int", "CAST(dayofweek({0}) + 1 AS INTEGER)")
simple("weekday", "date", "int", "CAST(isodow({0}) - 1 AS INTEGER)")
for _part in ("hour", "minute", "second"):
    simple(_part, "timestamp", "int", f"CAST({_part}({{0}} AT TIME ZONE 'UTC') AS INTEGER)")
simple("last_day", "date", "date", "last_day({0})")
simple("datediff date_diff", "date date", "int", "CAST({0} - {1} AS INTEGER)")
simple("date_add dateadd", "date int", "date", "CAST({0} + {1} AS DATE)")
simple("date_sub", "date int", "date", "CAST({0} - {1} AS DATE)")
simple("add_months", "date int", "date", "CAST({0} + to_months({1}) AS DATE)")
simple("make_date", "int int int", "date", "make_date({0}, {1}, {2})")
simple("timestamp_millis", "bigint", "timestamp", "make_timestamptz({0} * 1000)")
simple("timestamp_micros", "bigint", "timestamp", "make_timestamptz({0})")
simple("unix_seconds", "timestamp!", "bigint", epoch_seconds("{0}"))
simple("unix_micros", "timestamp!", "bigint", "epoch_us({0})")
simple("unix_millis", "timestamp!", "bigint",
       "(epoch_us({0}) // 1000 - CAST(epoch_us({0}) % 1000 < 0 AS BIGINT))")  # fmt: skip
simple("unix_date", "date!", "int", "CAST({0} - DATE '1970-01-01' AS INTEGER)")
simple("date_from_unix_date", "int", "date", "CAST(DATE '1970-01-01' + {0} AS DATE)")
simple("from_unixtime", "bigint", "string",
       "strftime(make_timestamp({0} * 1000000), '%Y-%m-%d %H:%M:%S')")  # fmt: skip
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):(\d{2})")


def _zoned(name: str, template: str, sign: int) -> None:
    @function(name, 2)
    def build(values: Sequence[Value], where: str) -> Value:
        moment, zone = accept(values[0], "timestamp", where), accept(values[1], "string", where)
        offset = _OFFSET.fullmatch(zone.literal) if isinstance(zone.literal, str) else None
        if offset is None:
            return moment.merge(template.format(moment.sql, zone.sql), t.TIMESTAMP, zone)
        # The engine knows zones by name only.
        minutes = (int(offset[2]) * 60 + int(offset[3])) * sign * (-1 if offset[1] == "-" else 1)
        return moment.merge(f"({moment.sql} + to_minutes({minutes}))", t.TIMESTAMP)


_zoned("from_utc_timestamp", "(({0} AT TIME ZONE {1}) AT TIME ZONE 'UTC')", 1)
_zoned("to_utc_timestamp", instant("({0} AT TIME ZONE 'UTC')", "{1}"), -1)


@function("timestamp_seconds", 1)
def _timestamp_seconds(values: Sequence[Value], where: str) -> Value:
    value = accept(values[0], "number", where)
    if isinstance(value.kind, t.Decimal) and value.kind.scale > 6:  # noqa: PLR2004 - a count of arguments, digits or signs
        raise UnsupportedOperationError(
            "seconds have at most six digits behind the point", where=where, fix="round them first"
        )
    micros = f"{value.sql} * 1000000"
    if value.kind in FRACTIONS:
        wide = f"CAST({value.sql} AS DOUBLE)"
        micros = f"CASE WHEN isfinite({value.sql}) THEN trunc({wide} * 1000000) END"
    elif isinstance(value.kind, t.Decimal):
        micros = f"CAST({value.sql} AS DECIMAL(38,6)) * 1000000"
    else:
        micros = f"CAST({value.sql} AS BIGINT) * 1000000"
    return value.merge(f"make_timestamptz(CAST({micros} AS BIGINT))", t.TIMESTAMP)


_UNITS: Final = {
    "year": "year", "yyyy": "year", "yy": "year", "quarter": "quarter", "month": "month",
    "mon": "month", "mm": "month", "week": "week", "day": "day", "dd": "day", "hour": "hour",
    "minute": "minute", "second": "second", "millisecond": "milliseconds",
    "microsecond": "microseconds",
}  # fmt: skip
_DATE_UNITS: Final = ("year", "quarter", "month", "week")


def _unit(value: Value, where: str) -> str:
    """Give the unit of a truncation. A bogus one is null in Spark; here it is an error."""
    name = str(accept(value, "literal", where).literal).lower()
    if name not in _UNITS:
        raise UnsupportedOperationError(
            f"there is no unit {name!r}", where=where, fix=near_names(name, _UNITS)
        )
    return _UNITS[name]


@function("date_trunc", 2)
def _date_trunc(values: Sequence[Value], where: str) -> Value:
    unit, moment = _unit(values[0], where), accept(values[1], "timestamp", where)
    local = f"date_trunc('{unit}', {moment.sql} AT TIME ZONE 'UTC')"
    return moment.merge(f"(CAST({local} AS TIMESTAMP) AT TIME ZONE 'UTC')", t.TIMESTAMP)


@function("trunc", 2)
def _trunc(values: Sequence[Value], where: str) -> Value:
    day, unit = accept(values[0], "date", where), _unit(values[1], where)
    if unit not in _DATE_UNITS:
        raise UnsupportedOperationError(
            f"trunc() cannot cut a date to the {unit}", where=where, fix="use date_trunc()"
        )
    return day.merge(f"CAST(date_trunc('{unit}', {day.sql}) AS DATE)", t.DATE)


@function("date_format", 2)
def _date_format(values: Sequence[Value], where: str) -> Value:
    moment = accept(values[0], "timestamp", where)
    pattern, _ = translate_pattern(str(accept(values[1], "literal", where).literal), where)
    sql = f"strftime({moment.sql} AT TIME ZONE 'UTC', {quote_text(pattern)})"
    return moment.merge(sql, t.STRING)


@function("from_unixtime", 2)
def _from_unixtime(values: Sequence[Value], where: str) -> Value:
    seconds = accept(values[0], "bigint", where)
    pattern, _ = translate_pattern(str(accept(values[1], "literal", where).literal), where)
    moment = f"make_timestamp({seconds.sql} * 1000000)"
    return seconds.merge(f"strftime({moment}, {quote_text(pattern)})", t.STRING)


def _parsed(values: Sequence[Value], where: str, *, attempt: bool) -> Value:
    if values[0].kind in TIMES:
        return values[0].merge(cast(values[0].sql, values[0].kind, t.TIMESTAMP), t.TIMESTAMP)
    text = accept(values[0], "string", where)
    reads_all(str(accept(values[1], "literal", where).literal), where)
    pattern, accepted = translate_pattern(str(accept(values[1], "literal", where).literal), where)
    reader = "try_strptime" if attempt else "strptime"
    checked = (
        f"CASE WHEN NOT regexp_full_match({text.sql}, {quote_text(accepted)}) "
        f"THEN '' ELSE {text.sql} END"
    )
    pattern = pattern.replace("%-", "%")
    sql = f"(CAST({reader}({checked}, {quote_text(pattern)}) AS TIMESTAMP) AT TIME ZONE 'UTC')"
    return text.merge(sql, t.TIMESTAMP)


@variadic("to_timestamp", 1)
def _to_timestamp(values: Sequence[Value], where: str) -> Value:
    if len(values) == 1:
        sql = cast(values[0].sql, values[0].kind, t.TIMESTAMP)
        return values[0].merge(sql, t.TIMESTAMP)
    return _parsed(values, where, attempt=False)


@variadic("try_to_timestamp", 1)
def _try_to_timestamp(values: Sequence[Value], where: str) -> Value:
    if len(values) == 1:
        sql = cast(values[0].sql, values[0].kind, t.TIMESTAMP, "TRY_CAST")
        return values[0].merge(sql, t.TIMESTAMP)
    return _parsed(values, where, attempt=True)


@variadic("to_date", 1)
def _to_date(values: Sequence[Value], where: str) -> Value:
    if len(values) == 1:
        return values[0].merge(cast(values[0].sql, values[0].kind, t.DATE), t.DATE)
    moment = _parsed(values, where, attempt=False)
    return moment.merge(cast(moment.sql, t.TIMESTAMP, t.DATE), t.DATE)


@variadic("unix_timestamp to_unix_timestamp", 1)
def _unix_timestamp(values: Sequence[Value], where: str) -> Value:
    if len(values) > 1:
        moment = _parsed(values, where, attempt=False)
    elif values[0].kind == t.STRING:
        pattern = Value("", t.STRING, literal="yyyy-MM-dd HH:mm:ss")
        moment = _parsed([values[0], pattern], where, attempt=False)
    else:
        moment = accept(values[0], "timestamp", where)
    return moment.merge(f"CAST(trunc(epoch_us({moment.sql}) / 1000000) AS BIGINT)", t.LONG)
