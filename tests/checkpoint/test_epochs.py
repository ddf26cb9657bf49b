"""Epochs: one request to take the next, and no more than two hundred are kept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from lakestream.checkpoint import epochs
from lakestream.checkpoint.log import EntryLog
from lakestream.storage import stores
from lakestream.storage.base import LogStore
from lakestream.testing import ManualClock

_names = itertools.count()


class Counted:
    """A log store that counts what is asked of it."""

    def __init__(self, inner: LogStore) -> None:
        self._inner = inner
        self.uri = inner.uri
        self.calls: list[str] = []

    def put_absent(self, key: str, data: bytes) -> bool:
        self.calls.append("put")
        return self._inner.put_absent(key, data)

    def get(self, key: str) -> bytes:
        self.calls.append("get")
        return self._inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        self.calls.append("list")
        return self._inner.list(prefix, start_after=start_after)

    def delete(self, keys: Sequence[str]) -> None:
        self.calls.append("delete")
        self._inner.delete(keys)


@pytest.fixture
def store() -> Counted:
    return Counted(stores.open_log_store(f"memory://epochs{next(_names)}/check"))


def _with(store: LogStore, count: int) -> list[int]:
    log = EntryLog(store, epochs.FOLDER)
    for number in range(count):
        assert log.append(number, b"{}")
    return log.ids()


@pytest.mark.parametrize("before", [0, 1, 2, 7])
def test_claim_when_epochs_stand_then_the_next_costs_a_listing_and_a_put(
    store: Counted, before: int
) -> None:
    _with(store, before)
    store.calls.clear()

    claimed = epochs.claim(store, "run", ManualClock())

    assert claimed.number == before
    assert store.calls == ["list", "put"]


@pytest.mark.parametrize(("before", "kept_from"), [(200, 0), (201, 101), (202, 102)])
def test_claim_when_runs_left_more_than_two_hundred_then_the_newest_hundred_stay(
    store: Counted, before: int, kept_from: int
) -> None:
    _with(store, before)

    assert epochs.claim(store, "run", ManualClock()).number == before

    assert EntryLog(store, epochs.FOLDER).ids() == list(range(kept_from, before + 1))
