from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from lakestream.storage import local_sync

FULL_SYNC = 51


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the descriptors that ``fsync`` is called for."""
    found: list[int] = []
    monkeypatch.setattr(os, "fsync", found.append)
    return found


def test_sync_when_the_system_has_no_full_sync_is_fsync(
    synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_sync, "_FULL_SYNC", None)
    local_sync.sync_descriptor(7)
    assert synced == [7]


def test_sync_when_the_system_has_a_full_sync_asks_for_it(
    synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, whose ``fsync`` stops at the drive's cache; it has not run there."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(local_sync, "_FULL_SYNC", FULL_SYNC)
    monkeypatch.setattr(fcntl, "fcntl", lambda *call: asked.append(call))
    local_sync.sync_descriptor(7)
    assert asked == [(7, FULL_SYNC)]
    assert synced == []


@pytest.mark.parametrize(("number", "fsyncs"), [(errno.ENOTSUP, 1), (errno.EIO, 0)])
def test_sync_when_the_full_sync_fails_then_only_a_file_system_without_it_gets_fsync(
    synced: list[int], monkeypatch: pytest.MonkeyPatch, number: int, fsyncs: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(local_sync, "_FULL_SYNC", FULL_SYNC)
    monkeypatch.setattr(fcntl, "fcntl", fail)
    if fsyncs:
        local_sync.sync_descriptor(7)
    else:
        with pytest.raises(OSError, match="no"):
            local_sync.sync_descriptor(7)
    assert synced == [7] * fsyncs


def test_sync_above_when_a_folder_may_not_be_opened_goes_on_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = str(tmp_path)
    synced: list[str] = []

    def sync(path: str) -> None:
        if path == denied:
            raise PermissionError
        synced.append(path)

    monkeypatch.setattr(local_sync, "sync", sync)
    local_sync.sync_above(str(tmp_path / "a" / "b"))
    assert synced == [str(tmp_path / "a"), *(str(each) for each in tmp_path.parents)]
