from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.errors import (
    CheckpointCorruptError,
    CommitConflictError,
    StorageUnavailableError,
)
from lakestream.sources.files import ledger as ledger_module
from lakestream.sources.files import ledger_rows
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.storage import stores
from lakestream.storage.base import LogStore

FOLDER = "sources/files/files"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Unreliable:
    """A log store whose next puts do what they are told."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self.plans: Iterator[str] = iter(())

    @property
    def uri(self) -> str:
        return self._store.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        plan = next(self.plans, "")
        if plan == "refuse":
            return False
        found = self._store.put_absent(key, data) if plan != "lose request" else False
        if plan in ("lose reply", "lose request"):
            raise StorageUnavailableError("no reply")
        return found

    def get(self, key: str) -> bytes:
        return self._store.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        return self._store.list(prefix, start_after=start_after)

    def delete(self, keys: Sequence[str]) -> None:
        self._store.delete(keys)


@pytest.fixture
def store(tmp_path: Path) -> Unreliable:
    return Unreliable(stores.open_log_store(str(tmp_path / "checkpoint")))


def _some(*keys: str) -> list[Candidate]:
    return [Candidate(1_000_000 * at, key, 10, "e", None) for at, key in enumerate(keys)]


def _append(ledger: Ledger, *keys: str) -> None:
    ledger.append(_some(*keys), via="listing", found_at=NOW)


def _keys(ledger: Ledger, start: int = -1) -> list[str]:
    return [each.info.key for each in ledger.files(start, ledger.last_seq)]


def test_ledger_when_loaded_anew_gives_what_was_appended(store: Unreliable) -> None:
    ledger = Ledger(store, FOLDER)
    _append(ledger, "a", "b")
    _append(ledger, "b", "c")
    again = Ledger(store, FOLDER)
    again.refresh()
    (first, *_) = again.files(-1, again.last_seq)
    assert (first.seq, first.info.key, first.info.size_bytes, first.info.etag) == (0, "a", 10, "e")
    assert first.info.modified == datetime(1970, 1, 1, tzinfo=UTC)
    assert first.discovered_at == NOW
    assert _keys(again) == _keys(ledger) == ["a", "b", "c"]
    assert again.unseen(["c", "d", "d", "a"]) == [1]


@pytest.mark.parametrize("plan", ["lose reply", "lose request", "refuse"])
def test_append_when_its_outcome_is_unknown_counts_once(store: Unreliable, plan: str) -> None:
    ledger = Ledger(store, FOLDER)
    store.plans = iter([plan])
    _append(ledger, "a", "b")
    assert _keys(ledger) == ["a", "b"]
    again = Ledger(store, FOLDER)
    again.refresh()
    assert _keys(again) == ["a", "b"]


def test_append_when_another_run_won_adds_only_what_it_lacks(store: Unreliable) -> None:
    one, two = Ledger(store, FOLDER), Ledger(store, FOLDER)
    one.refresh()
    two.refresh()
    _append(one, "a", "b")
    _append(two, "b", "c")
    one.refresh()
    assert _keys(one) == _keys(two) == ["a", "b", "c"]


def test_append_when_always_refused_gives_up(store: Unreliable) -> None:
    store.plans = iter(["refuse"] * 1_000)
    with pytest.raises(CommitConflictError):
        _append(Ledger(store, FOLDER), "a")


def test_append_when_the_store_stays_away_says_so(store: Unreliable) -> None:
    store.plans = iter(["lose request"] * 1_000)
    with pytest.raises(StorageUnavailableError):
        _append(Ledger(store, FOLDER), "a")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.lists(st.sampled_from("abcdefgh"), max_size=4),
            st.sampled_from(["", "lose reply", "lose request", "refuse"]),
        ),
        max_size=12,
    )
)
def test_ledger_with_two_runs_and_faults_holds_each_key_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, list[str], str]]
) -> None:
    store = Unreliable(
        stores.open_log_store("memory://ledger-" + tmp_path_factory.mktemp("m").name)
    )
    runs = [Ledger(store, FOLDER), Ledger(store, FOLDER)]
    wanted: set[str] = set()
    for run, keys, plan in steps:
        store.plans = iter([plan])
        _append(runs[run], *keys)
        runs[run].merge_due()
        wanted.update(keys)
    fresh = Ledger(store, FOLDER)
    fresh.refresh()
    assert sorted(_keys(fresh)) == sorted(wanted)
    assert [each.seq for each in fresh.files(-1, fresh.last_seq)] == list(range(len(wanted)))


def test_ranges_when_read_give_exactly_their_rows(
    store: Unreliable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_CACHED_ROWS", 5)
    ledger = Ledger(store, FOLDER)
    for number in range(25):
        _append(ledger, *(f"{number}-{part}" for part in range(3)))
    ledger.merge_due()
    everything = _keys(ledger)
    again = Ledger(store, FOLDER)
    again.refresh()
    for start, end in ((-1, 74), (4, 4), (4, 5), (10, 44), (60, 74), (73, 74)):
        for each in (ledger, again):
            assert [f.info.key for f in each.files(start, end)] == everything[start + 1 : end + 1]
            assert each.backlog(start, end).files == max(end - start, 0)


def test_ignored_files_when_in_the_ledger_are_known_but_not_read(store: Unreliable) -> None:
    ledger = Ledger(store, FOLDER)
    ledger.append(_some("a", "b"), via="existing", found_at=NOW)
    _append(ledger, "c")
    assert _keys(ledger) == ["c"]
    assert ledger.unseen(["a"]) == []
    assert ledger.backlog(-1).files == 1
    assert [each.size_bytes for each in ledger.sized(-1, 2)] == [None, None, 10]


def test_replay_when_repeated_gives_one_new_place(store: Unreliable) -> None:
    ledger = Ledger(store, FOLDER)
    _append(ledger, "a", "b")
    store.plans = iter(["lose reply"])
    ledger.append_again(_some("a"), found_at=NOW, after=1)
    ledger.append_again(_some("a"), found_at=NOW, after=1)
    assert [(each.seq, each.info.key, each.via) for each in ledger.files(1, 9)] == [
        (2, "a", "replay")
    ]


def test_merge_of_the_same_entries_gives_the_same_bytes() -> None:
    entries = [
        ledger_rows.to_bytes(
            ledger_rows.rows_of(_some(f"{n}"), first_seq=n, discovered_at=NOW, via="listing")
        )
        for n in range(10)
    ]
    assert ledger_rows.merge(entries) == ledger_rows.merge(entries)
    (batch,) = ledger_rows.from_bytes(ledger_rows.merge(entries), where="here")
    assert ledger_rows.values(batch, "seq") == list(range(10))
    assert batch.schema.metadata[b"lakestream.lastSeq"] == b"9"


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not parquet at all"])
def test_entry_when_damaged_is_corrupt(store: Unreliable, data: bytes) -> None:
    with pytest.raises(CheckpointCorruptError):
        list(ledger_rows.from_bytes(data, where="here"))


def test_chain_when_an_entry_does_not_follow_is_corrupt(store: Unreliable) -> None:
    ledger = Ledger(store, FOLDER)
    _append(ledger, "a")
    stray = ledger_rows.rows_of(_some("z"), first_seq=7, discovered_at=NOW, via="listing")
    ledger._log.append(1, ledger_rows.to_bytes(stray))
    with pytest.raises(CheckpointCorruptError):
        ledger.refresh()
