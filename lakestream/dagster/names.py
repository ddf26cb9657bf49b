"""The names that lakestream's parts of a Dagster instance know each other by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import dagster as dg

    from lakestream.streaming_table import StreamingTable

#: Run tag: the queries that a run works on, joined by commas.
QUERY_TAG: Final = "lakestream/query"
#: Definition metadata that carries the table itself, for whoever loads it in this process.
TABLE_METADATA_KEY: Final = "lakestream/table"
#: The resource key under which ``build_definitions`` binds the manager that loads tables.
IO_MANAGER_KEY: Final = "lakestream_io_manager"

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_]+")


def pool_name(table: StreamingTable) -> str:
    """Give the pool that admits one run of a table's query at a time."""
    return f"lakestream_{_NOT_IN_NAMES.sub('_', table.name)}"


def op_name(key: dg.AssetKey) -> str:
    """Give the op (and step) that materializes an asset, as Dagster would name it."""
    return _NOT_IN_NAMES.sub("_", "__".join(key.path))


def query_tag(tables: Sequence[StreamingTable]) -> dict[str, str]:
    """Give the run tag that names the tables' queries."""
    return {QUERY_TAG: ",".join(table.name for table in tables)}


def tagged_queries(tags: Mapping[str, str]) -> set[str]:
    """Give the queries that a run's tags name."""
    return {name for name in tags.get(QUERY_TAG, "").split(",") if name}
