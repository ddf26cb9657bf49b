"""An Arrow table as a DuckDB relation, for those who ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def relation_of(table: pa.Table) -> duckdb.DuckDBPyRelation:
    """Give a table as a relation of its own in-memory connection, which it keeps open."""
    import duckdb

    return duckdb.connect().from_arrow(table)
