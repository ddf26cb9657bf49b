from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from lakestream.dagster.history import LONGEST_WAIT, EndedRun, waiting_until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)


def run(minute: int, *, failed: Iterable[str] = (), succeeded: Iterable[str] = ()) -> EndedRun:
    return EndedRun(
        queries=frozenset({"orders", "silver"}),
        ended_at=NOON + timedelta(minutes=minute),
        succeeded=frozenset(succeeded),
        failed=frozenset(failed),
    )


def test_wait_when_nothing_ran_then_none() -> None:
    assert waiting_until("orders", [], interval=INTERVAL) is None


def test_wait_when_the_last_run_succeeded_then_none() -> None:
    runs = [run(2, succeeded=["orders"]), run(1, failed=["orders"])]
    assert waiting_until("orders", runs, interval=INTERVAL) is None


@pytest.mark.parametrize(("failures", "intervals"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_wait_when_runs_failed_in_a_row_then_it_doubles(failures: int, intervals: int) -> None:
    runs = [run(10 - i, failed=["orders"]) for i in range(failures)]
    runs.append(run(0, succeeded=["orders"]))
    until = waiting_until("orders", runs, interval=INTERVAL)
    assert until == NOON + timedelta(minutes=10) + INTERVAL * intervals


def test_wait_when_many_runs_failed_then_an_hour_at_most() -> None:
    runs = [run(-i, failed=["orders"]) for i in range(20)]
    assert waiting_until("orders", runs, interval=INTERVAL) == NOON + LONGEST_WAIT


def test_wait_when_runs_skipped_the_query_then_its_count_stays() -> None:
    runs = [run(3, failed=["orders"]), run(2, failed=["silver"]), run(1, succeeded=["silver"])]
    until = waiting_until("silver", runs, interval=INTERVAL)
    assert until == NOON + timedelta(minutes=2) + INTERVAL


def test_wait_when_the_runs_are_others_then_none() -> None:
    assert waiting_until("gold", [run(1, failed=["orders"])], interval=INTERVAL) is None
