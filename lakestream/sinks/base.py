"""What the engine asks of a sink: inspect, then commit through what was inspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from arro3.core import RecordBatchReader

from lakestream.plan.schema_diff import SchemaChange
from lakestream.plan.types import Struct


class Receipt(msgspec.Struct, frozen=True):
    """A batch that is in the sink, as the sink's own log tells it.

    Args:
        batch_id: The batch.
        version: The sink's version that carries the batch's mark.
        rows: Rows that the commit added.
        bytes: Bytes of data files that the commit added.
        metadata: What the writer put into the commit: query, batch, attempt, planDigest, ...
    """

    batch_id: int
    version: int
    rows: int
    bytes: int
    metadata: Mapping[str, object]


class Inspection(Protocol):
    """A look at the sink (protocol line 5) that a commit must go through (line 8)."""

    @property
    def receipt(self) -> Receipt | None:
        """The commit of this very batch when the sink has it already."""
        ...

    @property
    def schema(self) -> Struct | None:
        """The table's columns as inspected; None when it has none yet."""
        ...

    @property
    def widened(self) -> tuple[SchemaChange, ...]:
        """The columns that were given a wider type for this very batch, which is not in yet."""
        ...

    def widen(self, stream: RecordBatchReader, metadata: Mapping[str, object]) -> bool:
        """Give the sink's columns the wider types that a stream's have, where that is allowed.

        Returns:
            True when the sink has changed: it must be inspected again. Nothing of the stream is
            taken; the rows that the sink has stay the same, and no reader sees one twice.
        """
        ...

    def commit(self, stream: RecordBatchReader, metadata: Mapping[str, object]) -> None:
        """Write the rows and the marks as one atomic commit, or nothing.

        Whatever it raises, the outcome is unknown until the sink is inspected again. Called at
        most once: another try needs another inspection.
        """
        ...


class Sink(Protocol):
    """One table that one query appends to. Used by one thread at a time.

    A batch's mark is the query's id with the batch's number, written by the very commit that
    adds the batch's rows. Several runs may hold a sink each: of two commits of one batch exactly
    one succeeds.
    """

    def prepare(self, schema: Struct) -> str:
        """Create the table unless there is one, and give the id of the one that is there.

        Safe to repeat and to run from several processes at once.
        """
        ...

    def inspect(
        self, batch_id: int, *, table_id: str | None, plan_digest: str, receipt_version: int | None
    ) -> Inspection:
        """Look at the table now, as one act, before committing a batch to it.

        Args:
            batch_id: The batch that is to be committed.
            table_id: The table as the checkpoint knows it.
            plan_digest: The digest of the batch's plan.
            receipt_version: The table's version of the query's last receipt; None before the
                first.

        Raises:
            SinkReplacedError: Another table, or none, is there.
            FencedError: A later batch of this query is in the table.
            PlanMismatchError: This batch is in the table, but not by this plan.
            SinkBehindError: Batches before this one are not in the table.
        """
        ...

    def find_receipt(self, batch_id: int) -> Receipt | None:
        """Find the commit that carries a batch's mark; None when there is none."""
        ...

    def verify(self, receipt: Receipt) -> None:
        """Check that what a commit added is there, and make it durable.

        Raises:
            SinkDamagedError: It is not.
        """
        ...
