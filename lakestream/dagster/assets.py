"""An asset per streaming table, an external asset per location that they read."""

# No postponed annotations here: Dagster reads those of a step when it is declared.

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from lakestream.dagster.checks import check_results, check_specs, failed_expectations
from lakestream.dagster.lineage import Lineage
from lakestream.dagster.names import op_name, pool_name
from lakestream.dagster.pools import ensure_limits
from lakestream.dagster.table_facts import input_waits, table_metadata
from lakestream.dagster.table_run import TableRun
from lakestream.dagster.translator import LakestreamTranslator
from lakestream.errors import ExpectationFailedError, LakestreamError, SourceNotFoundError
from lakestream.streaming_table import StreamingTable

Event = dg.MaterializeResult[None] | dg.AssetCheckResult


def build_assets(
    tables: Sequence[StreamingTable],
    *,
    translator: LakestreamTranslator | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    op_tags: Mapping[str, str] | None = None,
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Make the assets of streaming tables and of what they read.

    Each table is its own step, so one job runs them in the order of their lineage and a table
    that fails stops only what reads it. To materialize an asset is an ``available_now`` run:
    it works off what is there and gives a materialization even when that is nothing, so that
    nothing downstream is skipped.

    Args:
        tables: Streaming tables.
        translator: Gives asset specs; the default one by default.
        retry_policy: For transient errors; a terminal one (wrong options, a table that was
            replaced) is never retried within its run.
        op_tags: For each table's step.

    Returns:
        The tables' assets, then the external assets of their sources.

    The tables name ``lakestream_io_manager`` as what loads them for plain assets. Where these
    assets are used without ``build_definitions``, bind a ``LakeIOManager`` to that resource.

    Raises:
        ConfigError: Two tables or two locations share a key, or a declaration cannot work.

    No I/O on data: only the tables' functions are called.
    """
    lineage = Lineage(tables, translator or LakestreamTranslator())
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        _table_asset(table, lineage, retry_policy, op_tags) for table in lineage.tables
    ]
    return assets + list(lineage.source_specs())


def _table_asset(
    table: StreamingTable,
    lineage: Lineage,
    retry_policy: dg.RetryPolicy | None,
    op_tags: Mapping[str, str] | None,
) -> dg.AssetsDefinition:
    key = lineage.key(table)

    @dg.multi_asset(
        name=op_name(key),
        specs=[lineage.spec(table)],
        check_specs=check_specs(table, key),
        pool=pool_name(table),
        retry_policy=retry_policy,
        op_tags=op_tags,
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Event]:
        ensure_limits(context.instance, [pool_name(table)])
        yield from _materialize(context, table, lineage)

    return materialize


def _materialize(
    context: dg.AssetExecutionContext, table: StreamingTable, lineage: Lineage
) -> Iterator[Event]:
    key = lineage.key(table)
    run = TableRun(table, context.log)
    try:
        run.execute()
    except SourceNotFoundError as error:
        if input_waits(table):  # what it is joined with is not there
            raise failure(error) from error
        context.log.warning("nothing to read yet: %s", error)
    except LakestreamError as error:
        if run.batches:
            context.log_event(
                dg.AssetMaterialization(key, metadata=table_metadata(table, lineage, run.batches))
            )
        if isinstance(error, ExpectationFailedError):
            yield from failed_expectations(key, error)
        raise failure(error) from error
    yield dg.MaterializeResult(asset_key=key, metadata=table_metadata(table, lineage, run.batches))
    yield from check_results(table, key, run.batches)


def failure(error: LakestreamError) -> dg.Failure:
    """Give an error as Dagster shows it best; only a transient one may be retried."""
    parts = {"code": error.code, "where": error.where, "to do": error.fix}
    return dg.Failure(
        description=str(error),
        metadata={f"lakestream/{name}": text for name, text in parts.items() if text},
        allow_retries=error.transient,
    )
