"""The one way rows enter a table: a fenced append through a handle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakestream.delta.errors import Otherwise, translated
from lakestream.delta.features import check_deletable, check_writable, maps_names
from lakestream.errors import AccessDeniedError, SinkSchemaError, StorageUnavailableError
from lakestream.storage.location import parse_location

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader
    from deltalake import DeltaTable

#: zstd level 1 costs 12 % more CPU than snappy and halves the bytes; small row groups cost half
#: as much again in both (read_engines.md, 4). A column of many values gives its dictionary up
#: at 128 KB: 8 % less CPU than at the usual 1 MB, and fewer bytes.
ROW_GROUP_ROWS: Final = 2**20
DICTIONARY_BYTES: Final = 2**17
#: What a column's metadata may hold its values to.
_RULES: Final = {"delta.generationExpression": "GENERATED", "delta.invariants": "INVARIANT"}
#: Not every system can ask for the effective user.
_BY_EFFECT: Final = os.access in os.supports_effective_ids
_OTHERWISE: Final = Otherwise(
    StorageUnavailableError,
    "the rows could not be written",
    "the cause says why; the batch is redone from its plan",
)


def append(
    table: DeltaTable,
    stream: RecordBatchReader,
    *,
    marks: Mapping[str, int],
    metadata: Mapping[str, object],
    merge: bool,
    where: str,
) -> None:
    """Append a stream's rows, new columns, marks and metadata as one commit.

    Args:
        table: The handle that the marks were read from: a commit that carries one of ``marks``
            and is newer than it makes this one fail, which is the fence. Never a URI.
        stream: The rows; an empty stream still commits the marks.
        marks: Application transactions, written without ``last_updated`` (they never expire).
        metadata: Goes into the commit's ``commitInfo`` under ``lakestream``.
        merge: Add the stream's columns that the table lacks, fill those the stream lacks.
        where: The table, for messages.

    Raises:
        CommitConflictError: Another writer's commit excludes this one.
        TableFeatureError: The table asks for more of its writers than appends need.
        SinkSchemaError, SinkReplacedError, StorageUnavailableError.
        AccessDeniedError: A local disk's folder may not be written to.

    Delivery: whatever is raised, the commit may have happened; look at the marks again.
    Atomic: yes. Files of a commit that failed stay behind until a vacuum.
    """
    from deltalake import (
        CommitProperties,
        Transaction,
        WriterProperties,
        write_deltalake,
    )

    properties = CommitProperties(
        custom_metadata={"lakestream": dict(metadata)},
        app_transactions=[Transaction(app, version) for app, version in marks.items()],
    )
    check_writable(table, where=where)
    if merge and maps_names(table.metadata().configuration):
        raise SinkSchemaError(
            "the stream's columns differ from those of the table, which maps their names",
            where=where,
            fix="select all of the table's columns and no other; new ones are added by the engine "
            "that made the table so",
        )
    conditions = _conditions(table)
    otherwise = _refused(conditions) if conditions else _OTHERWISE
    try:
        with translated(where=where, otherwise=otherwise):
            write_deltalake(
                table,
                stream,
                mode="append",
                schema_mode="merge" if merge else None,
                writer_properties=WriterProperties(
                    compression="ZSTD",
                    compression_level=1,
                    max_row_group_size=ROW_GROUP_ROWS,
                    dictionary_page_size_limit=DICTIONARY_BYTES,
                ),
                commit_properties=properties,
            )
    except StorageUnavailableError as error:
        _check_access(table, where=where, cause=error)
        raise
    except SinkSchemaError as error:
        _check_access(table, where=where, cause=error)
        if conditions:
            raise error from None  # deltalake's own text shows the refused rows
        raise


def _check_access(table: DeltaTable, *, where: str, cause: BaseException) -> None:
    """Raise what deltalake has no class for: that a local disk denies writing."""
    location = parse_location(table.table_uri)
    if not location.is_local:
        return
    for below in ("", "/_delta_log"):
        folder = Path(location.local_path.rstrip("/") + below)
        is_open = os.access(folder, os.W_OK | os.X_OK, effective_ids=_BY_EFFECT)
        if folder.is_dir() and not is_open:
            raise AccessDeniedError(
                "the operating system denies writing",
                where=where + below,
                fix="check owner and mode",
            ) from cause


def _conditions(table: DeltaTable) -> list[str]:
    """Name what the table holds each row to, by its columns and by CHECK constraints."""
    prefix = "delta.constraints."
    settings = table.metadata().configuration
    checks = [f"CHECK {name[len(prefix) :]}" for name in settings if name.startswith(prefix)]
    return [*_held(json.loads(table.schema().to_json()), ""), *checks]


def _held(kind: object, path: str) -> Iterator[str]:
    """Name what a type, as a table's log has it, holds its values to, at any depth."""
    match kind:
        case {"type": "struct", "fields": fields}:
            for each in fields:
                name = f"{path}{each['name']}"
                if not each["nullable"]:
                    yield f"NOT NULL {name}"
                rules = each.get("metadata", {})
                yield from (f"{rule} {name}" for key, rule in _RULES.items() if key in rules)
                yield from _held(each["type"], f"{name}.")
        case {"type": "array", "elementType": element}:
            yield from _held(element, f"{path}element.")
        case {"type": "map", "valueType": value, "valueContainsNull": may_be_null}:
            if not may_be_null:
                yield f"NOT NULL {path}value"
            yield from _held(value, f"{path}value.")


def _refused(conditions: list[str]) -> Otherwise:
    """Say what a failed write means here: deltalake has no class of its own for refused rows."""
    return Otherwise(
        SinkSchemaError,
        f"the rows could not be written; the table holds them to {', '.join(conditions)}",
        'leave out rows that break it (filter, or an expectation with on_fail="drop"); if none '
        "does, the table's storage failed: run again",
    )


def delete_all(table: DeltaTable, *, where: str) -> None:
    """Delete every row in one commit; files stay until a vacuum, so older versions read on.

    Raises:
        TableFeatureError: The table is append-only, or asks too much of its writers.
        CommitConflictError, StorageUnavailableError: Nothing was deleted.

    Atomic: yes.
    """
    check_deletable(table, where=where)
    otherwise = Otherwise(
        StorageUnavailableError, "the rows could not be deleted", "the cause says why"
    )
    with translated(where=where, otherwise=otherwise):
        table.delete()
