"""The small pipelines that the fault matrix runs: a landing folder and a table of its files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

import lakestream as ls
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK
from lakestream.query.attempt import Attempt
from lakestream.query.micro_batch import MicroBatchExecution, new_attempt_id
from lakestream.query.open_query import open_query
from lakestream.query.read_limits import NO_LIMIT
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.states import FileState
from lakestream.streaming_table import StreamingTable
from lakestream.testing import check_exactly_once
from support.oracle import rows_of_files

Rows = Counter[tuple[object, ...]]


class Pipeline:
    """One folder of files and the streaming table that reads it.

    Args:
        folder: Where both are made.
        options: For ``ls.read_files``; JSON by default.
        table: For ``ls.streaming_table``.
    """

    def __init__(
        self, folder: Path, *, table: dict[str, Any] | None = None, **options: Any
    ) -> None:
        self.folder = folder
        self.landing = folder / "landing"
        self.table_folder = folder / "table"
        self.checkpoint = self.table_folder / "_lakestream"
        self.landing.mkdir(parents=True, exist_ok=True)
        self._options = {"format": "json", **options}
        self._declared = table or {}
        self.table = self.again()

    def again(self, **options: Any) -> StreamingTable:
        """Declare the same table anew, as another process would; options may change."""
        read = {**self._options, **options}

        @ls.streaming_table(str(self.table_folder), name="bronze", **self._declared)
        def bronze() -> ls.Stream:
            return ls.read_files(str(self.landing), **read)

        return bronze

    def with_checkpoint(self, folder: Path) -> StreamingTable:
        """Declare the same table over another checkpoint folder."""

        @ls.streaming_table(str(self.table_folder), name="bronze", checkpoint=str(folder))
        def bronze() -> ls.Stream:
            return ls.read_files(str(self.landing), **self._options)

        return bronze

    def land(self, name: str, *records: object) -> Path:
        """Write a file of JSON lines; text and bytes are written as they are."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raws = [each if isinstance(each, bytes) else _line(each) for each in records]
        path.write_bytes(b"".join(raws))
        return path

    def rows(self, *columns: str) -> Rows:
        """Give the multiset of the table's rows."""
        names = list(columns or ("id",))
        return Counter(
            tuple(row.get(name) for name in names)
            for batch in self.table.read()
            for row in batch.to_pylist()
        )

    def oracle(self, *columns: str) -> Rows:
        """Give the multiset of rows that the raw files hold, told without lakestream."""
        return rows_of_files(self.landing, list(columns or ("id",)))

    def files(self) -> dict[str, FileState]:
        """Give each file's state by key."""
        return {each.key: each for each in self.table.files()}

    def quarantine(self) -> list[dict[str, Any]]:
        """Give the quarantined records and files."""
        return list(self.table.quarantine().to_pylist())

    def batch_ids(self) -> list[int]:
        """Give the committed batches."""
        names = (path.name for path in (self.checkpoint / "commits").iterdir())
        return sorted(int(name) for name in names if name.isdigit())

    def active_files(self) -> list[str]:
        """Give the data files of the table's newest version."""
        return DeltaTable(str(self.table_folder)).file_uris()

    def assert_exactly_once(self, *columns: str) -> None:
        """Hold the table against the raw files, and the batch ids against gaps."""
        check_exactly_once(
            (("", row) for row in self.oracle(*columns).elements()),
            (("", row) for row in self.rows(*columns).elements()),
        )
        assert self.batch_ids() == list(range(len(self.batch_ids())))


class Runner:
    """A run of a pipeline that the test steps line by line."""

    def __init__(self, pipeline: Pipeline, *, most_files: int | None = None) -> None:
        self.query = open_query(pipeline.again().definition, clock=SYSTEM_CLOCK)
        self.lines = MicroBatchExecution(self.query)
        limit = NO_LIMIT if most_files is None else ReadLimit(max_files=most_files)
        self._limits = dict.fromkeys(self.query.readers, limit)

    def begin(self) -> None:
        """Lines 1 to 3."""
        self.lines.start()
        self.lines.discover()

    def plan(self) -> Any:
        """Line 4, or the batch that was planned before."""
        return self.lines._pending or self.lines.plan(self.lines.latest(), self._limits)

    def opened(self) -> tuple[Any, Any, Attempt]:
        """Lines 4 to 7: give plan, inspection and attempt, all but the commit done."""
        plan = self.plan()
        inspection = self.lines.inspect(plan)
        return plan, inspection, self.attempt(plan, inspection)

    def attempt(self, plan: Any, inspection: Any) -> Attempt:
        """Lines 6 and 7."""
        attempt = Attempt(AttemptRecords(self.query.log, plan.batch_id, new_attempt_id()))
        self.lines.read(plan, attempt)
        self.lines.transform(plan, attempt, inspection)
        return attempt

    def batch(self) -> Any:
        """Run lines 4 to 10."""
        return self.lines.run_batch(self.lines.latest(), self._limits)


def _line(record: object) -> bytes:
    text = record if isinstance(record, str) else json.dumps(record)
    return text.encode() + b"\n"
