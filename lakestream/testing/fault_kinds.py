"""What can befall a storage call."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from arro3.core import Array, DataType, RecordBatch

from lakestream.errors import LakestreamError, StorageUnavailableError

if TYPE_CHECKING:
    from lakestream.clock import Clock
    from lakestream.storage.base import ObjectInfo

Pages = Sequence[RecordBatch]


class Befall(Protocol):
    """Makes a call in a faulty way, or does not make it."""

    def __call__(self, call: Callable[[], Any]) -> object:
        """Give what the caller gets; raise what the caller sees."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A way for a call to go wrong; ``name`` is how plans count it."""

    name: str
    befall: Befall


def unavailable(where: str = "the test's store") -> StorageUnavailableError:
    """Build the error of a store that does not answer."""
    return StorageUnavailableError("the store did not answer", where=where, fix="try again")


def fails(error: LakestreamError | None = None) -> Fault:
    """The call is not made and raises; by default as if the store did not answer."""

    def befall(call: Callable[[], Any]) -> object:
        del call
        raise error or unavailable()

    return Fault("fails", befall)


def loses_reply() -> Fault:
    """The call is made, and then looks as if it had failed."""

    def befall(call: Callable[[], Any]) -> object:
        call()
        raise unavailable()

    return Fault("loses its reply", befall)


def says_exists() -> Fault:
    """A put is made, tried again by a library below us, and so answered with "exists"."""

    def befall(call: Callable[[], Any]) -> bool:
        call()
        return False

    return Fault("says exists", befall)


def delays(seconds: float, clock: Clock) -> Fault:
    """The call is made after a pause on a clock; with a ``ManualClock`` it takes no time."""

    def befall(call: Callable[[], Any]) -> object:
        clock.sleep(seconds)
        return call()

    return Fault("is late", befall)


def after(effect: Callable[[], object]) -> Fault:
    """Something happens in the world just before the call: content is swapped mid-read."""

    def befall(call: Callable[[], Any]) -> object:
        effect()
        return call()

    return Fault("comes after something", befall)


def gives(change: Callable[[bytes], bytes]) -> Fault:
    """A ``get`` gives other bytes than there are."""
    return Fault("gives other bytes", lambda call: change(call()))


def short_read(size_bytes: int) -> Fault:
    """A ``get`` gives only the first bytes and does not say so."""
    return Fault("reads short", lambda call: call()[:size_bytes])


def wrong_etag() -> Fault:
    """A ``head`` gives the entity tag of another version."""

    def befall(call: Callable[[], Any]) -> object:
        info: ObjectInfo = call()
        return msgspec.structs.replace(info, etag='"of-another-version"')

    return Fault("gives a wrong etag", befall)


def pages(change: Callable[[list[RecordBatch]], Pages], *, name: str = "lists otherwise") -> Fault:
    """A ``list`` gives other pages than there are."""

    def befall(call: Callable[[], Any]) -> Iterator[RecordBatch]:
        yield from change(list(call()))

    return Fault(name, befall)


def breaks_after(count: int) -> Fault:
    """A ``list`` gives that many entries and then no answer."""

    def befall(call: Callable[[], Any]) -> Iterator[RecordBatch]:
        yield from _one_by_one(list(call()))[:count]
        raise unavailable()

    return Fault("breaks off", befall)


def lists_twice() -> Fault:
    """A ``list`` gives every entry twice."""
    return pages(lambda there: [*there, *there], name="lists twice")


def lists_without(pattern: str) -> Fault:
    """A ``list`` leaves out the keys that match a glob, as if it were older than they are."""

    def change(there: list[RecordBatch]) -> Pages:
        return [
            row
            for row in _one_by_one(there)
            if not fnmatch.fnmatchcase(str(row.column("path")[0].as_py()), pattern)
        ]

    return pages(change, name="lists incompletely")


def lists_stale_etags() -> Fault:
    """A ``list`` gives the entity tags that its entries had before they were overwritten."""

    def change(there: list[RecordBatch]) -> Pages:
        return [_with_etag(page, '"of-an-older-version"') for page in there]

    return pages(change, name="lists stale entries")


def _one_by_one(there: list[RecordBatch]) -> list[RecordBatch]:
    return [page.slice(row, 1) for page in there for row in range(page.num_rows)]


def _with_etag(page: RecordBatch, etag: str) -> RecordBatch:
    place = page.schema.names.index("e_tag")
    tags = Array([etag] * page.num_rows, DataType.string())
    return page.set_column(place, page.schema.field("e_tag"), tags)
