"""Blocks of records into record batches: the fast way for blocks without a flaw.

A block whose every record the validator takes is parsed as it is. In any other block the
records are judged one by one, and only those that fail are rewritten by the exact path; then
the block is parsed like a clean one. Should the column parser ever refuse what was validated,
every record of that block is rewritten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from operator import length_hint
from typing import Final, Protocol, TypeAlias

import msgspec
from arro3.core import RecordBatch
from arro3.io import read_json

from lakestream.errors import BadRecordError, NewColumnsError, SourceError
from lakestream.formats.base import BadRecord, DecodedBatch, DecodePlan, InputFile, Outcomes
from lakestream.formats.c_stream import ArrowStreamError, record_batches
from lakestream.formats.infer import merge_kinds, settled
from lakestream.formats.json_blocks import Block, Part
from lakestream.formats.json_escapes import with_plain_pairs
from lakestream.formats.json_exact import BadLineError, ExactLine, ExactPath, ExactRules
from lakestream.formats.json_scalars import may_leave_calendar
from lakestream.formats.json_validator import REFUSALS, DecimalCheck, Validator, has_zoned_times
from lakestream.formats.schema import check_limits
from lakestream.limits import MAX_RECORD_BYTES
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema

#: arrow-rs parses nested rows twice as slowly at 64k rows a batch as at 2k to 8k.
_BATCH_ROWS: Final = 4096


class FileTally(msgspec.Struct, gc=False):
    """What one block adds to one file's outcome."""

    rows: int = 0
    rescued: int = 0
    bad: int = 0
    dropped: int = 0


class Judged(msgspec.Struct):
    """A block ready for the column parser, with all that judging it found.

    Args:
        block: Where it came from.
        pieces: Records for the column parser, each with its line end.
        runs: ``(file index, rows)`` in row order.
        tallies: By file index.
        bad_records: For quarantine.
        drift: New fields, unsettled.
        exact: True when every record was rewritten.
    """

    block: Block
    pieces: list[bytes]
    runs: list[tuple[int, int]]
    tallies: dict[int, FileTally]
    bad_records: list[BadRecord] = msgspec.field(default_factory=list)
    drift: t.SparkType = t.VOID
    exact: bool = False

    @property
    def rows(self) -> int:
        """The rows that the pieces have."""
        return sum(rows for _, rows in self.runs)

    def tally(self, file: InputFile) -> FileTally:
        """Give one file's tally."""
        return self.tallies.setdefault(file.index, FileTally())

    def add_rows(self, file: InputFile, rows: Sequence[bytes]) -> None:
        """Add records for the column parser."""
        if rows:
            self.pieces.append(b"\n".join(rows) + b"\n")
            self.runs.append((file.index, len(rows)))
            self.tally(file).rows += len(rows)


class Parsed(msgspec.Struct):
    """A judged block and its record batches."""

    judged: Judged
    batches: list[RecordBatch]


#: Gives the type that holds values of both.
Merge: TypeAlias = Callable[[t.SparkType, t.SparkType], t.SparkType]


class Rewriter(Protocol):
    """Gives a record as the column parser is to see it; used by several threads."""

    def rewrite(self, record: bytes, file_uri: str, /) -> ExactLine | None:
        """Rewrite one record; None when it is no record and no bad one.

        Raises:
            BadLineError: It is a bad one.
        """
        ...


class BlockDecoder:
    """Decodes blocks for one plan. Holds no state between blocks; used by several threads."""

    def __init__(self, plan: DecodePlan, rules: ExactRules, validator: Validator) -> None:
        self._plan = plan
        ours = (plan.rescued_column, plan.corrupt_column)
        reserved = [name for name in ours if name is not None]
        filled = t.Struct(tuple(each for each in plan.schema.fields if each[0] not in reserved))
        rows = validator.rows(filled, reserved=reserved)
        self._decoder = msgspec.json.Decoder(rows)
        self._inferable = filled if not validator.exact_only else None
        self._decimals = DecimalCheck(filled)
        self._zoned = has_zoned_times(filled)
        self._filled = filled
        self._exact: Rewriter = ExactPath(filled, validator, rules, reserved=reserved)
        self._merge: Merge = merge_kinds
        rescued = ((plan.rescued_column, t.STRING),) if plan.rescued_column is not None else ()
        self._schema = arrow_schema(t.Struct((*plan.schema.fields, *rescued)))

    def decode(self, block: Block) -> Parsed:
        """Judge a block and parse its columns; other Python threads run during the parsing.

        Raises:
            BadRecordError: ``mode="failfast"``.
            NewColumnsError: ``unknown="fail"``.
        """
        return self._parse(self._judge(block))

    def _judge(self, block: Block) -> Judged:
        """Find out which records of a block need the exact path, and take it for those."""
        if block.overlong:
            return self._judge_overlong(block)
        if not self._takes_whole(block):
            return self._judge_records(block, every=False)
        runs = [(part.file.index, part.lines) for part in block.parts]
        judged = Judged(block, [block.data], runs, {})
        for part in block.parts:
            judged.tally(part.file).rows += part.lines
        return judged

    def _parse(self, judged: Judged) -> Parsed:
        if not judged.rows:
            return Parsed(judged, [])
        batches = self._columns(judged)
        if batches is None and not judged.exact:
            judged = self._judge_records(judged.block, every=True)
            batches = self._columns(judged)
        if batches is None:
            raise SourceError(
                "records that passed validation cannot be parsed",
                where=", ".join(sorted({part.file.uri for part in judged.block.parts})),
                fix="report this file's shape as a defect of lakestream",
            )
        return Parsed(judged, batches)

    def _columns(self, judged: Judged) -> list[RecordBatch] | None:
        if not judged.rows:
            return []
        try:
            data = with_plain_pairs(b"".join(judged.pieces))
            reader = read_json(data, self._schema, batch_size=_BATCH_ROWS)
            batches = list(record_batches(reader))
        except ArrowStreamError:
            return None
        return batches if sum(batch.num_rows for batch in batches) == judged.rows else None

    def _takes_whole(self, block: Block) -> bool:
        """Tell whether every line of a block is one record that the validator takes."""
        if self._has_edge_times(block):
            return False
        if block.fits is not None and block.fits == self._inferable:
            return True
        # Line by line: each must be one record, and the objects made of it are freed in the cache.
        lines: Iterable[bytes] = block.records or BytesIO(block.data)
        decoded = map(self._decoder.decode, lines)
        try:
            if self._decimals.needed:
                return self._decimals.accepts(list(decoded))
            deque(decoded, maxlen=0)
        except REFUSALS:
            return False
        return True

    def _has_edge_times(self, block: Block) -> bool:
        """Tell whether a timestamp may be one that the validator takes and we do not."""
        return self._zoned and may_leave_calendar(block.data)

    def _judge_overlong(self, block: Block) -> Judged:
        judged = Judged(block, [], [], {}, exact=True)
        part = block.parts[0]
        reason = f"the record is longer than {MAX_RECORD_BYTES} bytes; its beginning is kept"
        error = BadLineError("record_too_long", reason)
        row = self._take_bad(judged, part.file, part.first_line, block.data, error)
        judged.add_rows(part.file, [] if row is None else [row])
        return judged

    def _judge_records(self, block: Block, *, every: bool) -> Judged:
        """Judge each record alone; ``every`` sends the good ones through the exact path too."""
        judged = Judged(block, [], [], {}, exact=every)
        records = block.split()
        edges = not every and self._has_edge_times(block)
        start = 0
        for part in block.parts:
            mine = records[start : start + part.lines]
            suspects: Iterable[int] = range(len(mine)) if every else self._refused(mine)
            if edges:
                suspects = sorted({*suspects, *_with_edge_times(mine)})
            judged.add_rows(part.file, self._rows_of(judged, part, mine, suspects))
            start += part.lines
        return judged

    def _rows_of(
        self, judged: Judged, part: Part, records: list[bytes], suspects: Iterable[int]
    ) -> list[bytes]:
        """Give one part's records for the column parser, the suspects by the exact path."""
        rows: list[bytes | None] = [*records]
        for i in suspects:
            record = records[i]
            rows[i] = (
                self._row_of(judged, part.file, part.first_line + i, record)
                if record.strip()
                else None
            )
        return [row for row in rows if row is not None]

    def _refused(self, records: list[bytes]) -> Iterator[int]:
        """Give the positions of the records that need the exact path, blank ones included.

        The loop over good records runs in C: ``map`` goes on behind a record that raised.
        """
        left = iter(records)
        checked = map(self._check_row if self._decimals.needed else self._decoder.decode, left)
        while True:
            try:
                deque(checked, maxlen=0)
            except REFUSALS:
                yield len(records) - length_hint(left) - 1
            else:
                return

    def _check_row(self, record: bytes) -> None:
        if not self._decimals.accepts((self._decoder.decode(record),)):
            raise ArithmeticError

    def _row_of(self, judged: Judged, file: InputFile, line: int, record: bytes) -> bytes | None:
        """Take the exact path for one record that is not blank."""
        try:
            found = self._exact.rewrite(record, file.uri)
        except BadLineError as error:
            return self._take_bad(judged, file, line, record, error)
        if found is None:
            return None
        if found.unknown is not None and self._plan.unknown == "fail":
            raise NewColumnsError(
                f"field {found.unknown!r} is not in the schema",
                where=f"{file.uri}, record {line}",
                fix="add it to schema or schema_hints, or choose another schema_evolution",
            )
        if found.rescued:
            judged.tally(file).rescued += 1
        if found.drift is not None:
            judged.drift = self._merge(judged.drift, found.drift)
        return found.data

    def _take_bad(
        self, judged: Judged, file: InputFile, line: int, raw: bytes, error: BadLineError
    ) -> bytes | None:
        """Put a bad record where the mode says; with a corrupt column, give it as a row.

        Bytes that are not UTF-8 stand in that column by their hex code, behind a backslash.
        """
        if self._plan.mode == "failfast":
            raise BadRecordError(
                f"a record cannot be read: {error.reason}",
                where=f"{file.uri}, record {line}",
                fix='mend the file, or set mode="permissive" to quarantine such records',
            ) from error
        tally = judged.tally(file)
        if self._plan.mode == "dropmalformed":
            tally.dropped += 1
            return None
        tally.bad += 1
        if self._plan.corrupt_column is not None:
            text = raw.decode(errors="backslashreplace")
            return msgspec.json.encode({self._plan.corrupt_column: text})
        judged.bad_records.append(BadRecord(file.index, line, error.code, error.reason, raw))
        return None


def _with_edge_times(records: list[bytes]) -> Iterator[int]:
    return (i for i, record in enumerate(records) if may_leave_calendar(record))


class Delivery:
    """Hands parsed blocks to the consumer and writes down what became of each file."""

    def __init__(self, outcomes: Outcomes, merge: Merge = merge_kinds) -> None:
        self._outcomes = outcomes
        self._merge = merge
        self._drift: t.SparkType = t.VOID

    def deliver(self, parsed: Parsed) -> Iterator[DecodedBatch]:
        """Record a block's outcomes and give its batches.

        Raises:
            SchemaRejectedError: The drift is over a limit.
        """
        judged = parsed.judged
        for index, tally in judged.tallies.items():
            outcome = self._outcomes.files[index]
            outcome.rows += tally.rows
            outcome.rescued += tally.rescued
            outcome.bad += tally.bad
            outcome.dropped += tally.dropped
        for file, failure in judged.block.failures:
            self._outcomes.files[file.index].failure = failure
        self._outcomes.keep(judged.bad_records)
        self._note_drift(judged)
        yield from _with_runs(parsed.batches, judged.runs)

    def _note_drift(self, judged: Judged) -> None:
        merged = self._merge(self._drift, judged.drift)
        if merged == self._drift:
            return
        self._drift = merged
        drift = settled(merged)
        if isinstance(drift, t.Struct):
            check_limits(drift, where=judged.block.parts[0].file.uri)
            self._outcomes.drift = drift


def _with_runs(
    batches: Sequence[RecordBatch], runs: Sequence[tuple[int, int]]
) -> Iterator[DecodedBatch]:
    """Give each batch the part of the runs that it covers."""
    left = deque(runs)
    for batch in batches:
        mine: list[tuple[int, int]] = []
        wanted = batch.num_rows
        while wanted:
            index, rows = left.popleft()
            taken = min(rows, wanted)
            if taken < rows:
                left.appendleft((index, rows - taken))
            if taken:
                mine.append((index, taken))
            wanted -= taken
        yield DecodedBatch(batch, mine)
