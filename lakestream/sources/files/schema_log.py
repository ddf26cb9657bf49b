"""The schemas that a source has had: ``sources/<name>/schemas/<n>``, newest last."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, cast

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.clock import Clock
from lakestream.errors import CheckpointCorruptError, PlanError
from lakestream.plan import types as t
from lakestream.storage.base import LogStore

_FORMAT_VERSION: Final = 1
_WIDTH: Final = 20

#: Why a version was stored: ``inferred`` at the first start, a ``hint``, or ``files`` with news.
Cause = Literal["inferred", "hint", "files"]


class StoredSchema(msgspec.Struct, frozen=True):
    """One version.

    Args:
        data: The columns looked for in the files.
        partitions: The columns taken from folder names; they win over ``data``'s.
    """

    data: t.Struct
    partitions: t.Struct


class StoredVersion(msgspec.Struct, frozen=True):
    """One version with its story.

    Args:
        number: 0, 1, 2, ...
        schema: The columns.
        at: When it was stored, aware UTC; None in checkpoints from before it was kept.
        cause: Why; None likewise.
    """

    number: int
    schema: StoredSchema
    at: datetime | None
    cause: Cause | None


class SchemaLog:
    """Reads and appends schema versions.

    Args:
        store: The checkpoint.
        folder: ``sources/<name>/schemas``.
        options: What else shaped the rows (format and its options), for people.
        clock: For when.
    """

    def __init__(
        self, store: LogStore, folder: str, options: Mapping[str, str], clock: Clock
    ) -> None:
        self._clock = clock
        self._log = EntryLog(store, folder, width=_WIDTH)
        self._where = f"{store.uri}/{folder}"
        self._options = dict(options)

    def newest(self) -> StoredSchema | None:
        """Load the newest version, or None before the first.

        Raises:
            CheckpointCorruptError: It cannot be read.
        """
        number = self._log.newest()
        return None if number is None else self._read(number).schema

    def history(self) -> list[StoredVersion]:
        """Load all versions, oldest first. Cost: a request each.

        Raises:
            CheckpointCorruptError: One cannot be read.
        """
        return [self._read(number) for number in self._log.ids()]

    def _read(self, number: int) -> StoredVersion:
        where = f"{self._where}/{number}"
        data = self._log.read(number)
        try:
            tree = json.loads(data or b"")
            schema = StoredSchema(
                _struct(t.from_json(tree["data"])), _struct(t.from_json(tree["partitions"]))
            )
            at = datetime.fromisoformat(tree["at"]) if "at" in tree else None
            found = StoredVersion(number, schema, at, cast("Cause | None", tree.get("cause")))
        except (ValueError, KeyError, TypeError, PlanError) as error:
            raise CheckpointCorruptError(
                "a stored schema cannot be read",
                where=where,
                fix="restore the checkpoint folder from a backup",
            ) from error
        return found

    def evolve(
        self, change: Callable[[StoredSchema | None], StoredSchema], *, cause: Cause
    ) -> StoredSchema:
        """Append what ``change`` makes of the newest version, and give what is newest then.

        Several processes may evolve at once: who is refused applies its change to the winner's
        version. A change that alters nothing appends nothing.
        """
        while True:
            number = self._log.newest()
            newest = None if number is None else self._read(number).schema
            wanted = change(newest)
            following = 0 if number is None else number + 1
            if wanted == newest or self._log.append(following, self._text(wanted, cause)):
                return wanted

    def _text(self, schema: StoredSchema, cause: Cause) -> bytes:
        tree = {
            "version": _FORMAT_VERSION,
            "at": self._clock.now().isoformat(),
            "cause": cause,
            "data": t.to_json(schema.data),
            "partitions": t.to_json(schema.partitions),
            "options": self._options,
        }
        return json.dumps(tree, separators=(",", ":")).encode()


def _struct(kind: t.SparkType) -> t.Struct:
    if not isinstance(kind, t.Struct):
        raise TypeError("not a struct")
    return kind
