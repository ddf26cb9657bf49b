"""What the engine asks of a sink: inspect, then commit through what was inspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from arro3.core import RecordBatchReader

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

    def commit(self, stream: RecordBatchReader, metadata: Mapping[str, object]) -> None:
        """Write the rows and the marks as one atomic commit, or nothing.

        Whatever it raises, the outcome is unknown until the sink is inspected again.
        """
        ...
