"""Gathers what a materialization tells about one table: the only I/O beside the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakestream.dagster.metadata import (
    MetadataValues,
    batch_metadata,
    lineage_metadata,
    schema_metadata,
    status_metadata,
)
from lakestream.errors import SourceNotFoundError
from lakestream.plan.arrow_types import spark_schema

if TYPE_CHECKING:
    from lakestream.dagster.lineage import Lineage
    from lakestream.query.progress import QueryProgress
    from lakestream.streaming_table import StreamingTable


def table_metadata(
    table: StreamingTable, lineage: Lineage, batches: Sequence[QueryProgress]
) -> MetadataValues:
    """Give the metadata of one table after a run.

    Cost: a look at the checkpoint and at the table's log.
    """
    found = batch_metadata(batches)
    try:
        status = table.status()
    except SourceNotFoundError:  # nothing to read yet, so there is no table either
        return found
    found |= status_metadata(status)
    if status.rows is None:  # no table yet: nothing was there to take a schema from
        return found
    schema = spark_schema(table.schema)
    sources = {
        column: [(lineage.leaf_key(leaf), name) for leaf, name in origins]
        for column, origins in table.column_lineage().items()
    }
    return found | schema_metadata(schema) | lineage_metadata(schema, sources)


def input_waits(table: StreamingTable) -> bool:
    """Tell whether there is input, although a run found that something is not there."""
    try:
        return table.discover().files > 0
    except SourceNotFoundError:
        return False
