"""Wider types for a table's columns: all files that hold them written anew, in one commit.

deltalake neither knows the table feature ``typeWidening`` (it refuses such tables) nor makes a
commit that replaces files without changing data (its ``create_write_transaction`` marks what it
removes as deleted rows). So this commit's log entry is written here: the wider ``metaData``, the
old files removed and the new ones added, each with ``dataChange`` false, as a compaction has it.
Readers of appends (Spark's, ours) see no row twice, and older versions read on until a vacuum.

The entry is put-if-absent under the version behind the one that was read, which is Delta's own
rule for a commit. So any commit that came first excludes it, and it excludes any that was
prepared before it: it carries no mark of its own, since it brings no row. Source: the Delta
protocol, "Delta Log Entries" and "Actions".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from lakestream.clock import SYSTEM_CLOCK, epoch_ms
from lakestream.delta.durability import damaged, sync
from lakestream.delta.errors import Otherwise, translated
from lakestream.delta.files import FileReader
from lakestream.delta.log import WIDENED, AddFile, DeltaLog
from lakestream.delta.rewrite import FileStatistics, partition_text, rewritten
from lakestream.delta.snapshot import DataFile, check_table, snapshot_of
from lakestream.delta.table import table_schema
from lakestream.errors import (
    CommitConflictError,
    SinkDamagedError,
    SinkError,
    SinkSchemaError,
    StorageUnavailableError,
    TableFeatureError,
)
from lakestream.plan import types as t
from lakestream.plan.schema_diff import schema_changes
from lakestream.storage import stores
from lakestream.storage.location import parse_location

if TYPE_CHECKING:
    from lakestream.delta.table import Table, TableAddress
    from lakestream.storage.base import LogStore

#: What the commit's ``commitInfo`` says; it shows in the table's history.
OPERATION: Final = "WIDEN COLUMNS"
#: A folder that Delta's readers skip: where the store is probed.
_PROBED: Final = "_lakestream"
#: Writer features under which files may be replaced by what holds the same rows.
_WRITABLE: Final = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "timestampNtz",
     "generatedColumns", "columnMapping", "deletionVectors", "v2Checkpoint",
     "vacuumProtocolCheck"}
)  # fmt: skip
#: Types whose texts in a log are also texts of the narrower ones.
_PARTITION_TYPES: Final = (t.SHORT, t.INT, t.LONG, t.DOUBLE)
#: Field metadata that a new type would contradict.
_GENERATED: Final = ("delta.generationExpression", "delta.identity.start")
_FEATURE: Final = "timestampNtz"
#: What writers of a protocol's number and of later ones support, by deltalake's names; of those
#: that are not here no table is widened.
_BY_NUMBER: Final = (
    (2, "AppendOnly"), (2, "Invariants"), (3, "CheckConstraints"), (4, "ChangeDataFeed"),
    (4, "GeneratedColumns"),
)  # fmt: skip


class _Replaced(msgspec.Struct, frozen=True):
    path: str
    old: DataFile
    new: AddFile


class Widening:
    """Widens columns of one table; keeps over its tries which files were written already.

    Args:
        address: The table.
    """

    def __init__(self, address: TableAddress) -> None:
        self._address = address
        self._log = DeltaLog(address.store())
        self._wanted: t.Struct | None = None
        #: By the old file's key: the one in its place; None where it can stay.
        self._staged: dict[str, AddFile | None] = {}

    def widen(self, table: Table, wanted: t.Struct, metadata: Mapping[str, object]) -> None:
        """Give a table's columns wider types; its rows stay the same.

        Args:
            table: The handle whose version was inspected; it does not move.
            wanted: The table's columns under the types that they get.
            metadata: Goes into the commit's ``commitInfo`` under ``lakestream``.

        Raises:
            CommitConflictError: Another commit came first. What was written is kept for the next
                try, so that a table that others append to is widened in the end.
            TableFeatureError: The table uses what forbids it, or what lakestream cannot read.
            SinkSchemaError: A partition column cannot have the type that it would get.
            SinkDamagedError: Files of the commit are gone: a vacuum took them before it.
            StorageUnavailableError: The outcome may be unknown; look at the table's columns.

        Atomic: yes. Idempotent: a table that is wide enough is not asked for.
        Cost: each file that holds one of the columns is read and written once; the space of what
        they replace is free after a vacuum. Memory is 64 MB of files, a row group of a million
        rows, and some hundred bytes for each of the table's files.
        """
        where = self._address.where
        _check_features(table, where)
        _check_partitions(table, wanted, where)
        if wanted != self._wanted:
            self._wanted, self._staged = wanted, {}
        if _needs_feature(table, wanted):
            self._enable_feature(table)
            raise _conflict(where)  # the handle has moved: nothing was inspected behind it
        replaced = self._replaced(table, wanted)
        number = table.version() + 1
        entry = _entry(table, wanted, replaced, metadata)
        store = self._opened_store()
        self._sync([each.new.key for each in replaced])
        # Refused, too, when it is ours and the reply was lost: the table is looked at again.
        if not store.put_absent(self._log.key(number), entry):
            raise _conflict(where)
        if lost := damaged(self._log.store, [each.new for each in replaced]):
            raise SinkDamagedError(
                f"{len(lost)} files that were written anew are gone, the first is {lost[0]}",
                where=f"{where}, version {number}",
                fix="a vacuum with too short a retention took them before their commit: restore "
                f"the table to version {number - 1}, and reset the query",
            )
        self._staged = {}

    def _opened_store(self) -> LogStore:
        """Open the table's folder for the entry; refuse a store without put-if-absent."""
        location, options = parse_location(self._address.path), self._address.options
        if not self._address.is_local:
            stores.probe_log_store(stores.open_log_store(location.child(_PROBED), options))
        return stores.open_log_store(location, options)

    def _replaced(self, table: Table, wanted: t.Struct) -> list[_Replaced]:
        """Write anew what is not yet; give each replaced file with the one in its place."""
        known = _Known(table)
        snapshot = snapshot_of(table, self._address, failure=SinkDamagedError)
        todo = [file for file in snapshot.files if file.key not in self._staged]
        if todo:
            self._stage(table, todo, wanted, known)
        return [
            _Replaced(known.path(file.key), file, add)
            for file in snapshot.files
            if (add := self._staged[file.key]) is not None
        ]

    def _stage(self, table: Table, files: list[DataFile], wanted: t.Struct, known: _Known) -> None:
        store = self._log.store
        now = table_schema(table)
        partitions = set(table.metadata().partition_columns)
        data = t.Struct(tuple(each for each in wanted.fields if each[0] not in partitions))
        reader = FileReader(store, data, where=self._address.where)
        moved = any(now.get(name) != wanted.get(name) for name in partitions)
        for opened in reader.opened(files):
            file = opened.file
            self._staged[file.key] = (
                rewritten(
                    opened,
                    self._address,
                    store,
                    schema=data,
                    known=known.statistics(file.key),
                    partition_values={
                        name: partition_text(text, _kind(now, name), _kind(wanted, name))
                        for name, text in file.partition_values.items()
                    },
                )
                if moved or _is_narrow(opened.columns, data)
                else None
            )

    def _sync(self, keys: list[str]) -> None:
        """Bring new files to the disk before the entry that the rows of all batches hang on."""
        if not self._address.is_local:
            return
        try:
            sync(Path(self._address.uri), keys)
        except OSError as error:
            raise StorageUnavailableError(
                "files that were written anew could not be synced to the disk",
                where=self._address.where,
                fix="check the disk, then run again: nothing was changed",
            ) from error

    def _enable_feature(self, table: Table) -> None:
        """Let the table hold times without a zone, in a commit of its own that changes no row.

        What its writers held it to by the number of its protocol must be named from then on.
        """
        from deltalake import CommitProperties, TableFeatures

        protocol = table.protocol()
        features = [TableFeatures.TimestampWithoutTimezone]
        if protocol.writer_features is None:
            names = (name for number, name in _BY_NUMBER if number <= protocol.min_writer_version)
            features += [getattr(TableFeatures, name) for name in names]
        otherwise = Otherwise(SinkError, "the table's protocol stays", "the cause says why")
        with translated(where=self._address.where, otherwise=otherwise):
            check_table(table, where=self._address.where)
            table.alter.add_feature(
                features,
                allow_protocol_versions_increase=True,
                commit_properties=CommitProperties(max_commit_retries=0),
            )


def _conflict(where: str) -> CommitConflictError:
    return CommitConflictError(
        "another writer changed the table while its columns were widened",
        where=where,
        fix="nothing was changed; the batch is tried again on the table as it is now",
    )


def _check_features(table: Table, where: str) -> None:
    features = set(table.protocol().writer_features or [])
    settings = dict(table.metadata().configuration)
    problems = sorted(features - _WRITABLE)
    if settings.get("delta.enableInCommitTimestamps") == "true":
        problems.append("inCommitTimestamp")
    fields = json.loads(table.schema().to_json())["fields"]
    problems += [f"{key} of {each['name']!r}" for each in fields for key in _GENERATED
                 if key in each.get("metadata", {})]  # fmt: skip
    if problems:
        raise TableFeatureError(
            f"the table's columns cannot be widened by a rewrite: it uses {', '.join(problems)}",
            where=where,
            fix="widen the column with the engine that made the table so, or cast it in the stream",
        )


def _check_partitions(table: Table, wanted: t.Struct, where: str) -> None:
    """Refuse what the log's texts of the values so far are not: it is replayed from its start."""
    now = table_schema(table)
    for name in table.metadata().partition_columns:
        kind, wider = _kind(now, name), _kind(wanted, name)
        if kind != wider and wider not in _PARTITION_TYPES:
            raise SinkSchemaError(
                f"partition column {name!r} is {t.type_name(kind)} and cannot become"
                f" {t.type_name(wider)}: the table's log could no longer be read",
                where=where,
                fix=f"cast it in the stream: CAST({t.quoted(name)} AS {t.type_ddl(kind)}), or write"
                " to a new table",
            )


def _needs_feature(table: Table, wanted: t.Struct) -> bool:
    if _FEATURE in (table.protocol().writer_features or []):
        return False
    return _mentions(wanted, t.TIMESTAMP_NTZ) and not _mentions(
        table_schema(table), t.TIMESTAMP_NTZ
    )


def _mentions(kind: t.SparkType, wanted: t.SparkType) -> bool:
    match kind:
        case t.Struct(fields):
            return any(_mentions(each, wanted) for _, each in fields)
        case t.Array(element):
            return _mentions(element, wanted)
        case t.Map(key, value):
            return _mentions(key, wanted) or _mentions(value, wanted)
        case _:
            return kind == wanted


def _kind(schema: t.Struct, name: str) -> t.SparkType:
    found = schema.get(name)
    assert found is not None, "a partition column is a column"  # noqa: S101
    return found


def _is_narrow(have: t.Struct, wanted: t.Struct) -> bool:
    """Tell whether a file has a column, or a part of one, under another type than it gets."""
    known = {name.lower(): kind for name, kind in have.fields}
    return any(
        _differs(known[name.lower()], kind) for name, kind in wanted.fields if name.lower() in known
    )


def _differs(have: t.SparkType, wanted: t.SparkType) -> bool:
    match have, wanted:
        case t.Struct(), t.Struct():
            return _is_narrow(have, wanted)
        case t.Array(one), t.Array(other):
            return _differs(one, other)
        case t.Map(key, one), t.Map(wanted_key, other):
            return _differs(key, wanted_key) or _differs(one, other)
        case _:
            return have != wanted


class _Known:
    """What the log says about each file, kept as Arrow: a table may have many."""

    def __init__(self, table: Table) -> None:
        self._batches = table.get_add_actions().to_batches()
        self._places = {
            unquote(path): (number, row)
            for number, batch in enumerate(self._batches)
            for row, path in enumerate(batch.column("path").to_pylist())
        }

    def path(self, key: str) -> str:
        """Give a file's path letter by letter as the log has it."""
        return str(self._value(key, "path"))

    def statistics(self, key: str) -> FileStatistics:
        values = (self._value(key, name) or {} for name in ("min", "max", "null_count"))
        return FileStatistics(*values)

    def _value(self, key: str, name: str) -> Any:  # noqa: ANN401 - as the column has it
        number, row = self._places[key]
        batch = self._batches[number]
        if name not in batch.schema.names:
            return None
        try:
            return batch.column(name).slice(row, 1).to_pylist()[0]
        except (ValueError, OverflowError):  # a date beyond Python's years: they are not told
            return None


def _entry(
    table: Table, wanted: t.Struct, replaced: list[_Replaced], metadata: Mapping[str, object]
) -> bytes:
    actions = _actions(table, wanted, replaced, metadata)
    return b"".join(msgspec.json.encode(each) + b"\n" for each in actions)


def _actions(
    table: Table, wanted: t.Struct, replaced: list[_Replaced], metadata: Mapping[str, object]
) -> Iterator[Mapping[str, Any]]:
    now_ms = epoch_ms(SYSTEM_CLOCK.now())
    changes = schema_changes(table_schema(table), wanted)
    yield {
        "commitInfo": {
            "timestamp": now_ms,
            "operation": OPERATION,
            "operationParameters": {"columns": json.dumps([str(each) for each in changes])},
            "readVersion": table.version(),
            "isBlindAppend": False,
            "engineInfo": f"lakestream:{version('lakestream')}",
            "operationMetrics": {
                "num_added_files": len(replaced),
                "num_removed_files": len(replaced),
                "num_added_rows": 0,
            },
            "lakestream": {**metadata, WIDENED: changes},
        }
    }
    yield {"metaData": _metadata(table, wanted)}
    for each in replaced:
        old, new = each.old, each.new
        yield {
            "remove": {
                "path": each.path,
                "deletionTimestamp": now_ms,
                "dataChange": False,
                "extendedFileMetadata": True,
                "partitionValues": new.partition_values,
                "size": old.size_bytes,
            }
        }
        yield {
            "add": {
                "path": new.path,
                "partitionValues": new.partition_values,
                "size": new.size,
                "modificationTime": new.modification_time,
                "dataChange": False,
                "stats": new.stats,
            }
        }


def _metadata(table: Table, wanted: t.Struct) -> dict[str, Any]:
    found = table.metadata()
    schema = _with_types(json.loads(table.schema().to_json()), wanted)
    return {
        "id": str(found.id),
        "name": found.name,
        "description": found.description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps(schema, separators=(",", ":"), ensure_ascii=False),
        "partitionColumns": list(found.partition_columns),
        "createdTime": found.created_time,
        "configuration": dict(found.configuration),
    }


def _with_types(tree: Any, wanted: t.SparkType) -> Any:  # noqa: ANN401 - a JSON tree
    """Give a type's JSON with the leaves of another: nullability and metadata stay."""
    match tree, wanted:
        case {"type": "struct", "fields": list() as fields}, t.Struct():
            kinds = dict(wanted.fields)
            return {
                **tree,
                "fields": [
                    {**each, "type": _with_types(each["type"], kinds[each["name"]])}
                    for each in fields
                ],
            }
        case {"type": "array", "elementType": element}, t.Array(kind):
            return {**tree, "elementType": _with_types(element, kind)}
        case {"type": "map", "keyType": key, "valueType": value}, t.Map(key_kind, value_kind):
            return {
                **tree,
                "keyType": _with_types(key, key_kind),
                "valueType": _with_types(value, value_kind),
            }
        case _:
            return t.to_json(wanted)
