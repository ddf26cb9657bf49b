from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.volume import examples

from lakestream.checkpoint import commit_log, epochs, metadata, offset_log
from lakestream.checkpoint.commit_log import CommitEntry, CommitLog
from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.metadata import QueryMetadata
from lakestream.checkpoint.offset_log import Offset, OffsetEntry, OffsetLog
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointError,
    CheckpointVersionError,
    FencedError,
)
from lakestream.storage import stores
from lakestream.storage.base import LogStore

PLAN = OffsetEntry(
    batch_id=12,
    attempt="a1b2c3d4",
    plan_digest="9f" * 32,
    watermark_ms=0,
    timestamp_ms=1_700_000_000_000,
    conf={"spark.sql.shuffle.partitions": "200"},
    offsets=(("files-ü", Offset('{"seq":41}')), ("delta-orders", Offset('{"v":1,"i":-1}'))),
)
COMMIT = CommitEntry(12, 0, 7, 1000, "a1b2c3d4", "9f" * 32, {"batches": "batches/12-a1b2c3d4"})
METADATA = QueryMetadata("id-1", "orders", 1, "table-1", {"files-ü": {"path": "/land"}})


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return stores.open_log_store(tmp_path / "check")


def test_entry_log_when_ids_have_more_digits_sorts_them_as_numbers(store: LogStore) -> None:
    log = EntryLog(store, "offsets")
    for number in (9, 10, 2):
        assert log.append(number, b"x")
    store.put_absent("offsets/.9.crc", b"")
    store.put_absent("offsets/07", b"")
    assert log.ids() == [2, 9, 10]
    assert log.newest() == 10
    log.delete([9, 99])
    assert log.ids() == [2, 10]
    assert log.read(9) is None
    assert not log.append(2, b"y")
    assert log.read(2) == b"x"


def test_entry_log_when_padded_takes_only_padded_names(store: LogStore) -> None:
    log = EntryLog(store, "schemas", width=3)
    assert log.append(7, b"x")
    assert log.append(1234, b"x")
    store.put_absent("schemas/8", b"")
    assert store.list("schemas") == ["schemas/007", "schemas/1234", "schemas/8"]
    assert log.ids() == [7, 1234]


def test_offset_log_when_written_reads_back_equal(store: LogStore) -> None:
    log = OffsetLog(store)
    assert log.append(PLAN)
    assert not log.append(replace(PLAN, attempt="other"))
    assert log.read(12) == PLAN
    assert log.read(13) is None


def test_offset_log_when_written_is_sparks_text() -> None:
    lines = offset_log.to_bytes(PLAN).decode().split("\n")
    assert lines[0] == "v1"
    assert lines[2:] == ['{"seq":41}', '{"v":1,"i":-1}']
    tree = json.loads(lines[1])
    assert tree["batchTimestampMs"] == 1_700_000_000_000
    assert json.loads(tree["conf"]["lakestream.sources"]) == ["files-ü", "delta-orders"]
    assert all(isinstance(value, str) for value in tree["conf"].values())


def test_offset_log_when_spark_wrote_it_reads_it(store: LogStore) -> None:
    text = (
        'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":{"spark.x":"y"}}\n{"logOffset":3}\n-'
    )
    store.put_absent("offsets/3", text.encode())
    store.put_absent("offsets/4", b"v1\n\n17")
    assert OffsetLog(store).read(3) == OffsetEntry(
        3, "", "", 5, 6, {"spark.x": "y"}, (("0", Offset('{"logOffset":3}')),)
    )
    assert OffsetLog(store).read(4) == OffsetEntry(4, "", "", 0, 0, {}, (("0", Offset("17")),))


def test_offset_log_when_copied_to_another_batch_is_corrupt(store: LogStore) -> None:
    store.put_absent("offsets/13", offset_log.to_bytes(PLAN))
    with pytest.raises(CheckpointCorruptError):
        OffsetLog(store).read(13)


def test_commit_log_when_written_reads_back_equal(store: LogStore) -> None:
    log = CommitLog(store)
    assert log.append(COMMIT)
    assert not log.append(replace(COMMIT, rows=1))
    assert log.read(12) == COMMIT
    assert store.get("commits/12").startswith(b'v1\n{"nextBatchWatermarkMs":0,"lakestream":{')


def test_commit_log_when_spark_wrote_it_reads_it(store: LogStore) -> None:
    store.put_absent("commits/3", b'v1\n{"nextBatchWatermarkMs":9}')
    assert CommitLog(store).read(3) == CommitEntry(3, 9, None, 0, "", "")


@pytest.mark.parametrize("version", [b"v2", b"v10"])
def test_logs_when_the_version_is_newer_refuse_it(store: LogStore, version: bytes) -> None:
    store.put_absent("offsets/1", version + b"\n{}\n{}")
    store.put_absent("commits/1", version + b"\n{}")
    with pytest.raises(CheckpointVersionError):
        OffsetLog(store).read(1)
    with pytest.raises(CheckpointVersionError):
        CommitLog(store).read(1)


_READERS = [
    (offset_log.to_bytes(PLAN), lambda data: offset_log.from_bytes(data, 12, where="w"), PLAN),
    (commit_log.to_bytes(COMMIT), lambda data: commit_log.from_bytes(data, 12, where="w"), COMMIT),
    (metadata.to_bytes(METADATA), lambda data: metadata.from_bytes(data, where="w"), METADATA),
]


@pytest.mark.parametrize(("data", "read", "whole"), _READERS)
def test_entry_when_cut_anywhere_is_corrupt(data: bytes, read, whole: object) -> None:
    assert read(data) == whole
    for end in range(len(data)):
        with pytest.raises(CheckpointCorruptError):
            read(data[:end])


@pytest.mark.parametrize(("data", "read", "whole"), _READERS)
def test_entry_when_any_bit_flips_is_never_another_value(data: bytes, read, whole: object) -> None:
    for position in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        try:
            assert read(bytes(flipped)) == whole
        except CheckpointError:
            continue


_texts = st.text(st.characters(codec="utf-8"), max_size=8)


@settings(max_examples=examples(60))
@given(
    name=_texts.filter(bool),
    conf=st.dictionaries(_texts.map("spark.".__add__), _texts, max_size=3),
    offset=st.dictionaries(_texts, st.integers(), max_size=2).map(json.dumps),
    batch_id=st.integers(0, 10**15),
)
def test_offset_entry_when_texts_are_odd_reads_back_equal(
    name: str, conf: dict[str, str], offset: str, batch_id: int
) -> None:
    entry = OffsetEntry(batch_id, "x", "y", 1, 2, conf, ((name, Offset(offset)),))
    assert offset_log.from_bytes(offset_log.to_bytes(entry), batch_id, where="w") == entry


def test_metadata_when_two_create_it_gives_both_the_first(store: LogStore) -> None:
    assert metadata.load(store) is None
    assert metadata.create(store, METADATA) == METADATA
    assert metadata.create(store, replace(METADATA, id="id-2")) == METADATA
    assert metadata.load(store) == METADATA


def test_metadata_when_the_format_is_newer_is_refused(store: LogStore) -> None:
    store.put_absent("metadata", metadata.to_bytes(replace(METADATA, format_version=2)))
    with pytest.raises(CheckpointVersionError):
        metadata.load(store)


def test_epoch_when_a_newer_run_claims_fences_the_older(store: LogStore) -> None:
    older = epochs.claim(store, "run-1", SYSTEM_CLOCK)
    epochs.check(store, older)
    newer = epochs.claim(store, "run-2", SYSTEM_CLOCK)
    assert (older.number, newer.number) == (0, 1)
    epochs.check(store, newer)
    with pytest.raises(FencedError):
        epochs.check(store, older)


def test_epoch_when_purged_keeps_the_newest(store: LogStore) -> None:
    for run in range(3):
        epochs.claim(store, f"run-{run}", SYSTEM_CLOCK)
    epochs.purge(store, 0)
    assert EntryLog(store, "epochs").ids() == [2]
    assert epochs.claim(store, "next", SYSTEM_CLOCK).number == 3
