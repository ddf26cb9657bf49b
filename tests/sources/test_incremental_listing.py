"""``use_incremental_listing``: what it spares, and that nothing is lost for it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.core import RecordBatch
from support.files_source import FilesPipe
from support.listed_place import DyingLog, Killed, Place, Steps, known, small_pages, stopped
from support.moto import MotoServer

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError
from lakestream.sources.base import DiscoveryFilter, SourceContext
from lakestream.sources.files.actions import FileAction
from lakestream.sources.files.describe import describe_files
from lakestream.sources.files.passes import Passes
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import stores
from lakestream.storage.base import ReadStore
from lakestream.storage.local_read import LocalReadStore
from lakestream.storage.object_store import ObjectReadStore
from lakestream.storage.options import StorageOptions
from lakestream.testing.http_proxy import HttpFaultPlan, HttpFaultProxy

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


class Looks(Place):
    """Whole discoveries, each in a process of its own, at a time when all files are old."""

    def __init__(self, root: Path, **options: Any) -> None:
        super().__init__(root, **{"use_incremental_listing": True, **options})
        self.clock = Steps(SYSTEM_CLOCK.now() + HOUR)

    def look(self, *names: str, **options: Any) -> FilesReader:
        """Let files land, and look."""
        self.put(*names)
        reader = self.open(**{"clock": self.clock, **options})
        reader.discover()
        return reader


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Where listings of landing places began."""
    found: list[str | None] = []

    def watch(store: type[ReadStore]) -> None:
        real = store.list

        def listed(
            self: ReadStore, prefix: str = "", *, start_after: str | None = None, **told: int
        ) -> Iterator[RecordBatch]:
            found.append(start_after)
            return real(self, prefix, start_after=start_after, **told)

        monkeypatch.setattr(store, "list", listed)

    watch(ObjectReadStore)
    watch(LocalReadStore)
    return found


def late(reader: FilesReader) -> str:
    start = reader.initial()
    end = reader.latest(start)
    return reader.metrics(start, end)["numFilesFoundLate"]


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "disk"])
def test_listing_when_incremental_begins_behind_the_newest_name_but_each_eighth_time(
    tmp_path: Path,
    starts: list[str | None],
    on_disk: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    place = Looks(tmp_path, on_disk=on_disk)
    place.put("a", "b")

    for number in range(10):
        place.look(f"c{number}")

    assert starts == [None, *(f"c{number}" for number in range(7)), None, "c8"]
    assert len(known(place.open())) == 12


def test_listing_when_it_is_not_asked_to_be_incremental_is_whole_and_keeps_nothing(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, use_incremental_listing=False)
    for name in "abc":
        reader = place.look(name)

    assert starts == [None, None, None]
    assert place.state() is None
    assert "listing" not in reader.metrics(reader.initial(), reader.latest(reader.initial()))


def test_file_when_its_name_sorts_before_known_ones_is_found_by_the_next_whole_listing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Looks(tmp_path, full_listing_every=4)
    place.look("b", "c")

    assert known(place.look("a")) == ["b", "c"]
    assert known(place.look("d")) == ["b", "c", "d"]
    assert late(place.look()) == "0"
    assert not caplog.records
    reader = place.look()

    assert known(reader) == ["b", "c", "d", "a"]
    assert late(reader) == "1"
    assert late(reader) == "0"  # each is told once
    assert "1 files came under names before 'd'" in caplog.text


@pytest.mark.parametrize("moved", [timedelta(days=1), timedelta(days=-1)])
def test_listing_when_a_day_has_passed_or_the_clock_was_put_back_is_whole(
    tmp_path: Path, starts: list[str | None], moved: timedelta
) -> None:
    place = Looks(tmp_path, full_listing_every=100)
    place.look("a")
    place.clock = Steps(place.clock.now() + moved)
    place.look("b")
    place.look("c")

    assert starts == [None, None, "b" if moved > timedelta(0) else starts[2]]


def test_listing_when_the_interval_is_none_waits_for_the_count(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, backfill_interval=None)
    place.look("a")
    place.clock = Steps(place.clock.now() + timedelta(days=400))
    place.look("b")

    assert starts == [None, "a"]


def test_listing_when_auto_is_incremental_once_three_whole_ones_came_in_order(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, use_incremental_listing="auto")
    for name in "abcdef":
        place.look(name)
        place.look()  # what brings nothing says nothing

    assert starts == [None] * 7 + ["d", "d", "e", "e", "f"]


def test_listing_when_auto_and_a_name_came_late_is_whole_until_names_are_in_order_again(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, use_incremental_listing="auto", full_listing_every=2)
    for name in "bcde":
        place.look(name)
    place.look("f")
    assert starts == [None] * 4 + ["e"]
    place.look("a")
    assert starts[5:] == [None]
    for name in "ghi":
        place.look(name)
    assert starts[6:] == [None] * 3
    place.look("j")

    assert starts[9:] == ["i"]
    assert sorted(known(place.open())) == sorted("abcdefghij")


def test_listing_when_auto_and_names_never_were_in_order_stays_whole(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, use_incremental_listing="auto")
    for name in "zyxwvutsrq":
        place.look(name)

    assert set(starts) == {None}


def test_position_stays_before_files_that_are_younger_than_ten_minutes(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path, backfill_interval=None)
    place.look("a1", "a2")
    place.clock = Steps(SYSTEM_CLOCK.now() + timedelta(minutes=9))
    place.look("c1", "c2", "c3")
    place.look("b")  # another writer's, which took longer

    assert known(place.open()) == ["a1", "a2", "c1", "c2", "c3", "b"]
    assert starts == [None, "a2", "a2"]


def test_file_when_it_waits_for_its_age_is_not_passed(tmp_path: Path) -> None:
    place = Looks(tmp_path, min_age="1 day")
    now = place.clock.now()
    place.look("a", clock=Steps(now + timedelta(days=2)))
    place.clock = Steps(now + timedelta(hours=20))
    assert known(place.look("b")) == ["a"]
    place.clock = Steps(now + timedelta(hours=43))
    reader = place.look("c")

    assert known(reader) == ["a", "b", "c"]


def test_file_when_it_is_dated_far_in_the_future_holds_nothing_up(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path)
    place.clock = Steps(SYSTEM_CLOCK.now() - timedelta(days=3))
    place.look("a", "b")
    place.look("c")

    assert starts == [None, "b"]


def test_listing_when_a_file_was_forgotten_is_whole(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path)
    place.look("a", "b")
    reader = place.look("c")
    forget = FileAction("id", "forget", ((0, "a"),), 2, place.clock.now(), "a test", "to see")
    reader.act(forget)

    assert known(place.look()) == ["a", "b", "c", "a"]
    place.look()
    assert starts == [None, "b", None, "c"]


def test_listing_when_a_file_was_forgotten_behind_a_cut_is_followed_by_a_whole_one(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path)
    place.put("a", "b", "c", "d")
    reader = place.tick(clock=place.clock)
    forget = FileAction("id", "forget", ((0, "a"),), 1, place.clock.now(), "a test", "to see")
    reader.act(forget)

    for _ in range(2):
        reader = place.tick(clock=place.clock)
    assert stopped(reader) == (True, None)
    assert known(place.look()) == ["a", "b", "c", "d", "a"]
    place.look()
    assert starts == [None, "b", "d", None, "d"]


@pytest.mark.parametrize(
    "change",
    [
        {"path_glob_filter": "*.csv"},
        {"include_patterns": "*.csv"},
        {"max_file_age": "100 days"},
        {"modified_after": "2020-01-01"},
        {"allow_overwrites": True},
    ],
)
def test_listing_when_it_takes_other_files_than_before_is_whole(
    tmp_path: Path, starts: list[str | None], change: dict[str, Any]
) -> None:
    place = Looks(tmp_path)
    place.look("a.csv", "b.csv")
    place.look(**change)

    assert starts == [None, None]


def test_run_that_is_narrowed_lists_the_whole_place_and_moves_no_position(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path)
    place.look("a", "b")
    before = place.state()
    place.put("A", "c")
    reader = place.look(discovery=DiscoveryFilter(path_glob="A"))

    assert known(reader) == ["a", "b", "A"]
    assert starts == [None, None]
    assert place.state() == before


def test_version_when_a_known_file_is_overwritten_is_found_by_the_next_whole_listing(
    tmp_path: Path,
) -> None:
    place = Looks(tmp_path, allow_overwrites=True, full_listing_every=2)
    place.look("a", "b")
    place.files.delete(["a"])

    assert known(place.look("a")) == ["a", "b"]
    assert known(place.look()) == ["a", "b", "a"]


def test_look_when_it_is_cut_keeps_its_count_of_late_files(tmp_path: Path) -> None:
    place = Looks(tmp_path, use_incremental_listing="auto", full_listing_every=2)
    for name in ("b", "c", "d", "e", "f"):
        place.look(name)
    place.put("a", "g", "h")
    reader = place.tick(clock=place.clock)
    assert stopped(reader) == (False, "b")
    while not stopped(reader)[0]:
        reader = place.tick(clock=place.clock)

    assert late(reader) == "1"
    state = place.state()
    assert state is not None
    assert state.position is not None
    assert (state.position.after, state.position.in_order) == ("h", 0)


def test_listing_when_incremental_is_cut_goes_on_behind_its_position(
    tmp_path: Path, starts: list[str | None]
) -> None:
    place = Looks(tmp_path)
    place.look("a", "b")
    place.put("c", "d", "e")
    for _ in range(3):
        reader = place.tick(clock=place.clock)

    assert stopped(reader) == (True, None)
    assert starts == [None, "b", "d", "e"]
    place.look("f")
    assert starts[4:] == ["e"]


def _looked_at(root: Path, dies_at: tuple[int, str] | None = None) -> tuple[Looks, int]:
    """Let files land in and out of order, and look in pieces and whole, until all must be known."""
    log = DyingLog(stores.open_log_store(f"memory://{uuid.uuid4().hex}"))
    log.dies_at = dies_at
    place = Looks(root, log=log, full_listing_every=2)
    for names in ("bd", "f", "a", "", "hj", "c", "", ""):
        place.put(*names)
        landed = set(place.files.list(""))
        try:
            place.tick(clock=place.clock) if names in {"", "f", "hj"} else place.look()
        except Killed:
            state = place.state()
            found = set(known(place.open()))
            if state is not None and state.position is not None:
                # Of what lies before it only those are unknown whose names came late.
                missed = {each for each in landed - found if each <= state.position.after}
                assert missed <= set("ac")
    log.dies_at = None
    calls = len(log.calls)
    for _ in range(2):
        place.look()
    return place, calls


def test_d8_positions_when_killed_around_each_call_then_each_file_is_known_once(
    tmp_path: Path,
) -> None:
    place, calls = _looked_at(tmp_path)
    state = place.state()
    assert state is not None
    assert state.position is not None
    for number, when in itertools.product(range(calls), ("before", "after")):
        place, _ = _looked_at(tmp_path, (number, when))

        assert sorted(known(place.open())) == sorted("abcdfhj"), (number, when)


def test_listing_of_a_local_folder_is_always_whole(tmp_path: Path) -> None:
    pipe = FilesPipe(tmp_path, options={"format": "json", "use_incremental_listing": True})
    for name in ("b", "a"):
        pipe.land(name, {"id": 1})
        reader = pipe.open()
        reader.discover()

    assert known(reader) == ["b", "a"]
    assert reader.metrics(reader.initial(), reader.latest(reader.initial()))["listing"] == "whole"
    assert pipe.log is not None
    assert not [key for key in pipe.log.list("sources") if "listings" in key]


def test_listing_beside_a_queue_is_always_whole(tmp_path: Path) -> None:
    place = Looks(tmp_path)
    assert place.log is not None
    queue = ls.SqsQueue("https://sqs.eu-central-1.amazonaws.com/1/landing")
    described = describe_files(place.uri, **place.options, notifications=queue)
    for name in "ab":
        place.put(name)
        passes = Passes(described, SourceContext("files-landing", place.log, place.clock))
        look = passes.begin(-1, can_be_cut=False, in_order=True, purpose="", actions=0)
        assert look.start_after is None
        for page in stores.open_read_store(place.uri).list():
            look.see(page)
        passes.end(look, -1, complete=True)

    assert place.state() is None


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"use_incremental_listing": "always"}, "use_incremental_listing cannot be 'always'"),
        ({"use_incremental_listing": 1}, "use_incremental_listing cannot be 1"),
        ({"full_listing_every": 1}, "each listing would be whole"),
        ({"full_listing_every": "8"}, "full_listing_every must be int"),
    ],
)
def test_options_when_they_are_none_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        ls.read_files("landing", format="json", **options)


def test_listing_on_s3_when_incremental_takes_one_request_however_many_files_there_are(
    moto_server: MotoServer, tmp_path: Path
) -> None:
    home = f"s3://{moto_server.bucket}/{uuid.uuid4().hex[:8]}/landing"
    files = stores.open_log_store(home, StorageOptions.of(moto_server.options, where="test"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: files.put_absent(f"{n:05}", b'{"id": 1}'), range(1_001)))
    clock = Steps(SYSTEM_CLOCK.now() + HOUR)
    asked = []
    with HttpFaultProxy(moto_server.endpoint) as proxy:
        pipe = FilesPipe(
            tmp_path,
            path=home,
            options={
                "format": "json",
                "schema": "id BIGINT",
                "use_incremental_listing": True,
                "storage_options": {**moto_server.options, "aws_endpoint": proxy.url},
            },
        )
        for number in range(3):
            proxy.plan = HttpFaultPlan()
            files.put_absent(f"{2_000 + number}", b'{"id": 2}')
            reader = pipe.open(clock=clock)
            reader.discover()
            asked.append([call for call in proxy.plan.calls if "list-type=2" in call])

    assert [len(each) for each in asked] == [2, 1, 1]
    assert "start-after" in asked[1][0]
    assert len(known(reader)) == 1_004
