"""The one primitive of a checkpoint: an append-only log whose entry N is put if absent."""

from __future__ import annotations

from collections.abc import Iterable

from lakestream.errors import ObjectNotFoundError
from lakestream.storage.base import LogStore


class EntryLog:
    """Numbered entries in a folder. Every append is a compare-and-set of one request.

    Args:
        store: The checkpoint.
        folder: The folder's key.
        width: Names are padded with zeros to this width; 0 does not pad (as Spark writes).
    """

    def __init__(self, store: LogStore, folder: str, *, width: int = 0) -> None:
        self._store = store
        self._folder = folder
        self._width = width

    @property
    def where(self) -> str:
        """The folder's URI, for messages."""
        return f"{self._store.uri}/{self._folder}"

    def append(self, entry_id: int, data: bytes) -> bool:
        """Create an entry unless it exists.

        Returns:
            False when it exists, by another writer or by an own try whose reply was lost.

        Atomic: yes. Cost: one request.
        """
        return self._store.put_absent(self._key(entry_id), data)

    def read(self, entry_id: int) -> bytes | None:
        """Give an entry, or None."""
        try:
            return self._store.get(self._key(entry_id))
        except ObjectNotFoundError:
            return None

    def ids(self) -> list[int]:
        """Give the ids that are there, in numeric order; other names are not looked at."""
        skip = len(self._folder) + 1
        names = (key[skip:] for key in self._store.list(self._folder))
        return sorted(number for name in names if (number := self._number(name)) is not None)

    def newest(self) -> int | None:
        """Give the greatest id, or None when the log is empty."""
        return max(self.ids(), default=None)

    def delete(self, ids: Iterable[int]) -> None:
        """Delete entries; those that are not there are no error."""
        keys = [self._key(each) for each in ids]
        if keys:
            self._store.delete(keys)

    def _key(self, entry_id: int) -> str:
        assert entry_id >= 0, "entries are numbered from 0"  # noqa: S101
        return f"{self._folder}/{entry_id:0{self._width}d}"

    def _number(self, name: str) -> int | None:
        if not (name.isascii() and name.isdigit()):
            return None
        number = int(name)
        return number if f"{number:0{self._width}d}" == name else None
