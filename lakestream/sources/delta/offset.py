"""Positions in a Delta table's history, in Spark's JSON.

Source: Spark's ``DeltaSourceOffset``. ``isStartingVersion`` says that the position lies inside
the initial snapshot; ``index`` is the last file taken of ``reservoirVersion``, -1 for none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from lakestream.errors import CheckpointCorruptError, CheckpointVersionError
from lakestream.sources.base import Offset

_VERSION: Final = 1
#: The index before a version's first file.
BASE_INDEX: Final = -1


@dataclass(frozen=True, slots=True)
class DeltaOffset:
    """After file ``index`` of ``version``; ``(v + 1, -1)`` is after all of ``v``."""

    table_id: str
    version: int
    index: int = BASE_INDEX
    in_snapshot: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """What orders offsets. A snapshot's version is never read as a commit as well."""
        return self.version, self.index

    def text(self) -> Offset:
        """Give the offset as it stands in the offset log, byte for byte as Spark writes it."""
        fields = {
            "sourceVersion": _VERSION,
            "reservoirId": self.table_id,
            "reservoirVersion": self.version,
            "index": self.index,
            "isStartingVersion": self.in_snapshot,
        }
        return Offset(json.dumps(fields, separators=(",", ":")))

    @classmethod
    def parse(cls, text: str, *, where: str) -> DeltaOffset:
        """Read an offset that this class or Spark wrote.

        Raises:
            CheckpointVersionError: It is of a kind that only Spark's schema tracking has.
            CheckpointCorruptError: It is no offset of a Delta source.
        """
        try:
            fields = json.loads(text)
            kind = int(fields["sourceVersion"])
            found = cls(
                str(fields["reservoirId"]),
                int(fields["reservoirVersion"]),
                int(fields["index"]),
                bool(fields["isStartingVersion"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointCorruptError(
                "an offset is no Delta source's offset", where=where, fix="reset the query"
            ) from error
        if kind != _VERSION or found.index < BASE_INDEX:
            raise CheckpointVersionError(
                "an offset stands at a schema change that another engine tracks",
                where=where,
                fix="let that engine finish the batch, then run again",
            )
        return found
