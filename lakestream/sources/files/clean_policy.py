"""What becomes of files whose rows are in the table: ``clean_source`` and its options. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, get_args

import msgspec

from lakestream.errors import ConfigError
from lakestream.sources.files.option_values import WHERE, check_choice, check_type
from lakestream.storage.location import EnvPath, PathLike
from lakestream.units import parse_duration

CleanSource = Literal["off", "move", "delete"]
#: What is deleted is gone: time to notice that something is wrong with the table.
_SHORTEST_BEFORE_DELETE: Final = timedelta(days=7)


class CleanPolicy(msgspec.Struct, frozen=True):
    """What is done with files after their commit.

    Args:
        act: What is done.
        retention: How long after their batch's commit.
        destination: Where they are moved.
        waits: Whether all that is due is done at once, rather than a bounded number a batch.
    """

    act: CleanSource
    retention: timedelta
    destination: PathLike | None
    waits: bool


def clean_policy(
    act: CleanSource,
    *,
    retention: str | timedelta | float,
    destination: PathLike | None,
    waits: bool,
) -> CleanPolicy:
    """Check ``clean_source`` and its options, which may stand there while it is off.

    Raises:
        ConfigError: A value is none, or they contradict each other.
    """
    check_choice("clean_source", act, get_args(CleanSource))
    check_type("clean_source_wait", waits, bool)
    kept_for = parse_duration(retention, option="clean_source_retention")
    if act != "off" and (destination is not None) != (act == "move"):
        raise ConfigError(
            "clean_source='move' needs clean_source_move_destination"
            if act == "move"
            else "clean_source='delete' has no use for clean_source_move_destination",
            where=WHERE,
            fix='give both: clean_source="move", clean_source_move_destination="s3://bucket/done"',
        )
    if destination is not None and not isinstance(destination, EnvPath) and not str(destination):
        raise ConfigError("clean_source_move_destination is empty", where=WHERE)
    if act == "delete" and kept_for < _SHORTEST_BEFORE_DELETE:
        raise ConfigError(
            "files are deleted 7 days after their commit or later",
            where="clean_source_retention",
            fix='give "7 days" or more, or move them: clean_source="move" has no shortest time',
        )
    return CleanPolicy(act, kept_for, destination, waits)
