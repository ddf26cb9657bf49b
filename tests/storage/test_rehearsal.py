from __future__ import annotations

from pathlib import Path

import pytest

from lakestream.errors import ObjectNotFoundError
from lakestream.storage import stores
from lakestream.storage.base import LogStore
from lakestream.storage.rehearsal import RehearsalLogStore
from lakestream.testing.store_contract import LogStoreContract


class TestRehearsalLogStore(LogStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        return RehearsalLogStore(stores.open_log_store(str(tmp_path)))


def test_rehearsal_when_written_to_then_the_real_store_has_nothing(tmp_path: Path) -> None:
    real = stores.open_log_store(str(tmp_path))
    store = RehearsalLogStore(real)

    assert store.put_absent("offsets/0", b"tried")

    assert store.list("offsets") == ["offsets/0"]
    assert real.list("") == []


def test_rehearsal_when_real_entries_are_there_then_seen_and_taken(tmp_path: Path) -> None:
    real = stores.open_log_store(str(tmp_path))
    real.put_absent("offsets/0", b"real")
    store = RehearsalLogStore(real)

    assert not store.put_absent("offsets/0", b"mine")
    assert store.put_absent("offsets/1", b"mine")
    assert store.list("offsets") == ["offsets/0", "offsets/1"]
    assert store.get("offsets/0") == b"real"


def test_rehearsal_when_real_entries_are_deleted_then_only_here(tmp_path: Path) -> None:
    real = stores.open_log_store(str(tmp_path))
    real.put_absent("offsets/0", b"real")
    store = RehearsalLogStore(real)

    store.delete(["offsets/0"])

    assert store.list("offsets") == []
    with pytest.raises(ObjectNotFoundError):
        store.get("offsets/0")
    assert store.put_absent("offsets/0", b"again")
    assert real.get("offsets/0") == b"real"
