"""Where a new stream over a Delta table starts."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from lakestream.errors import ConfigError, DataLossError
from lakestream.sources.delta.offset import DeltaOffset

if TYPE_CHECKING:
    from lakestream.delta.log import DeltaLog
    from lakestream.sources.delta.description import DeltaDescription


def parse_moment(value: str | date | datetime) -> datetime:
    """Read an ISO date or time; without a zone it is UTC.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(
                f"starting_timestamp is no time: {value!r}",
                fix='write it as "2026-01-31" or "2026-01-31T08:00:00Z"',
            ) from error
    elif not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def first_offset(
    description: DeltaDescription, log: DeltaLog, *, table_id: str, newest: int, timed: bool
) -> DeltaOffset:
    """Find the offset before the first row that a new stream reads.

    Args:
        description: What the user asked for.
        log: The table's log.
        table_id: The table's id.
        newest: Its newest version.
        timed: True when the table keeps the time inside each commit.

    Raises:
        ConfigError: The asked-for version or time lies after the newest commit.
        DataLossError: The asked-for version was cleaned away.
    """
    wanted = description.starting_version
    if wanted == "latest":
        return DeltaOffset(table_id, newest + 1)
    if isinstance(wanted, int):
        return DeltaOffset(table_id, _checked(wanted, log, newest, description.shown))
    if description.starting_timestamp is not None:
        version = _version_at(description.starting_timestamp, log, description.shown, timed=timed)
        return DeltaOffset(table_id, version)
    return DeltaOffset(table_id, newest, in_snapshot=True)


def _checked(wanted: int, log: DeltaLog, newest: int, where: str) -> int:
    if wanted > newest:
        raise ConfigError(
            f"starting_version is {wanted}, the table's newest version is {newest}",
            where=where,
            fix='give an older version, or "latest" for what comes from now on',
        )
    if log.head(wanted) is None:
        raise DataLossError(
            f"version {wanted} was cleaned from the table's log",
            where=where,
            fix="start at a newer version, or without starting_version at the whole table",
        )
    return wanted


def _version_at(moment: datetime, log: DeltaLog, where: str, *, timed: bool) -> int:
    """Give the first version that was committed at or after a moment.

    As in Spark, a commit's time is that of its log entry, made monotonic, unless the table
    keeps times inside its commits.
    """
    entries = log.entries()
    if timed:
        found = bisect_left(entries, moment, key=lambda each: _inner_time(log, *each))
    else:
        found = bisect_left(list(accumulate((time for _, time in entries), max)), moment)
    if found == len(entries):
        raise ConfigError(
            "starting_timestamp lies after the table's newest commit",
            where=where,
            fix='give an earlier time, or starting_version="latest"',
        )
    return entries[found][0]


def _inner_time(log: DeltaLog, version: int, modified: datetime) -> datetime:
    commit = log.read(version)
    return (commit.in_commit_timestamp if commit else None) or modified
