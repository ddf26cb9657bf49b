"""Reading the ledger: which entries are fetched, what is counted, what is refused."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from arro3.core import RecordBatch
from arro3.io import read_parquet

from lakestream.checkpoint import parquet_bytes
from lakestream.checkpoint.parquet_bytes import encode
from lakestream.errors import CheckpointCorruptError, CommitConflictError, StorageUnavailableError
from lakestream.sources.base import ReadLimit
from lakestream.sources.files import ledger as ledger_module
from lakestream.sources.files import ledger_rows, planner
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.sources.files.planner import Sized, batch_end
from lakestream.storage import stores
from lakestream.storage.base import LogStore

FOLDER = "sources/s/files"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)
_names = itertools.count()


class Watched:
    """A log store that counts its calls, and whose puts fail when told."""

    def __init__(self, inner: LogStore) -> None:
        self._inner = inner
        self.uri = inner.uri
        self.calls: list[str] = []
        self.puts = 0
        self.failing: dict[int, str] = {}

    def put_absent(self, key: str, data: bytes) -> bool:
        self.puts += 1
        told = self.failing.get(self.puts)
        if told == "refuse":
            return False
        if told is not None:
            raise StorageUnavailableError(told)
        return self._inner.put_absent(key, data)

    def get(self, key: str) -> bytes:
        self.calls.append(f"get {key.removeprefix(FOLDER)}")
        return self._inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        self.calls.append("list")
        return self._inner.list(prefix, start_after=start_after)

    def delete(self, keys: Sequence[str]) -> None:
        self._inner.delete(keys)


@pytest.fixture
def store() -> Watched:
    return Watched(stores.open_log_store(f"memory://reads{next(_names)}/check"))


def _candidates(*keys: str, size: int = 10) -> list[Candidate]:
    return [Candidate(0, key, size + at, None, None) for at, key in enumerate(keys)]


def _ledger(
    store: LogStore, entries: int, *, rows: int = 3, ignored: tuple[int, ...] = ()
) -> Ledger:
    ledger = Ledger(store, FOLDER)
    for number in range(entries):
        keys = [f"{number}-{row}" for row in range(rows)]
        via = "existing" if number in ignored else "listing"
        ledger.append(_candidates(*keys), via=via, found_at=NOW)  # type: ignore[arg-type] # a Via
    return ledger


def _loaded(store: LogStore) -> Ledger:
    ledger = Ledger(store, FOLDER)
    ledger.refresh()
    return ledger


def _seqs(ledger: Ledger, start: int, end: int) -> list[int]:
    return [seq for rows in ledger.rows(start, end) for seq in ledger_rows.values(rows, "seq")]


def _entry(*seqs: int) -> bytes:
    return ledger_rows._encode([_rows(seq) for seq in seqs], seqs[0], seqs[-1])


def _holed() -> bytes:
    rows = _rows(0, 3)
    first, last = rows.slice(0, 1).to_struct_array(), rows.slice(2, 1).to_struct_array()
    table = pa.concat_arrays([pa.array(first), pa.array(last)])
    return encode(ledger_rows.SCHEMA, [RecordBatch.from_struct_array(table)])


def _rows(first: int, count: int = 1) -> RecordBatch:
    keys = [f"k{first + at}" for at in range(count)]
    return ledger_rows.rows_of(
        _candidates(*keys), first_seq=first, discovered_at=NOW, via="listing"
    )


def test_backlog_when_counted_then_files_and_bytes_of_exactly_the_range(store: Watched) -> None:
    made = _ledger(store, 4, ignored=(1,))
    sizes = {seq: 10 + seq % 3 for seq in range(12) if seq // 3 != 1}

    for ledger in (made, _loaded(store)):
        for start, end in itertools.combinations(range(-1, 12), 2):
            wanted = [sizes[seq] for seq in range(start + 1, end + 1) if seq in sizes]
            found = ledger.backlog(start, end)
            assert (found.files, found.bytes) == (len(wanted), sum(wanted)), (start, end)
        assert ledger.backlog(-1).files == 9
        assert ledger.backlog(5).bytes == 66
        assert ledger.backlog(11).files == 0


def test_backlog_when_entries_lie_whole_in_it_then_nothing_is_read(store: Watched) -> None:
    _ledger(store, 4)
    ledger = _loaded(store)
    ledger._cache.clear()
    store.calls.clear()

    ledger.backlog(-1)
    ledger.backlog(2, 8)

    assert store.calls == []
    ledger.backlog(3, 8)
    assert [call for call in store.calls if call.startswith("get")][:1] == [f"get /0/{1:020d}"]


def test_backlog_when_a_mixed_entry_has_ignored_files_then_they_do_not_count(
    store: Watched,
) -> None:
    ledger = Ledger(store, FOLDER)
    rows = [
        ledger_rows.rows_of(
            _candidates("a", size=5), first_seq=0, discovered_at=NOW, via="existing"
        ),
        ledger_rows.rows_of(
            _candidates("b", size=7), first_seq=1, discovered_at=NOW, via="listing"
        ),
    ]
    ledger._log.append(0, ledger_rows._encode(rows, 0, 1))

    ledger.refresh()

    assert (ledger.backlog(-1).files, ledger.backlog(-1).bytes) == (1, 7)
    assert not ledger.only_ignored
    assert list(ledger.sized(-1, 1)) == [Sized(0, None), Sized(1, 7)]


def test_only_ignored_when_no_file_is_to_be_read_then_it_stays(store: Watched) -> None:
    ledger = Ledger(store, FOLDER)
    assert ledger.only_ignored
    ledger.append(_candidates("a"), via="existing", found_at=NOW)
    assert ledger.only_ignored
    ledger.append(_candidates("b"), via="listing", found_at=NOW)
    assert not ledger.only_ignored


def test_rows_when_a_range_is_read_then_only_its_entries_are_fetched(store: Watched) -> None:
    _ledger(store, 6)
    ledger = _loaded(store)
    ledger._cache.clear()
    store.calls.clear()

    assert _seqs(ledger, 4, 9) == [5, 6, 7, 8, 9]

    fetched = {call for call in store.calls if call.startswith("get")}
    assert f"get /0/{0:020d}" not in fetched
    assert f"get /0/{5:020d}" not in fetched
    assert all(rows.num_rows for rows in ledger.rows(4, 9))
    store.calls.clear()
    assert _seqs(ledger, 4, 9) == [5, 6, 7, 8, 9]
    assert store.calls == []


def test_cache_when_entries_are_small_then_they_are_not_too_many(
    store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a single file takes 12 KB: a stream that runs for weeks makes one at each trigger."""
    monkeypatch.setattr(ledger_module, "_CACHED_ENTRIES", 3)
    ledger = Ledger(store, FOLDER)
    for number in range(7):
        ledger.append(_candidates(f"{number}"), via="listing", found_at=NOW)
    assert list(ledger._cache) == [4, 5, 6]
    assert [each.info.key for each in ledger.files(-1, 6)] == list("0123456")
    assert len(ledger._cache) == 3


def test_cache_when_full_then_the_oldest_entries_go_and_one_stays(
    store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_module._CACHED_ROWS == 200_000
    monkeypatch.setattr(ledger_module, "_CACHED_ROWS", 6)

    ledger = _ledger(store, 5)

    assert list(ledger._cache) == [3, 4]
    assert ledger._cached_rows == 6
    monkeypatch.setattr(ledger_module, "_CACHED_ROWS", 1)
    ledger.append(_candidates("x", "y"), via="listing", found_at=NOW)
    assert list(ledger._cache) == [5]
    assert ledger._cached_rows == 2
    assert _seqs(ledger, 0, 16) == list(range(1, 17))


def test_entry_when_merged_since_it_was_loaded_then_its_own_rows_are_cut_out(
    store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = _ledger(store, 12)
    other = _loaded(store)
    other.merge_due()
    ledger._cache.clear()
    ledger._log = other._log

    assert _seqs(ledger, 2, 5) == [3, 4, 5]
    assert _seqs(ledger, -1, 35) == list(range(36))
    assert [len(batches) for batches in ledger._cache.values()] == [1] * 12
    fresh = _loaded(store)
    fresh._cache.clear()
    assert _seqs(fresh, -1, 35) == list(range(36))
    assert len(fresh._segments) == 3


def test_merge_when_due_then_loading_takes_fewer_requests(store: Watched) -> None:
    ledger = _ledger(store, 10)

    ledger.merge_due()

    store.calls.clear()
    _loaded(store)
    assert [call for call in store.calls if call.startswith("get")] == [f"get /1/{0:020d}-{9:020d}"]


def test_entry_when_gone_or_short_then_corrupt(store: Watched) -> None:
    _ledger(store, 3)
    ledger = _loaded(store)
    ledger._cache.clear()
    store.delete([f"{FOLDER}/0/{2:020d}"])
    with pytest.raises(CheckpointCorruptError, match="is gone"):
        _seqs(ledger, 5, 8)

    store._inner.put_absent(f"{FOLDER}/0/{2:020d}", ledger_rows.to_bytes(_rows(6, 2)))
    with pytest.raises(CheckpointCorruptError, match="is gone"):
        _seqs(ledger, 5, 8)


def test_unseen_when_keys_come_twice_then_each_first_place_once_in_order(store: Watched) -> None:
    ledger = Ledger(store, FOLDER)
    ledger.append(_candidates("a"), via="listing", found_at=NOW)

    assert ledger.unseen(["c", "a", "b", "c", "b", "d"]) == [0, 2, 5]
    assert ledger.unseen(["z", "y"]) == [0, 1]
    assert ledger.unseen(["a", "a"]) == []


@pytest.mark.parametrize("told", ["refuse", "away"])
def test_append_when_it_fails_twenty_times_then_it_gives_up(store: Watched, told: str) -> None:
    store.failing = dict.fromkeys(range(1, 19), told)
    ledger = Ledger(store, FOLDER)
    ledger.append(_candidates("a"), via="listing", found_at=NOW)
    assert store.puts == 19

    store.failing = dict.fromkeys(range(20, 40), told)
    with pytest.raises((CommitConflictError, StorageUnavailableError)) as caught:
        ledger.append(_candidates("b"), via="listing", found_at=NOW)

    assert store.puts == 39
    assert isinstance(caught.value, CommitConflictError) == (told == "refuse")
    assert _seqs(_loaded(store), -1, 9) == [0]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(_entry(0, 2), id="a hole between two groups"),
        pytest.param(_entry(0, 0), id="a place twice"),
        pytest.param(_entry(1, 0), id="backwards"),
        pytest.param(_holed(), id="a hole within a group"),
        pytest.param(encode(ledger_rows.SCHEMA, []), id="no row"),
    ],
)
def test_entry_when_places_are_missing_then_corrupt(store: Watched, entry: bytes) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, entry)

    with pytest.raises(CheckpointCorruptError):
        ledger.refresh()


def test_entry_when_it_begins_elsewhere_then_corrupt(store: Watched) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, ledger_rows.to_bytes(_rows(1)))

    with pytest.raises(CheckpointCorruptError, match="does not follow"):
        ledger.refresh()


@pytest.mark.usefixtures("pairs")
def test_entry_when_only_its_second_batch_follows_then_corrupt(store: Watched) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, _entry(0, 1))
    ledger._log.append(1, _entry(0, 1, 2, 3))

    with pytest.raises(CheckpointCorruptError, match="does not follow"):
        ledger.refresh()


@pytest.mark.usefixtures("pairs")
def test_entry_when_written_or_merged_then_its_footer_tells_its_places() -> None:
    written = [ledger_rows.to_bytes(_rows(first, 6)) for first in (4, 10, 16)]
    for data, first, last in ((written[0], 4, 9), (ledger_rows.merge(written), 4, 21)):
        found = read_parquet(io.BytesIO(data)).schema.metadata
        assert found[b"lakestream.firstSeq"] == str(first).encode()
        assert found[b"lakestream.lastSeq"] == str(last).encode()


def test_entry_when_in_several_groups_then_all_of_it_is_read(store: Watched) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, _entry(0, 1, 2))

    ledger.refresh()

    assert ledger.last_seq == 2
    assert _seqs(ledger, -1, 2) == [0, 1, 2]


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode entries two rows at a time, as those of more than 65,536 rows come in several."""
    monkeypatch.setattr(parquet_bytes, "_BATCH_ROWS", 2)


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("seqs", [(0, 1, 2, 3, 4), (0, 1, 2)])
def test_entry_when_it_comes_in_several_batches_then_all_of_it_is_read(
    store: Watched, seqs: tuple[int, ...]
) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, _entry(*seqs))
    ledger.refresh()

    assert _seqs(ledger, -1, seqs[-1]) == list(seqs)
    ledger._cache.clear()
    assert _seqs(ledger, 0, seqs[-1] - 1) == list(seqs[1:-1])


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("seqs", [(0, 1, 3, 4), (0, 1, 1, 2), (0, 1, 2, 3, 5)])
def test_entry_when_places_are_missing_between_its_batches_then_corrupt(
    store: Watched, seqs: tuple[int, ...]
) -> None:
    ledger = Ledger(store, FOLDER)
    ledger._log.append(0, _entry(*seqs))

    with pytest.raises(CheckpointCorruptError, match="places are missing"):
        ledger.refresh()


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("rows", [3, 4])
def test_entry_when_merged_and_in_several_batches_then_its_own_rows_are_cut_out(
    store: Watched, rows: int
) -> None:
    ledger = _ledger(store, 24, rows=rows)
    other = _loaded(store)
    for _ in range(3):
        other.merge_due()
    assert len(_loaded(store)._segments) == 2 + 4
    ledger._cache.clear()
    ledger._log = other._log

    last = 24 * rows - 1
    assert _seqs(ledger, -1, last) == list(range(last + 1))
    held = {entry: sum(each.num_rows for each in held) for entry, held in ledger._cache.items()}
    assert held == dict.fromkeys(range(24), rows)
    assert all(each.num_rows for held in ledger._cache.values() for each in held)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep four rows decoded, so that an entry of twelve is a large one."""
    monkeypatch.setattr(ledger_module, "_CACHED_ROWS", 4)


def _large(store: LogStore) -> Ledger:
    ledger = Ledger(store, FOLDER)
    for first, count in ((0, 3), (3, 12), (15, 2)):
        keys = [f"k{first + at}" for at in range(count)]
        ledger.append(_candidates(*keys), via="listing", found_at=NOW)
    return ledger


@pytest.mark.usefixtures("pairs", "few")
@pytest.mark.parametrize("cleared", [False, True])
def test_large_entry_when_any_range_is_read_then_just_its_rows_and_few_stay(
    store: Watched, *, cleared: bool
) -> None:
    _large(store)
    ledger = _loaded(store)
    for start, end in itertools.product(range(-1, 17), repeat=2):
        if cleared:
            ledger._cache.clear()
            ledger._cached_rows = 0
        assert _seqs(ledger, start, end) == list(range(start + 1, end + 1)), (start, end)
        held = [each.num_rows for kept in ledger._cache.values() for each in kept]
        assert sum(held) == ledger._cached_rows <= 5
        assert all(ledger._cache.values())


@pytest.mark.usefixtures("pairs", "few")
def test_large_entry_when_loaded_then_its_newest_rows_stay(store: Watched) -> None:
    Ledger(store, FOLDER).append(
        _candidates(*(f"k{at}" for at in range(12))), via="listing", found_at=NOW
    )
    ledger = _loaded(store)
    store.calls.clear()

    assert _seqs(ledger, 7, 11) == [8, 9, 10, 11]
    assert store.calls == []
    assert _seqs(ledger, 6, 11) == [7, 8, 9, 10, 11]
    assert store.calls


@pytest.mark.usefixtures("pairs", "few")
def test_large_entry_when_read_on_from_where_it_was_left_then_by_few_reads(store: Watched) -> None:
    _large(store)
    ledger = _loaded(store)
    store.calls.clear()

    for seq in range(3, 15):
        found = next(ledger.rows(seq - 1, 14))
        assert ledger_rows.values(found, "seq")[0] == seq

    fetched = [call for call in store.calls if call == f"get /0/{1:020d}"]
    assert len(fetched) <= 6


def _us(moment: datetime) -> int:
    return ledger_rows.microseconds(moment)


def _of_days(*days: int) -> list[Candidate]:
    """Give files, named by number, that were written so many days after NOW."""
    return [Candidate(_us(NOW + day * DAY), str(at), 1, None, None) for at, day in enumerate(days)]


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("days", [(0, 9), (9, 0), (9, 0, 0, 0), (0, 0, 0, 9), (0, 9, 0)])
@pytest.mark.parametrize("told", ["before", "after"])
def test_known_files_when_some_of_an_entry_expire_then_its_younger_ones_stay(
    store: Watched, days: tuple[int, ...], told: str
) -> None:
    Ledger(store, FOLDER).append(_of_days(*days), via="listing", found_at=NOW)
    ledger = Ledger(store, FOLDER)
    if told == "before":
        ledger.expire(_us(NOW))
    ledger.refresh()
    for day in (2, 4, 6):
        ledger.expire(_us(NOW + day * DAY))

    assert ledger.unseen([str(at) for at in range(len(days))]) == [
        at for at, day in enumerate(days) if day == 0
    ]


def test_moment_of_expiry_when_it_would_move_by_less_than_a_day_or_back_then_it_stays(
    store: Watched,
) -> None:
    ledger = Ledger(store, FOLDER)
    ledger.expire(_us(NOW))
    for other in (NOW - 3 * DAY, NOW - DAY / 2, NOW + DAY / 2):
        ledger.expire(_us(other))
        assert ledger.expired_us == _us(NOW)
    ledger.expire(_us(NOW + DAY))
    assert ledger.expired_us == _us(NOW + DAY)


def test_forgotten_when_there_are_some_then_new_files_are_unseen_too(store: Watched) -> None:
    ledger = _ledger(store, 2)
    ledger.forget(["0-1"], after=5)
    assert set(ledger.forgotten) == {"0-1"}
    assert ledger.unseen(["0-0", "0-1", "new"]) == [1, 2]
    known = ["0-0", "0-2", "1-0", "1-1", "1-2", "0-0"]
    assert ledger.unseen([known[0], "0-1", *known, "new"]) == [1, 8]


def test_forgotten_when_other_files_come_then_it_stays_until_it_comes_itself(
    store: Watched,
) -> None:
    ledger, other = _ledger(store, 2), _loaded(store)
    ledger.forget(["0-1"], after=5)
    ledger.forget(["0-1"], after=3)
    assert ledger._forgotten == {"0-1": 5}
    other.append(_candidates("x", "1-0"), via="listing", found_at=NOW)
    ledger.refresh()
    assert set(ledger.forgotten) == {"0-1"}
    other.forget(["0-1"], after=6)
    other.append(_candidates("0-1"), via="listing", found_at=NOW)
    ledger.refresh()
    assert not ledger.forgotten
    assert ledger.unseen(["0-1"]) == []


def test_moments_when_one_is_unknown_then_none_there() -> None:
    batch = RecordBatch.from_arrow(
        pa.record_batch({"at": pa.array([NOW, None], pa.timestamp("us", "UTC"))})
    )

    assert ledger_rows.moments(batch, "at") == [NOW, None]


def test_files_when_a_time_is_unknown_then_none_and_else_exact_utc() -> None:
    rows = _rows(0)
    (file,) = ledger_rows.files_of(rows)

    assert file.info.modified == datetime(1970, 1, 1, tzinfo=UTC)
    assert file.discovered_at == NOW
    assert file.info.modified.tzinfo is UTC
    none = ledger_rows.rows_of([], first_seq=0, discovered_at=NOW, via="listing")
    assert none.num_rows == 0
    assert ledger_rows.files_of(none) == []


@pytest.mark.parametrize(
    "text",
    ["", "1", "[]", "{}", '{"seqNum":true}', '{"seqNum":"1"}', '{"seqNum":-2}', '{"seqNum":1.0}'],
)
def test_offset_when_it_is_none_of_files_then_corrupt(text: str) -> None:
    with pytest.raises(CheckpointCorruptError):
        planner.from_offset(planner.Offset(text))


def test_batch_end_when_a_limit_is_reached_then_no_further_row_is_taken() -> None:
    rows = iter([Sized(0, None), Sized(1, 4), Sized(2, None), Sized(3, 4), Sized(4, 4)])

    assert batch_end(rows, ReadLimit(max_bytes=5)) == 3

    assert next(rows) == Sized(4, 4)
    rows = iter([Sized(number, 1) for number in range(9)])
    assert batch_end(rows, ReadLimit(max_files=2)) == 1
    assert next(rows) == Sized(3, 1)
