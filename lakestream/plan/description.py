"""What the plan knows of its leaves: enough for names, lineage and validation, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lakestream.plan.types import Struct


class Description(Protocol):
    """A frozen, hashable description of a source or a static table."""

    @property
    def kind(self) -> str:
        """``files``, ``delta``, ...; also the stem of the source's name in the query."""
        ...

    @property
    def description(self) -> str:
        """The source for people, without secrets: ``files[s3://landing/orders, json]``."""
        ...

    @property
    def location(self) -> str:
        """Where the data comes from, for lineage; an ``ls.env`` shows as its name."""
        ...

    @property
    def declared_schema(self) -> Struct | None:
        """The schema when it is known without I/O, else None."""
        ...

    @property
    def asset_key(self) -> Sequence[str] | None:
        """The Dagster asset that this leaf is, when the user said so."""
        ...
