from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.errors import CheckpointCorruptError, FencedError
from lakestream.storage import stores
from lakestream.storage.base import LogStore

_names = itertools.count()


def _store() -> LogStore:
    return stores.open_log_store(f"memory://tiers{next(_names)}/log")


def _log(store: LogStore) -> TieredLog:
    return TieredLog(store, "files", b"".join)


def _fill(log: TieredLog, numbers: Sequence[int]) -> None:
    for number in numbers:
        assert log.append(number, b"<%d>" % number)


def _content(log: TieredLog, start: int = 0) -> bytes:
    position, found = start, b""
    for entry in log.read(start):
        assert entry.first == position
        position = entry.last + 1
        found += entry.data
    return found


def _expected(start: int, end: int) -> bytes:
    return b"".join(b"<%d>" % number for number in range(start, end))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(0, 240))
def test_log_when_merged_at_any_moment_reads_the_same(sizes: list[int], start: int) -> None:
    store = _store()
    log = _log(store)
    end = 0
    for size in sizes:
        _fill(log, range(end, end + size))
        end += size
        log.merge_due()
        assert log.next_id == end
        assert _content(_log(store)) == _expected(0, end)
        assert _content(_log(store), min(start, end)) == _expected(min(start, end), end)


def test_log_when_a_hundred_are_merged_is_one_read_and_keeps_names_taken() -> None:
    store = _store()
    log = _log(store)
    _fill(log, range(105))
    log.merge_due()
    entries = list(_log(store).read())
    assert [(entry.first, entry.last) for entry in entries] == [
        (0, 99), (100, 100), (101, 101), (102, 102), (103, 103), (104, 104),
    ]  # fmt: skip
    assert store.list("files/1") == []
    assert len(store.list("files/2")) == 1
    assert not _log(store).append(7, b"late")
    assert _content(_log(store)) == _expected(0, 105)


def test_log_when_padded_names_are_looked_at_has_twenty_digits(tmp_path: Path) -> None:
    store = stores.open_log_store(tmp_path)
    log = _log(store)
    _fill(log, range(10))
    log.merge_due()
    assert store.list("files")[0] == "files/0/00000000000000000000"
    assert store.list("files/1") == ["files/1/00000000000000000000-00000000000000000009"]


@pytest.mark.parametrize("missing", [0, 3, 12])
def test_log_when_an_entry_is_missing_reports_the_gap(missing: int) -> None:
    store = _store()
    _fill(_log(store), range(15))
    store.delete([f"files/0/{missing:020d}"])
    with pytest.raises(CheckpointCorruptError, match=f"entry {missing} "):
        list(_log(store).read())


def test_log_when_a_merged_entry_stays_has_no_gap() -> None:
    store = _store()
    log = _log(store)
    _fill(log, range(12))
    log.merge_due()
    store.delete([f"files/0/{3:020d}"])
    assert _content(_log(store)) == _expected(0, 12)


class MergingWhileRead:
    """A store in which another process merges everything before the first read."""

    def __init__(self, inner: LogStore, other: TieredLog) -> None:
        self.inner, self.other = inner, other
        self.uri = inner.uri

    def get(self, key: str) -> bytes:
        if self.other is not None:
            other, self.other = self.other, None
            list(other.read())
            other.merge_due()
        return self.inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        return self.inner.list(prefix, start_after=start_after)


def test_log_when_merged_entries_vanish_under_a_reader_looks_again() -> None:
    store = _store()
    log = _log(store)
    _fill(log, range(90))
    log.merge_due()
    _fill(log, range(90, 101))
    reader = TieredLog(MergingWhileRead(store, _log(store)), "files", b"".join)
    assert _content(reader) == _expected(0, 101)


def test_log_when_several_merge_at_once_reads_the_same(tmp_path: Path) -> None:
    store = stores.open_log_store(tmp_path)
    _fill(_log(store), range(120))
    failures: list[BaseException] = []

    def merge() -> None:
        log = _log(store)
        try:
            list(log.read())
            log.merge_due()
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _content(_log(store)) == _expected(0, 120)


def test_log_when_read_on_from_its_end_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = _store()
    log = _log(store)
    _fill(log, range(30))
    assert _content(log) == _expected(0, 30)
    _fill(_log(store), range(30, 33))

    def refuse(*_: object, **__: object) -> list[str]:
        raise AssertionError("a listing grows with the log")

    monkeypatch.setattr(type(store), "list", refuse)
    assert _content(log, 30) == _expected(30, 33)
    assert _content(log, 33) == b""


def test_log_when_emptied_meanwhile_then_no_entry_is_left_alone_in_it() -> None:
    store = _store()
    log = _log(store)
    _fill(log, range(3))
    store.delete(store.list("files"))

    with pytest.raises(FencedError, match="reset"):
        log.append(3, b"late")

    assert store.list("files") == []
