"""Killing a process before or after its n-th mutating storage call or Delta commit.

The calls are found by wrapping the stores that lakestream opens and the sink's commit, so a
new call is swept without being listed anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lakestream.sinks import delta as delta_sink
from lakestream.storage import new_files, stores
from lakestream.storage.base import LogStore

When = Literal["before", "after"]


@dataclass
class KillSwitch:
    """Counts mutating calls; ends the process at one of them.

    Args:
        at: The call to die at, 0 first; None never dies.
        when: Before the call is made or after it has returned.
    """

    at: int | None = None
    when: When = "before"
    calls: list[str] = field(default_factory=list)

    def around(self, name: str, call: Any) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        if number == self.at and self.when == "before":
            os._exit(137)
        result = call()
        if number == self.at and self.when == "after":
            os._exit(137)
        return result

    def install(self) -> None:
        """Wrap every log store and file that is opened from now on, and every sink commit."""
        opened = stores.open_log_store
        switch = self

        def open_log_store(*args: Any, **options: Any) -> LogStore:
            return SwitchedLogStore(opened(*args, **options), switch)

        stores.open_log_store = open_log_store
        commit = delta_sink.DeltaInspection.commit

        def switched(inspection: Any, *args: Any, **options: Any) -> None:
            switch.around("delta commit", lambda: commit(inspection, *args, **options))

        delta_sink.DeltaInspection.commit = switched
        prepare = delta_sink.DeltaSink.prepare

        def switched_prepare(sink: Any, *args: Any, **options: Any) -> str:
            return str(switch.around("delta create", lambda: prepare(sink, *args, **options)))

        delta_sink.DeltaSink.prepare = switched_prepare
        made = new_files.new_file

        @contextmanager
        def switched_file(*args: Any) -> Iterator[Path]:
            switch.around("begin a file", lambda: None)
            with made(*args) as file:
                yield file
            switch.around("end a file", lambda: None)

        new_files.new_file = switched_file


class SwitchedLogStore:
    """A log store whose mutating calls go through a kill switch."""

    def __init__(self, inner: LogStore, switch: KillSwitch) -> None:
        self._inner = inner
        self._switch = switch

    @property
    def uri(self) -> str:
        return self._inner.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        return bool(self._switch.around(f"put {key}", lambda: self._inner.put_absent(key, data)))

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        return self._inner.list(prefix, start_after=start_after)

    def delete(self, keys: Sequence[str]) -> None:
        self._switch.around("delete", lambda: self._inner.delete(keys))
