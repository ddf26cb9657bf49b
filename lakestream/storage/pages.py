"""Pages of a listing as Arrow, built by the stores that do not give Arrow themselves."""

from __future__ import annotations

from typing import Final

from arro3.core import Array, DataType, Field, RecordBatch, Schema

#: Objects in one page: enough to make Arrow's cost per page vanish, a few MB of memory.
PAGE_ROWS: Final = 10_000
SCHEMA: Final = Schema(
    [
        Field("path", DataType.utf8(), nullable=False),
        Field("last_modified", DataType.timestamp("us", tz="UTC"), nullable=False),
        Field("size", DataType.uint64(), nullable=False),
        Field("e_tag", DataType.utf8(), nullable=True),
        Field("version", DataType.utf8(), nullable=True),
    ]
)


class PageBuilder:
    """Collects objects until a page is full."""

    def __init__(self) -> None:
        self._clear()

    def __len__(self) -> int:
        """Give the number of objects collected."""
        return len(self._keys)

    @property
    def is_full(self) -> bool:
        """Whether it is time to take the page."""
        return len(self._keys) >= PAGE_ROWS

    def add(
        self, key: str, size: int, modified_us: int, etag: str | None, version: str | None
    ) -> None:
        """Collect one object."""
        self._keys.append(key)
        self._modified.append(modified_us)
        self._sizes.append(size)
        self._etags.append(etag)
        self._versions.append(version)

    def take(self) -> RecordBatch:
        """Give what was collected as a batch of ``SCHEMA`` and start anew."""
        utf8 = DataType.utf8()
        batch = RecordBatch.from_arrays(
            [
                Array(self._keys, utf8),
                Array(self._modified, DataType.int64()).cast(SCHEMA.field(1).type),
                Array(self._sizes, DataType.uint64()),
                Array(self._etags, utf8),
                Array(self._versions, utf8),
            ],
            schema=SCHEMA,
        )
        self._clear()
        return batch

    def _clear(self) -> None:
        self._keys: list[str] = []
        self._modified: list[int] = []
        self._sizes: list[int] = []
        self._etags: list[str | None] = []
        self._versions: list[str | None] = []
