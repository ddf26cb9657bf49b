"""What Dagster remembers of our runs: which queries are busy, which failed and how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from lakestream.clock import from_epoch_ms
from lakestream.dagster.names import op_name, pool_name, tagged_queries

if TYPE_CHECKING:
    from lakestream.streaming_table import StreamingTable

SENSOR_TAG: Final = "dagster/sensor_name"  # set by the daemon on every run that a sensor asks for
LONGEST_WAIT: Final = timedelta(hours=1)
_ACTIVE: Final = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_ENDED: Final = [
    DagsterRunStatus.SUCCESS,
    DagsterRunStatus.FAILURE,
    DagsterRunStatus.CANCELED,
]
#: Ended runs of a sensor that are looked at: the longest row of failures that is counted.
_RUNS_LOOKED_AT: Final = 20


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that is over, as far as the next tick cares.

    Args:
        queries: What it was to work on.
        ended_at: When it ended.
        succeeded: Queries whose step succeeded.
        failed: Queries whose step failed; all, when the run died before any step did.
    """

    queries: frozenset[str]
    ended_at: datetime
    succeeded: frozenset[str]
    failed: frozenset[str]


def busy_queries(instance: DagsterInstance, tables: Iterable[StreamingTable]) -> set[str]:
    """Give the queries that a run works on, or is queued to, whoever asked for it.

    A run tells by its tag (the sensor's, a backfill's) or by its steps' pools (the button's).

    Cost: one query.
    """
    pools = {pool_name(table): table.name for table in tables}
    busy: set[str] = set()
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_ACTIVE)):
        busy |= tagged_queries(run.tags)
        concurrency = run.run_op_concurrency
        held = (concurrency.all_pools or set()) if concurrency is not None else set()
        busy |= {pools[pool] for pool in held if pool in pools}
    return busy.intersection(pools.values())


def ended_runs(
    instance: DagsterInstance, sensor_name: str, step_keys: Mapping[str, str]
) -> list[EndedRun]:
    """Give the newest runs that the sensor asked for and that are over, newest first.

    Args:
        instance: Where the runs are.
        sensor_name: Whose.
        step_keys: The step of each query.

    Cost: one query, and one more for each run that failed.
    """
    records = instance.get_run_records(
        filters=dg.RunsFilter(tags={SENSOR_TAG: sensor_name}, statuses=_ENDED),
        limit=_RUNS_LOOKED_AT,
    )
    return [_ended_run(instance, record, step_keys) for record in records]


def _ended_run(
    instance: DagsterInstance, record: dg.RunRecord, step_keys: Mapping[str, str]
) -> EndedRun:
    run = record.dagster_run
    queries = frozenset(tagged_queries(run.tags))
    ended_at = (
        from_epoch_ms(round(record.end_time * 1000))
        if record.end_time is not None
        else record.update_timestamp
    )
    if run.status is DagsterRunStatus.SUCCESS:
        return EndedRun(queries, ended_at, succeeded=queries, failed=frozenset())
    status_by_step = {
        stats.step_key: stats.status.value if stats.status else None
        for stats in instance.get_run_step_stats(run.run_id)
    }
    statuses = {query: status_by_step.get(step_keys.get(query, "")) for query in queries}
    failed = frozenset(q for q, status in statuses.items() if status in {"FAILURE", "IN_PROGRESS"})
    return EndedRun(
        queries,
        ended_at,
        succeeded=frozenset(q for q, status in statuses.items() if status == "SUCCESS"),
        failed=failed or queries,
    )


def waiting_until(query: str, runs: Iterable[EndedRun], *, interval: timedelta) -> datetime | None:
    """Tell until when a query that failed is left alone; None when it did not.

    The wait doubles with each failure in a row: one interval, two, four, up to an hour. A
    query that a run skipped (what it reads had failed) keeps its count. Pure.

    Args:
        query: The query.
        runs: Ended runs, newest first.
        interval: The sensor's.
    """
    failures, last = 0, None
    for run in runs:
        if query not in run.queries:
            continue
        if query in run.succeeded:
            break
        if query in run.failed:
            failures += 1
            last = last or run.ended_at
    if last is None:
        return None
    return last + min(LONGEST_WAIT, interval * (1 << (failures - 1)))


def step_keys_of(tables: Sequence[StreamingTable], keys: Sequence[dg.AssetKey]) -> dict[str, str]:
    """Give the step that materializes each query's table."""
    return {table.name: op_name(key) for table, key in zip(tables, keys, strict=True)}
