"""Entries that are no entries: each is refused with its code, none is taken for another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from lakestream.checkpoint import commit_log, entry_text, epochs, metadata, offset_log
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.commit_log import CommitEntry
from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.metadata import QueryMetadata
from lakestream.checkpoint.offset_log import OffsetEntry
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import CheckpointCorruptError
from lakestream.storage import stores
from lakestream.storage.base import LogStore

METADATA = QueryMetadata("id-1", "orders", 1, "table-1")


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return stores.open_log_store(tmp_path / "check")


def _sealed_commit(**ours: object) -> bytes:
    """Give a commit entry whose checksum fits, whatever else it says."""
    right = {"deltaVersion": 1, "rows": 2, "attempt": "a", "planDigest": "d", "refs": {}}
    tree = {"lakestream": {**right, **ours, "checksum": entry_text.NO_CHECKSUM}}
    text = json.dumps({"nextBatchWatermarkMs": 0, **tree})
    return entry_text.sealed(f"v1\n{text}", 3)


@pytest.mark.parametrize(
    "data",
    [
        b'v1\n{"nextBatchWatermarkMs":"5"}',
        b'v1\n{"nextBatchWatermarkMs":true}',
        b'v1\n{"nextBatchWatermarkMs":1.5}',
        b'v1\n{"nextBatchWatermarkMs":5,"other":1}',
        b'v1\n{"other":1}',
        b"v1\n[]",
        b"v1\n5",
        b"v1\n" + b"[" * 100_000,
        b'v1\n{"nextBatchWatermarkMs":5,"lakestream":[]}',
        b'v1\n{"nextBatchWatermarkMs":5,"lakestream":{"checksum":5}}',
        b'v1\n{"nextBatchWatermarkMs":5,"lakestream":{"checksum":""}}',
        b'v1\n{"nextBatchWatermarkMs":5}\n',
        b"v1",
        b"v",
        b"v7",
        b"v1.5\n{}",
        b"x2\n{}",
        b"v\xc2\xb2\n{}",
        b"2\n{}",
        b"\xff",
        _sealed_commit(rows="2"),
        _sealed_commit(rows=None),
        _sealed_commit(attempt=7),
        _sealed_commit(planDigest=None),
        _sealed_commit(deltaVersion="1"),
    ],
)
def test_commit_entry_when_it_is_none_then_corrupt(data: bytes) -> None:
    with pytest.raises(CheckpointCorruptError, match=r"w/3"):
        commit_log.from_bytes(data, 3, where="w")


def test_commit_entry_when_its_checksum_stands_twice_then_corrupt() -> None:
    text = f'v1\n{{"lakestream":{{"checksum":"{entry_text.NO_CHECKSUM}"}}}}'
    twice = text + entry_text.NO_CHECKSUM
    checksum = entry_text._checksum(twice, 3)

    assert not entry_text.is_sealed(twice.replace(entry_text.NO_CHECKSUM, checksum), 3, checksum)


def test_commit_entry_when_spark_left_it_empty_then_its_watermark_is_0() -> None:
    assert commit_log.from_bytes(b"v1\n{}", 3, where="w") == CommitEntry(3, 0, None, 0, "", "")


def test_commit_entry_when_it_names_no_version_and_no_refs_then_read() -> None:
    data = _sealed_commit(deltaVersion=None, refs=None)

    assert commit_log.from_bytes(data, 3, where="w") == CommitEntry(3, 0, None, 2, "a", "d", {})


@pytest.mark.parametrize(
    "data",
    [
        b"v1\n{}",
        b"v1\n{}\n",
        b"v1\n{}\n1\n",
        b'v1\n{"other":1}\n1',
        b'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":{},"other":1}\n1',
        b'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":[]}\n1',
        b'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":{"a":1}}\n1',
        b'v1\n{"batchTimestampMs":6,"conf":{}}\n1',
        b'v1\n{"batchWatermarkMs":5,"conf":{}}\n1',
        b'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6,"conf":{"lakestream.attempt":"a"}}\n1',
    ],
)
def test_offset_entry_when_it_is_none_then_corrupt(data: bytes) -> None:
    with pytest.raises(CheckpointCorruptError, match=r"w/3"):
        offset_log.from_bytes(data, 3, where="w")


def test_offset_entry_when_spark_gave_no_conf_then_read() -> None:
    data = b'v1\n{"batchWatermarkMs":5,"batchTimestampMs":6}\n1\n2'

    assert offset_log.from_bytes(data, 3, where="w") == OffsetEntry(
        3, "", "", 5, 6, {}, (("0", offset_log.Offset("1")), ("1", offset_log.Offset("2")))
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"checksum":"x"}', b"5", b"[" * 100_000])
def test_metadata_when_it_is_none_then_corrupt(data: bytes) -> None:
    with pytest.raises(CheckpointCorruptError, match="metadata cannot be read"):
        metadata.from_bytes(data, where="w")


def test_metadata_when_any_word_is_changed_then_corrupt() -> None:
    whole = metadata.to_bytes(METADATA)

    with pytest.raises(CheckpointCorruptError):
        metadata.from_bytes(whole.replace(b"orders", b"order5"), where="w")


class _Forgetful:
    """A store that refuses a put for what is there and has lost it when asked."""

    uri = "memory://forgetful"

    def __init__(self, inner: LogStore) -> None:
        self._inner = inner

    def put_absent(self, key: str, data: bytes) -> bool:
        return False

    def get(self, key: str) -> bytes:
        return self._inner.get(key)


def test_metadata_when_it_vanishes_behind_a_refusal_then_corrupt(store: LogStore) -> None:
    with pytest.raises(CheckpointCorruptError, match="went away"):
        metadata.create(_Forgetful(store), METADATA)  # type: ignore[arg-type] # two calls are enough


def test_metadata_when_created_by_two_then_the_loser_gets_the_winners(store: LogStore) -> None:
    metadata.create(store, METADATA)

    assert metadata.create(store, replace(METADATA, id="id-2")).id == "id-1"


def test_records_when_put_twice_then_equal_ones_pass_and_others_are_corrupt(
    store: LogStore,
) -> None:
    records = AttemptRecords(store, 3, "a")
    records.put("x.json", b"{}")
    records.put("x.json", b"{}")

    with pytest.raises(CheckpointCorruptError, match="other content"):
        records.put("x.json", b"[]")

    assert records.get("x.json") == b"{}"


def test_epoch_when_the_reply_to_its_claim_is_lost_then_it_is_claimed_once(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = EntryLog.append

    def loses_the_reply(self: EntryLog, number: int, data: bytes) -> bool:
        append(self, number, data)
        return False

    monkeypatch.setattr(EntryLog, "append", loses_the_reply)

    assert epochs.claim(store, "run-1", SYSTEM_CLOCK).number == 0
    assert EntryLog(store, "epochs").ids() == [0]


def test_epoch_when_anothers_stands_then_the_next_number_is_taken(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs.claim(store, "run-1", SYSTEM_CLOCK)
    monkeypatch.setattr(EntryLog, "ids", lambda _: [])

    assert epochs.claim(store, "run-2", SYSTEM_CLOCK).number == 1


@pytest.mark.parametrize(("there", "left"), [(200, 201), (201, 101)])
def test_epochs_when_runs_leave_more_than_two_hundred_then_the_newest_hundred_stay(
    store: LogStore, there: int, left: int
) -> None:
    log = EntryLog(store, "epochs")
    for number in range(there):
        log.append(number, b"{}")

    epochs.claim(store, "run", SYSTEM_CLOCK)

    assert log.ids() == list(range(there + 1 - left, there + 1))


@pytest.mark.parametrize(("keep", "left"), [(0, [4]), (1, [4]), (2, [3, 4]), (9, [0, 1, 2, 3, 4])])
def test_epochs_when_purged_then_as_many_stay_as_are_kept(
    store: LogStore, keep: int, left: list[int]
) -> None:
    log = EntryLog(store, "epochs")
    for number in range(5):
        log.append(number, b"{}")

    epochs.purge(store, keep)

    assert log.ids() == left


def test_epoch_when_nothing_is_claimed_then_a_check_passes(store: LogStore) -> None:
    epochs.check(store, epochs.Epoch(0))


@pytest.mark.parametrize("name", ["07", "+7", "7x", "\u0667", "-1", " 7", "1_0", ""])
def test_log_when_a_name_is_no_number_then_it_is_not_looked_at(name: str) -> None:
    assert EntryLog(_Listing(f"f/{name}"), "f").ids() == []  # type: ignore[arg-type] # lists only


@pytest.mark.parametrize("name", ["7", "07", "0000012", "12\u0667", "+12", "0x1"])
def test_padded_log_when_a_name_is_not_padded_then_it_is_not_looked_at(name: str) -> None:
    log = EntryLog(_Listing(f"f/{name}"), "f", width=3)  # type: ignore[arg-type] # lists only

    assert log.ids() == []


def test_log_when_empty_then_it_has_no_newest(store: LogStore) -> None:
    log = EntryLog(store, "f")

    assert log.newest() is None
    log.delete([])
    assert log.where == f"{store.uri}/f"


class _Listing:
    uri = "memory://listing"

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        return self._keys
