"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from lakestream.errors import ConfigError

_SECONDS: Final = {
    "us": 1e-6, "microsecond": 1e-6, "ms": 1e-3, "millisecond": 1e-3, "s": 1, "sec": 1,
    "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400,
    "day": 86400, "w": 604800, "week": 604800,
}  # fmt: skip
_BYTES: Final = {
    "": 1, "b": 1, "k": 2**10, "kb": 2**10, "kib": 2**10, "m": 2**20, "mb": 2**20, "mib": 2**20,
    "g": 2**30, "gb": 2**30, "gib": 2**30, "t": 2**40, "tb": 2**40, "tib": 2**40,
}  # fmt: skip
_PART: Final = r"(?i)\s*(?:interval\s+)?(\d+(?:\.\d+)?)\s*([a-z]+)\s*"
_SIZE: Final = r"(?i)\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*"


def parse_duration(value: str | timedelta | float, *, option: str) -> timedelta:
    """Read ``"10 minutes"``, ``"1 hour 30 minutes"``, ``"10s"``, a timedelta, or seconds.

    Raises:
        ConfigError: It is none of these, or negative.
    """
    try:
        if isinstance(value, timedelta):
            found = value
        elif isinstance(value, int | float):
            found = timedelta(seconds=value)
        else:
            found = _duration_from_text(value, option)
    except (OverflowError, ValueError) as error:  # infinite, no number, or beyond the calendar
        raise ConfigError(
            f"{option} is no duration: {value!r}", fix='write it as "10 minutes" or "1 hour"'
        ) from error
    if found < timedelta(0):
        raise ConfigError(f"{option} is negative: {value!r}", fix="give a duration of 0 or more")
    return found


def _duration_from_text(text: str, option: str) -> timedelta:
    seconds, position = 0.0, 0
    part = re.compile(_PART)  # not at import: few runs read a duration
    while match := part.match(text, position):
        unit = match[2].lower()
        scale = _SECONDS.get(unit, _SECONDS.get(unit.removesuffix("s")))
        if scale is None:
            break
        seconds += float(match[1]) * scale
        position = match.end()
    if position == 0 or position != len(text):
        raise ConfigError(
            f"{option} is no duration: {text!r}", fix='write it as "10 minutes" or "1 hour"'
        )
    return timedelta(seconds=seconds)


def parse_size(value: str | int, *, option: str) -> int:
    """Read ``"10g"``, ``"512 MB"`` (1 k is 1,024) or a number of bytes.

    Raises:
        ConfigError: It is neither, or not positive.
    """
    if isinstance(value, int):
        found = value
    else:
        match = re.fullmatch(_SIZE, value)
        scale = _BYTES.get(match[2].lower()) if match else None
        if match is None or scale is None:
            raise ConfigError(f"{option} is no size: {value!r}", fix='write it as "10g" or "512m"')
        found = int(float(match[1]) * scale)
    if found <= 0:
        raise ConfigError(f"{option} must be positive: {value!r}", fix="give at least one byte")
    return found
