"""What a materialization tells: schema, counts to plot, column lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import dagster as dg

from lakestream.plan.types import type_ddl

if TYPE_CHECKING:
    from lakestream.plan.types import Struct
    from lakestream.query.overview import TableStatus
    from lakestream.query.progress import QueryProgress

#: Output column -> the (asset, column) pairs that it is made of.
ColumnSources = Mapping[str, Sequence[tuple[dg.AssetKey, str]]]
MetadataValues = dict[str, dg.MetadataValue]

#: Our name -> a source metric that is added up over a run.
_SUMS: Final = {
    "found_by_notification": "numFilesFoundByNotification",
    "found_by_backfill": "numFilesFoundByBackfill",
    "poison_messages": "numNotificationsPoison",
}
_CHANGES_SHOWN: Final = 50
_NOT_IN_CELLS: Final = str.maketrans({"|": "\\|", "\n": " "})


def batch_metadata(batches: Sequence[QueryProgress]) -> MetadataValues:
    """Add up the batches of one run, as numbers that Dagster plots.

    ``lakestream/latency_s`` is the longest batch, from its trigger to its commit. What sources tell
    of how files were found is there when they tell it.
    """
    numbers: dict[str, int | float] = {
        "batches": len(batches),
        "rows": sum(each.num_output_rows for each in batches),
        "input_rows": sum(each.num_input_rows for each in batches),
        "files": sum(each.files for each in batches),
        "bytes": sum(each.bytes for each in batches),
        "rescued": sum(each.rescued_rows for each in batches),
        "quarantined": sum(each.bad_records for each in batches),
        "quarantined_files": sum(each.bad_files for each in batches),
        "latency_s": max((each.batch_duration_ms for each in batches), default=0) / 1000,
    }
    numbers |= _source_numbers(batches)
    found: MetadataValues = {
        f"lakestream/{name}": dg.MetadataValue.float(number)
        if isinstance(number, float)
        else dg.MetadataValue.int(number)
        for name, number in numbers.items()
    }
    if reasons := sorted({each for batch in batches for each in degraded(batch)}):
        found["lakestream/notifications_degraded"] = dg.MetadataValue.text("; ".join(reasons))
    if keys := sorted({each for batch in batches for each in new_partition_keys(batch)}):
        found["lakestream/new_partition_keys"] = dg.MetadataValue.text("; ".join(keys))
    if changes := schema_changes(batches):
        found["lakestream/schema_changes"] = dg.MetadataValue.text(changes)
    return found


def schema_changes(batches: Sequence[QueryProgress]) -> str:
    """Give the fields that some batches added, a line each; mostly nothing."""
    changes = [
        f"batch {batch.batch_id}: {change}" for batch in batches for change in batch.schema_changes
    ]
    left = len(changes) - _CHANGES_SHOWN
    return "\n".join(changes[:_CHANGES_SHOWN] + ([f"and {left:,} more"] if left > 0 else []))


def degraded(batch: QueryProgress) -> list[str]:
    """Give why a batch's queues were not read and its files were listed; mostly nothing."""
    return [
        each.metrics["notificationsDegraded"]
        for each in batch.sources
        if "notificationsDegraded" in each.metrics
    ]


def new_partition_keys(batch: QueryProgress) -> list[str]:
    """Give the ``key=`` folders that are no columns, by source; mostly nothing."""
    return [
        each.metrics["newPartitionKeys"]
        for each in batch.sources
        if "newPartitionKeys" in each.metrics
    ]


def _source_numbers(batches: Sequence[QueryProgress]) -> dict[str, int | float]:
    """Add up the sources' own numbers, those that any of them tells."""
    told = [each.metrics for batch in batches for each in batch.sources]
    numbers: dict[str, int | float] = {
        name: sum(int(each.get(metric, 0)) for each in told)
        for name, metric in _SUMS.items()
        if any(metric in each for each in told)
    }
    lags = [int(each["discoveryLagMsMax"]) for each in told if "discoveryLagMsMax" in each]
    if lags:
        numbers["discovery_lag_s"] = max(lags) / 1000
    last = batches[-1].sources if batches else ()
    sizes = [each.metrics.get("approximateQueueSize") for each in last]
    known = [int(each) for each in sizes if each is not None]
    return numbers | ({"queue_size": sum(known)} if known else {})


def status_metadata(status: TableStatus) -> MetadataValues:
    """Tell where the table stands after the run, as numbers that Dagster plots."""
    found: MetadataValues = {
        "lakestream/backlog_files": dg.MetadataValue.int(status.backlog.files),
        "lakestream/backlog_bytes": dg.MetadataValue.int(status.backlog.bytes),
    }
    if status.rows is not None:
        found["dagster/row_count"] = dg.MetadataValue.int(status.rows)
    if status.delta_version is not None:
        found["lakestream/delta_version"] = dg.MetadataValue.int(status.delta_version)
    if status.query_id is not None:
        found["lakestream/query_id"] = dg.MetadataValue.text(status.query_id)
    return found


def schema_metadata(schema: Struct) -> MetadataValues:
    """Give a table's columns as Dagster's column schema, with Spark's type names."""
    columns = [dg.TableColumn(name, type_ddl(kind).lower()) for name, kind in schema.fields]
    return {"dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns))}


def lineage_metadata(schema: Struct, sources: ColumnSources) -> MetadataValues:
    """Give column lineage twice: for Dagster, and as a table that people can read.

    The open-source UI draws no column lineage, so the table is what it shows.
    """
    deps = {
        name: [dg.TableColumnDep(asset_key=key, column_name=column) for key, column in parts]
        for name, parts in sources.items()
        if parts
    }
    rows = [
        f"| {_cell(name)} | {type_ddl(kind).lower()} | {_origin(sources.get(name, ()))} |"
        for name, kind in schema.fields
    ]
    text = "\n".join(["| column | type | made of |", "|---|---|---|", *rows])
    return {
        "dagster/column_lineage": dg.MetadataValue.column_lineage(
            dg.TableColumnLineage(deps_by_column=deps)
        ),
        "lakestream/columns": dg.MetadataValue.md(text),
    }


def _origin(parts: Sequence[tuple[dg.AssetKey, str]]) -> str:
    return ", ".join(f"{key.to_user_string()}.{_cell(column)}" for key, column in parts)


def _cell(text: str) -> str:
    return text.translate(_NOT_IN_CELLS)
