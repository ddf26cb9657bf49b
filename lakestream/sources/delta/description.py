"""What a user declared of a Delta source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from lakestream.sources.base import ReadLimit, SourceContext
from lakestream.sources.delta.rules import ChangeRules
from lakestream.storage.location import PathLike, display
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from lakestream.plan.types import Struct
    from lakestream.sources.delta.reader import DeltaReader

StartingVersion = int | Literal["latest"] | None
_NO_RULES: Final = ChangeRules()
_NO_OPTIONS: Final = StorageOptions()


@dataclass(frozen=True, slots=True, repr=False)
class DeltaDescription:
    """A Delta table read as a stream of its appends.

    Args:
        path: The table.
        rules: What deletes and updates do.
        limit: How much enters one batch.
        starting_version: First version to read; None reads the whole table first.
        starting_timestamp: First moment to read, aware UTC; in place of a version.
        asset_key: The Dagster asset that the table is.
        options: Storage options.
    """

    path: PathLike
    rules: ChangeRules = _NO_RULES
    limit: ReadLimit | None = None
    starting_version: StartingVersion = None
    starting_timestamp: datetime | None = None
    asset_key: tuple[str, ...] | None = None
    options: StorageOptions = _NO_OPTIONS

    def __repr__(self) -> str:
        """Give the place without the secrets that a URI may hold."""
        return f"DeltaDescription({self.location!r})"

    @property
    def kind(self) -> str:
        """``delta``."""
        return "delta"

    @property
    def shown(self) -> str:
        """The path without secrets."""
        return display(self.path)

    @property
    def description(self) -> str:
        """The source for people: ``delta[s3://lake/orders]``."""
        return f"delta[{self.shown}]"

    @property
    def location(self) -> str:
        """The table's path for lineage; an ``ls.env`` shows as its name."""
        return self.shown

    @property
    def declared_schema(self) -> Struct | None:
        """None: the table says what its columns are."""
        return None

    def fingerprint(self) -> Mapping[str, str]:
        """Give the path: a checkpoint's positions mean nothing in another table."""
        return {"kind": self.kind, "path": self.location}

    def open(self, context: SourceContext) -> DeltaReader:
        """Open a reader (reader.py)."""
        from lakestream.sources.delta.reader import (
            DeltaReader,
        )

        return DeltaReader(self, context)
