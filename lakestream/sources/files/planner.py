"""Offsets of the file source and where a batch ends. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import msgspec

from lakestream.checkpoint.offset_log import Offset
from lakestream.errors import CheckpointCorruptError
from lakestream.sources.base import ReadLimit

#: The offset before the first file.
BEFORE_FIRST: Final = -1
_SOURCE_VERSION: Final = 1


class Sized(msgspec.Struct, frozen=True, gc=False):
    """A ledger row as the planner sees it: its place, and its size (None: not to be read)."""

    seq: int
    size_bytes: int | None


def to_offset(seq: int, *, actions: int = 0) -> Offset:
    """Write a place in the ledger as the offset log has it (Auto Loader's names).

    Args:
        seq: The place.
        actions: How many file actions the batch that ends there was planned with.
    """
    pinned = f',"fileActions":{actions}' if actions else ""
    return Offset(f'{{"seqNum":{seq},"sourceVersion":{_SOURCE_VERSION}{pinned}}}')


def from_offset(offset: Offset) -> int:
    """Read a place in the ledger.

    Raises:
        CheckpointCorruptError: It is no offset of a file source.
    """
    return _number(offset, "seqNum", BEFORE_FIRST)


def actions_of(offset: Offset) -> int:
    """Read how many file actions a batch was planned with.

    Raises:
        CheckpointCorruptError: It is no offset of a file source.
    """
    return _number(offset, "fileActions", 0, absent=0)


def _number(offset: Offset, name: str, least: int, *, absent: int | None = None) -> int:
    try:
        tree = json.loads(offset)
        found = tree[name] if absent is None else tree.get(name, absent)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_offset() from error
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise _no_offset()
    return found


def _no_offset() -> CheckpointCorruptError:
    return CheckpointCorruptError(
        "an entry of the offset log is no offset of a file source",
        fix="restore the checkpoint folder from a backup, or reset the table",
    )


def batch_end(rows: Iterable[Sized], limit: ReadLimit) -> int | None:
    """Pick the last row of the next batch.

    Args:
        rows: What lies after the start, in order; only as many are taken as are needed.
        limit: Files hard; bytes soft: the file that crosses is taken, so one always is.

    Returns:
        The place of the last file that enters, or None when there is no file to read.
    """
    end, files, size_bytes = None, 0, 0
    for row in rows:
        if row.size_bytes is None:
            continue
        if limit.max_files is not None and files >= limit.max_files:
            break
        end = row.seq
        files += 1
        size_bytes += row.size_bytes
        if limit.max_bytes is not None and size_bytes >= limit.max_bytes:
            break
    return end
