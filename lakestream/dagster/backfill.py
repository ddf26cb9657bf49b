"""``lakestream_backfill``: run-once triggers with every option filled in in the launchpad."""

# No postponed annotations here: Dagster reads those of a step when it is declared.

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import dagster as dg
from pydantic import Field

from lakestream.dagster.assets import failure
from lakestream.dagster.lineage import Lineage
from lakestream.dagster.names import query_tag
from lakestream.dagster.table_facts import input_waits, table_metadata
from lakestream.dagster.table_run import TableRun
from lakestream.dagster.translator import LakestreamTranslator
from lakestream.errors import ConfigError, LakestreamError, SourceNotFoundError, near_names
from lakestream.sources.base import DiscoveryFilter
from lakestream.streaming_table import StreamingTable
from lakestream.triggers import AvailableNow, Once

JOB_NAME: Final = "lakestream_backfill"


class Mode(Enum):
    """How a backfill runs."""

    available_now = "available_now"
    once = "once"
    replay = "replay"


class BackfillConfig(dg.Config):
    """What to run again, and how. Every field is filled in in the launchpad.

    Empty texts and 0 stand for "no limit": Dagster's launchpad leaves out fields that may be
    null.
    """

    tables: list[str] = Field(default=[], description="Names of streaming tables; empty is all.")
    mode: Mode = Field(
        default=Mode.available_now,
        description="available_now: all that is there, in batches under the read limits. "
        "once: the same in exactly one batch. replay: also what was ignored or quarantined as a "
        "whole file before; rows that are in a table already never change.",
    )
    path_glob: str = Field(default="", description="Only files whose path matches, as in 2013-0*.")
    modified_after: str = Field(default="", description="Only files newer than this ISO time.")
    modified_before: str = Field(default="", description="Only files older than this ISO time.")
    max_batches: int = Field(default=0, ge=0, description="End after so many batches a table.")

    def trigger(self) -> AvailableNow | Once:
        """Give the trigger that the mode stands for."""
        return Once() if self.mode is Mode.once else AvailableNow()

    def discovery(self) -> DiscoveryFilter:
        """Give what discovery is narrowed to.

        Raises:
            ConfigError: A time is no ISO time, or none lies between the two.
        """
        after = _time("modified_after", self.modified_after)
        before = _time("modified_before", self.modified_before)
        if after is not None and before is not None and after >= before:
            raise ConfigError(
                "no file can be newer than modified_after and older than modified_before",
                where=f"job {JOB_NAME}",
                fix="swap the two, or leave one empty",
            )
        return DiscoveryFilter(
            path_glob=self.path_glob or None,
            modified_after=after,
            modified_before=before,
            requeue=self.mode is Mode.replay,
        )

    def chosen(self, tables: Sequence[StreamingTable]) -> list[StreamingTable]:
        """Give the named tables, in the order of their lineage.

        Raises:
            ConfigError: A name is no table's.
        """
        by_name = {table.name: table for table in tables}
        for name in self.tables:
            if name not in by_name:
                raise ConfigError(
                    f"there is no streaming table {name!r}",
                    where=f"job {JOB_NAME}, field tables",
                    fix=near_names(name, by_name),
                )
        return [table for table in tables if not self.tables or table.name in self.tables]


def build_backfill_job(
    tables: Sequence[StreamingTable],
    *,
    translator: LakestreamTranslator | None = None,
    name: str = JOB_NAME,
) -> dg.JobDefinition:
    """Make the job that runs tables on purpose: narrowed, in one batch, or once more.

    Args:
        tables: Streaming tables; all of them stand in the launchpad's ``tables``.
        translator: The one that ``build_assets`` got.
        name: The job's name; a second one in one code location needs another.

    Delivery: exactly once, as every run: a replay changes no row that is already there.
    """
    lineage = Lineage(tables, translator or LakestreamTranslator())

    op_name = f"{name}_tables"  # beside the job's, because Dagster wants them to differ

    @dg.op(name=op_name)
    def backfill(context: dg.OpExecutionContext, config: BackfillConfig) -> None:
        """Run the chosen tables one after the other; what they read comes first."""
        try:
            discovery = config.discovery()
            for table in config.chosen(lineage.tables):
                _backfill(context, table, lineage, config, discovery)
        except LakestreamError as error:
            raise failure(error) from error

    names = [table.name for table in lineage.tables]

    @dg.job(
        name=name,
        executor_def=dg.in_process_executor,
        tags=query_tag(lineage.tables),
        config=dg.RunConfig(ops={op_name: BackfillConfig(tables=names)}),
        description="Runs streaming tables on purpose: narrowed, in one batch, or once more.",
    )
    def backfill_job() -> None:
        backfill()

    return backfill_job


def _backfill(
    context: dg.OpExecutionContext,
    table: StreamingTable,
    lineage: Lineage,
    config: BackfillConfig,
    discovery: DiscoveryFilter,
) -> None:
    context.log.info("%s: %s", table.name, config.mode.value)
    run = TableRun(
        table,
        context.log,
        trigger=config.trigger(),
        discovery=discovery,
        max_batches=config.max_batches or None,
    )
    try:
        run.execute()
    except SourceNotFoundError as error:
        if input_waits(table):  # what it is joined with is not there
            raise
        context.log.warning("nothing to read yet: %s", error)
    except LakestreamError:
        if run.batches:
            _log_materialization(context, table, lineage, run)
        raise
    _log_materialization(context, table, lineage, run)


def _log_materialization(
    context: dg.OpExecutionContext, table: StreamingTable, lineage: Lineage, run: TableRun
) -> None:
    metadata = table_metadata(table, lineage, run.batches)
    context.log_event(dg.AssetMaterialization(lineage.key(table), metadata=metadata))


def _time(field: str, text: str) -> datetime | None:
    """Read an ISO time; one without a zone is UTC."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{field} is no ISO time: {text!r}",
            where=f"job {JOB_NAME}",
            fix="write it as 2026-01-31 or 2026-01-31T12:00:00Z",
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
