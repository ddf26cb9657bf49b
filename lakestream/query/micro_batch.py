"""The life of a batch, line by line as the README tells it; each line is a named fail point.

Two runs over one checkpoint are safe without any lock: the offset log, the ledger and the
Delta mark are each compare-and-set, and everything an attempt writes carries its random id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.checkpoint import epochs, retention
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.checkpoint.commit_log import CommitEntry
from lakestream.checkpoint.epochs import Epoch
from lakestream.checkpoint.offset_log import OffsetEntry
from lakestream.clock import epoch_ms
from lakestream.digest import sha256
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    FencedError,
    LakestreamError,
    PlanMismatchError,
    QueryError,
    SinkDamagedError,
)
from lakestream.failpoint import failpoint
from lakestream.query.attempt import Attempt, PlanRunner
from lakestream.query.open_query import OpenQuery
from lakestream.query.progress import QueryProgress
from lakestream.query.reporting import BatchTimer, progress_of
from lakestream.query.summary import AttemptSummary
from lakestream.sinks.base import Inspection, Receipt
from lakestream.sources.base import Offset, ReadLimit, ReplanNeeded

if TYPE_CHECKING:
    from random import Random

#: How often one plan is read again because its input taught us something (new columns, a file
#: that broke off); each time removes a reason, so this is never met by honest input.
MAX_REPLANS: Final = 1_000
#: How often a commit is tried against other writers and failing storage before the run ends.
MAX_FAILURES: Final = 10
_FIRST_BACKOFF_S: Final = 0.02
_LONGEST_BACKOFF_S: Final = 2.0
_CONSISTENT_READS: Final = 20


class BatchPlan(msgspec.Struct, frozen=True):
    """What batch N reads: its offset log entry and the ends of the batch before."""

    entry: OffsetEntry
    starts: Mapping[str, Offset]

    @property
    def batch_id(self) -> int:
        """The batch."""
        return self.entry.batch_id

    @property
    def ends(self) -> Mapping[str, Offset]:
        """The inclusive end of each source."""
        return dict(self.entry.offsets)


class MicroBatchExecution:
    """The batches of one run. One thread."""

    def __init__(self, query: OpenQuery) -> None:
        self.query = query
        self._runner = PlanRunner(query)
        self._epoch: Epoch | None = None
        self._next_id = 0
        self._positions: dict[str, Offset] = {}
        self._receipt_version: int | None = None
        self._pending: BatchPlan | None = None
        self._last_timer: BatchTimer | None = None

    @property
    def positions(self) -> Mapping[str, Offset]:
        """Where each source stands: the end of the last committed batch."""
        return self._positions

    @property
    def has_pending(self) -> bool:
        """Whether a batch was planned and not committed by an earlier run."""
        return self._pending is not None

    def start(self) -> None:
        """Take over the query: lines 1 and 2."""
        self.claim()
        self.recover()

    def check_table(self) -> None:
        """Look at the table as the next batch will; what another run has done meanwhile is fine.

        Raises:
            SinkReplacedError, SinkRestoredError, SinkBehindError: No batch could be committed.
            SinkDamagedError, StorageUnavailableError.
        """
        metadata = self.query.metadata
        if metadata is None:
            return
        with suppress(FencedError, PlanMismatchError):
            self.query.sink.inspect(
                self._next_id,
                table_id=metadata.table_id,
                plan_digest="" if self._pending is None else self._pending.entry.plan_digest,
                receipt_version=self._receipt_version,
            )

    def run_batch(
        self, bounds: Mapping[str, Offset], limits: Mapping[str, ReadLimit]
    ) -> QueryProgress | None:
        """Run the next batch: lines 4 to 10. ``discover`` (line 3) is the trigger's to call.

        Args:
            bounds: How far each source may be read.
            limits: How much of each source may enter the batch.

        Returns:
            What the batch did, or None when nothing is left below the bounds.

        Raises:
            LakestreamError: The batch is not in the table, or it is and only the bookkeeping
                is missing; either way the next run goes on from the checkpoint.

        Delivery: exactly once. Atomic: one Delta commit.
        """
        timer = BatchTimer(self.query.clock, self._last_timer)
        with timer.line("walCommit"):
            plan = self._pending or self.plan(bounds, limits)
        if plan is None:
            return None
        self._last_timer = timer
        self._pending = plan
        receipt = self._bring_to_table(plan, timer)
        with timer.line("commitOffsets"):
            self.commit_log(plan, receipt)
        with timer.line("commitSource"):
            self.committed(plan, receipt)
        summary = self._summary(plan, receipt)
        return progress_of(
            self.query,
            entry=plan.entry,
            starts=plan.starts,
            receipt=receipt,
            summary=summary,
            timer=timer,
        )

    def claim(self) -> None:
        """Line 1: take the next epoch; an older run sees it and stops early."""
        failpoint("claim")
        self._epoch = epochs.claim(self.query.log, self.query.run_id, self.query.clock)

    def recover(self) -> None:
        """Line 2: find the last committed batch, and the planned one that is not committed."""
        failpoint("recover")
        try:
            self._find_place()
        except CheckpointCorruptError:
            # A run that stood still sees a checkpoint that others have taken on, or begun anew.
            self._check_epoch()
            self.query.check_not_reset()
            raise

    def _find_place(self) -> None:
        planned, committed = self._read_logs()
        if planned is not None:
            self.query.adopt(planned)
        self._next_id = 0 if committed is None else committed + 1
        self._positions = self._offsets_of(committed)
        self._receipt_version = self._version_of(committed)
        for name, reader in self.query.readers.items():
            reader.resume(self._positions[name])
        if planned is not None and planned == self._next_id:
            self._pending = self._plan_of(self._entry(planned))

    def discover(self, *, time_budget_s: float | None = None) -> None:
        """Line 3: each source makes its newest position durable."""
        failpoint("discover")
        self._check_epoch()
        for reader in self.query.readers.values():
            reader.discover(time_budget_s=time_budget_s)

    def latest(self) -> dict[str, Offset]:
        """Give the newest durable position of each source: the bounds of this trigger."""
        return {
            name: reader.latest(self._positions[name])
            for name, reader in self.query.readers.items()
        }

    def plan(
        self, bounds: Mapping[str, Offset], limits: Mapping[str, ReadLimit]
    ) -> BatchPlan | None:
        """Line 4: pick the end under the limits and write ``offsets/N`` unless it is there."""
        failpoint("plan")
        ends = {
            name: reader.plan(self._positions[name], bounds[name], limits[name])
            for name, reader in self.query.readers.items()
        }
        if ends == self._positions:
            return None
        self._check_epoch()
        self._runner.prepare()
        entry = OffsetEntry(
            batch_id=self._next_id,
            attempt=new_attempt_id(),
            plan_digest=self._digest(self._next_id, ends),
            watermark_ms=0,
            timestamp_ms=epoch_ms(self.query.clock.now()),
            conf={},
            offsets=tuple(ends.items()),
        )
        if not self.query.offsets.append(entry):
            # Ours (a lost reply) or another run's: either way the plan that stands is the plan.
            entry = self._entry(self._next_id)
        return self._plan_of(entry)

    def inspect(self, plan: BatchPlan) -> Inspection:
        """Line 5: one look at the table through the handle that the commit will use."""
        failpoint("inspect")
        metadata = self.query.metadata
        assert metadata is not None, "a plan comes after the metadata"  # noqa: S101
        return self.query.sink.inspect(
            plan.batch_id,
            table_id=metadata.table_id,
            plan_digest=plan.entry.plan_digest,
            receipt_version=self._receipt_version,
        )

    def read(self, plan: BatchPlan, attempt: Attempt) -> None:
        """Line 6: open ``(start, end]`` of each source as a stream of batches."""
        failpoint("read")
        attempt.open_reads(self.query.readers, plan.starts, plan.ends)

    def transform(self, plan: BatchPlan, attempt: Attempt, inspection: Inspection) -> None:
        """Line 7: run the stateless part of the plan over the streams, lazily."""
        failpoint("transform")
        self._runner.run(
            attempt,
            inspection.schema,
            widened=inspection.widened,
            timestamp_ms=plan.entry.timestamp_ms,
        )

    def widen(self, plan: BatchPlan, attempt: Attempt, inspection: Inspection) -> None:
        """Between 7 and 8: a table that is too narrow gets wider columns, by its own commit.

        That commit brings no row: a run that dies behind it meets a table that is wide enough.

        Raises:
            ReplanNeeded: It did; the table is another than the one that was inspected.
        """
        if inspection.widen(attempt.stream, self._commit_metadata(plan, attempt)):
            raise ReplanNeeded("the table's columns became wider")

    def sink_commit(self, plan: BatchPlan, attempt: Attempt, inspection: Inspection) -> None:
        """Line 8: rows, new columns and marks in one commit through the inspected handle."""
        failpoint("sink_commit")
        inspection.commit(attempt.stream, self._commit_metadata(plan, attempt))

    def commit_log(self, plan: BatchPlan, receipt: Receipt) -> None:
        """Line 9: write ``commits/N`` from the winning Delta commit, whoever wrote that."""
        failpoint("commit_log")
        planned = self.query.offsets.read(plan.batch_id)
        if planned is None or planned.plan_digest not in {"", plan.entry.plan_digest}:
            # Behind a reset the entry would be taken for one of the query that began anew.
            raise FencedError(
                f"the plan of batch {plan.batch_id} is gone: the query was reset, or went on by "
                "many batches, while this run stood still",
                where=self.query.log.uri,
                fix="run again: it starts where the checkpoint is now",
            )
        self.query.sink.verify(receipt)
        entry = CommitEntry(
            batch_id=plan.batch_id,
            next_watermark_ms=int(str(receipt.metadata.get("nextWatermarkMs", 0))),
            delta_version=receipt.version,
            rows=receipt.rows,
            attempt=_attempt_of(receipt),
            plan_digest=plan.entry.plan_digest,
            refs={"batches": self._records(plan, _attempt_of(receipt)).folder},
        )
        if self.query.commits.append(entry):
            return
        stored = self.query.commits.read(plan.batch_id)
        if stored is None or stored.delta_version != receipt.version:
            raise CheckpointCorruptError(
                f"commits/{plan.batch_id} names another Delta version than the table's log",
                where=self.query.log.uri,
                fix="restore the checkpoint folder and the table from the same moment",
            )

    def committed(self, plan: BatchPlan, receipt: Receipt) -> None:
        """Line 10: tell the sources, go on to the next batch, let old log entries go."""
        failpoint("committed")
        for name, reader in self.query.readers.items():
            reader.committed(plan.ends[name])
        self._positions = dict(plan.ends)
        self._receipt_version = receipt.version
        self._next_id = plan.batch_id + 1
        self._pending = None
        retention.purge(self.query.log, plan.batch_id)

    def _bring_to_table(self, plan: BatchPlan, timer: BatchTimer) -> Receipt:
        """Lines 5 to 8, again from 5 after whatever went wrong, until the table has the batch."""
        failures = replans = 0
        verdict: BaseException | None = None
        while True:
            with timer.line("inspect"):
                inspection = self._inspected(plan)
            if inspection.receipt is not None:
                self._complete_records(plan, inspection, inspection.receipt)
                return inspection.receipt
            if verdict is not None:
                raise verdict
            attempt = Attempt(self._records(plan, new_attempt_id()))
            try:
                with timer.line("addBatch"):
                    self.read(plan, attempt)
                    self.transform(plan, attempt, inspection)
                    self.widen(plan, attempt, inspection)
                    self.sink_commit(plan, attempt, inspection)
                return self._own_receipt(plan)
            except Exception as error:  # noqa: BLE001 - the table alone says what happened
                cause = attempt.cause(error)
                attempt.close(cause)
                if isinstance(cause, ReplanNeeded):
                    replans += 1
                    verdict = _too_many_replans(plan) if replans > MAX_REPLANS else None
                    continue
                failures += 1
                verdict = cause if failures > MAX_FAILURES or not _may_retry(cause) else None
                if verdict is None:
                    self._back_off(failures)
            finally:
                attempt.close()

    def _inspected(self, plan: BatchPlan) -> Inspection:
        """Line 5, asked again while the storage does not answer."""
        failures = 0
        while True:
            try:
                return self.inspect(plan)
            except LakestreamError as error:
                failures += 1
                if failures > MAX_FAILURES or not _may_retry(error):
                    raise
                self._back_off(failures)

    def _complete_records(self, plan: BatchPlan, inspection: Inspection, receipt: Receipt) -> None:
        """Read a committed batch again for its records, if this checkpoint lacks them.

        They are written before the commit, so only a checkpoint that was restored from a backup
        lacks them. No row is written.
        """
        records = self._records(plan, _attempt_of(receipt))
        while not AttemptSummary.is_in(records):
            attempt = Attempt(records)
            try:
                self.read(plan, attempt)
                self.transform(plan, attempt, inspection)
                for _ in attempt.stream:
                    pass
            except Exception as error:
                cause = attempt.cause(error)
                if not isinstance(cause, ReplanNeeded):
                    raise cause from error
            finally:
                attempt.close()

    def _summary(self, plan: BatchPlan, receipt: Receipt) -> AttemptSummary:
        try:
            return AttemptSummary.read(self._records(plan, _attempt_of(receipt)))
        except CheckpointCorruptError:
            self._check_epoch()  # a run that is ten batches ahead has merged and deleted it
            raise

    def _own_receipt(self, plan: BatchPlan) -> Receipt:
        receipt = self.query.sink.find_receipt(plan.batch_id)
        if receipt is None:
            raise SinkDamagedError(
                f"batch {plan.batch_id} was committed, but the table's log does not show it",
                where=self.query.sink.where,
                fix="look for another process that deletes files below _delta_log",
            )
        return receipt

    @cached_property
    def _random(self) -> Random:
        """Dice for jitter, not for secrets; a run that need not wait does not load them."""
        from random import Random

        return Random()  # noqa: S311 - jitter, not a secret

    def _back_off(self, failures: int) -> None:
        longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**failures)
        self.query.clock.sleep(longest * (0.5 + self._random.random() / 2))

    def _check_epoch(self) -> None:
        if self._epoch is not None:
            epochs.check(self.query.log, self._epoch)

    def _read_logs(self) -> tuple[int | None, int | None]:
        """Read the newest ids of both logs; believe an inconsistency only when it stays."""
        before: tuple[int | None, int | None] | None = None
        for _ in range(_CONSISTENT_READS):
            planned, committed = self.query.offsets.newest(), self.query.commits.newest()
            if planned == committed or planned == (-1 if committed is None else committed) + 1:
                return planned, committed
            if (planned, committed) == before:
                break
            before = (planned, committed)
        raise CheckpointCorruptError(
            f"the newest plan is {planned} and the newest commit is {committed}: they must be "
            "equal, or the plan one ahead",
            where=self.query.log.uri,
            fix="restore the checkpoint folder from a backup, or reset the table",
        )

    def _entry(self, batch_id: int) -> OffsetEntry:
        entry = self.query.offsets.read(batch_id)
        if entry is None:
            raise CheckpointCorruptError(
                f"offsets/{batch_id} is missing",
                where=self.query.log.uri,
                fix="restore the checkpoint folder from a backup, or reset the table",
            )
        return entry

    def _offsets_of(self, committed: int | None) -> dict[str, Offset]:
        stored = {} if committed is None else dict(self._entry(committed).offsets)
        return {
            name: stored.get(name) or reader.initial()
            for name, reader in self.query.readers.items()
        }

    def _version_of(self, committed: int | None) -> int | None:
        if committed is None:
            return None
        entry = self.query.commits.read(committed)
        if entry is None:
            raise CheckpointCorruptError(
                f"commits/{committed} is missing",
                where=self.query.log.uri,
                fix="restore the checkpoint folder from a backup, or reset the table",
            )
        return entry.delta_version

    def _plan_of(self, entry: OffsetEntry) -> BatchPlan:
        """Take an entry as the plan, after a look whether it still reads what it read then."""
        unknown = [name for name, _ in entry.offsets if name not in self.query.readers]
        if unknown:
            raise CheckpointMismatchError(
                f"batch {entry.batch_id} is planned with source {unknown[0]!r}, which the "
                "query no longer has",
                where=self.query.log.uri,
                fix="bring the source back for one run, so that the batch can end",
            )
        ends = {**self._positions, **dict(entry.offsets)}
        found = self._digest(entry.batch_id, ends)
        if entry.plan_digest and found != entry.plan_digest:
            raise CheckpointCorruptError(
                f"the plan of batch {entry.batch_id} names other input than when it was written",
                where=self.query.log.uri,
                fix="if a source's options were changed since (skip_change_commits, ...), change "
                "them back for one run, so that the batch can end; else restore the checkpoint "
                "folder from a backup, or reset the table",
            )
        whole = OffsetEntry(
            batch_id=entry.batch_id,
            attempt=entry.attempt,
            plan_digest=found,
            watermark_ms=entry.watermark_ms,
            timestamp_ms=entry.timestamp_ms,
            conf=entry.conf,
            offsets=tuple(ends.items()),
        )
        return BatchPlan(entry=whole, starts=dict(self._positions))

    def _digest(self, batch_id: int, ends: Mapping[str, Offset]) -> str:
        """Hash what the batch reads: file versions, not only positions.

        Positions alone would let a checkpoint restored from a backup pass off other files as
        the batch that the table has.
        """
        digest = sha256(f"{self.query.id}:{batch_id}".encode())
        for name in sorted(ends):
            start, end = self._positions[name], ends[name]
            digest.update(json.dumps([name, start, end]).encode())
            for item in self.query.readers[name].digest_items(start, end):
                digest.update(f"{item}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def _records(self, plan: BatchPlan, attempt: str) -> AttemptRecords:
        return AttemptRecords(self.query.log, plan.batch_id, attempt)

    def _commit_metadata(self, plan: BatchPlan, attempt: Attempt) -> dict[str, object]:
        return {
            "query": self.query.id,
            "name": self.query.definition.name,
            "run": self.query.run_id,
            "batch": plan.batch_id,
            "attempt": attempt.records.attempt,
            "planDigest": plan.entry.plan_digest,
            "offsets": {name: json.loads(end) for name, end in plan.ends.items()},
            "nextWatermarkMs": plan.entry.watermark_ms,
            "refs": {"batches": attempt.records.folder},
        }


def new_attempt_id() -> str:
    """Give a random id that no other attempt has."""
    return os.urandom(8).hex()


def _attempt_of(receipt: Receipt) -> str:
    return str(receipt.metadata["attempt"])


def _may_retry(error: BaseException) -> bool:
    return isinstance(error, LakestreamError) and error.transient


def _too_many_replans(plan: BatchPlan) -> QueryError:
    return QueryError(
        f"batch {plan.batch_id} was read {MAX_REPLANS} times and its input taught something new "
        "each time",
        fix="lower max_files_per_trigger, and look at `lakestream files` for what changes",
    )
