"""Opening, creating and keeping a table's handle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote

import msgspec

from lakestream.delta.errors import Otherwise, translated
from lakestream.delta.log import DeltaLog
from lakestream.errors import ConfigError, LakestreamError, SinkDamagedError, SinkError
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import Struct, from_json
from lakestream.storage import stores
from lakestream.storage.location import OBJECT_SCHEMES, PathLike, display, parse_location
from lakestream.storage.options import StorageOptions
from lakestream.storage.patience import asked_again

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from lakestream.storage.base import ObjectInfo, ReadStore

    #: A table as deltalake knows it; the other rooms get it from here.
    Table: TypeAlias = DeltaTable

#: Versions between checkpoints of a table that we create, and refreshes for which one handle is
#: kept: a handle slows down with every commit that it was moved over (delta_rs.md, 2).
CHECKPOINT_INTERVAL: Final = 100
_LOG_FIX: Final = "restore the log entry that the cause names from a backup"

#: What ends the path of an address.
_MARKS: Final = frozenset("?#")
#: deltalake can open a table under these, and panics when it writes to one.
_UNWRITABLE: Final = frozenset("[]^|\\\x7f") | {chr(code) for code in range(32)}


class TableAddress(msgspec.Struct, frozen=True):
    """Where a table is, for deltalake and for people.

    Args:
        uri: As deltalake takes it: a local path or a URI.
        path: As the user gave it, for our own stores.
        where: As messages show it, without secrets.
        options: Storage options.
        is_local: True on a local disk.
    """

    uri: str
    path: PathLike
    where: str
    options: StorageOptions | None
    is_local: bool
    scheme: str

    @classmethod
    def of(cls, path: PathLike, options: StorageOptions | None = None) -> TableAddress:
        """Resolve a path as the user gave it.

        Raises:
            EnvironmentNotSetError, ConfigError.
        """
        location = parse_location(path)
        uri = location.local_path if location.is_local else location.uri
        if location.scheme not in OBJECT_SCHEMES | {"file"}:
            raise ConfigError(
                f"a Delta table cannot live in {location.scheme}://",
                where=display(path),
                fix="use a folder, s3://, az://, abfss:// or gs://",
            )
        if location.scheme == "memory":
            raise ConfigError(
                "a Delta table cannot live in memory://: deltalake and lakestream would each have "
                "a memory of their own",
                where=display(path),
                fix="use a local folder",
            )
        if location.is_local and unquote(uri) != uri:
            # deltalake 1.6 decodes such a path on one way in and not on the other, so the log
            # and the data end in two folders: test_local_path_with_an_escape_is_torn_apart.
            raise ConfigError(
                "a Delta table cannot live under a path that looks URL-encoded",
                where=display(path),
                fix="use a path without '%' followed by two hexadecimal digits",
            )
        if not location.is_local and (unquote(uri) != uri or not _MARKS.isdisjoint(uri)):
            # deltalake ends the path at '?' and '#', and decodes it: the rows would go to the
            # table of another folder, beside whatever is there.
            raise ConfigError(
                "a Delta table cannot live under a path with '?', '#', or '%' and two hexadecimal"
                " digits: deltalake would take another folder for it",
                where=display(path),
                fix="use a path without them",
            )
        checked = None if options is None else options.at(location)
        return cls(uri, path, display(path), checked, location.is_local, location.scheme)

    def check_writable(self) -> None:
        """Refuse a path that deltalake cannot write to.

        Raises:
            ConfigError: It has such a character.
        """
        if not _UNWRITABLE.isdisjoint(self.uri):
            raise ConfigError(
                "a Delta table cannot be written under a path with [, ], ^, |, \\ or control"
                " characters: deltalake fails there",
                where=self.where,
                fix="use a path without them",
            )

    def store(self) -> ReadStore:
        """Open the table's folder for reading."""
        return stores.open_read_store(self.path, self.options)

    def library_options(self) -> dict[str, str] | None:
        """Give the storage options under deltalake's names."""
        return (self.options or StorageOptions()).for_deltalake(self.scheme)


def open_table(
    address: TableAddress,
    *,
    version: int | None = None,
    failure: type[LakestreamError] = SinkDamagedError,
) -> DeltaTable | None:
    """Load a table anew, at its newest version or an older one; None when there is none.

    Raises:
        StorageUnavailableError: The storage did not answer.
        AccessDeniedError: It did not let us.
        failure: The log is damaged, or asks for what deltalake does not know.

    Cost: the newest checkpoint and the log entries behind it (5 to 20 ms locally).
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    otherwise = Otherwise(
        failure,
        "the table cannot be opened",
        "its log is damaged, or it uses a table feature that this version of deltalake does not "
        "know: the cause says which. After a power cut, docs/durability.md helps",
    )

    def load() -> DeltaTable | None:
        with translated(where=address.where, otherwise=otherwise):
            try:
                return DeltaTable(
                    address.uri, version=version, storage_options=address.library_options()
                )
            except TableNotFoundError:
                return None
            except OSError:
                # deltalake has one class for a denied request and an outage; our store has two.
                DeltaLog(address.store()).head(0)
                raise

    return asked_again(load)


def create_table(
    address: TableAddress, schema: Struct, partition_by: Sequence[str] = ()
) -> DeltaTable:
    """Create a table unless there is one, and open the one that is there then.

    Of several callers at once exactly one creates: without commit retries version 0 is
    put-if-absent (with them, a loser writes a second ``metaData`` into version 1). The losers
    open the winner's table, whose schema may be another.

    Raises:
        SinkError: It could not be created.
        StorageUnavailableError: The storage did not answer.
    """
    from deltalake import CommitProperties, DeltaTable

    otherwise = Otherwise(SinkError, "the table could not be created", "the cause says why")

    def create() -> None:
        with translated(where=address.where, otherwise=otherwise):
            DeltaTable.create(
                address.uri,
                arrow_schema(schema),
                mode="error",
                partition_by=list(partition_by),
                configuration={"delta.checkpointInterval": str(CHECKPOINT_INTERVAL)},
                storage_options=address.library_options(),
                commit_properties=CommitProperties(max_commit_retries=0),
            )

    try:
        asked_again(create)
    except LakestreamError as error:
        found = open_table(address)
        if found is None:
            raise error from error.__cause__
        return found
    found = open_table(address)
    if found is None:
        raise SinkError(
            "the table that was just created is not there",
            where=address.where,
            fix="check that nothing deletes it, then run again",
        )
    return found


def mark_of(table: DeltaTable, name: str, *, where: str) -> int | None:
    """Give the version of an application's mark at the handle's version; None without one.

    Raises:
        StorageUnavailableError: The log, which deltalake reads at this question, did not come.
        SinkDamagedError: It cannot be read.
    """
    otherwise = Otherwise(SinkDamagedError, "the table's marks cannot be read", _LOG_FIX)

    def read() -> int | None:
        with translated(where=where, otherwise=otherwise):
            return table.transaction_version(name)

    return asked_again(read)


def count_rows(table: DeltaTable, *, where: str) -> int:
    """Count a table's rows at its handle's version, from its log.

    Raises:
        StorageUnavailableError, SinkDamagedError: As ``mark_of``.
    """
    otherwise = Otherwise(SinkDamagedError, "the table's files cannot be listed", _LOG_FIX)
    with translated(where=where, otherwise=otherwise):
        return table.count()


def table_schema(table: DeltaTable) -> Struct:
    """Give the columns of a table as its handle knows them.

    Raises:
        PlanError: A type that lakestream does not know.
    """
    found = from_json(json.loads(table.schema().to_json()))
    assert isinstance(found, Struct)  # noqa: S101 - deltalake's schema is a struct by its type
    return found


class TableHandle:
    """One ``DeltaTable`` kept over many batches, brought to the newest version when asked.

    A table that was deleted and made again under the same path keeps answering an old handle as
    if nothing had happened. So the log entry of a version that we know is looked up each time:
    when it is another object, or cleaned away, the table is loaded anew.

    Args:
        address: The table.
    """

    def __init__(self, address: TableAddress) -> None:
        self.address = address
        self.log = DeltaLog(address.store())
        self._table: DeltaTable | None = None
        self._anchor: tuple[int, ObjectInfo] | None = None
        self._loaded_at = 0
        self._options: dict[str, str] | None = None

    def refreshed(self) -> DeltaTable | None:
        """Give the table at its newest version; None when there is none.

        Raises:
            StorageUnavailableError: The storage did not answer.
            SinkDamagedError: The log cannot be read.

        Cost: two requests when there is no news; every 100 versions one load.
        """
        table = self._table
        options = self.address.library_options()
        # A login's token is among them: the handle would keep the one that expires.
        if table is None or options != self._options or not self._moved(table):
            table = self._table = open_table(self.address)
            self._options = options
            self._anchor = None
            self._loaded_at = table.version() if table is not None else 0
        self._set_anchor(table)
        return table

    @property
    def kept(self) -> DeltaTable | None:
        """The handle as it was last used; None before the first use."""
        return self._table

    def _set_anchor(self, table: DeltaTable | None) -> None:
        if table is None:
            self._anchor = None
        elif self._anchor is None or self._anchor[0] != table.version():
            info = self.log.head(table.version())
            self._anchor = None if info is None else (table.version(), info)

    def _moved(self, table: DeltaTable) -> bool:
        """Move the kept handle to the newest version; False when it must be loaded anew."""
        if table.version() - self._loaded_at >= CHECKPOINT_INTERVAL or self._anchor is None:
            return False
        version, known = self._anchor
        if self.log.head(version) != known:
            return False
        otherwise = Otherwise(SinkError, "the table's handle is stale", "it is loaded anew")
        try:
            with translated(where=self.address.where, otherwise=otherwise):
                table.update_incremental()
        except LakestreamError:
            return False
        return True
