"""``metadata``: who a checkpoint belongs to. Put once, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from lakestream.digest import sha256
from lakestream.errors import CheckpointCorruptError, CheckpointVersionError, ObjectNotFoundError
from lakestream.storage.base import LogStore

KEY: Final = "metadata"
#: The version of the checkpoint's layout that this code writes; newer ones are refused.
FORMAT_VERSION: Final = 1


class QueryMetadata(msgspec.Struct, frozen=True):
    """A query's identity.

    Args:
        id: The query's id, for the life of the checkpoint.
        name: The query's name.
        format_version: Of the checkpoint's layout.
        table_id: The id of the Delta table that it writes.
        sources: What may not change between runs, by source and name.
    """

    id: str
    name: str
    format_version: int
    table_id: str
    sources: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)


def load(store: LogStore) -> QueryMetadata | None:
    """Give the stored metadata, or None when there is none yet.

    Raises:
        CheckpointCorruptError: It is torn or altered.
        CheckpointVersionError: The checkpoint is of a newer lakestream.
    """
    try:
        data = store.get(KEY)
    except ObjectNotFoundError:
        return None
    return from_bytes(data, where=f"{store.uri}/{KEY}")


def create(store: LogStore, metadata: QueryMetadata) -> QueryMetadata:
    """Store metadata unless there is some.

    Returns:
        What is stored: of several callers all but one get the winner's, not their own.

    Atomic: yes.
    """
    if store.put_absent(KEY, to_bytes(metadata)):
        return metadata
    found = load(store)
    if found is None:
        raise CheckpointCorruptError(
            "the query's metadata went away while it was looked at",
            where=f"{store.uri}/{KEY}",
            fix="let nothing else delete files of the checkpoint, then run again",
        )
    return found


def to_bytes(metadata: QueryMetadata) -> bytes:
    """Give the stored form: JSON with a checksum over the rest."""
    tree = msgspec.structs.asdict(metadata)
    text = json.dumps({**tree, "checksum": _checksum(tree)}, indent=1, ensure_ascii=False)
    return text.encode()


def from_bytes(data: bytes, *, where: str) -> QueryMetadata:
    """Read the stored form.

    Raises:
        CheckpointCorruptError: It is torn or altered.
        CheckpointVersionError: It is of a newer version.
    """
    try:
        tree = json.loads(data)
        checksum = tree.pop("checksum")
        version = tree["format_version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _corrupt(where) from error
    if checksum != _checksum(tree):
        raise _corrupt(where)
    if version > FORMAT_VERSION:
        raise CheckpointVersionError(
            f"the checkpoint has format {version}, this lakestream reads {FORMAT_VERSION}",
            where=where,
            fix="run the lakestream version that wrote it, or a newer one",
        )
    return QueryMetadata(**tree)


def _checksum(tree: Mapping[str, object]) -> str:
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def _corrupt(where: str) -> CheckpointCorruptError:
    return CheckpointCorruptError(
        "the query's metadata cannot be read",
        where=where,
        fix="restore the checkpoint folder from a backup, or reset the table",
    )
