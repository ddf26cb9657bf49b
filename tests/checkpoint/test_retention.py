from __future__ import annotations

import io
import itertools
from collections.abc import Iterable

import pyarrow as pa
import pytest
from arro3.core import Array, DataType, RecordBatch
from arro3.io import write_parquet

from lakestream.checkpoint import history, retention
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.offset_log import Offset, OffsetEntry, OffsetLog
from lakestream.errors import CheckpointCorruptError
from lakestream.storage import stores
from lakestream.storage.base import LogStore

_names = itertools.count()
_NUMBERS = ("size", "rows", "rescued", "bad", "dropped", "bytes")


@pytest.fixture
def store() -> LogStore:
    return stores.open_log_store(f"memory://retention{next(_names)}/check")


def _parquet(**columns: Array) -> bytes:
    buffer = io.BytesIO()
    write_parquet(RecordBatch.from_pydict(columns), buffer)
    return buffer.getvalue()


def _record(store: LogStore, batch_id: int, attempt: str) -> None:
    """Write what one attempt at a batch finds: two files, one of which has a bad record."""
    utf8, int64 = DataType.utf8(), DataType.int64()
    records = AttemptRecords(store, batch_id, attempt)
    keys = [f"{batch_id}-a", f"{batch_id}-b"]
    records.put(
        "files.parquet",
        _parquet(
            seq=Array([2 * batch_id, 2 * batch_id + 1], int64),
            key=Array(keys, utf8),
            **{name: Array([1, 2], int64) for name in _NUMBERS},
            state=Array(["committed", "committed"], utf8),
            reason=Array([None, None], utf8),
        ),
    )
    records.put(
        "quarantine-0.parquet",
        _parquet(
            file_key=Array(keys[:1], utf8),
            line=Array([3], int64),
            code=Array(["LS-SRC-005"], utf8),
            reason=Array(["no JSON"], utf8),
            raw=Array([attempt.encode()], DataType.binary()),
        ),
    )
    records.put("summary.json", b"{}")


def _commit(store: LogStore, batch_ids: Iterable[int]) -> None:
    for number in batch_ids:
        for attempt in ("loser", "winner"):
            _record(store, number, attempt)
        offsets = (("s", Offset("{}")),)
        assert OffsetLog(store).append(
            OffsetEntry(number, "winner", "d", 0, 1000 + number, {}, offsets)
        )
        assert CommitLog(store).append(CommitEntry(number, 0, number + 1, 3, "winner", "d"))


def _rows(store: LogStore, start: int = 0) -> tuple[list[tuple[int, str]], list[int]]:
    files = pa.table(history.file_outcomes(store, start=start))
    bad = pa.table(history.quarantined(store, start=start))
    assert set(files["attempt"].to_pylist()) <= {"winner"}
    assert set(bad["raw"].to_pylist()) <= {b"winner"}
    found = list(zip(files["batch_id"].to_pylist(), files["key"].to_pylist(), strict=True))
    return found, bad["batch_id"].to_pylist()


def _expected(start: int, end: int) -> tuple[list[tuple[int, str]], list[int]]:
    numbers = range(start, end)
    return [(n, f"{n}-{file}") for n in numbers for file in "ab"], list(numbers)


def test_history_when_nothing_is_merged_has_only_winners(store: LogStore) -> None:
    assert _rows(store) == ([], [])
    _commit(store, range(3))
    assert _rows(store) == _expected(0, 3)
    row = pa.table(history.file_outcomes(store)).to_pylist()[0]
    assert (row["delta_version"], row["rows"], row["reason"]) == (1, 1, None)
    assert row["committed_at"].timestamp() == 1.0


def test_history_when_purged_at_every_batch_never_loses_a_row(store: LogStore) -> None:
    for number in range(125):
        _commit(store, [number])
        retention.purge(store, number, keep=20)
    assert _rows(store) == _expected(0, 125)
    assert _rows(store, 57) == _expected(57, 125)
    assert OffsetLog(store).ids() == list(range(101, 125)) == CommitLog(store).ids()
    assert len(store.list("batches")) < 125


def test_purge_when_done_keeps_winners_and_deletes_losers_below_the_newest(
    store: LogStore,
) -> None:
    _commit(store, range(11))
    _record(store, 11, "running")
    retention.purge(store, 10)
    folders = {key.split("/")[1] for key in store.list("batches")}
    assert folders == {"merged", "10-winner", "10-loser", "11-running"}
    assert _rows(store) == _expected(0, 11)


def test_purge_when_it_was_broken_off_goes_on(store: LogStore) -> None:
    _commit(store, range(21))
    span, commits = next(history.due(store, 20))
    history.merge_batches(store, span, commits)
    assert _rows(store) == _expected(0, 21)
    retention.purge(store, 20)
    retention.purge(store, 20)
    assert _rows(store) == _expected(0, 21)


def test_purge_when_records_cannot_be_merged_keeps_the_logs(store: LogStore) -> None:
    _commit(store, range(15))
    store.delete(store.list("batches/3-winner"))
    retention.purge(store, 10, keep=2)
    assert CommitLog(store).ids() == list(range(15)) == OffsetLog(store).ids()
    assert store.list("batches/4-winner") != []


def test_purge_when_few_are_kept_deletes_older_logs_and_epochs(store: LogStore) -> None:
    _commit(store, range(15))
    for number in range(15):
        EntryLog(store, "epochs").append(number, b"{}")
    retention.purge(store, 10, keep=2)
    assert CommitLog(store).ids() == list(range(9, 15))
    assert EntryLog(store, "epochs").ids() == [13, 14]


def test_history_when_a_winners_records_are_gone_says_so(store: LogStore) -> None:
    _commit(store, range(2))
    store.delete(store.list("batches/1-winner"))
    with pytest.raises(CheckpointCorruptError, match="batch 1"):
        list(history.file_outcomes(store))


def test_history_when_a_record_is_damaged_says_so(store: LogStore) -> None:
    _commit(store, range(1))
    key = "batches/0-winner/files.parquet"
    data = store.get(key)
    store.delete([key])
    store.put_absent(key, data[: len(data) // 2])
    with pytest.raises(CheckpointCorruptError, match="Parquet"):
        list(history.file_outcomes(store))


def test_purge_when_the_caller_is_ahead_of_the_log_then_batches_to_come_are_not_merged(
    store: LogStore,
) -> None:
    _commit(store, range(13))

    retention.purge(store, 50)

    assert history.merged_to(store) == 10
    _commit(store, range(13, 15))
    assert [batch for batch, _ in _rows(store)[0]][-2:] == [14, 14]
