"""The columns that a Delta source has had, in its folder of the checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakestream.checkpoint.log import EntryLog
from lakestream.errors import CheckpointCorruptError, PlanError
from lakestream.plan.types import Struct, from_json, to_json
from lakestream.sources.delta.changes import check_grown

if TYPE_CHECKING:
    from lakestream.sources.base import SourceContext


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    schema: Struct

    def dump(self) -> bytes:
        tree = {"version": self.version, "schema": to_json(self.schema)}
        return json.dumps(tree, separators=(",", ":")).encode()

    @classmethod
    def load(cls, data: bytes) -> _Entry:
        tree = json.loads(data)
        schema = from_json(tree["schema"])
        if not isinstance(schema, Struct):
            raise TypeError("not a struct")
        return cls(int(tree["version"]), schema)


class SourceSchemas:
    """Remembers across restarts which columns were read, so that a dropped one is noticed.

    Args:
        context: The source's place in the checkpoint.
        where: The table, for messages.
    """

    def __init__(self, context: SourceContext, *, where: str) -> None:
        self._log = EntryLog(context.log, f"sources/{context.name}/schemas")
        self._where = where
        self._number = self._log.newest()
        self._current = None if self._number is None else self._load(self._number)

    @property
    def current(self) -> Struct | None:
        """The newest columns; None before the first start."""
        return None if self._current is None else self._current.schema

    def adopt(self, found: Struct, *, version: int, operation: str) -> None:
        """Take the columns that a table has from ``version`` on as the source's.

        Versions that are older than the newest known columns change nothing: their files are
        read with what the table has now. Safe to run from several processes at once.

        Raises:
            DeltaChangeError: They do not only add to the ones before.
        """
        while self._current is None or version > self._current.version:
            if self._current is not None:
                check_grown(
                    self._current.schema,
                    found,
                    version=version,
                    operation=operation,
                    where=self._where,
                )
                if self._current.schema == found:
                    return
            self._append(_Entry(version, found))

    def _append(self, entry: _Entry) -> None:
        """Store an entry as the next one, or take the one that another process stored there."""
        number = 0 if self._number is None else self._number + 1
        stored = self._log.append(number, entry.dump())
        self._number, self._current = number, entry if stored else self._load(number)

    def _load(self, number: int) -> _Entry:
        try:
            return _Entry.load(self._log.read(number) or b"")
        except (ValueError, KeyError, TypeError, PlanError) as error:
            raise CheckpointCorruptError(
                f"schema {number} of the source cannot be read",
                where=self._where,
                fix="bring the checkpoint back from a backup, or reset the query",
            ) from error
