"""Delta tables as streams, and as static tables to join them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from lakestream.sources.delta.describe import describe_delta, describe_table
from lakestream.stream import Stream

if TYPE_CHECKING:
    from lakestream.storage.location import PathLike
    from lakestream.storage.options import OptionValue


def read_delta(
    path: PathLike,
    *,
    starting_version: int | Literal["latest"] | None = None,
    starting_timestamp: str | date | datetime | None = None,
    ignore_deletes: bool = False,
    ignore_changes: bool = False,
    skip_change_commits: bool = False,
    max_files_per_trigger: int | None = 1000,
    max_bytes_per_trigger: str | int | None = None,
    asset_key: Sequence[str] | str | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
) -> Stream:
    """Read a Delta table as a stream: the whole table first, then what each version appends.

    Compactions bring no rows. A version that deletes or updates rows ends the query with an
    error that names it, unless an option below says what to do. Columns that the table gains
    appear in the stream; rows from before have null in them.

    Args:
        path: The table.
        starting_version: Read from this version on (inclusive) without the table as it is at
            the start; ``"latest"`` reads only what is committed after the first start. Only a
            new query looks at it.
        starting_timestamp: The same by time: the first version committed at or after it. An ISO
            date or time, UTC where it has no zone.
        ignore_deletes: Pass over versions that only delete rows.
        ignore_changes: Read rewritten files whole: unchanged rows in them come again, deletes
            are not passed on. Includes ``ignore_deletes``.
        skip_change_commits: Pass over versions that delete or update, with any new rows in them.
        max_files_per_trigger: Files that enter one batch at most; None is no limit.
        max_bytes_per_trigger: Bytes (``"1g"``) after which no further file enters a batch.
        asset_key: The table's Dagster asset, when another code location makes it.
        storage_options: object_store's names and values.

    Returns:
        A stream with the table's columns.

    Raises:
        ConfigError: Options that exclude each other, or a value that is none.
        UnknownOptionError: A storage option that no store knows.

    Delivery: each file of the history once, in the order of the table's log.
    """
    return Stream.from_source(
        describe_delta(
            path,
            starting_version=starting_version,
            starting_timestamp=starting_timestamp,
            ignore_deletes=ignore_deletes,
            ignore_changes=ignore_changes,
            skip_change_commits=skip_change_commits,
            max_files_per_trigger=max_files_per_trigger,
            max_bytes_per_trigger=max_bytes_per_trigger,
            asset_key=asset_key,
            storage_options=storage_options,
        )
    )


def table(
    path: PathLike,
    *,
    asset_key: Sequence[str] | str | None = None,
    storage_options: Mapping[str, OptionValue] | None = None,
) -> Stream:
    """Stand for a Delta table that a stream is joined with, read anew for each batch.

    Args:
        path: The table.
        asset_key: The table's Dagster asset, when another code location makes it.
        storage_options: object_store's names and values.

    Raises:
        ConfigError, UnknownOptionError: A storage option is wrong.
    """
    return Stream.from_static(
        describe_table(path, asset_key=asset_key, storage_options=storage_options)
    )
