from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lakestream.dagster.pools import ensure_limits, free_slots_of_ended_runs


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:  # in-memory ones have no pools
        yield found


def limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}


def test_pool_when_new_then_one_at_a_time(instance: dg.DagsterInstance) -> None:
    ensure_limits(instance, ["lakestream_a", "lakestream_b"])
    assert limits(instance) == {"lakestream_a": 1, "lakestream_b": 1}


def test_pool_when_somebody_set_a_limit_then_it_stays(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("lakestream_a", 0)
    ensure_limits(instance, ["lakestream_a"])
    assert limits(instance) == {"lakestream_a": 0}


def claim(instance: dg.DagsterInstance, run_id: str) -> bool:
    storage = instance.event_log_storage
    return storage.claim_concurrency_slot("lakestream_a", run_id, "step").is_claimed


def started_run(instance: dg.DagsterInstance) -> str:
    run = dg.DagsterRun(job_name="any", status=dg.DagsterRunStatus.STARTED)
    return instance.add_run(run).run_id


def test_slot_when_its_run_ended_then_the_next_one_gets_it(instance: dg.DagsterInstance) -> None:
    ensure_limits(instance, ["lakestream_a"])

    @dg.job
    def done() -> None: ...

    ended = done.execute_in_process(instance=instance).run_id
    waiting = started_run(instance)
    assert claim(instance, ended)
    assert not claim(instance, waiting)
    free_slots_of_ended_runs(instance, ["lakestream_a"])
    assert claim(instance, waiting)


def test_slot_when_its_run_goes_on_then_it_stays_taken(instance: dg.DagsterInstance) -> None:
    ensure_limits(instance, ["lakestream_a"])
    assert claim(instance, started_run(instance))
    free_slots_of_ended_runs(instance, ["lakestream_a"])
    assert not claim(instance, started_run(instance))


def test_queue_when_a_waiting_run_ended_then_it_stands_in_nobodys_way(
    instance: dg.DagsterInstance,
) -> None:
    ensure_limits(instance, ["lakestream_a"])
    first, waiting = started_run(instance), started_run(instance)
    assert claim(instance, first)
    assert not claim(instance, "a run that was deleted")
    assert not claim(instance, waiting)
    free_slots_of_ended_runs(instance, ["lakestream_a"])
    instance.event_log_storage.free_concurrency_slots_for_run(first)
    assert claim(instance, waiting)
