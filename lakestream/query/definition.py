"""One stream into one sink: what a query is, before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

import msgspec

from lakestream.errors import ConfigError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.plan.expectations import Expectation
from lakestream.plan.nodes import Node, Source, sources_of
from lakestream.sources.base import SourceDescription
from lakestream.storage.location import PathLike, display, parse_location
from lakestream.storage.options import StorageOptions

if TYPE_CHECKING:
    from lakestream.storage.location import Location

#: The checkpoint's folder below the table: readers and vacuum skip names with an underscore.
CHECKPOINT_FOLDER: Final = "_lakestream"
_NOT_IN_NAMES: Final = lazy_pattern(r"[^A-Za-z0-9_.-]+")


class QueryDefinition(msgspec.Struct, frozen=True):
    """A stream, the table it is written to, and where its progress is kept.

    Args:
        name: The query's name; two queries that write one table need two names.
        plan: The stream's logical plan.
        path: The table.
        storage_options: For the table and the checkpoint.
        checkpoint: The checkpoint's folder; None is ``<path>/_lakestream``.
        partition_by: Columns by which the table is partitioned.
        expectations: What rows are held to.
        widens: Whether the table's columns may be given wider types, by a rewrite of its files.
        source_names: Names for sources that have one by their place (a streaming table's
            parameter); the others are named by their kind and location.
    """

    name: str
    plan: Node
    path: PathLike
    storage_options: StorageOptions
    checkpoint: PathLike | None = None
    partition_by: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    source_names: Mapping[Source, str] | None = None
    widens: bool = False

    def __repr__(self) -> str:
        """Give name and place without the secrets that a URI may hold."""
        return f"QueryDefinition({self.name!r}, {display(self.path)!r})"

    @property
    def table_location(self) -> Location:
        """The table's place, resolved now."""
        return parse_location(self.path)

    @property
    def checkpoint_location(self) -> Location:
        """The checkpoint's place, resolved now."""
        if self.checkpoint is not None:
            return parse_location(self.checkpoint)
        return self.table_location.child(CHECKPOINT_FOLDER)

    def named_sources(self) -> dict[str, Source]:
        """Give the streaming leaves by name, in the order of the offset log's lines.

        A name is the source's own (its streaming table's), or its kind and the last part of its
        location: ``files-orders``. It does not depend on which other sources there are.

        Raises:
            ConfigError: Two sources have one name, or there is none at all.
        """
        found: dict[str, Source] = {}
        for source in sources_of(self.plan):
            name = (self.source_names or {}).get(source) or source_name(source)
            if name in found:
                raise ConfigError(
                    f"two sources are named {name!r}",
                    where=f"query {self.name!r}",
                    fix="read folders with different last names, or one folder once",
                )
            found[name] = source
        if not found:
            raise ConfigError(
                "nothing here is a stream",
                where=f"query {self.name!r}",
                fix="start from ls.read_files(...), ls.read_delta(...) or another streaming table",
            )
        return found


def source_name(source: Source) -> str:
    """Name a source by its kind and the last literal part of its location."""
    description = description_of(source)
    parts = [part for part in description.location.split("/") if part and "*" not in part]
    stem = _NOT_IN_NAMES.sub("_", parts[-1]) if parts else "root"
    return f"{description.kind}-{stem}"


def description_of(source: Source) -> SourceDescription:
    """Give a source node's description as what the engine opens."""
    return cast("SourceDescription", source.description)
