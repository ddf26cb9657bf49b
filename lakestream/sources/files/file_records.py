"""What an attempt leaves behind: ``files.parquet`` and ``quarantine-<k>.parquet``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.parquet_bytes import encode
from lakestream.errors import BadRecordError, LakestreamError, SourceChangedError
from lakestream.formats.base import BadRecord, FileOutcome
from lakestream.limits import MAX_QUARANTINE_BYTES
from lakestream.sources.files.extra_columns import PlannedFile
from lakestream.sources.files.ledger_rows import int64_array

FILES_NAME: Final = "files.parquet"
#: What became of a file whose rows are in the table.
COMMITTED: Final = "committed"
#: Quarantined records held in memory before they are written.
_FLUSH_BYTES: Final = 16 * 2**20
#: What a record counts for at least: held it is some objects, however short.
_LEAST_BYTES: Final = 256
_INTEGERS: Final = ("rows", "rescued", "bad", "dropped", "bytes")
_FILES_SCHEMA: Final = Schema(
    [
        Field("seq", DataType.int64()),
        Field("key", DataType.utf8()),
        Field("size", DataType.int64()),
        *(Field(name, DataType.int64()) for name in _INTEGERS),
        Field("state", DataType.utf8()),
        Field("reason", DataType.utf8()),
    ]
)
_QUARANTINE_SCHEMA: Final = Schema(
    [
        Field("file_key", DataType.utf8()),
        Field("line", DataType.int64()),
        Field("code", DataType.utf8()),
        Field("reason", DataType.utf8()),
        Field("raw", DataType.binary()),
    ]
)


class _Entry(msgspec.Struct, frozen=True):
    key: str
    line: int | None
    code: str
    reason: str
    raw: bytes | None


def reason_of(failure: LakestreamError) -> str:
    """Give a failure as one line with its code."""
    return f"[{failure.code}] {failure.what}"


def put_files(
    records: AttemptRecords,
    files: Sequence[PlannedFile],
    outcomes: Sequence[FileOutcome],
    done: Mapping[int, str],
) -> None:
    """Write what became of each file of a batch. Cost: one request.

    Args:
        records: The attempt.
        files: The batch's files.
        outcomes: What became of each.
        done: Why some, by their place, were not read: they were marked done.
    """
    failures = [each.failure for each in outcomes]
    states = [
        "done" if file.seq in done else _state(failure)
        for file, failure in zip(files, failures, strict=True)
    ]
    reasons = [
        done.get(file.seq) if failure is None else reason_of(failure)
        for file, failure in zip(files, failures, strict=True)
    ]
    sizes = int64_array([each.input.info.size_bytes for each in files])
    columns = [
        int64_array([each.seq for each in files]),
        Array([each.input.info.key for each in files], type=DataType.utf8()),
        sizes,
        int64_array([each.rows for each in outcomes]),
        int64_array([each.rescued for each in outcomes]),
        int64_array([each.bad for each in outcomes]),
        int64_array([each.dropped for each in outcomes]),
        sizes,
        Array(states, type=DataType.utf8()),
        Array(reasons, type=DataType.utf8()),
    ]
    batch = RecordBatch.from_arrays(columns, schema=_FILES_SCHEMA)
    records.put(FILES_NAME, encode(_FILES_SCHEMA, [batch]))


def _state(failure: LakestreamError | None) -> str:
    if failure is None:
        return "committed"
    return "skipped" if isinstance(failure, SourceChangedError) else "quarantined"


class QuarantineWriter:
    """Writes bad records as they come, a few MB an object.

    Args:
        records: The attempt.
        files: The batch's files, for the records' keys.
    """

    def __init__(self, records: AttemptRecords, files: Sequence[PlannedFile]) -> None:
        self._records = records
        self._files = files
        self._held: list[_Entry] = []
        self._held_bytes = 0
        self._total_bytes = 0
        self._written = 0

    def take(self, bad: list[BadRecord]) -> None:
        """Take records out of ``bad``, which a format goes on filling.

        Raises:
            BadRecordError: The batch has more bad records than ``MAX_QUARANTINE_BYTES``.
        """
        count = len(bad)
        taken = bad[:count]
        del bad[:count]
        for each in taken:
            key = self._files[each.file].input.info.key
            self._add(
                _Entry(key, each.line, each.code, each.reason, each.raw),
                max(len(each.raw), _LEAST_BYTES),
            )

    def take_file(self, file: PlannedFile, failure: LakestreamError) -> None:
        """Take a whole file; its bytes stay where they are."""
        self._add(_Entry(file.input.info.key, None, failure.code, failure.what, None), _LEAST_BYTES)

    def _add(self, entry: _Entry, size_bytes: int) -> None:
        self._held.append(entry)
        self._held_bytes += size_bytes
        self._total_bytes += size_bytes
        if self._total_bytes > MAX_QUARANTINE_BYTES:
            raise BadRecordError(
                f"more than {MAX_QUARANTINE_BYTES // 2**20} MB of this batch's records do not"
                f" parse, where a short one counts for {_LEAST_BYTES} bytes",
                where=f"key {entry.key}",
                fix="check the format and its options; nothing of this batch was committed",
            )
        if self._held_bytes > _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held. Cost: one request, none when nothing is held."""
        if not self._held:
            return
        held = self._held
        columns = [
            Array([each.key for each in held], type=DataType.utf8()),
            Array([each.line for each in held], type=DataType.int64()),
            Array([each.code for each in held], type=DataType.utf8()),
            Array([each.reason for each in held], type=DataType.utf8()),
            Array([each.raw for each in held], type=DataType.binary()),
        ]
        batch = RecordBatch.from_arrays(columns, schema=_QUARANTINE_SCHEMA)
        self._records.put(
            f"quarantine-{self._written}.parquet", encode(_QUARANTINE_SCHEMA, [batch])
        )
        self._written += 1
        self._held = []
        self._held_bytes = 0
