"""Discovery in pieces: a look whose time is up is gone on with, and nothing is skipped."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, RecordBatch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.listed_place import DyingLog, Killed, Place, Steps, known, small_pages, stopped

from lakestream.clock import SYSTEM_CLOCK, SystemClock
from lakestream.sources.base import DiscoveryFilter
from lakestream.storage import object_store, stores
from lakestream.storage.base import ReadStore
from lakestream.testing import fault_kinds
from lakestream.testing.faults import FaultPlan


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


@pytest.fixture(params=["memory", "disk"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, on_disk=request.param == "disk")


def test_discovery_when_its_time_is_up_is_gone_on_with_by_the_next_process(place: Place) -> None:
    place.put("a", "b", "c", "d", "e")

    assert stopped(place.tick()) == (False, "b")
    assert stopped(place.tick()) == (False, "d")
    assert stopped(place.tick()) == (False, "e")
    last = place.tick()

    assert stopped(last) == (True, None)
    assert known(last) == ["a", "b", "c", "d", "e"]


def test_pass_when_it_is_over_is_followed_by_one_from_the_beginning(place: Place) -> None:
    place.put("b", "c", "d", "e")
    place.tick()
    place.put("a")
    for _ in range(2):
        reader = place.tick()
    assert stopped(reader) == (True, None)
    assert known(reader) == ["b", "c", "d", "e"]

    assert known(place.tick()) == ["b", "c", "d", "e", "a"]


def test_run_when_a_look_was_cut_lists_the_whole_place(place: Place) -> None:
    place.put("b", "c", "d")
    place.tick()
    place.put("a")
    reader = place.open()

    reader.discover()

    assert stopped(reader) == (True, None)
    assert sorted(known(reader)) == ["a", "b", "c", "d"]


def test_discovery_when_it_is_gone_on_with_asks_only_for_what_lies_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = type(stores.open_read_store(place.uri))
    asked: list[str | None] = []
    real = store.list

    def listed(
        self: ReadStore, prefix: str = "", *, start_after: str | None = None, **told: int
    ) -> Iterator[RecordBatch]:
        asked.append(start_after)
        return real(self, prefix, start_after=start_after, **told)

    monkeypatch.setattr(store, "list", listed)
    place.put("a", "b", "c")
    for _ in range(4):
        place.tick()

    assert asked == [None, "b", "c", None]


def test_discovery_when_it_has_no_time_limit_keeps_nothing_about_listings(place: Place) -> None:
    place.put("a", "b", "c")

    place.open().discover()

    assert place.state() is None


def test_discovery_when_the_store_has_no_order_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_ORDERED", frozenset())
    place = Place(tmp_path)
    place.put("a", "b", "c")
    for _ in range(2):
        assert stopped(place.tick()) == (False, None)
    assert place.state() is None


class CountingClock(SystemClock):
    """A second passes at each look at the clock."""

    def __init__(self) -> None:
        self._seconds = itertools.count()

    def monotonic(self) -> float:
        return float(next(self._seconds))


def _swapped(found: list[RecordBatch]) -> list[RecordBatch]:
    return [page.take(Array([1, 0], DataType.int64())) for page in found]


@pytest.mark.parametrize("change", [lambda found: list(reversed(found)), _swapped])
def test_discovery_when_a_listing_is_out_of_order_is_not_gone_on_with(
    place: Place, change: Callable[[list[RecordBatch]], list[RecordBatch]]
) -> None:
    place.put("a", "b", "c", "d", "e", "f")
    with FaultPlan().on("list", "*", fault_kinds.pages(change)).installed():
        reader = place.open(clock=CountingClock())
        reader.discover(time_budget_s=1.5)

    assert len(known(reader)) == 4
    assert stopped(reader) == (False, None)
    assert place.state() is None


def test_existing_files_when_not_wanted_are_not_listed_in_pieces(place: Place) -> None:
    place.put("b", "c", "d", "e")

    assert stopped(place.tick(include_existing_files=False)) == (False, None)

    assert place.state() is None
    reader = place.open(include_existing_files=False)
    reader.discover()
    place.put("a", "f")
    reader = place.open(include_existing_files=False)
    reader.discover()
    start = reader.initial()
    assert reader.backlog(start).files == 2


def test_run_that_is_narrowed_neither_leaves_nor_takes_up_a_cut(place: Place) -> None:
    place.put("a", "b", "c", "d", "e")
    place.tick()
    before = place.state()
    narrowed = DiscoveryFilter(path_glob="b")
    reader = place.open(discovery=narrowed)

    reader.discover(time_budget_s=0)

    assert stopped(reader) == (False, None)
    assert place.state() == before


def test_discovery_when_its_filters_changed_begins_anew(place: Place) -> None:
    place.put("a.csv", "b.csv", "c.json", "d.json")
    place.tick(path_glob_filter="*.json")

    reader = place.tick(path_glob_filter="*.csv")

    assert known(reader) == ["a.csv", "b.csv"]


def test_discovery_when_the_ledger_is_an_older_one_begins_anew(place: Place) -> None:
    place.put("a", "b", "c")
    place.tick()
    assert place.log is not None
    place.log.delete([key for key in place.log.list("sources") if "/files/" in key])

    assert known(place.tick()) == ["a", "b"]


def test_discovery_when_its_entry_is_damaged_begins_anew(place: Place) -> None:
    place.put("a", "b", "c")
    place.tick()
    assert place.log is not None
    (key,) = place.log.list("sources/files-landing/listings")
    place.log.delete([key])
    place.log.put_absent(key, b"{")

    assert stopped(place.tick()) == (False, "b")
    assert stopped(place.tick()) == (False, "c")


def test_entries_about_listings_when_many_stay_few(place: Place) -> None:
    place.put(*(f"{number:03}" for number in range(60)))
    for _ in range(31):
        place.tick()

    assert place.log is not None
    assert len(place.log.list("sources/files-landing/listings")) == 10
    assert len(known(place.open())) == 60


def test_cut_when_made_for_another_reason_is_not_gone_on_with(place: Place) -> None:
    place.put("a", "b", "c", "d", "e")
    place.open()._discovery.run(0, purpose="the queue was new")
    place.put("A")

    reader = place.open()
    reader._discovery.run(0, purpose="the queue had failed")

    assert "A" in known(reader)


def _dying_place(root: Path, **options: Any) -> tuple[Place, DyingLog]:
    log = DyingLog(stores.open_log_store(f"memory://{uuid.uuid4().hex}"))
    return Place(root, log=log, **options), log


def _check_nothing_is_skipped(place: Place, landed_before_a_pass: Sequence[str]) -> None:
    """Hold the cut against the ledger: what lies before it and was there is known."""
    state = place.state()
    if state is not None and state.cut is not None:
        found = known(place.open())
        assert [key for key in landed_before_a_pass if key <= state.cut.after] == sorted(
            key for key in found if key <= state.cut.after and key in landed_before_a_pass
        )


def _two_passes(place: Place, ticks: int = 9) -> None:
    """Go through two passes in pieces while files land before and behind the cut."""
    place.put(*"bdfhj")
    for number in range(ticks):
        if number == 1:
            place.put("a", "z")
        if _dies_in_a_tick(place):
            _check_nothing_is_skipped(place, "bdfhj")


def _dies_in_a_tick(place: Place, **options: Any) -> bool:
    try:
        place.tick(**options)
    except Killed:
        return True
    return False


def test_d8_pass_in_pieces_when_killed_around_each_call_then_each_file_is_known_once(
    tmp_path: Path,
) -> None:
    place, log = _dying_place(tmp_path)
    _two_passes(place)
    calls = list(log.calls)
    assert sum("/listings/" in call for call in calls) >= 6
    for number, when in itertools.product(range(len(calls)), ("before", "after")):
        place, log = _dying_place(tmp_path)
        log.dies_at = (number, when)

        _two_passes(place)

        assert sorted(known(place.open())) == sorted("abdfhjz"), (calls[number], when)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("land"), st.sampled_from("abcdefghijkl")),
        st.tuples(st.just("tick"), st.none()),
        st.tuples(st.just("run"), st.none()),
        st.tuples(
            st.just("kill"), st.tuples(st.integers(0, 2), st.sampled_from(("before", "after")))
        ),
    ),
    max_size=14,
)


_OPTIONS = st.sampled_from(
    (
        {},
        {"use_incremental_listing": True, "full_listing_every": 2},
        {"use_incremental_listing": "auto", "full_listing_every": 2},
    )
)


@settings(max_examples=30, deadline=None)
@given(steps=_STEPS, options=_OPTIONS)
def test_d8_passes_whatever_lands_and_dies_then_the_next_whole_ones_find_all_once(
    steps: list[tuple[str, Any]],
    options: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place, log = _dying_place(tmp_path_factory.getbasetemp(), **options)
    clock = Steps(SYSTEM_CLOCK.now() + timedelta(hours=1))
    landed: set[str] = set()
    before: set[str] = set()
    for step, value in steps:
        match step:
            case "land":
                place.put(value)
                landed.add(value)
            case "run":
                place.open(clock=clock).discover()
                assert options or set(known(place.open())) == landed
            case _:
                if step == "kill":
                    log.dies_at = (len(log.calls) + value[0], value[1])
                _dies_in_a_tick(place, clock=clock)
                log.dies_at = None
        found = known(place.open())
        assert len(found) == len(set(found))
        assert before <= set(found) <= landed
        before = set(found)
    # One that was cut before and one that may be incremental; then one that sees all.
    passes = 0
    while passes < 3:
        passes += stopped(place.tick(clock=clock))[0]
    assert sorted(known(place.open())) == sorted(landed)
