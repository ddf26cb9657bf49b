"""Several folders listed at a time give what one listing gives, or its error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from arro3.core import RecordBatch
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import StorageUnavailableError
from lakestream.storage import folder_listing, object_store, stores
from lakestream.storage.folder_listing import Level, list_folders
from lakestream.storage.pages import page_of


def page(keys: list[str]) -> RecordBatch:
    count = len(keys)
    return page_of(keys, [0] * count, [1] * count, [None] * count, [None] * count)


class Place:
    """Keys that are listed level by level, or all below a prefix, two on a page."""

    def __init__(self, *keys: str) -> None:
        self.keys = sorted(keys)
        self.levels: list[str] = []
        self.listed: list[str] = []

    def below(self, prefix: str) -> list[str]:
        return [key for key in self.keys if not prefix or key.startswith(f"{prefix}/")]

    def level(self, prefix: str) -> Level:
        self.levels.append(prefix)
        start = len(prefix) + 1 if prefix else 0
        keys = self.below(prefix)
        own = [key for key in keys if "/" not in key[start:]]
        folders = {key[: key.index("/", start)] for key in keys if "/" in key[start:]}
        return Level([page(own)] if own else [], sorted(folders))

    def pages(self, prefix: str) -> Iterator[RecordBatch]:
        self.listed.append(prefix)
        for start in range(0, len(keys := self.below(prefix)), 2):
            yield page(keys[start : start + 2])

    def found(self, parallelism: int, prefix: str = "") -> list[str]:
        pages = list_folders(self.level, self.pages, prefix, parallelism=parallelism)
        return sorted(key for each in pages for key in each.column("path").to_pylist())


KEYS = st.sets(
    st.lists(st.sampled_from(["a", "b", "ab", "d=1"]), min_size=1, max_size=7).map("/".join)
)


@given(KEYS, st.integers(2, 5), st.integers(1, 3), st.sampled_from(["", "a", "a/b"]))
def test_folders_when_listed_at_once_give_each_key_once(
    keys: set[str], parallelism: int, most: int, prefix: str
) -> None:
    place = Place(*keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_listing, "_MOST_FOLDERS", most)
        assert place.found(parallelism, prefix) == place.below(prefix)


def test_folders_when_there_are_enough_are_gone_down_no_further() -> None:
    place = Place("2026/1/a", "2026/1/x/b", "2026/2/c", "2026/3/d")
    place.found(3)
    assert place.levels == ["", "2026"]
    assert sorted(place.listed) == ["2026/1", "2026/2", "2026/3"]


def test_folders_when_too_many_are_listed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_listing, "_MOST_FOLDERS", 2)
    place = Place("x/1/a", "x/2/a", "x/3/a", "y/1/a")
    assert place.found(8) == place.keys
    assert sorted(place.listed) == ["x"]


def test_name_when_it_begins_with_a_slash_then_the_folder_is_listed_as_one() -> None:
    """Stores take such a folder for the one that it lies in."""
    place = Place("a", "b/c")

    def level(prefix: str) -> Level:
        return Level([], [prefix, "b"])

    pages = list_folders(level, place.pages, "", parallelism=4)
    assert [key for each in pages for key in each.column("path").to_pylist()] == ["a", "b/c"]
    assert place.listed == [""]


@pytest.mark.parametrize("broken", ["level", "first page", "later page"])
def test_error_when_a_folder_cannot_be_listed_then_raised(broken: str) -> None:
    place = Place(*(f"{folder}/{number}" for folder in "abcd" for number in range(6)))
    error = StorageUnavailableError("gone", where="here")

    def level(prefix: str) -> Level:
        if broken == "level":
            raise error
        return place.level(prefix)

    def pages(prefix: str) -> Iterator[RecordBatch]:
        if prefix != "c":
            yield from place.pages(prefix)
        elif broken == "first page":
            raise error
        else:
            yield page(["c/0"])
            raise error

    with pytest.raises(StorageUnavailableError):
        list(list_folders(level, pages, "", parallelism=2))


@pytest.mark.timeout(60)  # without four at a time it would wait for ever
def test_folders_when_listed_are_as_many_at_a_time_as_wanted_and_no_more_are_held() -> None:
    place = Place(*(f"{folder}/{number}" for folder in "abcdefgh" for number in range(6)))
    together = threading.Barrier(4)
    asked = 0
    lock = threading.Lock()

    def pages(prefix: str) -> Iterator[RecordBatch]:
        nonlocal asked
        if prefix in "abcd":
            together.wait()
        for each in place.pages(prefix):
            with lock:
                asked += 1
            yield each

    taken = 0
    listing = list_folders(place.level, pages, "", parallelism=4)
    for _ in listing:
        taken += 1
        with lock:
            assert asked - taken <= 4
    assert taken == 24


def test_listing_when_left_early_then_asks_for_no_more() -> None:
    place = Place(*(f"{folder}/{number}" for folder in "abcd" for number in range(6)))
    listing = list_folders(place.level, place.pages, "", parallelism=2)
    with closing(listing):
        next(listing)
    assert len(place.listed) < 4


def test_objects_beside_folders_when_many_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "memory://beside/in"
    for key in (*"abcde", "x/f", "y/g"):
        stores.open_log_store(uri).put_absent(key, b"x")
    monkeypatch.setattr(object_store, "PAGE_ROWS", 2)
    pages = list(stores.open_read_store(uri).list(parallelism=2))
    assert sorted(key for each in pages for key in each.column("path").to_pylist()) == [
        *"abcde",
        "x/f",
        "y/g",
    ]
    assert max(each.num_rows for each in pages) == 2
