"""Timing a batch and telling what it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from lakestream.checkpoint.offset_log import OffsetEntry
from lakestream.clock import Clock
from lakestream.query.definition import description_of
from lakestream.query.open_query import OpenQuery
from lakestream.query.progress import QueryProgress, SourceProgress
from lakestream.query.summary import AttemptSummary, SourceSummary
from lakestream.sinks.base import Receipt
from lakestream.sources.base import Backlog, Offset

_NOTHING = SourceSummary(0, 0, 0, 0, 0, 0, 0)


class BatchTimer:
    """Milliseconds by line of the protocol, from the trigger on.

    Args:
        clock: The run's.
        before: The timer of the batch before, in this run.
    """

    def __init__(self, clock: Clock, before: BatchTimer | None) -> None:
        self._clock = clock
        self.started_at = clock.now()
        self._start = clock.monotonic()
        self.since_last_trigger_s = None if before is None else self._start - before._start  # noqa: SLF001 - its own kind
        self._seconds: dict[str, float] = {}

    @contextmanager
    def line(self, name: str) -> Iterator[None]:
        """Add the time inside to ``name``."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            spent = self._clock.monotonic() - start
            self._seconds[name] = self._seconds.get(name, 0.0) + spent

    def milliseconds(self) -> dict[str, int]:
        """Give the lines so far, and ``triggerExecution``, the time since the trigger."""
        found = {name: round(seconds * 1000) for name, seconds in self._seconds.items()}
        found["triggerExecution"] = round((self._clock.monotonic() - self._start) * 1000)
        return found


def progress_of(
    query: OpenQuery,
    *,
    entry: OffsetEntry,
    starts: Mapping[str, Offset],
    receipt: Receipt,
    summary: AttemptSummary,
    timer: BatchTimer,
) -> QueryProgress:
    """Put a committed batch's facts together: the winner's, whoever that was."""
    ends = dict(entry.offsets)
    backlogs = {name: reader.backlog(ends[name]) for name, reader in query.readers.items()}
    counts = list(summary.sources.values())
    return QueryProgress(
        id=query.id,
        run_id=query.run_id,
        name=query.definition.name,
        timestamp=timer.started_at,
        batch_id=entry.batch_id,
        duration_ms=timer.milliseconds(),
        num_input_rows=sum(each.rows for each in counts),
        num_output_rows=receipt.rows,
        delta_version=receipt.version,
        files=sum(each.files for each in counts),
        bytes=sum(each.bytes for each in counts),
        rescued_rows=sum(each.rescued_rows for each in counts),
        bad_records=sum(each.bad_records for each in counts),
        bad_files=sum(each.bad_files for each in counts),
        dropped_records=sum(each.dropped_records for each in counts),
        schema_changed=summary.schema_changed,
        schema_changes=summary.schema_changes,
        backlog=total_backlog(backlogs.values()),
        expectations=summary.expectations,
        sources=tuple(
            SourceProgress(
                description=description_of(source).description,
                start_offset=starts[name],
                end_offset=ends[name],
                latest_offset=query.readers[name].latest(ends[name]),
                num_input_rows=summary.sources.get(name, _NOTHING).rows,
                metrics={
                    "numFilesOutstanding": str(backlogs[name].files),
                    "numBytesOutstanding": str(backlogs[name].bytes),
                    **query.readers[name].metrics(starts[name], ends[name]),
                },
            )
            for name, source in query.definition.named_sources().items()
        ),
        since_last_trigger_s=timer.since_last_trigger_s,
        sink=f"delta[{query.sink.where}]",
    )


def total_backlog(backlogs: Iterable[Backlog]) -> Backlog:
    """Add backlogs up; the sum is complete when every part is, and goes on when all the rest do."""
    parts = list(backlogs)
    cut = [each.listed_to for each in parts if not each.complete]
    known = [each for each in cut if each is not None]
    return Backlog(
        files=sum(each.files for each in parts),
        bytes=sum(each.bytes for each in parts),
        complete=all(each.complete for each in parts),
        listed_to=", ".join(known) if cut and len(known) == len(cut) else None,
    )
