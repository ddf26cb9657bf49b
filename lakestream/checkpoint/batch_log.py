"""Entries of one kind, one for each batch, put once and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from lakestream.checkpoint.log import EntryLog

if TYPE_CHECKING:
    from lakestream.storage.base import LogStore


class _OfBatch(Protocol):
    @property
    def batch_id(self) -> int: ...


Entry = TypeVar("Entry", bound=_OfBatch)
_Entry_co = TypeVar("_Entry_co", bound=_OfBatch, covariant=True)
_Entry_contra = TypeVar("_Entry_contra", bound=_OfBatch, contravariant=True)


class _ToBytes(Protocol[_Entry_contra]):
    def __call__(self, entry: _Entry_contra, /) -> bytes: ...


class _FromBytes(Protocol[_Entry_co]):
    def __call__(self, data: bytes, batch_id: int, /, *, where: str) -> _Entry_co: ...


class BatchLog(Generic[Entry]):
    """A folder of the checkpoint with an entry for each batch.

    Args:
        store: The checkpoint.
        folder: Its folder.
        to_bytes: Gives an entry's stored form.
        from_bytes: Reads it, or raises what is wrong with it.
    """

    def __init__(
        self,
        store: LogStore,
        folder: str,
        *,
        to_bytes: _ToBytes[Entry],
        from_bytes: _FromBytes[Entry],
    ) -> None:
        self._log = EntryLog(store, folder)
        self._to_bytes = to_bytes
        self._from_bytes = from_bytes

    def append(self, entry: Entry) -> bool:
        """Write an entry unless its batch has one. Atomic, one request."""
        return self._log.append(entry.batch_id, self._to_bytes(entry))

    def read(self, batch_id: int) -> Entry | None:
        """Give the entry of a batch, or None.

        Raises:
            CheckpointCorruptError: It is torn or altered.
            CheckpointVersionError: It is of a newer version.
        """
        data = self._log.read(batch_id)
        return None if data is None else self._from_bytes(data, batch_id, where=self._log.where)

    def ids(self) -> list[int]:
        """Give the batches that have an entry, in order."""
        return self._log.ids()

    def newest(self) -> int | None:
        """Give the newest batch that has an entry, or None."""
        return self._log.newest()

    def delete(self, batch_ids: list[int]) -> None:
        """Delete entries; those that are not there are no error."""
        self._log.delete(batch_ids)
