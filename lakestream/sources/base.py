"""What the engine asks of a source: a frozen description, and a reader opened for a run.

Offsets are JSON texts, opaque to the engine: exactly what stands in the offset log. ``start``
is exclusive, ``end`` inclusive. A source is replayable: what lies between two offsets that it
gave out never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec
from arro3.core import RecordBatchReader

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.offset_log import Offset as Offset  # noqa: PLC0414 - a source's word
from lakestream.clock import Clock
from lakestream.plan.description import Description
from lakestream.plan.types import Struct
from lakestream.storage.base import LogStore


class ReadLimit(msgspec.Struct, frozen=True):
    """How much may enter one batch; None is no limit. Files hard, bytes soft (one file always)."""

    max_files: int | None = None
    max_bytes: int | None = None


class Backlog(msgspec.Struct, frozen=True):
    """What a source knows of and no committed batch has read yet."""

    files: int = 0
    bytes: int = 0
    complete: bool = True
    """False when discovery stopped at its time budget: there may be more."""
    listed_to: str | None = None
    """Where the next discovery goes on, when this one stopped and can be gone on with."""


class DiscoveryFilter(msgspec.Struct, frozen=True):
    """Narrows what one run discovers (a backfill); the source's own filters hold as well."""

    path_glob: str | None = None
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    requeue: bool = False
    """Give files that ended whole in quarantine, or were ignored as existing, a new place in
    the ledger (replay). Files whose rows are in the table never get one."""

    @property
    def is_narrowed(self) -> bool:
        """Whether there may be new files that this run leaves out."""
        return any((self.path_glob, self.modified_after, self.modified_before))


#: A run that is narrowed to nothing in particular.
EVERYTHING: Final = DiscoveryFilter()


class SourceContext(msgspec.Struct, frozen=True):
    """What a description needs to open a reader.

    Args:
        name: The source's name in the query, unique there; its folder is ``sources/<name>/``.
        log: The checkpoint's store.
        clock: For discovery times and age filters.
        discovery: What this run's discovery is narrowed to.
        rehearsal: Whether ``log`` is a copy that is thrown away: nothing outside may be changed,
            so that no message is taken off a queue.
    """

    name: str
    log: LogStore
    clock: Clock
    discovery: DiscoveryFilter = EVERYTHING
    rehearsal: bool = False


class ReadReport(msgspec.Struct):
    """What was read for a batch; complete when its stream was read to the end."""

    rows: int = 0
    files: int = 0
    bytes: int = 0
    rescued_rows: int = 0
    bad_records: int = 0
    bad_files: int = 0
    dropped_records: int = 0
    metrics: dict[str, str] = msgspec.field(default_factory=dict)


class BatchRead(Protocol):
    """One attempt at reading ``(start, end]``."""

    @property
    def schema(self) -> Struct:
        """The columns of the stream; pinned for this attempt."""
        ...

    @property
    def stream(self) -> RecordBatchReader:
        """The rows, lazily, once.

        Exceptions inside surface as the consumer's own kind: ``failure`` has the real one.
        """
        ...

    @property
    def report(self) -> ReadReport:
        """The counts so far."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream early: ``ReplanNeeded`` or an error."""
        ...


class ReplanNeeded(Exception):  # noqa: N818 - a signal to the engine, not an error
    """The attempt must be abandoned and the same plan read again; the source knows why.

    Raised inside a stream when a batch's schema evolved or a file turned out unreadable after
    some of its rows were given. Before raising it the source has made durable, or remembers,
    what makes the next attempt different, so that a plan is redone a bounded number of times.
    """


class SourceReader(Protocol):
    """A source opened for one run of one query. Used by one thread at a time."""

    @property
    def schema(self) -> Struct:
        """The columns that ``read`` gives now.

        They may grow in ``plan`` (a Delta table that gained columns) and after
        ``ReplanNeeded``; ``BatchRead.schema`` is what counts for an attempt.
        """
        ...

    def initial(self) -> Offset:
        """Give the offset before the first row."""
        ...

    def resume(self, position: Offset) -> None:
        """Take up where the last committed batch ended; called before anything is discovered.

        Raises:
            CheckpointCorruptError: The position is none of this source's, or what the source
                keeps in the checkpoint ends before it.
        """
        ...

    def discover(self, *, time_budget_s: float | None = None) -> None:
        """Look for what is new and make the newest position durable (protocol line 3).

        Safe to repeat and to run from several processes at once.
        """
        ...

    def latest(self, start: Offset) -> Offset:
        """Give the newest durable position, without looking for news. Not before ``start``."""
        ...

    def plan(self, start: Offset, bound: Offset, limit: ReadLimit) -> Offset:
        """Pick the end of the next batch: after ``start``, not after ``bound``, under ``limit``.

        Returns:
            ``start`` itself when there is nothing between, or when it lies beyond ``bound``
            already, as it may after another run's plan was adopted.
        """
        ...

    def digest_items(self, start: Offset, end: Offset) -> Sequence[str]:
        """Give one text for each thing that ``(start, end]`` reads, versions included, in order.

        The plan digest is a hash over them: equal items mean equal input.
        """
        ...

    def read(self, start: Offset, end: Offset, records: AttemptRecords) -> BatchRead:
        """Open ``(start, end]`` as a stream.

        The source writes what became of each file through ``records`` when its stream is read
        to the end, before the stream reports its end.

        Raises:
            SourceChangedError: Something planned is gone or has another version now.
        """
        ...

    def backlog(self, start: Offset) -> Backlog:
        """Tell what is known and lies after ``start``."""
        ...

    def metrics(self, start: Offset, end: Offset) -> Mapping[str, str]:
        """Tell more of a committed batch than its counts, as texts, under Auto Loader's names."""
        ...

    def committed(self, end: Offset) -> None:
        """The batch that ended at ``end`` is in the table (protocol line 10). Safe to repeat."""
        ...

    def close(self) -> None:
        """Let go of connections and threads. Not guaranteed to be called."""
        ...


class SourceDescription(Description, Protocol):
    """What a user declared: frozen, hashable, without I/O; stands in the plan's source node."""

    @property
    def limit(self) -> ReadLimit | None:
        """The declared read limit; None adapts."""
        ...

    def fingerprint(self) -> Mapping[str, str]:
        """Give what may not change between runs of one checkpoint (path, format), by name."""
        ...

    def open(self, context: SourceContext) -> SourceReader:
        """Open a reader. May read the store, and on first start infer and store a schema."""
        ...
