"""Faults put between lakestream and its real stores, by script.

A ``FaultPlan`` names calls (an operation, a glob on the key, which of the matching calls) and
what becomes of them. It wraps whatever ``stores.open_log_store`` and ``open_read_store`` open;
all else is real.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from arro3.core import RecordBatch

from lakestream.errors import LakestreamError, StorageUnavailableError
from lakestream.storage import stores
from lakestream.storage.base import LogStore, ObjectInfo, ReadStore

Call = Callable[[], Any]
Fault = Callable[[Call], Any]


def unavailable(where: str = "the test's store") -> StorageUnavailableError:
    return StorageUnavailableError("the store did not answer", where=where, fix="try again")


def fails(error: LakestreamError | None = None) -> Fault:
    """The call is not made."""

    def fault(call: Call) -> Any:
        raise error or unavailable()

    return fault


def loses_reply(call: Call) -> Any:
    """The call is made, and then looks as if it had failed."""
    call()
    raise unavailable()


def says_exists(call: Call) -> bool:
    """A put is made, tried again by a library below us, and so answered with "exists"."""
    call()
    return False


def after(effect: Callable[[], object]) -> Fault:
    """Something happens in the world just before the call."""

    def fault(call: Call) -> Any:
        effect()
        return call()

    return fault


def pages(change: Callable[[list[RecordBatch]], Sequence[RecordBatch]]) -> Fault:
    """A listing gives other pages than there are."""

    def fault(call: Call) -> Iterator[RecordBatch]:
        yield from change(list(call()))

    return fault


def breaks_after(count: int) -> Fault:
    """A listing gives some pages and then no answer."""

    def fault(call: Call) -> Iterator[RecordBatch]:
        for number, page in enumerate(call()):
            if number == count:
                raise unavailable()
            yield page
        raise unavailable()

    return fault


@dataclass
class Rule:
    """Which calls a fault befalls: the ``first``-th matching one (1 is the first) and on."""

    operation: str
    key: str
    fault: Fault
    first: int
    times: int
    seen: int = 0


@dataclass
class FaultPlan:
    """The faults of a test; ``calls`` tells what was called, faults or not."""

    rules: list[Rule] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def on(
        self, operation: str, key: str, fault: Fault, *, first: int = 1, times: int = 1
    ) -> FaultPlan:
        """Script a fault for calls of an operation whose key matches a glob."""
        self.rules.append(Rule(operation, key, fault, first, times))
        return self

    def run(self, operation: str, key: str, call: Call) -> Any:
        self.calls.append(f"{operation} {key}")
        for rule in self.rules:
            if rule.operation != operation or not fnmatch.fnmatchcase(key, rule.key):
                continue
            rule.seen += 1
            if rule.first <= rule.seen < rule.first + rule.times:
                return rule.fault(call)
        return call()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FaultPlan:
        """Wrap every store that is opened from now on."""
        open_log, open_read = stores.open_log_store, stores.open_read_store

        def open_log_store(*args: Any, **options: Any) -> LogStore:
            return FaultyLogStore(open_log(*args, **options), self)

        def open_read_store(*args: Any, **options: Any) -> ReadStore:
            return FaultyReadStore(open_read(*args, **options), self)

        monkeypatch.setattr(stores, "open_log_store", open_log_store)
        monkeypatch.setattr(stores, "open_read_store", open_read_store)
        return self


class FaultyLogStore:
    """A log store under a plan: ``put``, ``log_get``, ``log_list``, ``delete``."""

    def __init__(self, inner: LogStore, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    @property
    def uri(self) -> str:
        return self._inner.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        return bool(self._plan.run("put", key, lambda: self._inner.put_absent(key, data)))

    def get(self, key: str) -> bytes:
        return bytes(self._plan.run("log_get", key, lambda: self._inner.get(key)))

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        def call() -> list[str]:
            return self._inner.list(prefix, start_after=start_after)

        return list(self._plan.run("log_list", prefix, call))

    def delete(self, keys: Sequence[str]) -> None:
        self._plan.run("delete", ",".join(keys), lambda: self._inner.delete(keys))


class FaultyReadStore:
    """A read store under a plan: ``list``, ``head``, ``get``; ``get_many`` counts as gets."""

    def __init__(self, inner: ReadStore, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    @property
    def uri(self) -> str:
        return self._inner.uri

    def uri_of(self, key: str) -> str:
        return self._inner.uri_of(key)

    def list(self, prefix: str = "", *, start_after: str | None = None) -> Iterator[RecordBatch]:
        def call() -> Iterator[RecordBatch]:
            return self._inner.list(prefix, start_after=start_after)

        yield from self._plan.run("list", prefix, call)

    def head(self, key: str) -> ObjectInfo:
        found: ObjectInfo = self._plan.run("head", key, lambda: self._inner.head(key))
        return found

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        def call() -> bytes:
            return self._inner.get(info, start=start, end=end)

        return bytes(self._plan.run("get", info.key, call))

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        for info in infos:
            try:
                yield self.get(info)
            except LakestreamError as error:
                yield error
