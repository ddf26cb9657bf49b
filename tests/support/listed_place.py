"""A landing place that lists in order, and discoveries of it that come one by one."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lakestream.sources.files import listing_log
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import local_read, object_store, stores
from lakestream.storage.base import LogStore
from lakestream.testing.clock import ManualClock
from support.files_source import FilesPipe

PAGE = 2


def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a listing have many pages."""
    for store in (object_store, local_read):
        monkeypatch.setattr(store, "PAGE_ROWS", PAGE)


class Place(FilesPipe):
    """The place, and what is declared of it; in memory, or a folder on the disk."""

    def __init__(
        self, root: Path, log: LogStore | None = None, *, on_disk: bool = False, **options: Any
    ) -> None:
        self.uri = str(root / "place") if on_disk else f"memory://{uuid.uuid4().hex}/landing"
        self.files = stores.open_log_store(self.uri)
        super().__init__(
            root,
            options={"format": "json", "schema": "id BIGINT", **options},
            path=self.uri,
            log=log or stores.open_log_store(f"memory://{uuid.uuid4().hex}"),
        )
        self._numbers = itertools.count()

    def put(self, *names: str) -> None:
        for name in names:
            self.files.put_absent(name, json.dumps({"id": next(self._numbers)}).encode())

    def tick(self, **options: Any) -> FilesReader:
        """Look in a process of its own, whose time is up after a page."""
        reader = self.open(**options)
        reader.discover(time_budget_s=0)
        return reader

    def state(self) -> listing_log.ListingState | None:
        assert self.log is not None
        return listing_log.ListingLog(self.log, "files-landing").newest()


def known(reader: FilesReader) -> list[str]:
    return [key for batch in reader.known_files() for key in batch.column("key").to_pylist()]


def stopped(reader: FilesReader) -> tuple[bool, str | None]:
    backlog = reader.backlog(reader.initial())
    return backlog.complete, backlog.listed_to


class Killed(BaseException):
    """The process ends here: nothing of it is used again."""


class DyingLog:
    """A log store under which the process ends before or after its n-th mutating call."""

    def __init__(self, inner: LogStore) -> None:
        self._inner = inner
        self.calls: list[str] = []
        self.dies_at: tuple[int, str] | None = None

    @property
    def uri(self) -> str:
        return self._inner.uri

    def _around(self, name: str, call: Callable[[], Any]) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        if self.dies_at == (number, "before"):
            raise Killed
        result = call()
        if self.dies_at == (number, "after"):
            raise Killed
        return result

    def put_absent(self, key: str, data: bytes) -> bool:
        return bool(self._around(f"put {key}", lambda: self._inner.put_absent(key, data)))

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        return self._inner.list(prefix, start_after=start_after)

    def delete(self, keys: Sequence[str]) -> None:
        self._around("delete", lambda: self._inner.delete(keys))


class Steps(ManualClock):
    """Stands still, but for a second at each look at how much time is left."""

    def monotonic(self) -> float:
        self._passed_s = getattr(self, "_passed_s", 0.0) + 1
        return self._passed_s
