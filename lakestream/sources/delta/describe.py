"""Checking the options of a Delta source, without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from lakestream.errors import ConfigError
from lakestream.sources.base import ReadLimit
from lakestream.sources.delta.description import DeltaDescription, StartingVersion
from lakestream.sources.delta.rules import ChangeRules
from lakestream.sources.delta.start import parse_moment
from lakestream.sources.delta.static import StaticDeltaTable
from lakestream.storage.location import PathLike, display
from lakestream.storage.options import OptionValue, StorageOptions
from lakestream.units import parse_size


def describe_delta(
    path: PathLike,
    *,
    starting_version: StartingVersion = None,
    starting_timestamp: str | date | datetime | None = None,
    ignore_deletes: bool = False,
    ignore_changes: bool = False,
    skip_change_commits: bool = False,
    max_files_per_trigger: int | None = 1000,
    max_bytes_per_trigger: str | int | None = None,
    asset_key: Sequence[str] | str | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
) -> DeltaDescription:
    """Describe a Delta table as a stream (``read_delta.read_delta`` documents the options).

    Raises:
        ConfigError: Options that exclude one another, or a value that is none.
        UnknownOptionError: A storage option that no store knows.
    """
    where = f"read_delta({display(path)!r})"
    if starting_version is not None and starting_timestamp is not None:
        raise ConfigError(
            "starting_version and starting_timestamp exclude each other",
            where=where,
            fix="give one of them",
        )
    _check_version(starting_version, where)
    if max_files_per_trigger is not None and max_files_per_trigger <= 0:
        raise ConfigError(
            f"max_files_per_trigger is {max_files_per_trigger}",
            where=where,
            fix="give 1 or more, or None for no limit",
        )
    return DeltaDescription(
        path=path,
        rules=ChangeRules(ignore_deletes, ignore_changes, skip_change_commits),
        limit=ReadLimit(
            max_files_per_trigger,
            None
            if max_bytes_per_trigger is None
            else parse_size(max_bytes_per_trigger, option="max_bytes_per_trigger"),
        ),
        starting_version=starting_version,
        starting_timestamp=None if starting_timestamp is None else parse_moment(starting_timestamp),
        asset_key=_asset_key(asset_key),
        options=StorageOptions.of(storage_options, where=where, path=path),
    )


def describe_table(
    path: PathLike,
    *,
    asset_key: Sequence[str] | str | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
) -> StaticDeltaTable:
    """Describe a Delta table as a static one (``read_delta.table`` documents the options).

    Raises:
        ConfigError, UnknownOptionError: A storage option is wrong.
    """
    return StaticDeltaTable(
        path=path,
        asset_key=_asset_key(asset_key),
        options=StorageOptions.of(storage_options, where=f"table({display(path)!r})", path=path),
    )


def _check_version(version: StartingVersion, where: str) -> None:
    if version is None or version == "latest":
        return
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise ConfigError(
            f"starting_version is {version!r}", where=where, fix='give a version or "latest"'
        )


def _asset_key(key: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if key is None:
        return None
    return tuple(key.split("/")) if isinstance(key, str) else tuple(key)
