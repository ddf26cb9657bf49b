"""What Dagster remembers of our runs: which queries are busy, which failed and how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
_UNSUCCESSFUL: Final = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
#: Runs that are looked at: several tables may fail, each a dozen times before it waits an hour.
_RUNS_LOOKED_AT: Final = 40
_LOOKED_BACK: Final = timedelta(days=1)


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

    A run tells by its tag (the sensor's, a backfill's, narrowed by what it is asked to run) or by
    its steps' pools (the button's).

    Cost: one query.
    """
    pools = {pool_name(table): table.name for table in tables}
    busy: set[str] = set()
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_ACTIVE)):
        busy |= _named_queries(run)
        concurrency = run.run_op_concurrency
        held = (concurrency.all_pools or set()) if concurrency is not None else set()
        busy |= {pools[pool] for pool in held if pool in pools}
    return busy.intersection(pools.values())


def _named_queries(run: dg.DagsterRun) -> set[str]:
    """Give the queries of a run's tag; a backfill's tag has all, its config those it works on."""
    tagged = tagged_queries(run.tags)
    match run.run_config:
        case {"ops": Mapping() as ops}:
            chosen = [_chosen(each) for each in ops.values()]
            return tagged.intersection(*(each for each in chosen if each))
        case _:
            return tagged


def _chosen(op: object) -> list[str]:
    match op:
        case {"config": {"tables": list() as names}}:
            return [each for each in names if isinstance(each, str)]
        case _:
            return []


def ended_runs(
    instance: DagsterInstance, sensor_name: str, keys: Mapping[str, dg.AssetKey], now: datetime
) -> list[EndedRun]:
    """Give what tells who is to wait: runs of the sensor that failed, and what succeeded since.

    Runs of tables that work are many, and would hide the failures of one that does not.

    Args:
        instance: Where the runs are.
        sensor_name: Whose.
        keys: The asset of each query.
        now: The time; a failure that nobody has to wait for any more ends the look.

    Returns:
        Newest first.

    Cost: one query; while somebody may have to wait one more for each run that failed, and two
    for each query that did.
    """
    records = instance.get_run_records(
        filters=dg.RunsFilter(tags={SENSOR_TAG: sensor_name}, statuses=_UNSUCCESSFUL),
        limit=_RUNS_LOOKED_AT,
    )
    recent = [each for each in records if now - _ended_at(each) < _LOOKED_BACK]
    if not any(now - _ended_at(each) < LONGEST_WAIT for each in recent):
        return []
    steps = {query: op_name(key) for query, key in keys.items()}
    found = [_ended_run(instance, each, steps) for each in recent]
    first = min(each.ended_at for each in found)
    for query in sorted(frozenset().union(*(each.failed for each in found)) & keys.keys()):
        found += _successes(instance, query, keys[query], first)
    return sorted(found, key=lambda each: each.ended_at, reverse=True)


def _successes(
    instance: DagsterInstance, query: str, key: dg.AssetKey, since: datetime
) -> list[EndedRun]:
    """Give the last runs that brought a table up to date, whoever asked for them."""
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, after_timestamp=since.timestamp()), limit=_RUNS_LOOKED_AT
    ).records
    if not made:
        return []
    # A run that failed tells of the batches before, too.
    runs = dg.RunsFilter(
        run_ids=[each.run_id for each in made], statuses=[DagsterRunStatus.SUCCESS]
    )
    succeeded = {run.run_id for run in instance.get_runs(filters=runs)}
    only = frozenset({query})
    return [
        EndedRun(only, from_epoch_ms(round(each.timestamp * 1000)), only, frozenset())
        for each in made
        if each.run_id in succeeded
    ]


def _ended_run(
    instance: DagsterInstance, record: dg.RunRecord, step_keys: Mapping[str, str]
) -> EndedRun:
    run = record.dagster_run
    queries = frozenset(tagged_queries(run.tags))
    status_by_step = {
        stats.step_key: stats.status.value if stats.status else None
        for stats in instance.get_run_step_stats(run.run_id)
    }
    statuses = {query: status_by_step.get(step_keys.get(query, "")) for query in queries}
    failed = frozenset(q for q, status in statuses.items() if status in {"FAILURE", "IN_PROGRESS"})
    return EndedRun(
        queries,
        _ended_at(record),
        succeeded=frozenset(q for q, status in statuses.items() if status == "SUCCESS"),
        failed=failed or queries,
    )


def _ended_at(record: dg.RunRecord) -> datetime:
    if record.end_time is None:
        return record.update_timestamp
    return from_epoch_ms(round(record.end_time * 1000))


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
