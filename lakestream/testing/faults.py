"""Faults between lakestream and its real stores: by script, by seed, or at the n-th call.

A ``FaultPlan`` decides what becomes of each call. ``installed`` puts it between everything that
lakestream opens and the real store; or wrap one store in ``FaultyLogStore`` or
``FaultyReadStore``. Operations of a log store (checkpoints) are ``put``, ``log_get``,
``log_list`` and ``delete``; of a read store (landing) ``list``, ``head`` and ``get``, where each
object of a ``get_many`` is a ``get``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from lakestream.errors import LakestreamError
from lakestream.storage import stores
from lakestream.storage.base import LogStore, ObjectInfo, ReadStore
from lakestream.testing.fault_kinds import (
    Fault,
    breaks_after,
    fails,
    lists_twice,
    loses_reply,
    says_exists,
)
from lakestream.testing.fault_script import FaultScript

if TYPE_CHECKING:
    from arro3.core import RecordBatch

_T = TypeVar("_T")

#: What a seeded plan may do to each operation. After all of these the caller knows, or can find
#: out, that it was not served: what a store must not do at all (other bytes for a version, an
#: incomplete listing that claims to be whole) is for scripts.
SURVIVABLE: Final[Mapping[str, tuple[Fault, ...]]] = {
    "put": (fails(), loses_reply(), says_exists()),
    "log_get": (fails(),),
    "log_list": (fails(),),
    "delete": (fails(), loses_reply()),
    "list": (fails(), breaks_after(1), lists_twice()),
    "head": (fails(),),
    "get": (fails(),),
}


class FaultPlan(FaultScript[Fault]):
    """What becomes of each call to a store; the operations are listed above."""

    @classmethod
    def seeded(cls, seed: int, *, probability: float = 0.05) -> FaultPlan:
        """Let each call meet one of its operation's ``SURVIVABLE`` faults by chance.

        Args:
            seed: Equal seeds and equal calls give equal faults.
            probability: Of a fault at each call, 0 to 1.
        """
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        return cls(_dice=dice, _probability=probability, _choices=SURVIVABLE)

    def run(self, operation: str, key: str, call: Callable[[], _T]) -> _T:
        """Make a call, or what the plan makes of it."""
        fault = self.fault_for(operation, key)
        return call() if fault is None else cast("_T", fault.befall(call))

    @contextmanager
    def installed(self) -> Iterator[FaultPlan]:
        """Wrap every store that lakestream opens in this process until the block ends."""
        open_log, open_read = stores.open_log_store, stores.open_read_store

        def open_log_store(*args: Any, **options: Any) -> LogStore:  # noqa: ANN401 - handed on
            return FaultyLogStore(open_log(*args, **options), self)

        def open_read_store(*args: Any, **options: Any) -> ReadStore:  # noqa: ANN401 - handed on
            return FaultyReadStore(open_read(*args, **options), self)

        stores.open_log_store, stores.open_read_store = open_log_store, open_read_store
        try:
            yield self
        finally:
            stores.open_log_store, stores.open_read_store = open_log, open_read


def fail_nth(n: int, fault: Fault | None = None) -> FaultPlan:
    """Plan SQLite's loop: the n-th storage call of all (1 is the first) meets a fault.

    Run the work for n = 1, 2, ... and check it each time, until the plan was not ``reached``:
    then every call has failed once.
    """
    return FaultPlan().on("*", "*", fault or fails(), first=n)


class FaultyLogStore:
    """A log store under a plan; implements ``LogStore``."""

    def __init__(self, inner: LogStore, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    @property
    def uri(self) -> str:
        """The real store's."""
        return self._inner.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        """Operation ``put``."""
        return self._plan.run("put", key, lambda: self._inner.put_absent(key, data))

    def get(self, key: str) -> bytes:
        """Operation ``log_get``."""
        return self._plan.run("log_get", key, lambda: self._inner.get(key))

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Operation ``log_list``; its key is the prefix."""
        return self._plan.run(
            "log_list", prefix, lambda: self._inner.list(prefix, start_after=start_after)
        )

    def delete(self, keys: Sequence[str]) -> None:
        """Operation ``delete``; its key is all keys, joined by commas."""
        self._plan.run("delete", ",".join(keys), lambda: self._inner.delete(keys))


class FaultyReadStore:
    """A read store under a plan; implements ``ReadStore``."""

    def __init__(self, inner: ReadStore, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    @property
    def uri(self) -> str:
        """The real store's."""
        return self._inner.uri

    @property
    def lists_in_order(self) -> bool:
        """The real store's."""
        return self._inner.lists_in_order

    def uri_of(self, key: str) -> str:
        """The real store's."""
        return self._inner.uri_of(key)

    def list(
        self, prefix: str = "", *, start_after: str | None = None, parallelism: int = 1
    ) -> Iterator[RecordBatch]:
        """Operation ``list``; its key is the prefix."""
        yield from self._plan.run(
            "list",
            prefix,
            lambda: self._inner.list(prefix, start_after=start_after, parallelism=parallelism),
        )

    def head(self, key: str) -> ObjectInfo:
        """Operation ``head``."""
        return self._plan.run("head", key, lambda: self._inner.head(key))

    def get(self, info: ObjectInfo, *, start: int = 0, end: int | None = None) -> bytes:
        """Operation ``get``."""
        return self._plan.run("get", info.key, lambda: self._inner.get(info, start=start, end=end))

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        """Operation ``get`` for each object, one after another."""
        del max_buffered_bytes  # one object is held at a time
        for info in infos:
            try:
                yield self.get(info)
            except LakestreamError as error:
                yield error
