"""Merging and forgetting: what is merged when, in how many requests, and what stays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakestream.checkpoint import history, parquet_bytes, retention, tiers
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.offset_log import Offset, OffsetEntry, OffsetLog
from lakestream.checkpoint.parquet_bytes import decode, encode
from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.checkpoint.tiers import Span, Tiers, widest_from
from lakestream.errors import CheckpointCorruptError, FencedError, ObjectNotFoundError
from lakestream.storage import stores
from lakestream.storage.base import LogStore

_names = itertools.count()


class Watched:
    """A log store that keeps the calls made to it; ``before_get`` runs once, before a read."""

    def __init__(self, inner: LogStore) -> None:
        self._inner = inner
        self.uri = inner.uri
        self.calls: list[str] = []
        self.before_get: Callable[[], None] | None = None

    def put_absent(self, key: str, data: bytes) -> bool:
        self.calls.append(f"put {key}")
        return self._inner.put_absent(key, data)

    def get(self, key: str) -> bytes:
        act, self.before_get = self.before_get, None
        if act is not None:
            act()
        self.calls.append(f"get {key}")
        return self._inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        found = self._inner.list(prefix, start_after=start_after)
        self.calls.append(f"list {len(found)}")
        return found

    def delete(self, keys: Sequence[str]) -> None:
        self.calls.append(f"delete {len(keys)}")
        self._inner.delete(keys)


@pytest.fixture
def store() -> Watched:
    return Watched(stores.open_log_store(f"memory://merging{next(_names)}/check"))


def _log(store: LogStore) -> TieredLog:
    return TieredLog(store, "f", b"".join)


def _filled(store: LogStore, end: int, start: int = 0) -> TieredLog:
    log = _log(store)
    list(log.read())
    for number in range(start, end):
        assert log.append(number, b"<%d>" % number)
    return log


def _spans(log: TieredLog, start: int = 0) -> list[tuple[int, int]]:
    return [(entry.first, entry.last) for entry in log.read(start)]


def _singles(start: int, end: int) -> list[tuple[int, int]]:
    return [(number, number) for number in range(start, end)]


def test_next_id_when_read_or_appended_then_it_is_the_number_after(store: Watched) -> None:
    log = _filled(store, 3)
    assert log.next_id == 3
    assert not log.append(2, b"late")
    assert log.next_id == 3
    other = _log(store)
    assert not other.append(0, b"late")
    assert other.next_id == 0
    list(other.read())
    assert other.next_id == 3
    assert other.append(3, b"x")
    assert other.next_id == 4
    list(log.read(3))
    assert log.next_id == 4
    list(log.read(0))
    assert log.next_id == 4
    list(log.read(1))
    assert log.next_id == 4


def test_append_when_it_goes_back_then_the_next_id_stays(store: Watched) -> None:
    log = _filled(store, 3)
    store._inner.delete(["f/0/" + "0" * 19 + "1"])

    assert log.append(1, b"x")

    assert log.next_id == 3


def test_append_when_the_entry_before_is_gone_then_fenced(store: Watched) -> None:
    with pytest.raises(FencedError):
        _log(store).append(1, b"x")


def test_log_when_read_from_its_beginning_then_two_listings_and_a_request_an_entry(
    store: Watched,
) -> None:
    log = _filled(store, 25)
    log.merge_due()
    store.calls.clear()

    assert _spans(_log(store)) == [(0, 9), (10, 19), *_singles(20, 25)]

    assert store.calls[:2] == ["list 2", "list 5"]
    assert len(store.calls) == 2 + 7


def test_log_when_read_on_then_ten_single_reads_and_only_then_listings(store: Watched) -> None:
    log = _filled(store, 45)
    log.merge_due()
    store.calls.clear()

    assert _spans(_log(store), 5) == [*_singles(5, 20), (20, 29), (30, 39), *_singles(40, 45)]

    assert [call for call in store.calls if call.startswith("list")] == ["list 30", "list 4"]
    assert _spans(_log(store), 10) == [*_singles(10, 20), (20, 29), (30, 39), *_singles(40, 45)]
    store.calls.clear()
    assert _spans(_log(store), 40) == _singles(40, 45)
    assert len(store.calls) == 6
    store.calls.clear()
    assert _spans(_log(store), 35) == _singles(35, 45)
    assert [call for call in store.calls if call.startswith("list")] == ["list 0"]
    assert _spans(_log(store), 34) == _singles(34, 45)
    assert _spans(_log(store), 26) == _singles(26, 45)


def test_log_when_an_entry_is_missing_then_it_is_looked_for_five_times(store: Watched) -> None:
    _filled(store, 15)
    store.delete([f"f/0/{3:020d}"])
    store.calls.clear()

    with pytest.raises(CheckpointCorruptError, match="entry 3 "):
        list(_log(store).read())

    gets = [call for call in store.calls if call.startswith("get")]
    assert len(gets) == 3
    assert len(store.calls) - len(gets) == 2 * 6


def test_log_when_entries_vanish_again_and_again_then_only_looks_without_headway_count(
    store: Watched,
) -> None:
    _filled(store, 20)
    inner = store._inner

    def vanish(number: int) -> Callable[[], None]:
        def act() -> None:
            held = inner.get(f"f/0/{number:020d}")
            inner.delete([f"f/0/{number:020d}"])

            def bring_back() -> None:
                inner.put_absent(f"f/0/{number:020d}", held)
                if number < 19:
                    store.before_get = vanish(number + 1)

            back.append(bring_back)

        return act

    back: list[Callable[[], None]] = []
    listing = store.list

    def list_and_bring_back(prefix: str, *, start_after: str | None = None) -> list[str]:
        while back:
            back.pop()()
        return listing(prefix, start_after=start_after)

    store.list = list_and_bring_back  # type: ignore[method-assign] # this one store forgets for a moment
    store.before_get = vanish(0)

    assert _spans(_log(store)) == _singles(0, 20)


def test_foreign_names_when_they_lie_in_the_folder_then_they_are_not_looked_at(
    store: Watched,
) -> None:
    log = _filled(store, 12)
    log.merge_due()
    for name in (
        "0/7",
        "0/99",
        "0/²",
        "0/" + "x" * 20,
        "0/" + "0" * 19 + "12",
        "1/0-9",
        "1/x",
        "readme",
    ):
        store.put_absent(f"f/{name}", b"")

    assert _spans(_log(store)) == [(0, 9), (10, 10), (11, 11)]
    assert Tiers(store, "f").spans() == [Span(0, 9)]


def test_entry_log_when_other_names_lie_in_its_folder_then_they_are_no_entries(
    store: Watched,
) -> None:
    for width, names in ((0, ("0", "12")), (4, ("0000", "0012", "12345"))):
        for name in (*names, "00", "007", "12a", "²", "-1", "+1", "1_0", "a"):
            store.put_absent(f"w{width}/{name}", b"")

        log = EntryLog(store, f"w{width}", width=width)
        assert log.ids() == [int(name) for name in names]
        store.calls.clear()
        log.delete([])
        assert store.calls == []


def test_merge_when_ten_entries_are_not_new_then_it_asks_for_nothing(store: Watched) -> None:
    log = _filled(store, 9)
    store.calls.clear()
    log.merge_due()
    assert store.calls == []
    log.append(9, b"x")
    log.merge_due()
    assert [str(span) for span in Tiers(store, "f").spans()] == [str(Span(0, 9))]
    store.calls.clear()
    log.merge_due()
    for number in range(10, 19):
        log.append(number, b"x")
    store.calls.clear()
    log.merge_due()
    assert store.calls == []


def test_merge_when_some_is_merged_then_it_goes_on_behind_it(store: Watched) -> None:
    _filled(store, 20).merge_due()
    log = _filled(store, 40, start=20)
    store.calls.clear()

    log.merge_due()

    assert Tiers(store, "f").spans() == [Span(0, 9), Span(10, 19), Span(20, 29), Span(30, 39)]
    assert [call for call in store.calls if call.startswith("get")] == [
        f"get f/0/{number:020d}" for number in range(20, 40)
    ]


def test_merge_when_an_entry_is_missing_then_it_merges_nothing_over_the_gap(
    store: Watched,
) -> None:
    log = _filled(store, 20)
    store.delete([f"f/0/{13:020d}"])

    log.merge_due()

    assert Tiers(store, "f").spans() == [Span(0, 9)]


def test_merge_when_a_thousand_then_one_entry(store: Watched) -> None:
    _filled(store, 1_010).merge_due()

    assert Tiers(store, "f").spans() == [Span(0, 999), Span(1000, 1009)]
    assert Tiers(store, "f").spans()[0].tier == 3
    assert b"".join(entry.data for entry in _log(store).read()) == b"".join(
        b"<%d>" % number for number in range(1_010)
    )


def test_tiers_when_ten_are_not_aligned_then_they_stay_apart(store: Watched) -> None:
    held = Tiers(store, "f")
    for start in range(50, 150, 10):
        held.put(Span(start, start + 9), b"x")

    held.grow(b"".join)

    assert len(held.spans()) == 10
    for start in (0, 10, 20, 30, 40):
        held.put(Span(start, start + 9), b"x")
    held.grow(b"".join)
    assert held.spans()[0] == Span(0, 99)
    assert [span.first for span in held.spans()[1:]] == [100, 110, 120, 130, 140]


@pytest.mark.parametrize("missing", [0, 40, 90])
def test_tiers_when_one_of_ten_is_missing_then_they_stay_apart(
    store: Watched, missing: int
) -> None:
    held = Tiers(store, "f")
    for start in range(0, 200, 10):
        if start != missing:
            held.put(Span(start, start + 9), b"x")

    held.grow(b"".join)

    left = [Span(start, start + 9) for start in range(0, 100, 10) if start != missing]
    assert held.spans() == [*left, Span(100, 199)]


def test_tiers_when_larger_together_than_the_limit_then_they_stay_apart(
    store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiers._MAX_MERGE_BYTES == 64 * 2**20
    held = Tiers(store, "f")
    for start in range(0, 100, 10):
        held.put(Span(start, start + 9), b"xx")
    monkeypatch.setattr(tiers, "_MAX_MERGE_BYTES", 19)
    held.grow(b"".join)
    assert len(held.spans()) == 10
    monkeypatch.setattr(tiers, "_MAX_MERGE_BYTES", 20)

    held.grow(b"".join)

    assert held.spans() == [Span(0, 99)]


def test_tiers_when_the_wide_one_is_there_then_it_is_not_made_again_and_the_parts_go(
    store: Watched,
) -> None:
    held = Tiers(store, "f")
    for start in range(0, 100, 10):
        held.put(Span(start, start + 9), b"x")
    held.put(Span(0, 99), b"whole")
    store.calls.clear()

    held.grow(b"".join)

    assert held.spans() == [Span(0, 99)]
    assert held.read(Span(0, 99)) == b"whole"
    assert [call for call in store.calls if not call.startswith(("list", "get"))] == ["delete 10"]


def test_tiers_when_an_input_goes_while_it_is_read_then_the_rest_is_left_to_the_other(
    store: Watched,
) -> None:
    held = Tiers(store, "f")
    for start in range(0, 100, 10):
        held.put(Span(start, start + 9), b"x")
    store.before_get = lambda: store._inner.delete([f"f/1/{0:020d}-{9:020d}"])

    held.grow(b"".join)

    assert len(held.spans()) == 9


def test_spans_when_nested_then_only_a_larger_one_holds_a_smaller() -> None:
    assert Span(0, 99).holds(Span(0, 9))
    assert Span(0, 99).holds(Span(90, 99))
    assert not Span(0, 99).holds(Span(0, 99))
    assert not Span(0, 99).holds(Span(95, 104))
    assert not Span(10, 19).holds(Span(0, 19))
    assert [Span(0, 9).tier, Span(100, 199).tier, Span(0, 999).tier] == [1, 2, 3]
    assert widest_from([Span(0, 99), Span(0, 9), Span(10, 19)]) == {
        0: Span(0, 99),
        10: Span(10, 19),
    }


def _file_rows(keys: Sequence[str]) -> bytes:
    numbers = dict.fromkeys(("size", "rows", "rescued", "bad", "dropped", "bytes"), [1] * len(keys))
    table = pa.table(
        {
            "seq": list(range(len(keys))),
            "key": list(keys),
            **numbers,
            "state": ["committed"] * len(keys),
            "reason": pa.array([None] * len(keys), pa.string()),
        }
    )
    return _parquet(table)


def _bad_rows(line: int) -> bytes:
    return _parquet(
        pa.table(
            {"file_key": ["k"], "line": [line], "code": ["c"], "reason": ["r"], "raw": [b"raw"]}
        )
    )


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def _commit(store: LogStore, number: int, *, attempt: str = "won", parts: int = 1) -> None:
    records = AttemptRecords(store, number, attempt)
    if attempt:
        records.put("files.parquet", _file_rows([f"{number}-a", f"{number}-b"]))
        for part in range(parts):
            records.put(f"quarantine-{part}.parquet", _bad_rows(part))
    OffsetLog(store).append(
        OffsetEntry(number, attempt, "d", 0, 1_000 + number, {}, (("s", Offset("{}")),))
    )
    CommitLog(store).append(CommitEntry(number, 0, number + 1, 2, attempt, "d"))


def _keys(store: LogStore, start: int = 0) -> list[str]:
    return list(pa.table(history.file_outcomes(store, start=start))["key"].to_pylist())


def _wanted(start: int, end: int) -> list[str]:
    return [f"{number}-{file}" for number in range(start, end) for file in "ab"]


def test_history_when_read_then_its_columns_are_typed_and_its_times_are_the_batches(
    store: Watched,
) -> None:
    _commit(store, 0)

    files = pa.table(history.file_outcomes(store))
    bad = pa.table(history.quarantined(store))

    assert files.schema.field("committed_at").type == pa.timestamp("us", tz="UTC")
    assert not files.schema.field("batch_id").nullable
    assert not bad.schema.field("attempt").nullable
    assert files["committed_at"].to_pylist() == [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)] * 2
    assert bad.drop(["committed_at"]).to_pylist() == [
        {
            "batch_id": 0,
            "delta_version": 1,
            "attempt": "won",
            "file_key": "k",
            "line": 0,
            "code": "c",
            "reason": "r",
            "raw": b"raw",
        }
    ]


def test_history_when_spark_made_a_batch_then_it_has_no_records(store: Watched) -> None:
    _commit(store, 0, attempt="")
    _commit(store, 1)

    assert _keys(store) == ["1-a", "1-b"]


def test_history_when_the_plan_was_forgotten_then_its_time_is_unknown(store: Watched) -> None:
    _commit(store, 0)
    OffsetLog(store).delete([0])

    assert pa.table(history.file_outcomes(store))["committed_at"].to_pylist() == [None, None]


def test_quarantine_when_in_more_than_ten_parts_then_in_their_order(store: Watched) -> None:
    _commit(store, 0, parts=12)

    assert pa.table(history.quarantined(store))["line"].to_pylist() == list(range(12))


def test_history_when_asked_from_a_batch_on_then_nothing_before_it_is_read(store: Watched) -> None:
    for number in range(31):
        _commit(store, number)
    retention.purge(store, 20, keep=100)
    assert history.tiers_of(store, history.FILES).spans() == [Span(0, 9), Span(10, 19)]
    for start in (0, 5, 9, 10, 15, 19, 20, 25, 30, 31):
        assert _keys(store, start) == _wanted(start, 31)
    store.calls.clear()

    _keys(store, 30)

    read = {call.split("/")[1] for call in store.calls if call.startswith("get batches")}
    assert read == {"30-won"}


def test_history_when_partly_merged_then_each_entry_is_read_once(store: Watched) -> None:
    for number in range(22):
        _commit(store, number)
    retention.purge(store, 20)
    store.calls.clear()

    list(history.file_outcomes(store))

    listings, merged, each = 3, 2, 5
    assert len(store.calls) == listings + merged + 2 * each


def test_history_when_one_kind_is_merged_further_than_the_files_then_rows_come_once(
    store: Watched,
) -> None:
    for number in range(21):
        _commit(store, number)
    for span, commits in history.due(store, 20):
        rows = (
            row for each in commits for row in history.batch_rows(store, history.QUARANTINE, each)
        )
        merged = encode(history.QUARANTINE.schema, rows)
        history.tiers_of(store, history.QUARANTINE).put(span, merged)

    assert pa.table(history.quarantined(store))["batch_id"].to_pylist() == list(range(21))
    assert history.merged_to(store) == 0


def test_history_when_merged_while_it_is_read_then_every_row_comes_once(store: Watched) -> None:
    for number in range(31):
        _commit(store, number)
    store.before_get = lambda: retention.purge(store._inner, 20, keep=2)

    assert _keys(store) == _wanted(0, 31)


def test_history_when_its_records_are_gone_then_it_looks_five_times(store: Watched) -> None:
    _commit(store, 0)
    _commit(store, 1)
    store.delete(store.list("batches/1-won"))
    store.calls.clear()

    with pytest.raises(CheckpointCorruptError, match="records of batch 1 are gone"):
        list(history.file_outcomes(store))

    assert store.calls.count("get commits/1") == 6
    store.calls.clear()
    with pytest.raises(CheckpointCorruptError, match="records of batch 1 are gone"):
        list(history.file_outcomes(store, start=1))
    assert store.calls.count("get commits/1") == 5


def test_quarantine_when_it_is_half_deleted_behind_a_merge_then_its_rows_are_read_merged(
    store: Watched,
) -> None:
    for number in range(21):
        _commit(store, number)
    retention.purge(store, 10, keep=100)
    listing = store.list

    def list_behind_a_merge(prefix: str, *, start_after: str | None = None) -> list[str]:
        if prefix == "batches/15-won":
            store.list = listing  # type: ignore[method-assign] # as it was
            retention.purge(store._inner, 20, keep=100)
            store.put_absent("batches/15-won/files.parquet", _file_rows(["15-a", "15-b"]))
        return listing(prefix, start_after=start_after)

    store.list = list_behind_a_merge  # type: ignore[method-assign] # another run merges meanwhile

    assert pa.table(history.quarantined(store))["batch_id"].to_pylist() == list(range(21))


def test_history_when_merged_then_its_folders_have_their_names(store: Watched) -> None:
    for number in range(11):
        _commit(store, number)
    retention.purge(store, 10)

    name = f"1/{0:020d}-{9:020d}"
    assert store.list("batches/merged") == [
        f"batches/merged/files/{name}",
        f"batches/merged/quarantine/{name}",
    ]
    for key in store.list("batches/merged"):
        stored = pq.ParquetFile(pa.BufferReader(store.get(key))).metadata
        assert stored.row_group(0).column(0).compression == "ZSTD"


def test_due_when_batches_wait_then_only_whole_tens_older_than_the_newest(store: Watched) -> None:
    for number in range(5, 31):
        _commit(store, number)

    def spans(newest: int) -> list[tuple[int, int, list[int]]]:
        return [
            (span.first, span.last, [each.batch_id for each in commits])
            for span, commits in history.due(store, newest)
        ]

    assert spans(9) == []
    assert spans(10) == [(0, 9, list(range(5, 10)))]
    assert [each[:2] for each in spans(19)] == [(0, 9)]
    assert [each[:2] for each in spans(20)] == [(0, 9), (10, 19)]
    assert [each[:2] for each in spans(30)] == [(0, 9), (10, 19), (20, 29)]
    retention.purge(store, 10)
    assert history.merged_to(store) == 10
    assert spans(30) == [(10, 19, list(range(10, 20))), (20, 29, list(range(20, 30)))]


def test_due_when_a_commit_goes_while_it_is_read_then_it_is_left_out(store: Watched) -> None:
    for number in range(11):
        _commit(store, number)
    store.before_get = lambda: store._inner.delete(["commits/0"])

    ((_, commits),) = history.due(store, 10)

    assert [each.batch_id for each in commits] == list(range(1, 10))


def test_due_when_there_are_no_commits_then_nothing(store: Watched) -> None:
    assert list(history.due(store, 30)) == []


@pytest.mark.parametrize("newest", [*range(1, 10), 11, 19])
def test_purge_when_it_is_not_a_tenth_batch_then_it_asks_for_nothing(
    store: Watched, newest: int
) -> None:
    retention.purge(store, newest)

    assert store.calls == []


@pytest.mark.parametrize(("keep", "floor"), [(0, 19), (1, 19), (2, 19), (3, 18), (12, 9), (100, 0)])
def test_purge_when_done_then_the_newest_entries_stay_and_two_at_least(
    store: Watched, keep: int, floor: int
) -> None:
    for number in range(21):
        _commit(store, number)

    retention.purge(store, 20, keep=keep)

    assert OffsetLog(store).ids() == CommitLog(store).ids() == list(range(floor, 21))
    assert _keys(store) == _wanted(0, 21)


def test_purge_when_not_told_how_many_then_the_newest_hundred_stay(store: Watched) -> None:
    for number in range(121):
        _commit(store, number)

    retention.purge(store, 120)

    assert OffsetLog(store).ids() == CommitLog(store).ids() == list(range(21, 121))


def test_purge_when_nothing_was_committed_then_records_stay(store: Watched) -> None:
    AttemptRecords(store, 0, "running").put("files.parquet", _file_rows(["a"]))

    retention.purge(store, 10)

    assert store.list("batches") == ["batches/0-running/files.parquet"]


def test_purge_when_attempts_lost_then_theirs_go_below_the_newest_commit_only(
    store: Watched,
) -> None:
    for number in range(13):
        _commit(store, number)
        AttemptRecords(store, number, "lost").put("files.parquet", _file_rows(["x"]))
    AttemptRecords(store, 13, "running").put("files.parquet", _file_rows(["x"]))
    store.put_absent("batches/readme", b"")

    retention.purge(store, 10)

    left = {key.split("/")[1] for key in store.list("batches")}
    assert left == {"merged", "readme", "13-running"} | {
        f"{number}-{attempt}" for number in (10, 11, 12) for attempt in ("won", "lost")
    }
    for number in range(13, 21):
        _commit(store, number)
    retention.purge(store, 20)
    assert {key.split("/")[1] for key in store.list("batches")} == {"merged", "readme", "20-won"}


def test_purge_when_the_log_ends_before_the_callers_batch_then_losers_go_below_its_end_only(
    store: Watched,
) -> None:
    for number in range(16):
        _commit(store, number)
        AttemptRecords(store, number, "lost").put("files.parquet", _file_rows(["x"]))

    retention.purge(store, 20)

    left = {key.split("/")[1] for key in store.list("batches")}
    assert left == {"merged", "15-lost"} | {f"{number}-won" for number in range(10, 16)}
    store.calls.clear()
    retention.purge(store, 20)
    assert [call for call in store.calls if call.startswith("get commits")] == [
        f"get commits/{number}" for number in range(10, 16)
    ]


def test_purge_when_a_hundred_batches_are_merged_then_the_tiers_grow(store: Watched) -> None:
    for number in range(101):
        _commit(store, number)
        retention.purge(store, number, keep=5)

    for kind in (history.FILES, history.QUARANTINE):
        assert history.tiers_of(store, kind).spans() == [Span(0, 99)]
    assert _keys(store) == _wanted(0, 101)
    assert _keys(store, 57) == _wanted(57, 101)


def test_parquet_when_the_rows_fail_then_their_own_error_comes_out() -> None:
    def rows() -> object:
        raise ObjectNotFoundError("gone")
        yield

    with pytest.raises(ObjectNotFoundError, match="gone"):
        encode(history.FILES.schema, rows())  # type: ignore[arg-type] # rows that fail


def test_parquet_when_rows_do_not_fit_then_the_writers_error_comes_out() -> None:
    (batch,) = decode(_bad_rows(1), where="here")

    with pytest.raises(Exception, match=r".") as caught:
        encode(history.FILES.schema, [batch])

    assert not isinstance(caught.value, CheckpointCorruptError | LookupError)


@pytest.mark.parametrize("keep", [0, 4, 12, -9])
def test_parquet_when_cut_anywhere_then_corrupt_with_its_place(keep: int) -> None:
    data = _bad_rows(1)

    with pytest.raises(CheckpointCorruptError, match="here"):
        list(decode(data[:keep], where="here"))


def test_parquet_when_a_page_is_overwritten_then_corrupt_with_its_place() -> None:
    data = _bad_rows(1)

    with pytest.raises(CheckpointCorruptError, match="here"):
        list(decode(data[:4] + b"\xff" + data[5:], where="here"))


def test_parquet_when_the_user_stops_the_reading_then_it_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(parquet_bytes, "read_parquet", stopped)

    with pytest.raises(KeyboardInterrupt):
        list(decode(_bad_rows(1), where="here"))


def test_parquet_when_the_reader_stops_early_then_that_is_no_error() -> None:
    rows = decode(_bad_rows(1), where="here")
    next(rows)

    rows.close()  # type: ignore[attr-defined] # a generator

    assert list(rows) == []
