"""When a listing may leave out what was there before: ``use_incremental_listing``. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from lakestream.errors import ConfigError
from lakestream.limits import FULL_LISTING_EVERY
from lakestream.sources.files.option_values import WHERE, check_type

Incremental = Literal["auto"] | bool


class ListingPolicy(msgspec.Struct, frozen=True):
    """When a listing may begin at a position.

    Args:
        incremental: True whenever there is one; ``"auto"`` where names proved to be in order.
        full_every: Each so manieth listing is of the whole place.
        interval: So is one that begins so much later than the last of these; None is no matter.
        settled: A position stays before files that are younger.
    """

    incremental: Incremental = False
    full_every: int = FULL_LISTING_EVERY
    interval: timedelta | None = None
    settled: timedelta = timedelta(minutes=10)


def listing_policy(
    incremental: Incremental,
    *,
    full_every: int,
    interval: timedelta | None,
    min_age: timedelta,
    has_queue: bool,
) -> ListingPolicy:
    """Check ``use_incremental_listing`` and ``full_listing_every``.

    Args:
        incremental: As given.
        full_every: As given.
        interval: The backfill interval.
        min_age: Younger files are not taken: a position may not pass them.
        has_queue: A listing beside a queue completes it and is always of the whole place.

    Raises:
        ConfigError: A value that is none.
    """
    if not isinstance(incremental, bool) and incremental != "auto":
        raise ConfigError(
            f"use_incremental_listing cannot be {incremental!r}",
            where=WHERE,
            fix='give True, False or "auto"',
        )
    check_type("full_listing_every", full_every, int)
    if full_every < 2:  # noqa: PLR2004 - one listing in two is the most that may be whole
        raise ConfigError(
            f"full_listing_every cannot be {full_every}: each listing would be whole",
            where=WHERE,
            fix="give 2 or more, or leave use_incremental_listing out",
        )
    default = ListingPolicy()
    if has_queue or incremental is False:
        return default
    return ListingPolicy(incremental, full_every, interval, settled=max(default.settled, min_age))
