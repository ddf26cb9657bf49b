"""What a table may use so that its files can be read as they are.

Source: the Delta protocol, "Reader Version Requirements" and "Table Features".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from lakestream.errors import TableFeatureError

#: Features that change nothing for a reader of whole files, or are checked where they matter:
#: deletion vectors file by file, column mapping by its mode.
_READABLE: Final = frozenset(
    {
        "timestampNtz", "columnMapping", "deletionVectors", "v2Checkpoint",
        "vacuumProtocolCheck", "domainMetadata",
    }
)  # fmt: skip
_MAPPING: Final = "delta.columnMapping.mode"


def check_readable(
    features: Collection[str], configuration: Mapping[str, str | None], *, where: str
) -> None:
    """Check that rows can be read from a table's files.

    Raises:
        TableFeatureError: A feature is used that lakestream does not read.
    """
    if unknown := sorted(set(features) - _READABLE):
        raise TableFeatureError(
            f"the table needs a reader of {', '.join(unknown)}",
            where=where,
            fix="drop the feature from the table, or copy it into a table without",
        )
    if (configuration.get(_MAPPING) or "none") != "none":
        raise TableFeatureError(
            "the table maps its column names",
            where=where,
            fix=f"copy it into a table without {_MAPPING}",
        )


def refuse_deletion_vectors(count: int, *, where: str) -> None:
    """Refuse files that have rows deleted beside them.

    Raises:
        TableFeatureError: There is one.
    """
    if count:
        raise TableFeatureError(
            f"{count} files of the table have deletion vectors",
            where=where,
            fix="run REORG TABLE ... APPLY (PURGE) on it, and disable delta.enableDeletionVectors",
        )
