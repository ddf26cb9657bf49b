"""A log store to try things on: reads show the real one, writes stay in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from lakestream.errors import ObjectNotFoundError
from lakestream.storage.base import LogStore


class RehearsalLogStore:
    """What ``preview``, ``validate`` and ``status`` run on: the real code, nothing written.

    Args:
        real: The checkpoint; it is only read.
    """

    def __init__(self, real: LogStore) -> None:
        self._real = real
        self._written: dict[str, bytes] = {}
        self._deleted: set[str] = set()
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The real store's root."""
        return self._real.uri

    def put_absent(self, key: str, data: bytes) -> bool:
        """Create ``key`` in memory unless it is there or in the real store."""
        with self._lock:
            if key in self._written or (key not in self._deleted and self._stored(key)):
                return False
            self._written[key] = data
            return True

    def get(self, key: str) -> bytes:
        """Read from memory, else from the real store."""
        if key in self._written:
            return self._written[key]
        if key in self._deleted:
            raise ObjectNotFoundError("the object was deleted", where=f"{self.uri}/{key}")
        return self._real.get(key)

    def list(self, prefix: str, *, start_after: str | None = None) -> list[str]:
        """Give the keys of both, sorted."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        keys = {key for key in self._written if key.startswith(folder)}
        keys |= set(self._real.list(prefix, start_after=start_after)) - self._deleted
        return sorted(key for key in keys if start_after is None or key > start_after)

    def delete(self, keys: Sequence[str]) -> None:
        """Hide the keys; the real store keeps them."""
        with self._lock:
            for key in keys:
                self._written.pop(key, None)
            self._deleted.update(keys)

    def _stored(self, key: str) -> bool:
        try:
            self._real.get(key)
        except ObjectNotFoundError:
            return False
        return True
