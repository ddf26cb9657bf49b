"""The zone of times that are written without one: the option ``time_zone``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from lakestream.errors import ConfigError
from lakestream.lazy_pattern import lazy_pattern

_OFFSET: Final = lazy_pattern(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII)
_UTC: Final = frozenset({"UTC", "Z", "GMT", "ETC/UTC"})
_LAST_HOUR: Final = 18  # as Java has it
_LAST_MINUTE: Final = 59


@lru_cache(maxsize=64)
def zone_of(name: str | None) -> tzinfo | None:
    """Give a zone by its name; None for UTC, which needs no thought.

    Raises:
        ConfigError: There is no such zone.
    """
    if name is None or name.upper() in _UTC:
        return None
    match = _OFFSET.fullmatch(name)
    if match is not None:
        sign, hours, minutes = match[1], int(match[2]), int(match[3] or 0)
        if hours <= _LAST_HOUR and minutes <= _LAST_MINUTE:
            offset = timedelta(hours=hours, minutes=minutes)
            return timezone(-offset if sign == "-" else offset) if offset else None
    else:
        from zoneinfo import ZoneInfo  # loads sysconfig: not for those who name no zone

        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            pass
    raise ConfigError(
        f"there is no time zone {name!r}",
        where="option time_zone",
        fix='give a name such as "Europe/Paris", or an offset such as "+05:30"',
    )


def in_utc(moment: datetime, zone: tzinfo | None) -> datetime | None:
    """Give a moment in UTC, one without a zone being of ``zone``; None outside years 1 to 9999.

    Of a time that comes twice, as clocks go back, it is the first; one that clocks leave out is as
    much later as they are put forward: both as in Java.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone or UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None
