"""One run of a query at a time: pools whose limits are set, and slots that dead runs held.

Work saved, not safety: two runs over one checkpoint lose and double nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterInstance

if TYPE_CHECKING:
    from collections.abc import Sequence


def ensure_limits(instance: DagsterInstance, pools: Iterable[str]) -> None:
    """Set the limit of each pool to 1 unless somebody has set another.

    A default limit (``concurrency.pools.default_limit``) is no substitute: the first queue pass
    that meets a new pool does not know it yet and lets every run through.

    Cost: one query, and one transaction for each pool that is new.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    limited = {each.name for each in storage.get_pool_limits() if not each.from_default}
    for pool in pools:
        if pool not in limited:
            storage.set_concurrency_slots(pool, 1)


def free_slots_of_ended_runs(instance: DagsterInstance, pools: Sequence[str]) -> None:
    """Give back the slots and places in line of runs that ended without doing so (killed).

    Dagster does it only where ``run_monitoring.free_slots_after_run_end_seconds`` is set;
    until then no run of that query would start again.

    Cost: one query, and another when somebody holds or waits for a slot.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    holders: set[str] = set()
    for info in storage.get_concurrency_infos(pools).values():
        holders |= info.active_run_ids | info.assigned_run_ids | info.pending_run_ids
    if not holders:
        return
    unfinished = {
        run.run_id
        for run in instance.get_runs(filters=dg.RunsFilter(run_ids=list(holders)))
        if not run.is_finished
    }
    for run_id in holders - unfinished:
        storage.free_concurrency_slots_for_run(run_id)
