"""A table's commits, read from its JSON log through our own store.

deltalake gives no access to the actions of one version, and reading them through pyarrow calls
back into Python from foreign threads. Source: the Delta protocol, "Delta Log Entries".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from lakestream.clock import from_epoch_ms
from lakestream.errors import ObjectNotFoundError, PlanError, StorageError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.plan.types import Struct, from_json

if TYPE_CHECKING:
    from lakestream.storage.base import ObjectInfo, ReadStore

_FOLDER: Final = "_delta_log"
#: Names the newest checkpoint, so that it need not be looked for.
CHECKPOINT_HINT: Final = f"{_FOLDER}/_last_checkpoint"
#: Under our own part of ``commitInfo``: the columns to which a commit gave wider types.
WIDENED: Final = "widened"
_CONCURRENT: Final = 16
_NAME: Final = lazy_pattern(r"_delta_log/(\d{20})\.json")


class UnreadableCommitError(StorageError):
    """A commit's JSON is damaged."""


class AddFile(msgspec.Struct, frozen=True, rename="camel"):
    """A data file that a commit adds. ``path`` is as the log has it: URL-encoded."""

    path: str
    size: int
    modification_time: int
    data_change: bool = True
    partition_values: dict[str, str | None] = {}
    stats: str | None = None
    deletion_vector: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """The file's key below the table's root (or an absolute URI, of a shallow clone)."""
        return unquote(self.path)


class RemoveFile(msgspec.Struct, frozen=True, rename="camel"):
    """A data file that a commit removes."""

    path: str
    data_change: bool = True


class TableMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """A ``metaData`` action: what the table is from this version on."""

    id: str
    schema_string: str
    partition_columns: list[str] = []
    configuration: dict[str, str | None] = {}

    def schema(self) -> Struct:
        """Give the columns.

        Raises:
            PlanError: A type that lakestream does not know.
        """
        found = from_json(msgspec.json.decode(self.schema_string))
        if not isinstance(found, Struct):
            raise PlanError("a table's schema must be a struct", fix="repair the table's log")
        return found


class Protocol(msgspec.Struct, frozen=True, rename="camel"):
    """A ``protocol`` action: what a reader and a writer must know."""

    min_reader_version: int
    min_writer_version: int
    reader_features: list[str] | None = None


class _Transaction(msgspec.Struct, frozen=True, rename="camel"):
    app_id: str
    version: int


class _Action(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a commit; unknown actions leave every field None."""

    add: AddFile | None = None
    remove: RemoveFile | None = None
    meta_data: TableMetadata | None = None
    protocol: Protocol | None = None
    txn: _Transaction | None = None
    commit_info: dict[str, Any] | None = None


class Commit(msgspec.Struct, frozen=True):
    """One version of a table: its actions in log order.

    Args:
        version: Which.
        modified: When the log entry was written, aware UTC.
        info: The ``commitInfo`` action as it stands; writers put what they like into it.
    """

    version: int
    modified: datetime
    adds: tuple[AddFile, ...] = ()
    removes: tuple[RemoveFile, ...] = ()
    metadata: TableMetadata | None = None
    protocol: Protocol | None = None
    transactions: Mapping[str, int] = msgspec.field(default_factory=dict)
    info: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def operation(self) -> str:
        """The operation's name as its writer gave it: ``WRITE``, ``DELETE``, ``RESTORE``, ..."""
        return str(self.info.get("operation", "unknown operation"))

    @property
    def in_commit_timestamp(self) -> datetime | None:
        """When the commit was made, where the table keeps that inside its commits."""
        found = self.info.get("inCommitTimestamp")
        return from_epoch_ms(found) if isinstance(found, int) else None

    @property
    def rows(self) -> int:
        """Rows that the added files hold, by the operation's metrics, else by their statistics."""
        metrics = self.info.get("operationMetrics")
        if isinstance(metrics, dict) and isinstance(metrics.get("num_added_rows"), int):
            return int(metrics["num_added_rows"])
        return sum(_rows_of(add.stats) for add in self.adds)


class _Statistics(msgspec.Struct, frozen=True, rename="camel"):
    num_records: int = 0


_LINES: Final = msgspec.json.Decoder(_Action)
_STATISTICS: Final = msgspec.json.Decoder(_Statistics)


def _rows_of(stats: str | None) -> int:
    return _STATISTICS.decode(stats).num_records if stats else 0


class DeltaLog:
    """The commits of the table at a store's root.

    Args:
        store: The table's folder.
    """

    def __init__(self, store: ReadStore) -> None:
        self.store = store

    def key(self, version: int) -> str:
        """Give the key of a version's log entry."""
        return f"{_FOLDER}/{version:020d}.json"

    def checkpoint_key(self, version: int) -> str:
        """Give the key of the checkpoint that deltalake writes beside some log entries."""
        return f"{_FOLDER}/{version:020d}.checkpoint.parquet"

    def head(self, version: int) -> ObjectInfo | None:
        """Look a version's log entry up; None when there is none (not yet, or no longer)."""
        try:
            return self.store.head(self.key(version))
        except ObjectNotFoundError:
            return None

    def read(self, version: int) -> Commit | None:
        """Read one version; None when its log entry is not there (not yet, or cleaned away).

        Raises:
            UnreadableCommitError: The entry is damaged.

        Cost: two requests, memory for one commit.
        """
        try:
            info = self.store.head(self.key(version))
            data = self.store.get(info)
        except ObjectNotFoundError:
            return None
        try:
            return _commit(version, info.modified, _LINES.decode_lines(data))
        except msgspec.MsgspecError as error:
            raise UnreadableCommitError(
                f"version {version} of the table's log is damaged",
                where=self.store.uri_of(self.key(version)),
                fix="restore the log entry from a backup",
            ) from error

    def read_many(self, versions: Sequence[int]) -> dict[int, Commit | None]:
        """Read versions side by side, 16 at a time; None for those that are not there."""
        if len(versions) == 1:
            return {versions[0]: self.read(versions[0])}
        with ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="lakestream-log") as pool:
            return dict(zip(versions, pool.map(self.read, versions), strict=True))

    def newest(self, known: int) -> int:
        """Give the newest version, knowing that ``known`` exists (or has existed).

        Cost: one request, and one for each version that is new.
        """
        while self.head(known + 1) is not None:
            known += 1
        return known

    def entries(self) -> list[tuple[int, datetime]]:
        """Give version and time of every log entry there is, oldest first.

        Cost: one listing of the log folder.
        """
        found: list[tuple[int, datetime]] = []
        for page in self.store.list(_FOLDER):
            paths, times = page.column("path").to_pylist(), page.column("last_modified").to_pylist()
            for path, modified in zip(paths, times, strict=True):
                if match := _NAME.fullmatch(path):
                    found.append((int(match[1]), modified))
        return sorted(found)

    def backwards(self, newest: int, oldest: int) -> Iterator[Commit]:
        """Give versions from ``newest`` down to ``oldest``, or to where the log was cleaned."""
        for version in range(newest, oldest - 1, -1):
            commit = self.read(version)
            if commit is None:
                return
            yield commit


def _commit(version: int, modified: datetime, actions: list[_Action]) -> Commit:
    metadata = protocol = None
    info: dict[str, Any] = {}
    for action in actions:
        metadata = action.meta_data or metadata
        protocol = action.protocol or protocol
        info = action.commit_info or info
    return Commit(
        version=version,
        modified=modified,
        adds=tuple(each.add for each in actions if each.add),
        removes=tuple(each.remove for each in actions if each.remove),
        metadata=metadata,
        protocol=protocol,
        transactions={each.txn.app_id: each.txn.version for each in actions if each.txn},
        info=info,
    )
