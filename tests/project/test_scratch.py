"""Where tests make their folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import scratch


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", "")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(scratch, "NIGHTLY", False)
    monkeypatch.setattr(scratch, "IN_MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "_has_room", lambda: True)


def test_folders_when_memory_has_room_then_they_are_made_there(tmp_path: Path) -> None:
    scratch.pytest_configure()

    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize(
    "otherwise",
    [
        lambda patch: patch.setenv("TMPDIR", "/"),
        lambda patch: patch.setattr(scratch, "NIGHTLY", True),
        lambda patch: patch.setattr(scratch, "_has_room", lambda: False),
    ],
    ids=["TMPDIR is set", "nightly", "no room"],
)
def test_folders_when_the_disk_is_meant_or_memory_is_short_then_they_stay(
    monkeypatch: pytest.MonkeyPatch, otherwise: Callable[[pytest.MonkeyPatch], None]
) -> None:
    otherwise(monkeypatch)
    before = os.environ["TMPDIR"]

    scratch.pytest_configure()

    assert os.environ["TMPDIR"] == before


@pytest.mark.parametrize("free", [0, 2**30])
def test_room_when_little_is_free_then_there_is_none(
    monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    assert not scratch._has_room()
