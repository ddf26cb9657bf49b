"""What a batch did, under Spark's ``StreamingQueryProgress`` names and a few of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import msgspec

from lakestream.plan.schema_diff import SchemaChange
from lakestream.sources.base import Backlog, Offset


class SourceProgress(msgspec.Struct, frozen=True):
    """One source's part in a batch.

    Args:
        description: The source for people.
        start_offset: Exclusive; None before the first batch.
        end_offset: Inclusive.
        latest_offset: The newest position known when the batch ended.
        num_input_rows: Rows read.
        metrics: Texts, as Spark gives them: ``numFilesOutstanding``, ``numBytesOutstanding``.
    """

    description: str
    start_offset: Offset | None
    end_offset: Offset
    latest_offset: Offset
    num_input_rows: int
    metrics: Mapping[str, str]


class ExpectationCounts(msgspec.Struct, frozen=True):
    """How many rows of a batch held to an expectation, broke it, and were left out for it."""

    passed: int = 0
    failed: int = 0
    dropped: int = 0


class QueryProgress(msgspec.Struct, frozen=True):
    """One committed batch.

    Args:
        id: The query's id, for the life of its checkpoint.
        run_id: This run's id.
        name: The query's name.
        timestamp: When the batch's trigger fired, aware UTC.
        batch_id: 0, 1, 2, ...
        duration_ms: Milliseconds by protocol line, and ``triggerExecution`` for the whole.
        num_input_rows: Rows read from all sources.
        num_output_rows: Rows that the batch's commit added.
        delta_version: The table's version that carries the batch.
        files: Input files read.
        bytes: Input bytes read, as stored.
        rescued_rows: Rows that carry rescued data.
        bad_records: Records that went to quarantine.
        bad_files: Files that went to quarantine whole.
        dropped_records: Malformed records left out by ``dropmalformed``.
        schema_changed: Whether the batch added columns or nested fields to the table, or made
            some wider.
        schema_changes: Which.
        backlog: What is known and not read yet.
        expectations: Counts by expectation.
        sources: One entry a source.
        sink: The sink for people.
        since_last_trigger_s: Seconds since the trigger of the run's batch before; None at its
            first.
    """

    id: str
    run_id: str
    name: str
    timestamp: datetime
    batch_id: int
    duration_ms: Mapping[str, int]
    num_input_rows: int
    num_output_rows: int
    delta_version: int
    files: int
    bytes: int
    rescued_rows: int
    bad_records: int
    bad_files: int
    dropped_records: int
    schema_changed: bool
    backlog: Backlog
    sources: tuple[SourceProgress, ...]
    sink: str
    expectations: Mapping[str, ExpectationCounts] = msgspec.field(default_factory=dict)
    since_last_trigger_s: float | None = None
    schema_changes: tuple[SchemaChange, ...] = ()

    @property
    def batch_duration_ms(self) -> int:
        """The whole batch's milliseconds."""
        return self.duration_ms["triggerExecution"]

    def as_dict(self) -> dict[str, object]:
        """Give Spark's progress tree in Spark's order, with ``lakestream`` at its end.

        Rates that are not finite are left out, as Spark does.
        """
        found: dict[str, object] = {
            "id": self.id,
            "runId": self.run_id,
            "name": self.name,
            "timestamp": _utc_text(self.timestamp),
            "batchId": self.batch_id,
            "batchDuration": self.batch_duration_ms,
            "numInputRows": self.num_input_rows,
            **self._rates(self.num_input_rows),
            "durationMs": dict(self.duration_ms),
            "stateOperators": [],
            "sources": [self._source(each) for each in self.sources],
            "sink": {"description": self.sink, "numOutputRows": self.num_output_rows},
            "lakestream": {
                "deltaVersion": self.delta_version,
                "files": self.files,
                "bytes": self.bytes,
                "rescuedRows": self.rescued_rows,
                "badRecords": self.bad_records,
                "badFiles": self.bad_files,
                "droppedRecords": self.dropped_records,
                "schemaChanged": self.schema_changed,
                "schemaChanges": msgspec.to_builtins(self.schema_changes),
                "backlogFiles": self.backlog.files,
                "backlogBytes": self.backlog.bytes,
                "expectations": {
                    name: {"passed": c.passed, "failed": c.failed, "dropped": c.dropped}
                    for name, c in self.expectations.items()
                },
            },
        }
        return found

    def __getitem__(self, name: str) -> object:
        """Give a field by Spark's name, as PySpark does: ``query.lastProgress["batchId"]``."""
        return self.as_dict()[name]

    @property
    def json(self) -> str:
        """The progress on one line."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    @property
    def prettyJson(self) -> str:  # noqa: N802 - PySpark's name
        """The progress over several lines."""
        return json.dumps(self.as_dict(), indent=2)

    def __str__(self) -> str:
        """Give the progress over several lines, as PySpark prints it."""
        return self.prettyJson

    def _rates(self, rows: int) -> dict[str, float]:
        """Give rows a second since the last trigger (0 at the first) and of working on them."""
        worked_s, waited_s = self.batch_duration_ms / 1000, self.since_last_trigger_s
        rates = {"inputRowsPerSecond": round(rows / waited_s, 1) if waited_s else 0.0}
        return rates | ({"processedRowsPerSecond": round(rows / worked_s, 1)} if worked_s else {})

    def _source(self, source: SourceProgress) -> dict[str, object]:
        return {
            "description": source.description,
            "startOffset": _parsed(source.start_offset),
            "endOffset": _parsed(source.end_offset),
            "latestOffset": _parsed(source.latest_offset),
            "numInputRows": source.num_input_rows,
            **self._rates(source.num_input_rows),
            "metrics": dict(source.metrics),
        }


def _utc_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _parsed(offset: Offset | None) -> object:
    return None if offset is None else json.loads(offset)
