"""What makes two sightings of a file the same one: its path, or its path and its version.

A version is known by its entity tag, since every listing and every message about a file has
that one; by its version id where there is no tag; by size and time only for want of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from arro3.core import DataType

from lakestream.sources.files.ledger_rows import Candidate, values

if TYPE_CHECKING:
    from arro3.core import RecordBatch

#: Between path and version: no version holds it, so the last one in an identity divides it.
_DIVIDER: Final = "\0"
_OF_PAGE: Final = ("path", "e_tag", "version", "size", "last_modified")
_OF_LEDGER: Final = ("key", "etag", "version", "size", "mtime")


def of_page(page: RecordBatch, *, versions: bool) -> list[str]:
    """Give the identities of a listing page's files."""
    return _identities(page, _OF_PAGE, versions=versions)


def of_rows(rows: RecordBatch, *, versions: bool) -> list[str]:
    """Give the identities of ledger rows."""
    return _identities(rows, _OF_LEDGER, versions=versions)


def of_candidates(candidates: Sequence[Candidate], *, versions: bool) -> list[str]:
    """Give the identities of files on their way into the ledger."""
    if not versions:
        return [each.key for each in candidates]
    return [
        f"{each.key}{_DIVIDER}"
        + _version(each.etag, each.version, each.size_bytes, each.modified_us)
        for each in candidates
    ]


def key_of(identity: str, *, versions: bool) -> str:
    """Give the key in an identity."""
    return identity.rpartition(_DIVIDER)[0] if versions else identity


def _identities(batch: RecordBatch, names: tuple[str, ...], *, versions: bool) -> list[str]:
    keys = cast("list[str]", values(batch, names[0]))
    if not versions:
        return keys
    moments = batch.column(names[4]).cast(DataType.timestamp("us", tz="UTC"))
    parts = zip(
        *(values(batch, name) for name in names[1:4]),
        cast("list[int]", moments.cast(DataType.int64()).to_pylist()),
        strict=True,
    )
    return [f"{key}{_DIVIDER}{_version(*part)}" for key, part in zip(keys, parts, strict=True)]


def _version(etag: str | None, version: str | None, size_bytes: int, modified_us: int) -> str:
    """Name a version. Messages give the tag bare, listings quoted, caches with ``W/``."""
    if etag is not None and (tag := etag.removeprefix("W/").strip('"')):
        return f"e{tag}"
    return f"v{version}" if version is not None else f"{size_bytes}@{modified_us}"
