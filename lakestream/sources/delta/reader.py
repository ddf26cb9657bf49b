"""A Delta table opened as a stream for one run of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from arro3.core import RecordBatch, RecordBatchReader

from lakestream.delta.files import FileReader
from lakestream.delta.log import DeltaLog
from lakestream.delta.snapshot import check_table
from lakestream.delta.table import TableAddress, open_table, table_schema
from lakestream.errors import SourceChangedError, SourceError, SourceNotFoundError
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import Struct
from lakestream.sources.base import Backlog, Offset, ReadLimit, ReadReport, SourceContext
from lakestream.sources.delta.history import Arrival, History, end_of
from lakestream.sources.delta.offset import DeltaOffset
from lakestream.sources.delta.schemas import SourceSchemas
from lakestream.sources.delta.start import first_offset

if TYPE_CHECKING:
    from lakestream.checkpoint.batch_records import AttemptRecords
    from lakestream.delta.table import Table
    from lakestream.sources.delta.description import DeltaDescription

#: Commits without new rows (compactions) that are passed over, and how old the first of them gets,
#: before the position moves on with an empty batch: otherwise their clean-up would look like a
#: loss one day. Logs are kept for 30 days where nobody says otherwise.
PASSED_OVER: Final = 100
PASSED_FOR: Final = timedelta(days=1)
#: Versions that a backlog is counted over; with more behind them it is "at least".
_COUNTED: Final = 1000
_TIMED: Final = "delta.enableInCommitTimestamps"


class DeltaRead:
    """One attempt at reading ``(start, end]`` (sources/base.BatchRead)."""

    def __init__(
        self, arrivals: Sequence[Arrival], files: FileReader, schema: Struct, left: Backlog
    ) -> None:
        self._arrivals = arrivals
        self._files = files
        self._schema = schema
        self._report = ReadReport(
            metrics={
                "numFilesOutstanding": str(left.files),
                "numBytesOutstanding": str(left.bytes),
            }
        )
        self._failure: BaseException | None = None
        self._stream = RecordBatchReader.from_batches(arrow_schema(schema), self._batches())

    @property
    def schema(self) -> Struct:
        """The columns of the stream."""
        return self._schema

    @property
    def stream(self) -> RecordBatchReader:
        """The rows, lazily, once."""
        return self._stream

    @property
    def report(self) -> ReadReport:
        """The counts so far."""
        return self._report

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream early."""
        return self._failure

    def _batches(self) -> Iterator[RecordBatch]:
        self._report.files = len(self._arrivals)
        self._report.bytes = sum(each.file.size_bytes for each in self._arrivals)
        try:
            for _, batch in self._files.batches(each.file for each in self._arrivals):
                self._report.rows += batch.num_rows
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            self._failure = error
            raise


class DeltaReader:
    """Follows a Delta table's appends (sources/base.SourceReader).

    Args:
        description: What was declared.
        context: The source's place in the query.

    Raises:
        SourceNotFoundError: There is no table yet.
        DeltaChangeError: The table's columns no longer hold those that were read so far.
        TableFeatureError: The table cannot be read as it is.
        SourceError, StorageUnavailableError.
    """

    def __init__(self, description: DeltaDescription, context: SourceContext) -> None:
        self._description = description
        self._context = context
        self._address = TableAddress.of(description.path, description.options)
        self._log = DeltaLog(self._address.store())
        table = self._open()
        self._table_id = str(table.metadata().id)
        self._newest = table.version()
        self._anchor = self._log.head(self._newest)
        self._timed = dict(table.metadata().configuration).get(_TIMED) == "true"
        self._schemas = SourceSchemas(context, where=description.shown)
        self._schemas.adopt(
            table_schema(table), version=self._newest, operation="as the table is now"
        )
        self._history = History(
            self._address, self._log, self._table_id, description.rules, self._schemas
        )
        self._initial: Offset | None = None

    def _open(self) -> Table:
        table = open_table(self._address, failure=SourceError)
        if table is None:
            raise SourceNotFoundError(
                "there is no Delta table to read",
                where=self._address.where,
                fix="check the path, or run first what writes the table",
            )
        check_table(table, where=self._address.where)
        return table

    @property
    def schema(self) -> Struct:
        """The table's columns; they grow when ``plan`` meets a version that adds some."""
        found = self._schemas.current
        assert found is not None  # noqa: S101 - adopted when the reader was opened
        return found

    def initial(self) -> Offset:
        """Give the offset before the first row: fixed at the first call, whoever makes it."""
        if self._initial is None:
            found = first_offset(
                self._description,
                self._log,
                table_id=self._table_id,
                newest=self._newest,
                timed=self._timed,
            )
            self._initial = self._fixed(found.text())
        return self._initial

    def present(self) -> Offset:
        """Give the offset before the whole table as it is now, whatever was read of it."""
        return DeltaOffset(self._table_id, self._newest, in_snapshot=True).text()

    def _fixed(self, found: Offset) -> Offset:
        """Make the start durable: a first batch that is redone must start where it did."""
        key = f"sources/{self._context.name}/start"
        if self._context.log.put_absent(key, found.encode()):
            return found
        return Offset(self._context.log.get(key).decode())

    def resume(self, position: Offset) -> None:
        """Read the position; the table's own log is looked at when it is planned from there."""
        self._parse(position)

    def discover(self, *, time_budget_s: float | None = None) -> None:
        """Find the newest version; its position is durable in the table's own log.

        Raises:
            SourceChangedError: Another table is at the path now.

        Cost: two requests, and one for each new version, however short the time budget is.
        """
        del time_budget_s
        if self._anchor is None or self._log.head(self._newest) != self._anchor:
            self._reopen()
        newest = self._log.newest(self._newest)
        if newest > self._newest:
            self._newest, self._anchor = newest, self._log.head(newest)

    def _reopen(self) -> None:
        """The newest known log entry is gone or another one: cleaned away, or a new table."""
        table = self._open()
        if str(table.metadata().id) != self._table_id or table.version() < self._newest:
            raise SourceChangedError(
                "the table was replaced by another one while it was read",
                where=self._address.where,
                fix="bring the table back, or reset the query to read this one from its start",
            )
        self._newest = table.version()
        self._anchor = self._log.head(self._newest)

    def latest(self, start: Offset) -> Offset:
        """Give the position after the newest version that ``discover`` has seen."""
        position = self._parse(start)
        newest = end_of(self._table_id, self._newest)
        return newest.text() if position.place < newest.place else start

    def plan(self, start: Offset, bound: Offset, limit: ReadLimit) -> Offset:
        """Pick the end of the next batch. A file enters while there is room left before it.

        What lies before a version that cannot be read is a batch of its own: the error comes
        with the next one.

        Raises:
            DeltaChangeError, DataLossError, SourceChangedError: From reading the commits.
        """
        first, last = self._parse(start), self._parse(bound)
        end: DeltaOffset | None = None
        files = size = 0
        try:
            for arrival in self._history.between(first, last):
                if end is not None and _full(limit, files, size):
                    return end.text()
                files, size = files + 1, size + arrival.file.size_bytes
                end = arrival.after
        except SourceError:
            if end is None:
                raise
            return end.text()
        if end is None and not first.in_snapshot and self._may_wait(first, last):
            return start
        return bound

    def _may_wait(self, first: DeltaOffset, last: DeltaOffset) -> bool:
        """Tell whether commits without rows are few and young enough to stay where we are."""
        passed = last.version - first.version
        if not 0 < passed < PASSED_OVER:
            return passed <= 0
        entry = self._log.head(first.version)
        return entry is not None and self._context.clock.now() - entry.modified < PASSED_FOR

    def digest_items(self, start: Offset, end: Offset) -> Sequence[str]:
        """Give ``table id/version/path`` of each file; data files never change."""
        return [
            f"{self._table_id}/{each.version}/{each.file.key}"
            for each in self._history.between(self._parse(start), self._parse(end))
        ]

    def read(self, start: Offset, end: Offset, records: AttemptRecords) -> DeltaRead:
        """Open ``(start, end]`` as a stream; nothing is recorded, the table's log has it all.

        Raises:
            SourceChangedError, DataLossError, DeltaChangeError.
        """
        del records
        arrivals = list(self._history.between(self._parse(start), self._parse(end)))
        files = FileReader(self._log.store, self.schema, where=self._address.where)
        return DeltaRead(arrivals, files, self.schema, self.backlog(end))

    def backlog(self, start: Offset) -> Backlog:
        """Count what is known after an offset, over at most 1,000 versions."""
        first = self._parse(start)
        counted = min(self._newest, first.version + _COUNTED)
        files = size = 0
        try:
            for arrival in self._history.between(first, end_of(self._table_id, counted)):
                files, size = files + 1, size + arrival.file.size_bytes
        except SourceError:
            # The batch that comes to this version raises it; a count is no place to stop.
            return Backlog(files, size, complete=False)
        return Backlog(files, size, complete=counted == self._newest)

    def metrics(self, start: Offset, end: Offset) -> Mapping[str, str]:
        """Nothing more than the counts."""
        del start, end
        return {}

    def committed(self, end: Offset) -> None:
        """Let go of what is known about files before an offset."""
        self._history.forget(self._parse(end))

    def close(self) -> None:
        """Nothing is held open."""

    def _parse(self, text: Offset) -> DeltaOffset:
        return DeltaOffset.parse(text, where=self._address.where)


def _full(limit: ReadLimit, files: int, size: int) -> bool:
    too_many = limit.max_files is not None and files >= limit.max_files
    return too_many or (limit.max_bytes is not None and size >= limit.max_bytes)
