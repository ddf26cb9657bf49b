"""One run of a table inside a Dagster step: the batches are logged as they come."""

from __future__ import annotations

import logging
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from lakestream.dagster.metadata import degraded, new_partition_keys
from lakestream.errors import QueryFailedError
from lakestream.query.run import RunOptions
from lakestream.query.streaming_query import StreamingQuery
from lakestream.sources.base import DiscoveryFilter
from lakestream.triggers import AvailableNow, Once

if TYPE_CHECKING:
    from lakestream.query.progress import QueryProgress
    from lakestream.streaming_table import StreamingTable

_LOOK_AGAIN_S: Final = 0.1
#: Columns that a line of the log names.
_NAMED: Final = 10


class TableRun:
    """Runs a table's query in a thread, so that no interrupt can land inside a commit.

    Dagster ends a run by raising in the main thread, at any line. Here that thread only waits:
    when it is interrupted it asks the query to end and gives it time to finish the batch under
    way. A second interrupt leaves at once; the next run then redoes that batch.

    Attributes:
        batches: What was committed so far, also when the run failed.
    """

    def __init__(
        self,
        table: StreamingTable,
        log: logging.Logger,
        *,
        trigger: AvailableNow | Once | None = None,
        discovery: DiscoveryFilter | None = None,
        max_batches: int | None = None,
    ) -> None:
        self.batches: list[QueryProgress] = []
        self._log = log
        self._reports: SimpleQueue[QueryProgress] = SimpleQueue()
        self._query = StreamingQuery(
            table.definition,
            trigger or AvailableNow(),
            RunOptions(discovery or DiscoveryFilter(), max_batches, self._reports.put),
        )

    def execute(self) -> None:
        """Work off what is there, then end.

        Raises:
            LakestreamError: A batch could not be committed; ``batches`` are.
        """
        self._query.start()
        try:
            while not self._query.awaitTermination(_LOOK_AGAIN_S):
                self._take_reports()
        except QueryFailedError as failed:
            raise _cause(failed) from failed.__cause__
        except BaseException:
            self._log.warning("interrupted: the batch under way is finished first")
            self._query.stop()
            raise
        finally:
            self._take_reports()

    def _take_reports(self) -> None:
        while True:
            try:
                progress = self._reports.get_nowait()
            except Empty:
                return
            self.batches.append(progress)
            self._log.info(batch_line(progress))
            for reason in degraded(progress):
                self._log.warning("files were found by listing, not by the queue: %s", reason)
            for keys in new_partition_keys(progress):
                self._log.warning("folders have keys that are no columns: %s", keys)


def batch_line(progress: QueryProgress) -> str:
    """Tell one batch in one line for a run's log."""
    parts = [
        (
            f"batch {progress.batch_id} -> version {progress.delta_version}: "
            f"{progress.num_output_rows} rows from {progress.files} files"
            f" in {progress.batch_duration_ms} ms"
        ),
        f"{progress.rescued_rows} rows with rescued data" if progress.rescued_rows else "",
        f"{progress.bad_records} records quarantined" if progress.bad_records else "",
        f"{progress.bad_files} files quarantined" if progress.bad_files else "",
        f"{rescued} files found by listing only"
        if (rescued := _found_by_backfill(progress))
        else "",
        _changed(progress),
        f"{progress.backlog.files} files wait" if progress.backlog.files else "",
    ]
    return ", ".join(part for part in parts if part)


def _changed(progress: QueryProgress) -> str:
    """Name the first of the columns that a batch added to the table, and that became wider."""
    if not progress.schema_changed:
        return ""
    changes = progress.schema_changes
    added = [each.path for each in changes if each.kind != "retyped"]
    wider = [each.path for each in changes if each.kind == "retyped"]
    told = [
        f"columns {what}: {_first(paths)}"
        for what, paths in (("added", added), ("widened", wider))
        if paths
    ]
    return ", ".join(told) or "columns added"


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _found_by_backfill(progress: QueryProgress) -> int:
    return sum(int(each.metrics.get("numFilesFoundByBackfill", 0)) for each in progress.sources)


def _cause(failed: QueryFailedError) -> BaseException:
    cause = failed.__cause__
    return cause if isinstance(cause, Exception) else failed
