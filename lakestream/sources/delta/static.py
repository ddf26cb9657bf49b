"""A Delta table as a static table beside a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.storage.location import PathLike, display
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader

    from lakestream.delta.snapshot import Snapshot
    from lakestream.delta.table import TableAddress
    from lakestream.plan.types import Struct

_NO_OPTIONS: Final = StorageOptions()


class StaticSnapshot(msgspec.Struct, frozen=True):
    """The table at one version, which its rows are read from however often they are asked for.

    Args:
        address: The table.
        snapshot: Its files at that version.
    """

    address: TableAddress
    snapshot: Snapshot

    @property
    def schema(self) -> Struct:
        """The columns."""
        return self.snapshot.schema

    @property
    def version(self) -> int:
        """The version."""
        return self.snapshot.version

    def reader(self) -> RecordBatchReader:
        """Give the rows, lazily, anew at each call.

        Cost: two requests a file; memory is at most 64 MB of files and one batch.
        """
        from lakestream.delta.reading import snapshot_rows

        return snapshot_rows(self.address, self.snapshot)


class StaticDeltaTable(msgspec.Struct, frozen=True):
    """A Delta table that a stream is joined with.

    Args:
        path: The table.
        asset_key: The Dagster asset that the table is.
        options: Storage options.
    """

    path: PathLike
    asset_key: tuple[str, ...] | None = None
    options: StorageOptions = _NO_OPTIONS

    def __repr__(self) -> str:
        """Give the place without the secrets that a URI may hold."""
        return f"StaticDeltaTable({self.location!r})"

    @property
    def kind(self) -> str:
        """``delta``."""
        return "delta"

    @property
    def description(self) -> str:
        """The table for people: ``delta[s3://lake/airlines]``."""
        return f"delta[{display(self.path)}]"

    @property
    def location(self) -> str:
        """The table's path for lineage; an ``ls.env`` shows as its name."""
        return display(self.path)

    @property
    def declared_schema(self) -> Struct | None:
        """None: the table says what its columns are."""
        return None

    def open(self) -> StaticSnapshot:
        """Load the table at its newest version.

        Raises:
            SourceNotFoundError: There is no table.
            TableFeatureError, SourceError, StorageUnavailableError.
        """
        from lakestream.delta.reading import newest_snapshot
        from lakestream.delta.table import TableAddress

        address = TableAddress.of(self.path, self.options)
        return StaticSnapshot(address, newest_snapshot(address))
