"""A big object as a seekable file whose bytes are fetched a block at a time."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from lakestream.errors import LakestreamError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lakestream.storage.base import ObjectInfo, ReadStore

_BLOCK_BYTES: Final = 2 * 2**20
#: A Parquet reader goes back and forth between the columns of a row group: this many blocks
#: are kept, so that each of that many columns has its own.
_BLOCKS_KEPT: Final = 32


class RangedFile(io.RawIOBase):
    """One version of an object, readable at any position with flat memory (64 MB).

    Args:
        store: Where it is.
        info: The version to read.
    """

    def __init__(self, store: ReadStore, info: ObjectInfo) -> None:
        super().__init__()
        self._store = store
        self._info = info
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        #: What the store raised, for callers whose library wraps it in its own.
        self.failure: LakestreamError | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Give the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; no request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size_bytes}
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Read up to the end of one block.

        Raises:
            ObjectNotFoundError, ObjectChangedError, AccessDeniedError, StorageUnavailableError.

        Cost: one request when the block is not kept.
        """
        target = memoryview(buffer).cast("B")
        index, start = divmod(self._position, _BLOCK_BYTES)
        if self._position >= self._info.size_bytes:
            return 0
        data = self._block(index)[start : start + len(target)]
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _block(self, index: int) -> bytes:
        if index in self._blocks:
            self._blocks.move_to_end(index)
            return self._blocks[index]
        start = index * _BLOCK_BYTES
        end = min(start + _BLOCK_BYTES, self._info.size_bytes)
        try:
            data = self._store.get(self._info, start=start, end=end)
        except LakestreamError as error:
            self.failure = error
            raise
        self._blocks[index] = data
        if len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return data
