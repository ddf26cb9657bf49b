"""Which assets the tables and their sources are, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from lakestream.errors import ConfigError
from lakestream.plan.nodes import Source, StaticTable, walk
from lakestream.streaming_table import StreamingTable

if TYPE_CHECKING:
    from lakestream.dagster.translator import LakestreamTranslator
    from lakestream.plan.description import Description


class Lineage:
    """The asset graph of some streaming tables. No I/O.

    Args:
        tables: The tables of one code location.
        translator: Gives keys and specs.

    Raises:
        ConfigError: There is no table, or two share a name or a key.
    """

    def __init__(self, tables: Sequence[StreamingTable], translator: LakestreamTranslator) -> None:
        if not tables:
            raise ConfigError(
                "there is no streaming table", fix="list what @ls.streaming_table decorates"
            )
        for each in tables:
            if not isinstance(each, StreamingTable):
                raise ConfigError(
                    f"{type(each).__name__} is no streaming table",
                    where="the list of tables",
                    fix="list what @ls.streaming_table decorates",
                )
        self._translator = translator
        self._specs = {table: translator.get_asset_spec(table) for table in _with_inputs(tables)}
        self._key_by_location = {
            table.path.rstrip("/"): spec.key for table, spec in self._specs.items()
        }
        _refuse_doubles("name", tables, [table.name for table in tables])
        _refuse_doubles("asset key", tables, [self.key(table).to_user_string() for table in tables])
        self.tables = self._in_order(tables)

    def key(self, table: StreamingTable) -> dg.AssetKey:
        """Give a table's asset key."""
        return self._specs[table].key

    def leaf_key(self, leaf: Description) -> dg.AssetKey:
        """Give the asset of a source or static table: the table that is written there, if any."""
        known = self._key_by_location.get(leaf.location.rstrip("/"))
        return known if known is not None else self._translator.get_source_spec(leaf).key

    def spec(self, table: StreamingTable) -> dg.AssetSpec:
        """Give a table's spec with what it reads among its dependencies."""
        found = self._specs[table]
        declared = {dep.asset_key for dep in found.deps}
        read = dict.fromkeys(self.leaf_key(leaf) for leaf in leaves(table))
        return found.replace_attributes(
            deps=[*found.deps, *(key for key in read if key not in declared)]
        )

    def source_specs(self) -> list[dg.AssetSpec]:
        """Give an external asset for each location that no streaming table writes.

        Raises:
            ConfigError: Two locations get one key.
        """
        found: dict[dg.AssetKey, tuple[str, dg.AssetSpec]] = {}
        for table in self.tables:
            for leaf in leaves(table):
                if leaf.location.rstrip("/") in self._key_by_location:
                    continue
                spec = self._translator.get_source_spec(leaf)
                location, _ = found.setdefault(spec.key, (leaf.location, spec))
                if location != leaf.location:
                    raise ConfigError(
                        f"{location} and {leaf.location} share the key {spec.key.to_user_string()}",
                        where=f"streaming table {table.name!r}",
                        fix="give one of them its own asset_key=",
                    )
        return [spec for _, spec in found.values()]

    def downstream(self, tables: Iterable[StreamingTable]) -> set[StreamingTable]:
        """Give the tables that read the given ones as streams, and those that read these."""
        reached = set(tables)
        given = set(reached)
        for table in self.tables:  # inputs come first
            if reached.intersection(table.inputs.values()):
                reached.add(table)
        return reached - given

    def _in_order(self, tables: Sequence[StreamingTable]) -> tuple[StreamingTable, ...]:
        """Sort what is read before what reads it; else as declared."""
        by_location = {table.path.rstrip("/"): table for table in tables}
        ordered: dict[StreamingTable, None] = {}

        def place(table: StreamingTable, path: tuple[StreamingTable, ...]) -> None:
            if table in path:
                raise ConfigError(
                    "streaming tables read each other in a circle",
                    where=" -> ".join(each.name for each in (*path, table)),
                    fix="write one of them to a path that the others do not read",
                )
            for leaf in leaves(table):
                upstream = by_location.get(leaf.location.rstrip("/"))
                if upstream is not None and upstream not in ordered:
                    place(upstream, (*path, table))
            ordered.setdefault(table)

        for table in tables:
            place(table, ())
        return tuple(ordered)


def leaves(table: StreamingTable) -> Iterator[Description]:
    """Give what a table's plan reads: its sources and static tables."""
    for node in walk(table.stream.plan):
        if isinstance(node, Source | StaticTable):
            yield node.description


def _with_inputs(tables: Iterable[StreamingTable]) -> dict[StreamingTable, None]:
    found: dict[StreamingTable, None] = {}
    for table in tables:
        if table not in found:
            found |= _with_inputs(table.inputs.values())
            found.setdefault(table)
    return found


def _refuse_doubles(what: str, tables: Sequence[StreamingTable], values: Sequence[str]) -> None:
    for table, value in zip(tables, values, strict=True):
        if values.count(value) > 1:
            raise ConfigError(
                f"two streaming tables have the {what} {value!r}",
                where=f"streaming table {table.name!r}",
                fix=f"list each table once, and give each its own {what}",
            )
