"""A Delta table as a sink: each batch is one commit that carries the query's mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from arro3.core import RecordBatchReader

from lakestream.delta.append import append, delete_all
from lakestream.delta.columns import check_columns, conformed, fit, stream_columns
from lakestream.delta.durability import damaged, is_whole, sync
from lakestream.delta.features import check_deletable, check_writable
from lakestream.delta.log import CHECKPOINT_HINT, WIDENED, Commit
from lakestream.delta.snapshot import active_keys
from lakestream.delta.table import (
    TableAddress,
    TableHandle,
    count_rows,
    create_table,
    mark_of,
    table_schema,
)
from lakestream.errors import (
    CommitConflictError,
    FencedError,
    PlanMismatchError,
    SinkBehindError,
    SinkDamagedError,
    SinkReplacedError,
    SinkRestoredError,
    SinkSchemaError,
    StorageUnavailableError,
)
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.schema_diff import SchemaChange
from lakestream.plan.types import BINARY, Array, Map, Struct, type_name
from lakestream.plan.widening import retyped
from lakestream.sinks.base import Receipt

if TYPE_CHECKING:
    from lakestream.delta.table import Table
    from lakestream.delta.widening import Widening
    from lakestream.storage.location import PathLike
    from lakestream.storage.options import StorageOptions

#: What ``commitInfo`` keeps our metadata under, and the plan digest inside it.
_METADATA_KEY = "lakestream"
_DIGEST_KEY = "planDigest"
#: The mark of a query id that was reset: greater than any batch, exact in every JSON reader.
_RETIRED = 2**53 - 1
_EXPIRY = "delta.setTransactionRetentionDuration"
#: How far back it is looked, before a query's first receipt, for what its first batch did.
_BEFORE_FIRST = 10
#: How often a mark is put anew because a run of the query committed a batch meanwhile.
_MAX_TRIES = 10


class DeltaInspection(msgspec.Struct, frozen=True):
    """The table as it was at one instant, and the only way to commit to it (sinks/base.py).

    Args:
        receipt: The batch's own commit when the table has it already.
        schema: The table's columns.
        version: The version looked at.
    """

    receipt: Receipt | None
    schema: Struct | None
    version: int
    _table: Table
    _marks: Mapping[str, int]
    _where: str
    widened: tuple[SchemaChange, ...] = ()
    _widening: Widening | None = None

    def widen(self, stream: RecordBatchReader, metadata: Mapping[str, object]) -> bool:
        """Write the table's files anew where a stream's columns have wider types than its own.

        Without ``widening`` the table stays, and ``commit`` refuses such a stream. See
        ``Widening.widen`` for what it costs and raises.

        Returns:
            True when the table was changed: inspect it again.
        """
        if self._widening is None:
            return False
        now = table_schema(self._table)
        wanted = _retyped(now, stream_columns(stream, where=self._where))
        if wanted == now:
            return False
        self._widening.widen(self._table, wanted, metadata)
        return True

    def commit(self, stream: RecordBatchReader, metadata: Mapping[str, object]) -> None:
        """Append a batch's rows with its marks in one commit, through the inspected handle.

        Columns may come in any order and in any case. Those that the table lacks are added by
        this very commit; those that the stream lacks become null.

        Args:
            stream: The rows; none at all still commits the marks.
            metadata: What the receipt of this batch will say: query, batch, attempt,
                ``planDigest``, offsets, references.

        Raises:
            SinkSchemaError: A column would have to change its values. Nothing was written.
            CommitConflictError: Another commit came first, or this inspection was used before.
                Nothing was written.
            SinkReplacedError, StorageUnavailableError: The outcome is unknown.

        Delivery: exactly once, when every exception leads to a new inspection.
        Atomic: yes: rows, columns and marks together or not at all.
        """
        if self._table.version() != self.version:
            # A commit moves its handle, and with it what the marks would be fenced against.
            raise CommitConflictError(
                "the table has moved on since it was inspected",
                where=self._where,
                fix="inspect it again; an inspection serves one commit",
            )
        table_columns = table_schema(self._table)
        fitted = fit(
            stream_columns(stream, where=self._where),
            table_columns,
            where=self._where,
            widens=self._widening is not None,
        )
        append(
            self._table,
            conformed(stream, fitted.schema),
            marks=self._marks,
            metadata=metadata,
            merge=fitted.merge,
            where=self._where,
        )


class DeltaSink:
    """One Delta table that one query appends to. Used by one thread at a time.

    Several runners of the query may hold a sink each: of two commits of one batch exactly one
    succeeds, since the query's mark in it makes the other's handle stale. Other queries and
    plain writers may append to the same table meanwhile.

    Args:
        path: The table.
        options: Storage options.
        partition_by: Partition columns of a table that ``prepare`` creates.
        query_id: The query's id in its checkpoint: the name of its mark.
        query_name: The query's name: a second mark that outlives the checkpoint.
        widens: Whether the table's columns may be given wider types, by a rewrite of its files.
    """

    def __init__(
        self,
        path: PathLike,
        options: StorageOptions | None = None,
        *,
        partition_by: Sequence[str] = (),
        query_id: str,
        query_name: str,
        widens: bool = False,
    ) -> None:
        self._address = TableAddress.of(path, options)
        self._address.check_writable()
        self._handle = TableHandle(self._address)
        self._partition_by = tuple(partition_by)
        self._query_id = query_id
        self._name_mark = f"lakestream:{query_name}"
        self._widening = _opened(self._address) if widens else None
        self._winner: Commit | None = None
        #: The version that another attempt committed, so that its files may not be on the disk.
        self._found_version: int | None = None
        self._synced_version: int | None = None

    @property
    def where(self) -> str:
        """The table for people, without secrets."""
        return self._address.where

    def table_id(self) -> str | None:
        """Give the id of the table that is there now; None when there is none."""
        table = self._handle.refreshed()
        return None if table is None else str(table.metadata().id)

    def name_mark(self) -> int | None:
        """Give the last batch that a query of this name committed; None when there is none."""
        table = self._handle.refreshed()
        return None if table is None else mark_of(table, self._name_mark, where=self.where)

    def schema(self) -> Struct | None:
        """Give the table's columns now; None when there is no table."""
        table = self._handle.refreshed()
        return None if table is None else table_schema(table)

    def row_count(self) -> int | None:
        """Give the number of rows that the table has now, from its log; None without a table."""
        table = self._handle.refreshed()
        return None if table is None else count_rows(table, where=self.where)

    def check(self, schema: Struct) -> None:
        """Check that a stream of these columns could be appended; writes nothing.

        Raises:
            SinkSchemaError: The table, or a new one, cannot take them.
            TableFeatureError: The table asks for more than lakestream writes.
        """
        found = self._handle.refreshed()
        if found is not None:
            check_writable(found, where=self.where)
            stored, widens = table_schema(found), self._widening is not None
            table = _retyped(stored, schema) if widens else stored
            fit(schema, table, where=self.where, widens=widens)
            return
        check_columns(schema, where=self.where)
        self._check_partition_columns(schema)

    def check_truncate(self) -> None:
        """Check that the table's rows may be deleted; writes nothing.

        Raises:
            TableFeatureError: They may not.
        """
        table = self._handle.refreshed()
        if table is not None:
            check_deletable(table, where=self.where)

    def truncate(self) -> None:
        """Delete all rows in one commit; older versions of the table keep them.

        Raises:
            TableFeatureError, StorageUnavailableError, CommitConflictError: Nothing was deleted.
        """
        table = self._handle.refreshed()
        if table is not None:
            delete_all(table, where=self.where)
            self._sync_log(table.version(), table.version())

    def retire(self, query_id: str) -> None:
        """Refuse whatever a run that still has this query id would commit from now on.

        Raises:
            StorageUnavailableError, CommitConflictError: It may or may not be refused.

        Atomic: one commit without rows; a batch is in the table before it, or never.
        """
        for left in reversed(range(_MAX_TRIES)):
            table = self._handle.refreshed()
            if table is None or mark_of(table, query_id, where=self.where) == _RETIRED:
                return
            nothing = RecordBatchReader.from_batches(arrow_schema(table_schema(table)), [])
            try:
                append(
                    table,
                    nothing,
                    marks={query_id: _RETIRED},
                    metadata={"query": query_id, "retired": True},
                    merge=False,
                    where=self.where,
                )
                self._sync_log(table.version(), table.version())
            except CommitConflictError:
                if not left:
                    raise

    def prepare(self, schema: Struct) -> str:
        """Create the table unless there is one, and give the id of the one that is there.

        Safe to run from several processes at once: one creates, the others open.

        Raises:
            SinkSchemaError: The columns cannot be a table's, or the table that is there is
                partitioned by other columns.
            SinkError, StorageUnavailableError.
        """
        table = self._handle.refreshed()
        if table is None:
            check_columns(schema, where=self.where)
            self._check_partition_columns(schema)
            table = create_table(self._address, schema, self._partition_by)
        found = tuple(table.metadata().partition_columns)
        if self._partition_by and _folded(found) != _folded(self._partition_by):
            raise SinkSchemaError(
                f"the table is partitioned by {_listed(found)}, "
                f"partition_by says {_listed(self._partition_by)}",
                where=self.where,
                fix="declare the table's own partition columns, or write to a new table",
            )
        self._check_partition_types(table_schema(table), found)
        self._sync_log(0, 0, is_new=True)
        return str(table.metadata().id)

    def _check_partition_columns(self, schema: Struct) -> None:
        known = set(schema.names)
        for name in self._partition_by:
            if name not in known:
                raise SinkSchemaError(
                    f"partition_by names {name!r}, which is no column of the stream",
                    where=self.where,
                    fix=f"the columns are: {', '.join(schema.names)}",
                )
        if known == set(self._partition_by):
            raise SinkSchemaError(
                "every column is a partition column",
                where=self.where,
                fix="leave at least one column that is not in partition_by",
            )
        self._check_partition_types(schema, self._partition_by)

    def _check_partition_types(self, schema: Struct, names: Iterable[str]) -> None:
        """Refuse what a log has no text for: deltalake writes bytes as other bytes."""
        for name in names:
            kind = schema.get(name)
            if kind == BINARY or isinstance(kind, Struct | Array | Map):
                raise SinkSchemaError(
                    f"partition column {name!r} is {type_name(kind)}",
                    where=self.where,
                    fix="partition by columns of numbers, texts, dates, times or BOOLEAN",
                )

    def inspect(
        self, batch_id: int, *, table_id: str | None, plan_digest: str, receipt_version: int | None
    ) -> DeltaInspection:
        """Look at the table now, as one act on one handle, before committing a batch to it.

        Args:
            batch_id: The batch that is to be committed.
            table_id: The table as the checkpoint knows it.
            plan_digest: The digest of the batch's plan.
            receipt_version: The table's version of the query's last receipt; None before the
                first.

        Returns:
            An inspection whose ``receipt`` is set when the batch is in the table already.

        Raises:
            SinkReplacedError: Another table, or none, is at this path.
            SinkRestoredError: The table was restored since the last receipt.
            FencedError: A later batch of this query is in the table.
            PlanMismatchError: This batch is in the table, but not by this plan.
            SinkBehindError: Batches that the checkpoint has committed are not in the table.
            TableFeatureError: The batch is not in it, and it asks for more than lakestream writes.
            SinkDamagedError, StorageUnavailableError.

        Cost: two requests, and two for each commit since the last receipt.
        """
        table = self._refreshed(table_id)
        version = table.version()
        widened = self._check_since(version, receipt_version)
        mark = self._mark(table, receipt_version)
        receipt = self._receipt_of_mark(batch_id, mark, version, receipt_version, plan_digest)
        if receipt is None:
            check_writable(table, where=self.where)
        elif receipt_version is None:
            self._check_since(version, receipt.version)
        self._found_version = None if receipt is None else receipt.version
        self._synced_version = receipt_version
        return DeltaInspection(
            receipt=receipt,
            schema=table_schema(table),
            version=version,
            _table=table,
            _marks={self._query_id: batch_id, self._name_mark: batch_id},
            _where=self.where,
            widened=widened,
            _widening=self._widening,
        )

    def _mark(self, table: Table, receipt_version: int | None) -> int | None:
        """Give the query's last batch in the table, also where a checkpoint of Spark's lacks it.

        Under ``delta.setTransactionRetentionDuration`` Spark leaves out marks without a time.
        """
        mark = mark_of(table, self._query_id, where=self.where)
        is_new = receipt_version is None
        if mark is not None or (is_new and _EXPIRY not in table.metadata().configuration):
            return mark
        oldest = table.version() - _BEFORE_FIRST if receipt_version is None else receipt_version
        commits = self._handle.log.backwards(table.version(), max(oldest, 0))
        found = (commit.transactions.get(self._query_id) for commit in commits)
        return next((each for each in found if each is not None), None)

    def _refreshed(self, table_id: str | None) -> Table:
        table = self._handle.refreshed()
        if table is None or (table_id is not None and str(table.metadata().id) != table_id):
            raise SinkReplacedError(
                "the table is gone" if table is None else "another table is at this path",
                where=self.where,
                fix="bring the table back that this checkpoint wrote to, or reset the query to "
                "start anew with this one",
            )
        return table

    def _check_since(self, version: int, receipt_version: int | None) -> tuple[SchemaChange, ...]:
        """Look at what was committed since the last receipt; give what this query widened."""
        if receipt_version is not None and version < receipt_version:
            raise SinkBehindError(
                f"the table is at version {version}, the query committed version {receipt_version}",
                where=self.where,
                fix="bring the table's log back from a backup, or reset the query",
            )
        if receipt_version is None and self._widening is None:
            return ()
        found: list[SchemaChange] = []
        # Before the first receipt the log may be long and somebody else's.
        first = version - _BEFORE_FIRST if receipt_version is None else receipt_version
        for commit in self._handle.log.backwards(version, max(first, -1) + 1):
            if commit.operation == "RESTORE" and receipt_version is not None:
                raise SinkRestoredError(
                    f"version {commit.version} restored the table to an older version, which "
                    "took committed batches out of it without their marks",
                    where=self.where,
                    fix="reset the query, with truncate when the restored rows are to go too: it "
                    "reads its sources again",
                )
            ours = _metadata_of(commit)
            if ours.get("query") == self._query_id:
                found = [*_changes_in(ours), *found]
        return tuple(found)

    def _receipt_of_mark(
        self,
        batch_id: int,
        mark: int | None,
        version: int,
        receipt_version: int | None,
        plan_digest: str,
    ) -> Receipt | None:
        if mark is None or mark < batch_id:
            if batch_id > 0 and mark != batch_id - 1:
                raise SinkBehindError(
                    f"the table's last batch is {'none' if mark is None else mark}, the "
                    f"checkpoint's is {batch_id - 1}",
                    where=self.where,
                    fix="bring the table back as it was after that batch, or reset the query",
                )
            return None
        if mark == _RETIRED:
            raise FencedError(
                "the query was reset while this run was under way",
                where=self.where,
                fix="run again; if that says the same, the reset was cut off: reset again",
            )
        if mark > batch_id:
            raise FencedError(
                f"batch {batch_id} is about to be committed, but the table has batch {mark} of "
                "this query already",
                where=self.where,
                fix="another run of the query is ahead: let it go on. Two checkpoints that were "
                "copied from one another cannot write to one table",
            )
        receipt = self._find(batch_id, version, 0 if receipt_version is None else receipt_version)
        if receipt is None or receipt.metadata.get(_DIGEST_KEY) != plan_digest:
            raise PlanMismatchError(
                f"the table has a batch {batch_id} of this query, but "
                + ("its commit is no longer in the log" if receipt is None else "of another plan"),
                where=self.where,
                fix="the checkpoint was restored from a backup or copied: bring back the newest "
                "one, or reset the query",
            )
        return receipt

    def find_receipt(self, batch_id: int) -> Receipt | None:
        """Find the commit that carries this query's mark of a batch, in the table's own log.

        Returns:
            What the winning commit says; None when the log has no such commit (any more).

        Cost: two requests, and two for each commit since the batch's own; after a commit
        through this sink the handle need not be moved first.
        """
        table = self._handle.kept
        if table is None or mark_of(table, self._query_id, where=self.where) != batch_id:
            table = self._handle.refreshed()
        return None if table is None else self._find(batch_id, table.version(), 0)

    def _find(self, batch_id: int, newest: int, oldest: int) -> Receipt | None:
        for commit in self._handle.log.backwards(newest, oldest):
            mark = commit.transactions.get(self._query_id)
            if mark == batch_id:
                self._winner = commit
                return _receipt(batch_id, commit)
            if mark is not None and mark < batch_id:
                return None
        return None

    def verify(self, receipt: Receipt) -> None:
        """Check that the files a commit added are there whole, and sync them on a local disk.

        A vacuum may have taken files of an attempt that paused for long before it committed; a
        power cut may have taken the data of one that died before it came here. Files that a
        later commit removed (a compaction, a delete) need not be there.

        Raises:
            SinkDamagedError: Files that the table still refers to are missing or not whole.
            StorageUnavailableError.

        Cost: two requests and one for each added file; on a local disk one fsync for each file,
        each log entry since the last receipt and their folders. A commit that was found, not
        made, is also read there.
        """
        commit = self._winner
        if commit is None or commit.version != receipt.version:
            commit = self._handle.log.read(receipt.version)
        if commit is None:
            return
        lost = damaged(self._handle.log.store, commit.adds)
        whole = [file.key for file in commit.adds if file.key not in set(lost)]
        if self._address.is_local and self._found_version == receipt.version:
            lost += [key for key in whole if not is_whole(self._root / key)]
        if lost:
            self._check_lost(lost, receipt)
        first = receipt.version if self._synced_version is None else self._synced_version + 1
        self._sync_log(first, receipt.version, data=whole)

    def _check_lost(self, lost: Sequence[str], receipt: Receipt) -> None:
        table = self._handle.refreshed()
        active = set() if table is None else set(active_keys(table, where=self.where))
        if gone := sorted(active.intersection(lost)):
            raise SinkDamagedError(
                f"{len(gone)} data files of batch {receipt.batch_id} are missing or not whole, "
                f"the first is {gone[0]}",
                where=f"{self.where}, version {receipt.version}",
                fix="bring them back if a vacuum with too short a retention took them; after a "
                f"power cut delete the log entry of version {receipt.version}, if it is the "
                "newest, and run again: the batch is written anew",
            )

    @property
    def _root(self) -> Path:
        return Path(self._address.uri)

    def _sync_log(
        self, first: int, last: int, *, data: Sequence[str] = (), is_new: bool = False
    ) -> None:
        """Sync the log entries of some versions, and data files, if the table is local."""
        if not self._address.is_local:
            return
        log = self._handle.log
        versions = range(first, last + 1)
        keys = [log.key(version) for version in versions]
        checkpoints = self._there(log.checkpoint_key(version) for version in versions)
        if checkpoints:
            keys += [*checkpoints, CHECKPOINT_HINT]
        try:
            sync(self._root, [*data, *self._there(keys)], is_new=is_new)
        except OSError as error:
            raise StorageUnavailableError(
                "the commit could not be synced to the disk",
                where=self.where,
                fix="check the disk, then run again: the batch is not done over",
            ) from error

    def _there(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if (self._root / key).exists()]


def _retyped(table: Struct, stream: Struct) -> Struct:
    """Give a table's columns as they must be to take a stream's."""
    found = retyped(table, stream)
    assert isinstance(found, Struct)  # noqa: S101 - a struct stays one
    return found


def _opened(address: TableAddress) -> Widening:
    from lakestream.delta.widening import Widening

    return Widening(address)


def _changes_in(metadata: Mapping[str, object]) -> list[SchemaChange]:
    return msgspec.convert(metadata.get(WIDENED, []), list[SchemaChange])


def _metadata_of(commit: Commit) -> Mapping[str, object]:
    metadata = commit.info.get(_METADATA_KEY)
    return metadata if isinstance(metadata, dict) else {}


def _receipt(batch_id: int, commit: Commit) -> Receipt:
    return Receipt(
        batch_id=batch_id,
        version=commit.version,
        rows=commit.rows,
        bytes=sum(add.size for add in commit.adds),
        metadata=_metadata_of(commit),
    )


def _folded(names: Sequence[str]) -> list[str]:
    return [name.lower() for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no column"
