"""What ``max_file_age`` forgets, told before it does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from lakestream.errors import ConfigError
from lakestream.sources.files.discovery import SLACK_US
from lakestream.sources.files.ledger_rows import EPOCH, MICROSECOND, microseconds, newest_moments
from lakestream.sources.files.planner import BEFORE_FIRST

if TYPE_CHECKING:
    from lakestream.sources.files.discovery import Discovery
    from lakestream.sources.files.ledger import Ledger


class Expiry(msgspec.Struct, frozen=True):
    """What an age limit does at this moment.

    Args:
        forgotten_before: Files written and found before this moment are forgotten.
        known: Places in the ledger; they stay there, and so does what became of their files.
        forgotten: Of these, files that are not remembered when the next listing is compared.
        never_taken: Files in the place that are too old and are not in the ledger.
    """

    forgotten_before: datetime
    known: int
    forgotten: int
    never_taken: int


def expiring(
    ledger: Ledger, discovery: Discovery, max_age: timedelta | None, now: datetime
) -> Expiry:
    """Count what is forgotten and left out; writes nothing.

    Args:
        ledger: All known files; loaded here.
        discovery: Lists the place.
        max_age: The age limit.
        now: The run's clock.

    Raises:
        ConfigError: There is no age limit.
    """
    if max_age is None:
        raise ConfigError(
            "no max_file_age is declared", where="expiring_files", fix='name one: "90 days"'
        )
    ledger.refresh()
    oldest_us = microseconds(now - max_age)
    known = forgotten = 0
    for rows in ledger.rows(BEFORE_FIRST, ledger.last_seq):
        known += rows.num_rows
        forgotten += sum(each < oldest_us - SLACK_US for each in newest_moments(rows))
    before = EPOCH + (oldest_us - SLACK_US) * MICROSECOND
    return Expiry(before, known, forgotten, discovery.count_older(ledger, oldest_us))


def total_expiry(parts: Iterable[Expiry]) -> Expiry:
    """Join what several sources tell.

    Raises:
        ConfigError: There is no file source.
    """
    found = list(parts)
    if not found:
        raise ConfigError("the table reads no files", where="expiring_files", fix="name another")
    return Expiry(
        min(each.forgotten_before for each in found),
        sum(each.known for each in found),
        sum(each.forgotten for each in found),
        sum(each.never_taken for each in found),
    )
