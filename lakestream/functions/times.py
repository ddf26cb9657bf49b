"""Functions over dates and times; the time zone is UTC."""

from __future__ import annotations

from lakestream.plan.column import Column, ColumnOrName, call, named


def current_timestamp() -> Column:
    """Give the batch's own time: the same for all its rows, and again when it is replayed."""
    return call("current_timestamp")


now = current_timestamp


def current_date() -> Column:
    """Give the date of the batch's own time, in UTC."""
    return call("current_date")


def to_date(col: ColumnOrName, format: str | None = None) -> Column:  # noqa: A002 - PySpark's name
    """Read a date, by Spark's pattern if one is given."""
    return call("to_date", named(col), *([] if format is None else [format]))


def to_timestamp(col: ColumnOrName, format: str | None = None) -> Column:  # noqa: A002 - PySpark's name
    """Read a time, by Spark's pattern if one is given; what does not fit is an error."""
    return call("to_timestamp", named(col), *([] if format is None else [format]))


def try_to_timestamp(col: ColumnOrName, format: ColumnOrName | None = None) -> Column:  # noqa: A002 - PySpark's name
    """Read a time, by Spark's pattern (``F.lit("...")``) if given; what does not fit is null."""
    return call("try_to_timestamp", named(col), *([] if format is None else [named(format)]))


def unix_timestamp(timestamp: ColumnOrName, format: str | None = None) -> Column:  # noqa: A002 - PySpark's name
    """Give whole seconds since 1970."""
    return call("unix_timestamp", named(timestamp), *([] if format is None else [format]))


def year(col: ColumnOrName) -> Column:
    """Give the year."""
    return call("year", named(col))


def month(col: ColumnOrName) -> Column:
    """Give the month, 1 to 12."""
    return call("month", named(col))


def quarter(col: ColumnOrName) -> Column:
    """Give the quarter, 1 to 4."""
    return call("quarter", named(col))


def day(col: ColumnOrName) -> Column:
    """Give the day of the month."""
    return call("day", named(col))


def dayofmonth(col: ColumnOrName) -> Column:
    """Give the day of the month."""
    return call("dayofmonth", named(col))


def dayofweek(col: ColumnOrName) -> Column:
    """Give the day of the week, from Sunday = 1."""
    return call("dayofweek", named(col))


def weekday(col: ColumnOrName) -> Column:
    """Give the day of the week, from Monday = 0."""
    return call("weekday", named(col))


def dayofyear(col: ColumnOrName) -> Column:
    """Give the day of the year."""
    return call("dayofyear", named(col))


def weekofyear(col: ColumnOrName) -> Column:
    """Give the ISO week of the year."""
    return call("weekofyear", named(col))


def hour(col: ColumnOrName) -> Column:
    """Give the hour."""
    return call("hour", named(col))


def minute(col: ColumnOrName) -> Column:
    """Give the minute."""
    return call("minute", named(col))


def second(col: ColumnOrName) -> Column:
    """Give the second."""
    return call("second", named(col))


def last_day(date: ColumnOrName) -> Column:
    """Give the last day of the month."""
    return call("last_day", named(date))


def datediff(end: ColumnOrName, start: ColumnOrName) -> Column:
    """Give the days from ``start`` to ``end``."""
    return call("datediff", named(end), named(start))


def date_diff(end: ColumnOrName, start: ColumnOrName) -> Column:
    """Give the days from ``start`` to ``end``."""
    return call("date_diff", named(end), named(start))


def date_add(start: ColumnOrName, days: ColumnOrName | int) -> Column:
    """Give the date so many days later."""
    return call("date_add", named(start), named(days))


def date_sub(start: ColumnOrName, days: ColumnOrName | int) -> Column:
    """Give the date so many days earlier."""
    return call("date_sub", named(start), named(days))


def add_months(start: ColumnOrName, months: ColumnOrName | int) -> Column:
    """Give the date so many months later."""
    return call("add_months", named(start), named(months))


def make_date(year: ColumnOrName, month: ColumnOrName, day: ColumnOrName) -> Column:
    """Give the date of three numbers."""
    return call("make_date", named(year), named(month), named(day))


def date_trunc(format: str, timestamp: ColumnOrName) -> Column:  # noqa: A002 - PySpark's name
    """Cut a time down to its ``year``, ``month``, ``week``, ``day``, ``hour``..."""
    return call("date_trunc", format, named(timestamp))


def trunc(date: ColumnOrName, format: str) -> Column:  # noqa: A002 - PySpark's name
    """Cut a date down to its ``year``, ``quarter``, ``month`` or ``week``."""
    return call("trunc", named(date), format)


def date_format(date: ColumnOrName, format: str) -> Column:  # noqa: A002 - PySpark's name
    """Give a time as a text: ``"yyyy-MM-dd HH:mm:ss"``."""
    return call("date_format", named(date), format)


def from_unixtime(
    timestamp: ColumnOrName,
    format: str = "yyyy-MM-dd HH:mm:ss",  # noqa: A002 - PySpark's name
) -> Column:
    """Give seconds since 1970 as a text."""
    return call("from_unixtime", named(timestamp), format)


def timestamp_seconds(col: ColumnOrName) -> Column:
    """Give the time so many seconds after 1970."""
    return call("timestamp_seconds", named(col))


def timestamp_millis(col: ColumnOrName) -> Column:
    """Give the time so many milliseconds after 1970."""
    return call("timestamp_millis", named(col))


def timestamp_micros(col: ColumnOrName) -> Column:
    """Give the time so many microseconds after 1970."""
    return call("timestamp_micros", named(col))


def unix_seconds(col: ColumnOrName) -> Column:
    """Give seconds since 1970."""
    return call("unix_seconds", named(col))


def unix_millis(col: ColumnOrName) -> Column:
    """Give milliseconds since 1970."""
    return call("unix_millis", named(col))


def unix_micros(col: ColumnOrName) -> Column:
    """Give microseconds since 1970."""
    return call("unix_micros", named(col))


def unix_date(col: ColumnOrName) -> Column:
    """Give days since 1970."""
    return call("unix_date", named(col))


def date_from_unix_date(days: ColumnOrName) -> Column:
    """Give the date so many days after 1970."""
    return call("date_from_unix_date", named(days))


def from_utc_timestamp(timestamp: ColumnOrName, tz: Column | str) -> Column:
    """Give a time in UTC as the clock of a time zone shows it."""
    return call("from_utc_timestamp", named(timestamp), tz)


def to_utc_timestamp(timestamp: ColumnOrName, tz: Column | str) -> Column:
    """Give a time on the clock of a time zone as UTC."""
    return call("to_utc_timestamp", named(timestamp), tz)
