"""When a listing may leave out what was there before: ``use_incremental_listing``. Pure."""

from __future__ import annotations

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
        full_every: Of so many listings the last is of the whole place.
    """

    incremental: Incremental = False
    full_every: int = FULL_LISTING_EVERY


def listing_policy(incremental: Incremental, full_every: int) -> ListingPolicy:
    """Check ``use_incremental_listing`` and ``full_listing_every``.

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
    return ListingPolicy(incremental, full_every)
