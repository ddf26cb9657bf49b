"""What a table may use so that its files can be read as they are, and rows appended.

Source: the Delta protocol, "Reader Version Requirements" and "Table Features".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from lakestream.errors import TableFeatureError

if TYPE_CHECKING:
    from lakestream.delta.table import Table

#: Features that change nothing for a reader of whole files, or are checked where they matter:
#: deletion vectors file by file, column mapping by its mode.
_READABLE: Final = frozenset(
    {
        "timestampNtz", "columnMapping", "deletionVectors", "v2Checkpoint",
        "vacuumProtocolCheck", "domainMetadata",
    }
)  # fmt: skip
#: Features under which deltalake appends. To the others it says "conflict", as to a commit that
#: came second: test_table_with_a_writer_feature_that_is_not_ours_is_refused_by_name.
_WRITABLE: Final = frozenset(
    {
        "appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns",
        "columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "variantType",
        "variantType-preview",
    }
)  # fmt: skip
#: The writer version that has identity columns, and the one whose features are named one by one.
_WITH_IDENTITY: Final = 6
_NAMED: Final = 7
_MAPPING: Final = "delta.columnMapping.mode"
_APPEND_ONLY: Final = "delta.appendOnly"


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
    if maps_names(configuration):
        raise TableFeatureError(
            "the table maps its column names",
            where=where,
            fix=f"copy it into a table without {_MAPPING}",
        )


def maps_names(configuration: Mapping[str, str | None]) -> bool:
    """Tell whether a table's files have its columns under other names."""
    return (configuration.get(_MAPPING) or "none") != "none"


def check_writable(table: Table, *, where: str) -> None:
    """Check that a writer of appends knows all that a table asks of it.

    Raises:
        TableFeatureError: It does not.
    """
    protocol = table.protocol()
    unknown = sorted(set(protocol.writer_features or []) - _WRITABLE)
    if protocol.min_writer_version == _WITH_IDENTITY:
        unknown = ["identityColumns"]
    elif protocol.min_writer_version > _NAMED:
        unknown = [f"version {protocol.min_writer_version}"]
    if unknown:
        raise TableFeatureError(
            f"the table needs a writer of {', '.join(unknown)}",
            where=where,
            fix="drop the feature from the table, or write to a table without",
        )


def check_deletable(table: Table, *, where: str) -> None:
    """Check that a table's rows may be deleted.

    Raises:
        TableFeatureError: They may not.
    """
    check_writable(table, where=where)
    if str(table.metadata().configuration.get(_APPEND_ONLY)).lower() == "true":
        raise TableFeatureError(
            "the table is append-only, so that its rows cannot be deleted",
            where=where,
            fix=f"unset {_APPEND_ONLY} first, or leave the rows there",
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
