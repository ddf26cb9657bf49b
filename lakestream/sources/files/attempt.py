"""One attempt at reading a batch of files: fetch, decode, dress, and record what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from arro3.core import RecordBatch, RecordBatchReader

from lakestream.errors import BadRecordError, LakestreamError, SourceChangedError
from lakestream.formats.base import DecodePlan, FileChunk, FileOutcome, Format, Outcomes
from lakestream.plan.arrow_types import arrow_schema
from lakestream.sources.base import ReadReport, ReplanNeeded
from lakestream.sources.files.ahead import Ahead
from lakestream.sources.files.fetch import SupersededError
from lakestream.sources.files.file_records import QuarantineWriter, put_files
from lakestream.sources.files.members import fold_member

if TYPE_CHECKING:
    from lakestream.checkpoint.batch_records import AttemptRecords
    from lakestream.plan.types import Struct
    from lakestream.sources.files.bad_limits import BadLimits
    from lakestream.sources.files.extra_columns import Dressing, PlannedFile
    from lakestream.sources.files.fetch import Fetch

#: Decompressed bytes fetched ahead of the decoder.
_AHEAD_BYTES: Final = 16 * 2**20


class Lessons(msgspec.Struct, frozen=True):
    """How an attempt tells its reader what the next one must know.

    Args:
        bad: Files found unreadable, by place: left out from now on.
        grows: Whether a drift adds anything to the schema as it is.
        evolve: Makes a drift durable.
    """

    bad: dict[int, LakestreamError]
    grows: Callable[[Struct], bool]
    evolve: Callable[[Struct], None]


class FilesRead:
    """Implements ``BatchRead`` over an attempt.

    The attempt's rows do not refer back to this object: whoever lets go of both it and the
    stream ends the attempt's threads, which a cycle through the Arrow stream would keep.

    Args:
        attempt: Does the work.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._stream = RecordBatchReader.from_batches(arrow_schema(attempt.schema), attempt.rows())

    @property
    def schema(self) -> Struct:
        """The columns of the stream."""
        return self._attempt.schema

    @property
    def stream(self) -> RecordBatchReader:
        """The rows, lazily, once."""
        return self._stream

    @property
    def report(self) -> ReadReport:
        """The counts so far; whole when the stream was read to its end."""
        return self._attempt.report

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream early."""
        return self._attempt.failure


class Attempt:
    """Fetches, decodes and records the files of a batch, once.

    Args:
        files: The planned files, in order.
        fetch: Gives their bytes.
        reader: The format.
        plan: How to decode, pinned for this attempt.
        dressing: How decoded columns become the stream's.
        limits: How much may be bad.
        records: Where to leave what was found out.
        lessons: What to tell the source.
        done: Why some files, by their place, are not to be read.
        metrics: Goes into the report.
    """

    def __init__(
        self,
        files: Sequence[PlannedFile],
        *,
        fetch: Fetch,
        reader: Format,
        plan: DecodePlan,
        dressing: Dressing,
        limits: BadLimits,
        records: AttemptRecords,
        lessons: Lessons,
        done: Mapping[int, str],
        metrics: Mapping[str, str],
    ) -> None:
        self._files = files
        #: The planned files, and behind them the members of archives as they come.
        self._read = list(files)
        self._fetch = fetch
        self._format = reader
        self._plan = plan
        self._dressing = dressing
        self._limits = limits
        self._bad = 0
        self._records = records
        self._lessons = lessons
        self._done = done
        self._outcomes = Outcomes([FileOutcome() for _ in files], take=self._take_bad_records)
        self._quarantine = QuarantineWriter(records, self._read)
        self.report = ReadReport(metrics=dict(metrics))
        self.failure: BaseException | None = None

    @property
    def schema(self) -> Struct:
        """The columns of the rows."""
        return self._dressing.schema

    def rows(self) -> Iterator[RecordBatch]:
        """Give the rows, then record what became of each file.

        Raises:
            ReplanNeeded: The schema grew, or a file broke off after some of its rows.
            LakestreamError: What the store, the format or the checkpoint could not do.
        """
        try:
            yield from self._decoded()
            self._finish()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise

    def _decoded(self) -> Iterator[RecordBatch]:
        """Give rows until the schema grows; then go on decoding, to learn of all that is new."""
        wanted = [
            each.input
            for each in self._files
            if each.seq not in self._lessons.bad and each.seq not in self._done
        ]
        for file in self._files:
            if (failure := self._lessons.bad.get(file.seq)) is not None:
                self._outcomes.files[file.input.index].failure = failure
        chunks = self._fetch.chunks(wanted, first_member=len(self._files))
        ahead = Ahead(chunks, size_of=_chunk_bytes, max_bytes=_AHEAD_BYTES)
        grown, judged = False, None
        known = _with_members(iter(ahead), self._read, self._outcomes.files)
        batches = self._format.decode(known, self._plan, self._outcomes)
        try:
            for decoded in batches:
                self._take_bad_records()
                drift = self._outcomes.drift
                if drift is not None and drift is not judged:
                    grown, judged = grown or self._lessons.grows(drift), drift
                if grown:
                    continue
                self.report.rows += decoded.batch.num_rows
                yield self._dressing.dress(decoded.batch, decoded.runs, self._read)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()
            ahead.close()

    def _finish(self) -> None:
        """Decide, now that every file was seen, whether the attempt stands; record it if so.

        Raises:
            ReplanNeeded: The schema grew, or a file broke off after giving records.
        """
        drift = self._outcomes.drift
        grown = drift is not None and self._lessons.grows(drift)
        if drift is not None and grown:
            self._lessons.evolve(drift)
        self._fold()
        broken = self._broken_off()
        self._lessons.bad.update(broken)
        if grown or broken:
            why = "the schema grew" if grown else "a file broke off after some of its rows"
            raise ReplanNeeded(why)
        self._take_bad_records()
        self._check_limits()
        for file, outcome in zip(self._files, self._outcomes.files, strict=True):
            if outcome.failure is not None and not isinstance(outcome.failure, SupersededError):
                self._quarantine.take_file(file, outcome.failure)
        self._quarantine.flush()
        put_files(self._records, self._files, self._outcomes.files, self._done)
        self._count()

    def _take_bad_records(self) -> None:
        found = self._outcomes.bad_records
        self._bad += len(found)
        self._refuse(self._limits.broken(self._bad))
        outcomes = self._outcomes.files
        for index in {each.file for each in found if each.file < len(outcomes)}:
            outcomes[index].taken = True  # at the end members are folded: none is left to fail
        self._quarantine.take(found)

    def _check_limits(self) -> None:
        """Hold the whole batch against its limits; a file that cannot be read counts as one."""
        outcomes = self._outcomes.files
        failed = sum(_is_unreadable(each) for each in outcomes)
        bad = failed + sum(each.bad + each.dropped for each in outcomes)
        self._refuse(self._limits.broken(bad, bad + sum(each.rows for each in outcomes)))

    def _refuse(self, problem: str | None) -> None:
        if problem is None:
            return
        bad = (
            file.input.uri
            for file, outcome in zip(self._read, self._outcomes.files, strict=False)
            if outcome.bad or outcome.dropped or _is_unreadable(outcome)
        )
        raise BadRecordError(
            problem,
            where=next(bad, self._files[0].input.uri),
            fix="mend the files, or the format's options, and run again: nothing of this batch"
            " was committed; or allow more",
        )

    def _fold(self) -> None:
        """Make of what became of members what became of their archives."""
        outcomes = self._outcomes.files
        for member, found in zip(
            self._read[len(self._files) :], outcomes[len(self._files) :], strict=True
        ):
            assert member.input.archive is not None, "only members stand behind the files"  # noqa: S101
            fold_member(member.input, found, outcomes[member.input.archive])
        del outcomes[len(self._files) :]

    def _broken_off(self) -> dict[int, LakestreamError]:
        """Give the files that failed after they had given rows, bad records or drops."""
        return {
            file.seq: outcome.failure
            for file, outcome in zip(self._files, self._outcomes.files, strict=True)
            if outcome.failure is not None and (outcome.rows or outcome.bad or outcome.dropped)
        }

    def _count(self) -> None:
        outcomes, report = self._outcomes.files, self.report
        report.files = len(outcomes)
        report.bytes = sum(each.input.info.size_bytes for each in self._files)
        report.rescued_rows = sum(each.rescued for each in outcomes)
        report.bad_records = sum(each.bad for each in outcomes)
        report.dropped_records = sum(each.dropped for each in outcomes)
        report.bad_files = sum(
            each.failure is not None and not isinstance(each.failure, SupersededError)
            for each in outcomes
        )


def _with_members(
    chunks: Iterator[FileChunk], read: list[PlannedFile], outcomes: list[FileOutcome]
) -> Iterator[FileChunk]:
    """Give chunks on; make room for what becomes of each member when it comes."""
    for chunk in chunks:
        file = chunk.file
        if file.archive is not None and file.index == len(read):
            read.append(msgspec.structs.replace(read[file.archive], input=file))
            outcomes.append(FileOutcome())
        yield chunk


def _is_unreadable(outcome: FileOutcome) -> bool:
    """Tell whether a file was there and could not be read."""
    return outcome.failure is not None and not isinstance(outcome.failure, SourceChangedError)


def _chunk_bytes(chunk: FileChunk) -> int:
    return len(chunk.data)
