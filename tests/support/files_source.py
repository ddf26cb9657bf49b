"""A landing folder and a file source over it, driven by hand as the engine drives it."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK, Clock
from lakestream.sources.base import BatchRead, DiscoveryFilter, ReadLimit, SourceContext
from lakestream.sources.files.describe import describe_files
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import stores
from lakestream.storage.base import LogStore
from lakestream.storage.rehearsal import RehearsalLogStore

_attempts = itertools.count()


@dataclass
class Batch:
    """One read batch: its rows, the read itself, and what it recorded."""

    rows: list[dict[str, Any]]
    read: BatchRead
    records: AttemptRecords

    @property
    def failure(self) -> BaseException | None:
        return self.read.failure

    def records_of(self, key: str) -> list[dict[str, Any]]:
        return [row for row in table(self.records.get("files.parquet")) if row["key"] == key]

    def files(self) -> dict[str, dict[str, Any]]:
        return {row["key"]: row for row in table(self.records.get("files.parquet"))}

    def quarantined(self) -> list[dict[str, Any]]:
        names = [name for name in self.records.names() if name.startswith("quarantine-")]
        return [row for name in names for row in table(self.records.get(name))]


def table(data: bytes) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(data)).to_pylist()


@dataclass
class FilesPipe:
    """A folder, a checkpoint, and readers over them."""

    root: Path
    options: dict[str, Any] = field(default_factory=lambda: {"format": "json"})
    path: str | None = None
    log: LogStore | None = None

    def __post_init__(self) -> None:
        self.landing = self.root / "landing"
        self.landing.mkdir(exist_ok=True)
        if self.log is None:
            self.log = stores.open_log_store(str(self.root / "checkpoint"))

    def land(self, name: str, *rows: object, age_s: float = 60) -> Path:
        """Write rows (dicts as NDJSON, str or bytes as they are) into a file of some age."""
        data = b"".join(
            row
            if isinstance(row, bytes)
            else (row if isinstance(row, str) else json.dumps(row) + "\n").encode()
            for row in rows
        )
        file = self.landing / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        then = SYSTEM_CLOCK.now().timestamp() - age_s
        os.utime(file, (then, then))
        return file

    def open(
        self,
        *,
        discovery: DiscoveryFilter | None = None,
        rehearse: bool = False,
        clock: Clock = SYSTEM_CLOCK,
        **options: Any,
    ) -> FilesReader:
        assert self.log is not None
        description = describe_files(self.path or str(self.landing), **{**self.options, **options})
        context = SourceContext(
            "files-landing",
            RehearsalLogStore(self.log) if rehearse else self.log,
            clock,
            discovery=discovery or DiscoveryFilter(),
            rehearsal=rehearse,
        )
        reader = description.open(context)
        assert isinstance(reader, FilesReader)
        return reader

    def read(self, reader: FilesReader, start: str, end: str, *, batch_id: int = 0) -> Batch:
        """Read one batch to its end, or to where it breaks off."""
        assert self.log is not None
        records = AttemptRecords(self.log, batch_id, f"attempt{next(_attempts)}")
        read = reader.read(start, end, records)
        rows: list[dict[str, Any]] = []
        try:
            for batch in pa.RecordBatchReader.from_stream(read.stream):
                rows += batch.to_pylist()
        except Exception:
            if read.failure is None:
                raise
        return Batch(rows, read, records)

    def run(self, reader: FilesReader, limit: ReadLimit | None = None) -> Iterator[Batch]:
        """Discover and read batch after batch, each once."""
        reader.discover()
        start = reader.initial()
        bound = reader.latest(start)
        while (end := reader.plan(start, bound, limit or ReadLimit())) != start:
            yield self.read(reader, start, end)
            start = end

    def all_rows(self, reader: FilesReader, limit: ReadLimit | None = None) -> list[dict[str, Any]]:
        """Read everything, redoing batches whose attempt was given up."""
        reader.discover()
        start = reader.initial()
        bound = reader.latest(start)
        found: list[dict[str, Any]] = []
        while (end := reader.plan(start, bound, limit or ReadLimit())) != start:
            for _ in range(5):
                batch = self.read(reader, start, end)
                if batch.failure is None:
                    break
            assert batch.failure is None, batch.failure
            found += batch.rows
            start = end
        return found
