"""The files that a table's history brings, in order: its snapshot, then commit by commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lakestream.delta.features import check_readable
from lakestream.delta.snapshot import DataFile, Snapshot, load_snapshot
from lakestream.errors import DataLossError, SourceChangedError
from lakestream.sources.delta.changes import files_of
from lakestream.sources.delta.offset import BASE_INDEX, DeltaOffset

if TYPE_CHECKING:
    from lakestream.delta.log import Commit, DeltaLog
    from lakestream.delta.table import TableAddress
    from lakestream.sources.delta.rules import ChangeRules
    from lakestream.sources.delta.schemas import SourceSchemas


#: Commits that are read side by side.
_READ_AHEAD: Final = 32


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file and where it stands.

    Args:
        file: The file.
        version: Of the snapshot or of the commit.
        after: The offset after it.
    """

    file: DataFile
    version: int
    after: DeltaOffset


class History:
    """A table's files in the order a stream reads them. Commits are read once and kept.

    Args:
        address: The table.
        log: Its log.
        table_id: Its id.
        rules: What deletes and updates do.
        schemas: Takes the columns that commits add.
    """

    def __init__(
        self,
        address: TableAddress,
        log: DeltaLog,
        table_id: str,
        rules: ChangeRules,
        schemas: SourceSchemas,
    ) -> None:
        self._address = address
        self._log = log
        self._table_id = table_id
        self._rules = rules
        self._schemas = schemas
        self._commits: dict[int, tuple[DataFile, ...]] = {}
        self._ahead: dict[int, Commit | None] = {}
        self._snapshot: Snapshot | None = None

    def between(self, start: DeltaOffset, end: DeltaOffset) -> Iterator[Arrival]:
        """Give the files after ``start``, up to and with ``end``.

        Raises:
            DeltaChangeError: A commit deletes or updates, or changes columns incompatibly.
            DataLossError: A version or the snapshot was cleaned away.
            SourceChangedError: The offsets are another table's.

        Cost: two requests for each commit that was not read before.
        """
        self._check_table(start)
        self._check_table(end)
        position = start
        if position.in_snapshot:
            files = self._snapshot_at(position.version).files
            yield from self._slice(files, position, end)
            position = DeltaOffset(self._table_id, position.version + 1)
        while position.place < end.place:
            # The end may stand before the first file of a version that is not there yet.
            last = end.version if end.index > BASE_INDEX else end.version - 1
            yield from self._slice(self._commit(position.version, last), position, end)
            position = DeltaOffset(self._table_id, position.version + 1)

    def forget(self, before: DeltaOffset) -> None:
        """Let go of what lies before an offset that is committed."""
        for version in [each for each in self._commits if each < before.version]:
            del self._commits[version]
        if not before.in_snapshot:
            self._snapshot = None

    def _slice(
        self, files: tuple[DataFile, ...], position: DeltaOffset, end: DeltaOffset
    ) -> Iterator[Arrival]:
        version = position.version
        last = end.index if end.version == version else len(files) - 1
        for index in range(position.index + 1, min(last, len(files) - 1) + 1):
            whole = index == len(files) - 1
            after = (
                DeltaOffset(self._table_id, version + 1)
                if whole
                else DeltaOffset(self._table_id, version, index, in_snapshot=position.in_snapshot)
            )
            yield Arrival(files[index], version, after)

    def _check_table(self, offset: DeltaOffset) -> None:
        if offset.table_id != self._table_id:
            raise SourceChangedError(
                "another table is at this path than the one that was read so far",
                where=self._address.where,
                fix="bring the table back, or reset the query to read this one from its start",
            )

    def _snapshot_at(self, version: int) -> Snapshot:
        if self._snapshot is None or self._snapshot.version != version:
            found = load_snapshot(self._address, version, failure=DataLossError)
            if found is None:
                raise self._lost(version)
            self._snapshot = found
        return self._snapshot

    def _commit(self, version: int, last: int) -> tuple[DataFile, ...]:
        if version not in self._commits:
            commit = self._read_ahead(version, last)
            if commit is None:
                raise self._lost(version)
            self._look_at_metadata(commit)
            self._commits[version] = files_of(commit, self._rules, where=self._address.where)
        return self._commits[version]

    def _read_ahead(self, version: int, last: int) -> Commit | None:
        """Read a commit, and with it, side by side, those that come next."""
        if version not in self._ahead:
            wanted = range(version, min(last, version + _READ_AHEAD - 1) + 1)
            self._ahead = self._log.read_many(wanted)
        return self._ahead.pop(version)

    def _look_at_metadata(self, commit: Commit) -> None:
        where = self._address.where
        if commit.protocol is not None:
            check_readable(commit.protocol.reader_features or [], {}, where=where)
        if commit.metadata is None:
            return
        self._check_table(DeltaOffset(commit.metadata.id, commit.version))
        check_readable([], commit.metadata.configuration, where=where)
        self._schemas.adopt(
            commit.metadata.schema(), version=commit.version, operation=commit.operation
        )

    def _lost(self, version: int) -> DataLossError:
        return DataLossError(
            f"version {version} of the table was cleaned away before it was read",
            where=self._address.where,
            fix="reset the query to read the table anew, and raise the table's "
            "delta.logRetentionDuration above the longest time the query may stand still",
        )


def end_of(table_id: str, newest: int) -> DeltaOffset:
    """Give the offset after everything up to the newest version."""
    return DeltaOffset(table_id, newest + 1, BASE_INDEX)
