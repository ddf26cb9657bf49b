"""Runs a format over files given as bytes, and collects rows and outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from lakestream.errors import LakestreamError
from lakestream.formats.base import (
    BadRecord,
    DecodePlan,
    FileChunk,
    Format,
    InputFile,
    Outcomes,
    Sample,
)
from lakestream.formats.base import FileOutcome as Outcome
from lakestream.plan.types import Struct, schema_of_ddl
from lakestream.storage.base import ObjectInfo

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@dataclass
class Decoded:
    """All that came of a decode."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=lambda: Outcomes([]))
    batches: int = 0
    schema: pa.Schema | None = None

    @property
    def bad(self) -> list[BadRecord]:
        return self.outcomes.bad_records

    def rows_of(self, file: int) -> list[dict[str, Any]]:
        return [row for row, each in zip(self.rows, self.files, strict=True) if each == file]


def plan_of(
    schema: str | Struct,
    *,
    rescued: str | None = "_rescued_data",
    corrupt: str | None = None,
    mode: Any = "permissive",
    unknown: Any = "rescue",
    **more: Any,
) -> DecodePlan:
    fields = schema_of_ddl(schema) if isinstance(schema, str) else schema
    return DecodePlan(fields, rescued, corrupt, mode, unknown, **more)


def input_file(index: int, name: str, size: int) -> InputFile:
    info = ObjectInfo(name, size, "etag", None, MODIFIED)
    return InputFile(index, info, f"s3://landing/{name}")


def chunks_of(
    files: Mapping[str, bytes | tuple[bytes, LakestreamError]], step: int | None
) -> Iterator[FileChunk]:
    for index, (name, content) in enumerate(files.items()):
        data, failure = content if isinstance(content, tuple) else (content, None)
        file = input_file(index, name, len(data))
        width = step or max(len(data), 1)
        starts = range(0, len(data) if failure else max(len(data), 1), width)
        for start in starts:
            last = failure is None and start == starts[-1]
            yield FileChunk(file, data[start : start + width], last)
        if failure is not None:
            yield FileChunk(file, b"", last=True, failure=failure)


def decode(
    form: Format,
    files: Mapping[str, bytes | tuple[bytes, LakestreamError]],
    plan: DecodePlan,
    *,
    step: int | None = None,
) -> Decoded:
    """Decode files (``step`` bytes a chunk), checking what holds for every format."""
    found = Decoded(outcomes=Outcomes([Outcome() for _ in files]))
    given: dict[int, int] = dict.fromkeys(range(len(files)), 0)
    for each in form.decode(chunks_of(files, step), plan, found.outcomes):
        batch = pa.record_batch(each.batch)
        batch.validate(full=True)
        names = list(plan.schema.names)
        assert batch.schema.names == names + [plan.rescued_column] * bool(plan.rescued_column)
        assert sum(rows for _, rows in each.runs) == batch.num_rows > 0
        found.rows += batch.to_pylist()
        found.batches += 1
        found.schema = batch.schema
        for file, rows in each.runs:
            assert rows > 0
            given[file] += rows
            found.files += [file] * rows
    assert given == {i: outcome.rows for i, outcome in enumerate(found.outcomes.files)}
    return found


def sample_of(data: bytes, *, whole: bool = True, name: str = "a") -> Sample:
    return Sample(f"s3://landing/{name}", data, whole)
