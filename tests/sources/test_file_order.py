"""``order_by``: the new files of a discovery get their places in order, and batches keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files_source import FilesPipe
from support.listed_place import Place, small_pages, stopped

from lakestream.errors import StorageUnavailableError
from lakestream.sources.base import ReadLimit
from lakestream.sources.files import discovery
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate, values
from lakestream.sources.files.order import in_order, slices
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import local_read

#: Name and age: neither is in the order of the other, nor of how a folder is listed.
FILES = {"c": 50, "a/2": 90, "b": 10, "a/1": 70, "é": 60, "a!": 80, "Z": 100, "d": 20}
BY_KEY = sorted(FILES)
BY_TIME = sorted(FILES, key=lambda name: -FILES[name])


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesPipe:
    monkeypatch.setattr(discovery, "ENTRY_FILES", 3)  # several entries a discovery
    monkeypatch.setattr(local_read, "PAGE_ROWS", 2)  # and several pages
    return FilesPipe(tmp_path, options={"format": "text"})


def land(pipe: FilesPipe, files: dict[str, int]) -> None:
    for name, age_s in files.items():
        pipe.land(name, name, age_s=age_s)


def known(reader: FilesReader) -> list[str]:
    """Give the keys in the order of their places."""
    return [key for rows in reader.known_files() for key in values(rows, "key")]


def look(pipe: FilesPipe, **options: Any) -> FilesReader:
    reader = pipe.open(**options)
    reader.discover()
    return reader


@pytest.mark.parametrize(("order", "expected"), [("key", BY_KEY), ("modification_time", BY_TIME)])
def test_batches_when_ordered_have_all_files_of_a_discovery_in_order(
    pipe: FilesPipe, order: str, expected: list[str]
) -> None:
    land(pipe, FILES)
    reader = pipe.open(order_by=order)
    batches = list(pipe.run(reader, ReadLimit(max_files=3)))
    assert [[row["value"] for row in each.rows] for each in batches] == [
        expected[:3],
        expected[3:6],
        expected[6:],
    ]
    assert pipe.log is not None
    assert len(pipe.log.list("sources/files-landing/files")) == 3


def test_files_when_they_come_later_are_behind_those_of_the_discovery_before(
    pipe: FilesPipe,
) -> None:
    land(pipe, FILES)
    look(pipe, order_by="key")
    land(pipe, {"0": 500, "B": 1})
    reader = look(pipe, order_by="key")
    assert known(reader) == [*BY_KEY, "0", "B"]


def test_order_when_changed_at_a_restart_then_only_new_files_have_the_new_one(
    pipe: FilesPipe,
) -> None:
    land(pipe, FILES)
    look(pipe, order_by="modification_time")
    land(pipe, {"y": 30, "x": 20})
    assert known(look(pipe, order_by="key")) == [*BY_TIME, "x", "y"]


def test_discovery_when_cut_by_its_time_then_records_nothing_until_it_was_whole(
    pipe: FilesPipe,
) -> None:
    land(pipe, FILES)
    reader = pipe.open(order_by="key")
    reader.discover(time_budget_s=-1.0)
    backlog = reader.backlog(reader.initial())
    assert (backlog.files, backlog.complete) == (0, False)
    reader.discover(time_budget_s=600.0)
    assert reader.backlog(reader.initial()).complete
    assert known(reader) == BY_KEY


@pytest.mark.parametrize("incremental", [False, True, "auto"])
@pytest.mark.parametrize("options", [{"order_by": "key"}, {"include_existing_files": False}])
def test_discovery_when_it_may_not_be_cut_then_leaves_no_place_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, incremental: object, options: dict[str, Any]
) -> None:
    """Else a sensor would leave the place to its next tick for ever, and ask for no run."""
    small_pages(monkeypatch)
    place = Place(tmp_path, use_incremental_listing=incremental, **options)
    place.put(*"abcdefg")
    assert stopped(place.tick()) == (False, None)
    assert place.state() is None
    reader = look(place)
    assert (known(reader), stopped(reader)) == ([*"abcdefg"], (True, None))


def test_discovery_when_broken_off_between_entries_then_the_rest_follows_once(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(pipe, FILES)
    append = Ledger.append

    def append_once(self: Ledger, candidates: Any, **told: Any) -> None:
        if self.last_seq >= 0:
            raise StorageUnavailableError("gone", where="here")
        append(self, candidates, **told)

    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "append", append_once)
        with pytest.raises(StorageUnavailableError):
            look(pipe, order_by="key")
    land(pipe, {"0": 5})

    assert known(look(pipe, order_by="key")) == [*BY_KEY[:3], "0", *BY_KEY[3:]]


def test_existing_files_when_ordered_and_not_wanted_are_all_ignored(pipe: FilesPipe) -> None:
    land(pipe, FILES)
    options: dict[str, Any] = {"order_by": "key", "include_existing_files": False}
    look(pipe, **options)
    land(pipe, {"new": 5})
    reader = look(pipe, **options)
    assert known(reader) == [*BY_KEY, "new"]
    assert reader.backlog(reader.initial()).files == 1


@given(
    st.lists(st.tuples(st.integers(0, 3), st.text("abé𐀀￿/", max_size=3))),
    st.sampled_from(["key", "modification_time", None]),
    st.integers(1, 4),
)
def test_files_when_sorted_are_the_same_ones_in_bytewise_order_of_keys(
    drawn: list[tuple[int, str]], order: Any, length: int
) -> None:
    files = [Candidate(us, key, 1, None, None) for us, key in drawn]
    found = [each for part in slices(in_order(files, order), length) for each in part]
    assert len(found) == len(files)
    if order == "key":
        wanted = sorted(drawn, key=lambda each: (each[1].encode(), each[0]))
    else:
        wanted = sorted(drawn, key=lambda each: (each[0], each[1].encode()))
    assert [(each.modified_us, each.key) for each in found] == wanted
