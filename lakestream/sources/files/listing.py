"""Pages of a listing as candidates: known files fall away first, since most are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, cast

from arro3.core import DataType, RecordBatch

from lakestream.sources.files.ledger_rows import TIMESTAMP, Candidate, values
from lakestream.storage.base import ReadStore

if TYPE_CHECKING:
    from lakestream.sources.files.passes import Pass

#: Files of one ledger entry; more are appended in several, so that memory stays flat.
ENTRY_FILES: Final = 50_000


def pages(
    store: ReadStore,
    prefix: str,
    fresh: Callable[[RecordBatch], Sequence[int]],
    takes: Callable[[Candidate], bool],
    look: Pass | None = None,
    *,
    parallelism: int = 1,
) -> Iterator[list[Candidate]]:
    """List what is below ``prefix`` and give each page's new files.

    Args:
        store: Where to list.
        prefix: Whole path segments below the store's root, or "".
        fresh: Gives the positions on a page of files that are not known.
        takes: Tells which of these belong to the source; asked for new files only.
        look: Where to begin; it is shown each page before that is given. None lists all.
        parallelism: Folders listed at the same time; a look that follows the order has none.

    Yields:
        One list a page, the empty ones included, so that the caller can look at the time.

    Cost: the listing's requests; memory of a page for each folder listed at the same time.
    """
    start_after = None if look is None else look.start_after
    if look is not None and look.keeps != "nothing":
        parallelism = 1
    for page in store.list(prefix, start_after=start_after, parallelism=parallelism):
        if look is not None:
            look.see(page)
        positions = fresh(page)
        if not positions:
            yield []
            continue
        found = candidates_of(page, positions)
        yield [each for each in found if takes(each)]


def modified_of(page: RecordBatch) -> list[int]:
    """Give when each file was written, in microseconds since 1970 UTC."""
    modified = page.column("last_modified").cast(TIMESTAMP).cast(DataType.int64())
    return cast("list[int]", modified.to_pylist())


def candidates_of(page: RecordBatch, positions: Sequence[int]) -> list[Candidate]:
    """Give some rows of a listing page."""
    columns = (
        modified_of(page),
        *(values(page, name) for name in ("path", "size", "e_tag", "version")),
    )
    if len(positions) == page.num_rows:
        return [Candidate(*each) for each in zip(*columns, strict=True)]
    return [Candidate(*(column[at] for column in columns)) for at in positions]
