"""Pages of a listing as Arrow, built by the stores that do not give Arrow themselves."""

from __future__ import annotations

from collections.abc import Sequence
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


def page_of(
    keys: Sequence[str],
    modified_us: Sequence[int],
    sizes: Sequence[int],
    etags: Sequence[str | None],
    versions: Sequence[str | None],
) -> RecordBatch:
    """Give objects, column by column, as a batch of ``SCHEMA``."""
    utf8 = DataType.utf8()
    return RecordBatch.from_arrays(
        [
            Array(keys, utf8),
            Array(modified_us, DataType.int64()).cast(SCHEMA.field(1).type),
            Array(sizes, DataType.uint64()),
            Array(etags, utf8),
            Array(versions, utf8),
        ],
        schema=SCHEMA,
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
        batch = page_of(self._keys, self._modified, self._sizes, self._etags, self._versions)
        self._clear()
        return batch

    def _clear(self) -> None:
        self._keys: list[str] = []
        self._modified: list[int] = []
        self._sizes: list[int] = []
        self._etags: list[str | None] = []
        self._versions: list[str | None] = []
