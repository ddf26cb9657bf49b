"""The checkpoint on disk, name by name: what is written today is read by every later version."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakestream.checkpoint import batch_records, epochs, history, metadata
from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.checkpoint.metadata import QueryMetadata
from lakestream.checkpoint.offset_log import Offset, OffsetEntry, OffsetLog
from lakestream.checkpoint.parquet_bytes import decode
from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.checkpoint.tiers import Span, Tiers
from lakestream.errors import CheckpointCorruptError
from lakestream.sources.files import ledger_rows, planner
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.storage import stores
from lakestream.storage.base import LogStore
from lakestream.testing import ManualClock

NOTHING = "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return stores.open_log_store(tmp_path / "check")


def sealed(text: str, entry_id: int) -> bytes:
    """Put the checksum in, computed apart from the code: over the id, a newline and the text."""
    checksum = hashlib.sha256(f"{entry_id}\n{text}".encode()).hexdigest()
    return text.replace(NOTHING, checksum).encode()


def test_offset_entry_when_written_then_these_are_its_bytes(store: LogStore) -> None:
    ends = (("a", Offset('{"seqNum":4}')), ("b", Offset("7")))
    OffsetLog(store).append(OffsetEntry(3, "at", "di", 5, 6, {"x": "ü"}, ends))

    assert store.get("offsets/3") == sealed(
        'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":{"x":"ü",'
        '"lakestream.sources":"[\\"a\\",\\"b\\"]","lakestream.attempt":"at",'
        f'"lakestream.planDigest":"di","lakestream.checksum":"{NOTHING}"}}}}\n{{"seqNum":4}}\n7',
        3,
    )


def test_commit_entry_when_written_then_these_are_its_bytes(store: LogStore) -> None:
    CommitLog(store).append(CommitEntry(3, 5, 7, 9, "at", "di", {"batches": "batches/3-at"}))

    assert store.get("commits/3") == sealed(
        'v1\n{"nextBatchWatermarkMs":5,"lakestream":{"deltaVersion":7,"rows":9,"attempt":"at",'
        f'"planDigest":"di","refs":{{"batches":"batches/3-at"}},"checksum":"{NOTHING}"}}}}',
        3,
    )


def test_metadata_when_written_then_these_are_its_bytes(store: LogStore) -> None:
    metadata.create(store, QueryMetadata("i", "ü", 1, "t", {"s": {"path": "/p"}}))

    whole = store.get("metadata")
    tree = {
        "id": "i",
        "name": "ü",
        "format_version": 1,
        "table_id": "t",
        "sources": {"s": {"path": "/p"}},
    }
    compact = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    tree["checksum"] = hashlib.sha256(compact.encode()).hexdigest()
    assert whole == json.dumps(tree, indent=1, ensure_ascii=False).encode()


def test_epoch_when_claimed_then_this_is_its_record(store: LogStore) -> None:
    clock = ManualClock()
    epochs.claim(store, "run-1", clock)

    record = json.loads(store.get("epochs/0"))
    assert record.keys() == {"runId", "host", "startedAt"}
    assert record["runId"] == "run-1"
    assert datetime.fromisoformat(record["startedAt"]) == clock.now()


def test_records_of_an_attempt_when_put_then_these_are_their_keys(store: LogStore) -> None:
    records = batch_records.AttemptRecords(store, 3, "at")
    records.put("summary.json", b"{}")

    assert records.folder == "batches/3-at"
    assert store.list("batches") == ["batches/3-at/summary.json"]
    assert records.names() == ["summary.json"]
    assert records.get("summary.json") == b"{}"


def test_ledger_entry_when_written_then_these_are_its_columns_and_footer(store: LogStore) -> None:
    found_at = datetime(2026, 11, 21, 1, 2, 3, 4, tzinfo=UTC)
    rows = ledger_rows.rows_of(
        [Candidate(5, "k", 6, "e", "v"), Candidate(7, "l", 8, None, None)],
        first_seq=40,
        discovered_at=found_at,
        via="listing",
    )
    data = ledger_rows.to_bytes(rows)

    table = pq.read_table(pa.BufferReader(data))
    moment = pa.timestamp("us", tz="UTC")
    assert table.schema.remove_metadata() == pa.schema(
        {
            "seq": pa.int64(),
            "key": pa.string(),
            "size": pa.int64(),
            "etag": pa.string(),
            "version": pa.string(),
            "mtime": moment,
            "discovered_at": moment,
            "via": pa.string(),
        }
    )
    assert table.schema.metadata[b"lakestream.firstSeq"] == b"40"
    assert table.schema.metadata[b"lakestream.lastSeq"] == b"41"
    assert table.drop(["mtime", "discovered_at"]).to_pylist() == [
        {"seq": 40, "key": "k", "size": 6, "etag": "e", "version": "v", "via": "listing"},
        {"seq": 41, "key": "l", "size": 8, "etag": None, "version": None, "via": "listing"},
    ]
    assert table["mtime"].cast(pa.int64()).to_pylist() == [5, 7]
    assert table["discovered_at"].to_pylist() == [found_at, found_at]
    assert ledger_rows.IGNORED == "existing"
    assert ledger_rows.NOTIFIED == "notification"
    assert ledger_rows.RESCUED == "backfill"


def test_offset_of_files_when_written_then_it_has_auto_loaders_names() -> None:
    assert planner.to_offset(7) == '{"seqNum":7,"sourceVersion":1}'


def test_tiers_when_merged_then_ten_make_one_and_these_are_the_keys(store: LogStore) -> None:
    log = TieredLog(store, "f", b"".join)
    for number in range(101):
        log.append(number, b"%d," % number)
    log.merge_due()

    assert store.list("f/1") == []
    assert store.list("f/2") == [f"f/2/{0:020d}-{99:020d}"]
    assert store.list("f/0") == [f"f/0/{number:020d}" for number in range(101)]
    assert Tiers(store, "f").spans() == [Span(0, 99)]


def test_merged_records_when_written_then_these_are_their_folders_and_columns() -> None:
    own = ["batch_id", "delta_version", "attempt", "committed_at"]
    counts = ["size", "rows", "rescued", "bad", "dropped", "bytes"]

    assert history.FILES.schema.names == [*own, "seq", "key", *counts, "state", "reason"]
    assert history.QUARANTINE.schema.names == [*own, "file_key", "line", "code", "reason", "raw"]
    assert (history.FILES.name, history.QUARANTINE.name) == ("files", "quarantine")
    assert history.MERGED_FOLDER == "batches/merged"
    assert history.FILES.pattern.fullmatch("files.parquet")
    assert history.QUARANTINE.pattern.fullmatch("quarantine-12.parquet")


def test_entry_of_a_later_writer_when_it_has_more_columns_then_it_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"seq": [0], "other": [1]}), sink)
    data = sink.getvalue().to_pybytes()

    assert [batch.num_rows for batch in decode(data, where="here")] == [1]
    with pytest.raises(CheckpointCorruptError, match="not an entry"):
        list(ledger_rows.from_bytes(data, where="here"))
