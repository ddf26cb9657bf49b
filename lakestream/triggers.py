"""When a query runs its batches."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from lakestream.errors import ConfigError
from lakestream.units import parse_duration


class AvailableNow(msgspec.Struct, frozen=True):
    """Work off all that is there at the start, in as many batches as the limits ask, then end."""


class Once(msgspec.Struct, frozen=True):
    """Run exactly one batch with all that is there, without read limits, then end."""


class ProcessingTime(msgspec.Struct, frozen=True):
    """Run until stopped, a batch each time the interval has passed and there is new data."""

    interval_s: float


Trigger = AvailableNow | Once | ProcessingTime


def check_trigger(given: object, *, where: str) -> None:
    """Refuse what is no trigger: ``"once"``, or ``ls.once`` without its brackets.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(given, Trigger):
        raise ConfigError(
            f"a trigger is wanted, not {getattr(given, '__name__', repr(given))}",
            where=where,
            fix='give ls.available_now(), ls.once() or ls.processing_time("10 seconds")',
        )


def available_now() -> AvailableNow:
    """Work off what is there when the run starts, then end. The default trigger.

    The end is fixed at the start: what arrives meanwhile waits for the next run. Read limits
    hold, so it may take several batches (Spark's ``availableNow``).
    """
    return AvailableNow()


def once() -> Once:
    """Run exactly one batch, whatever the read limits say, then end (Spark's ``once``)."""
    return Once()


def processing_time(interval: str | timedelta | float) -> ProcessingTime:
    """Run until stopped, one batch an interval while there is new data.

    Args:
        interval: ``"10 seconds"``, a timedelta, or seconds. A batch that takes longer than the
            interval is followed by the next at once; missed ticks are not made up for.
    """
    return ProcessingTime(parse_duration(interval, option="interval").total_seconds())
