"""I1, I2, I4: files, checkpoint and table on an S3 server, and a network that fails between."""

from __future__ import annotations

import itertools

import pytest
from support.moto import MotoServer
from support.network_pipeline import NetworkPipeline, breaks_off

from lakestream.errors import AccessDeniedError, StorageUnavailableError
from lakestream.testing import HttpFaultPlan
from lakestream.testing.fault_script import ALWAYS
from lakestream.testing.http_exchange import Exchange
from lakestream.testing.http_faults import (
    HttpFault,
    answers,
    cuts_body,
    hangs,
    loses_reply,
    misstates_length,
    resets,
    trickles,
    waits,
)

pytestmark = pytest.mark.moto

#: Requests of each part of a run: finding files, reading them, ledger, plan, table, commit log.
READS = (
    "/lake?list-type=2&prefix=*/landing/*",
    "/lake/*/landing/a.json",
    "/lake?list-type=2&prefix=*/_lakestream/offsets/*",
    "/lake/*/_lakestream/commits/0",
    "/lake/*/_delta_log/*0.json",
)
WRITES = (
    "/lake/*/_lakestream/epochs/0",
    "/lake/*/_lakestream/metadata",
    "/lake/*/_lakestream/sources/*/files/*",
    "/lake/*/_lakestream/sources/*/schemas/*",
    "/lake/*/_lakestream/offsets/0",
    "/lake/*/_lakestream/batches/0-*/files.parquet",
    "/lake/*/_lakestream/batches/0-*/summary.json",
    "/lake/*/table/part-*.parquet",
    "/lake/*/_delta_log/*1.json",
    "/lake/*/_lakestream/commits/0",
)
DELTA_COMMIT = "/lake/*/_delta_log/*1.json"


@pytest.fixture
def pipeline(moto_server: MotoServer) -> NetworkPipeline:
    return NetworkPipeline(moto_server.endpoint, moto_server.bucket)


def at_every_part(fault: HttpFault, *, reads: bool = True, writes: bool = True) -> HttpFaultPlan:
    """Let the first request of each part of a run meet a fault, all in one run."""
    plan = HttpFaultPlan()
    for key in READS if reads else ():
        plan.on("GET", key, fault)
    for key in WRITES if writes else ():
        plan.on("PUT", key, fault)
    return plan


@pytest.mark.parametrize(
    "fault",
    [
        answers(503, "SlowDown"),
        answers(503, "SlowDown", retry_after_s=1),
        answers(429, "SlowDown"),
        answers(429, "SlowDown", retry_after_s=1),
    ],
    ids=["503", "503 Retry-After", "429", "429 Retry-After"],
)
def test_i1_store_when_it_throttles_each_part_once_then_the_run_goes_on(
    pipeline: NetworkPipeline, fault: HttpFault
) -> None:
    plan = at_every_part(fault)

    assert pipeline.run_under(plan) is None

    assert plan.reached
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("key", [READS[0], WRITES[4], DELTA_COMMIT], ids=["list", "plan", "table"])
def test_i1_store_when_it_throttles_for_ever_then_the_tries_end_with_a_transient_error(
    pipeline: NetworkPipeline, key: str
) -> None:
    plan = HttpFaultPlan().on("*", key, answers(503, "SlowDown"), times=ALWAYS)

    error = pipeline.run_under(plan, max_retries="1", init_backoff="10ms", max_backoff="20ms")

    assert isinstance(error, StorageUnavailableError)
    assert error.transient
    # Two tries of the library, three of ours; the engine takes a batch up to eleven times.
    assert 2 <= plan.rules[0].seen <= 2 * (3 if key != DELTA_COMMIT else 2 * 11)
    pipeline.table().run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    "fault",
    [
        answers(500, "InternalError"),
        cuts_body(30),
        cuts_body(30, resets=True),
        misstates_length(40),
        resets(),
        trickles(50, 0.001),
        waits(0.02),
    ],
    ids=lambda fault: fault.name,
)
def test_i2_read_when_it_breaks_off_at_each_part_once_then_the_run_goes_on(
    pipeline: NetworkPipeline, fault: HttpFault
) -> None:
    plan = at_every_part(fault, writes=False)

    assert pipeline.run_under(plan) is None

    assert plan.reached
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    "fault",
    [
        answers(500, "InternalError"),
        answers(500, "InternalError", acts=True),
        loses_reply(),
        resets(),
    ],
    ids=lambda fault: fault.name,
)
def test_i2_c5_c6_put_when_its_reply_is_lost_at_each_part_once_then_the_run_goes_on(
    pipeline: NetworkPipeline, fault: HttpFault
) -> None:
    plan = at_every_part(fault, reads=False)

    assert pipeline.run_under(plan) is None

    assert plan.reached
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    "fault", [hangs(), hangs(acts=True), trickles(1, 0.2)], ids=lambda fault: fault.name
)
def test_i2_request_when_it_never_ends_then_its_deadline_does(
    pipeline: NetworkPipeline, fault: HttpFault
) -> None:
    plan = HttpFaultPlan()
    for method, key in (("GET", READS[1]), ("GET", READS[3]), ("PUT", WRITES[4])):
        plan.on(method, key, fault)
    plan.on("PUT", DELTA_COMMIT, fault)

    assert pipeline.run_under(plan, timeout="0.5 seconds") is None

    assert plan.reached
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("key", READS)
def test_i2_read_when_it_is_cut_and_looks_whole_then_nothing_of_it_is_believed(
    pipeline: NetworkPipeline, key: str
) -> None:
    plan = HttpFaultPlan().on("GET", key, misstates_length(-20))

    pipeline.run_under(plan)

    assert plan.reached
    pipeline.table().run()
    pipeline.assert_exactly_once()


def expiring_at(method: str, key: str, denial: HttpFault) -> HttpFaultPlan:
    """Deny everything from the first request of a key on."""
    plan = HttpFaultPlan()

    async def expire(exchange: Exchange) -> None:
        plan.on("*", "*", denial, times=ALWAYS)
        await denial.befall(exchange)

    return plan.on(method, key, HttpFault("expires", expire))


@pytest.mark.parametrize(
    ("method", "key", "denial"),
    [
        *(("GET", key, answers(403, "ExpiredToken")) for key in READS),
        *(("PUT", key, answers(403, "ExpiredToken")) for key in WRITES[2::2]),
        ("PUT", DELTA_COMMIT, answers(403, "ExpiredToken")),
        ("GET", READS[1], answers(401, "Unauthorized")),
        ("PUT", WRITES[4], answers(401, "Unauthorized")),
    ],
)
def test_i4_credentials_when_they_expire_anywhere_then_a_terminal_error_and_the_next_run_goes_on(
    pipeline: NetworkPipeline, method: str, key: str, denial: HttpFault
) -> None:
    plan = expiring_at(method, key, denial)

    error = pipeline.run_under(plan)

    assert isinstance(error, AccessDeniedError)
    assert not error.transient
    pipeline.table().run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("first", [9, 31])
def test_i2_c6_request_when_the_nth_of_all_breaks_off_then_the_run_goes_on(
    moto_server: MotoServer, first: int
) -> None:
    """SQLite's loop over HTTP, every fortieth request at a time."""
    for number in itertools.count(first, 40):
        pipeline = NetworkPipeline(moto_server.endpoint, moto_server.bucket)
        plan = HttpFaultPlan().on("*", "*", breaks_off(), first=number)
        error = pipeline.run_under(plan)
        if not plan.reached:
            break
        assert error is None, plan.calls[number - 1]
        pipeline.assert_exactly_once()

    assert number == next(n for n in itertools.count(first, 40) if n > len(plan.calls))
    assert {call.partition(" ")[0] for call in plan.calls} == {"GET", "HEAD", "POST", "PUT"}


@pytest.mark.parametrize("seed", range(2))
def test_i2_run_when_any_request_may_fail_then_it_or_the_next_is_exact(
    pipeline: NetworkPipeline, seed: int
) -> None:
    plan = HttpFaultPlan.seeded(seed, probability=0.15)

    error = pipeline.run_under(plan, init_backoff="10ms", max_backoff="100ms")

    assert error is None or error.transient
    assert plan.injected
    pipeline.table().run()
    pipeline.assert_exactly_once()
