"""Faults come where a plan says, are counted, and the rest is the real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakestream.errors import AccessDeniedError, ObjectNotFoundError, StorageUnavailableError
from lakestream.storage import stores
from lakestream.storage.base import LogStore, ReadStore
from lakestream.testing import FaultPlan, FaultyLogStore, FaultyReadStore, ManualClock, fail_nth
from lakestream.testing.fault_kinds import (
    after,
    breaks_after,
    delays,
    fails,
    gives,
    lists_stale_etags,
    lists_twice,
    lists_without,
    loses_reply,
    says_exists,
    short_read,
    wrong_etag,
)
from lakestream.testing.store_contract import Landing, LogStoreContract, ReadStoreContract


class TestFaultyLogStoreWithoutFaults(LogStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        return FaultyLogStore(stores.open_log_store(str(tmp_path / "log")), FaultPlan())


class TestFaultyReadStoreWithoutFaults(ReadStoreContract):
    @pytest.fixture
    def landing(self, tmp_path: Path) -> Landing:
        def write(key: str, data: bytes) -> None:
            path = tmp_path / "in" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        inner = stores.open_read_store(str(tmp_path / "in"))
        return Landing(
            store=FaultyReadStore(inner, FaultPlan()),
            write=write,
            remove=lambda key: (tmp_path / "in" / key).unlink(),
        )


def log_under(plan: FaultPlan, folder: Path) -> FaultyLogStore:
    return FaultyLogStore(stores.open_log_store(str(folder)), plan)


def landing_under(plan: FaultPlan, folder: Path) -> ReadStore:
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode() * 10)
    return FaultyReadStore(stores.open_read_store(str(folder)), plan)


def keys(store: ReadStore) -> list[str]:
    return sorted(key for page in store.list() for key in page.column("path").to_pylist())


def test_rule_when_its_call_comes_then_only_that_call_meets_the_fault(tmp_path: Path) -> None:
    plan = FaultPlan().on("put", "offsets/*", fails(), first=2, times=2)
    log = log_under(plan, tmp_path)

    assert log.put_absent("commits/0", b"")
    assert log.put_absent("offsets/0", b"")
    assert not plan.reached
    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            log.put_absent("offsets/1", b"")
    assert log.put_absent("offsets/1", b"")
    assert plan.reached
    assert plan.injected == {"put: fails": 2}
    assert plan.calls == ["put commits/0", "put offsets/0", *["put offsets/1"] * 3]


def test_fail_nth_when_n_is_past_the_last_call_then_it_is_not_reached(tmp_path: Path) -> None:
    def work(log: LogStore) -> None:
        log.put_absent("a", b"")
        log.get("a")
        log.list("")
        log.delete(["a"])

    for n, failing in enumerate(["put", "log_get", "log_list", "delete"], start=1):
        plan = fail_nth(n)
        with pytest.raises(StorageUnavailableError):
            work(log_under(plan, tmp_path / str(n)))
        assert plan.injected == {f"{failing}: fails": 1}
    plan = fail_nth(5)
    work(log_under(plan, tmp_path / "clean"))
    assert not plan.reached


def test_put_when_its_reply_is_lost_then_it_was_made(tmp_path: Path) -> None:
    log = log_under(
        FaultPlan().on("put", "a", loses_reply()).on("put", "b", says_exists()), tmp_path
    )

    with pytest.raises(StorageUnavailableError):
        log.put_absent("a", b"1")
    assert not log.put_absent("b", b"2")

    assert (log.get("a"), log.get("b")) == (b"1", b"2")


def test_call_when_an_error_is_given_then_that_is_raised(tmp_path: Path) -> None:
    denied = AccessDeniedError("no", where="here", fix="ask")
    store = landing_under(FaultPlan().on("head", "a", fails(denied)), tmp_path)

    with pytest.raises(AccessDeniedError):
        store.head("a")
    assert store.head("a").size_bytes == 10


def test_call_when_late_then_the_given_clock_moves(tmp_path: Path) -> None:
    clock = ManualClock(sleeping_advances=True)
    store = landing_under(FaultPlan().on("head", "a", delays(30, clock)), tmp_path)

    assert store.head("a").size_bytes == 10
    assert clock.monotonic() == 30


def test_get_when_content_is_swapped_or_cut_then_the_caller_sees_it(tmp_path: Path) -> None:
    plan = FaultPlan().on("get", "a", short_read(3)).on("get", "b", gives(bytes.upper))
    store = landing_under(plan.on("get", "c", after((tmp_path / "c").unlink)), tmp_path)
    infos = [store.head(key) for key in ("a", "b", "c")]

    short, swapped, gone = store.get_many(infos, max_buffered_bytes=1)

    assert (short, swapped) == (b"aaa", b"B" * 10)
    assert isinstance(gone, ObjectNotFoundError)


def test_head_when_its_etag_is_wrong_then_the_version_is_another(tmp_path: Path) -> None:
    store = landing_under(FaultPlan().on("head", "a", wrong_etag()), tmp_path)

    assert store.head("a") != store.head("a")


def test_listing_when_faulty_then_entries_are_missing_doubled_or_stale(tmp_path: Path) -> None:
    plan = (
        FaultPlan()
        .on("list", "*", lists_without("[bc]"))
        .on("list", "*", lists_twice(), first=2)
        .on("list", "*", lists_stale_etags(), first=3)
        .on("list", "*", breaks_after(2), first=4)
    )
    store = landing_under(plan, tmp_path)
    found: list[str] = []

    assert keys(store) == ["a"]
    assert keys(store) == ["a", "a", "b", "b", "c", "c"]
    assert {page.column("e_tag")[0].as_py() for page in store.list()} == {'"of-an-older-version"'}
    with pytest.raises(StorageUnavailableError):
        found.extend(page.column("path")[0].as_py() for page in store.list())
    assert keys(store) == ["a", "b", "c"]


def test_seed_when_equal_then_equal_calls_meet_equal_faults(tmp_path: Path) -> None:
    def outcomes(seed: int, folder: Path) -> list[str]:
        log = log_under(plan := FaultPlan.seeded(seed, probability=0.3), folder)
        found = [_outcome(lambda n=n: str(log.put_absent(str(n), b"x"))) for n in range(200)]
        assert sum(plan.injected.values()) == sum(each != "True" for each in found)
        return found

    first = outcomes(1, tmp_path / "a")
    assert outcomes(1, tmp_path / "b") == first
    assert outcomes(2, tmp_path / "c") != first
    assert set(first) == {"True", "False", "unavailable"}
    assert 20 < sum(each != "True" for each in first) < 100


def _outcome(call: Callable[[], str]) -> str:
    try:
        return call()
    except StorageUnavailableError:
        return "unavailable"


def test_plan_when_installed_then_stores_are_wrapped_until_the_block_ends(tmp_path: Path) -> None:
    with FaultPlan().on("put", "*", fails()).installed() as plan:
        log = stores.open_log_store(str(tmp_path))
        with pytest.raises(StorageUnavailableError):
            log.put_absent("a", b"")

    assert stores.open_log_store(str(tmp_path)).put_absent("a", b"")
    assert plan.calls == ["put a"]
