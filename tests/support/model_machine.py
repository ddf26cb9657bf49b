"""H5: random histories of one pipeline, held against a model of what landed.

A history is up to 25 drawn steps on one landing folder, one table and one checkpoint, at the end
of which a last run works off what is there and everything is checked. Runs are the real engine,
stepped from protocol line to protocol line; what may happen between two lines is drawn by
hypothesis: files land, are overwritten and go; runs begin, park, go on, crash; the store
throttles, the disk is full, the clock jumps; others compact, vacuum and restore the table. Every
run lives on one clock and only one thing works at any moment, so that a history which failed can
be played again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from traceback import format_exception
from typing import ClassVar, Final

from deltalake import DeltaTable
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lakestream.checkpoint import retention
from lakestream.checkpoint.commit_log import CommitLog
from lakestream.errors import (
    CommitConflictError,
    FencedError,
    SinkBehindError,
    SinkRestoredError,
    StorageError,
    StorageUnavailableError,
)
from lakestream.failpoint import PROTOCOL_LINES
from lakestream.storage import stores
from lakestream.streaming_table import StreamingTable
from lakestream.testing import ManualClock, SteppedRun
from support.fault_pipeline import Pipeline
from support.lake_model import LakeModel, TableFiles
from support.weather import Stores, Weather

MOST_RUNS: Final = 3
#: What a run may end with: another was quicker, or its storage failed it.
FINE_ENDS: Final = (FencedError, CommitConflictError, StorageUnavailableError)
#: Where a run is led to; a line that it does not pass within a batch leads it that far.
LINES: Final = st.sampled_from(PROTOCOL_LINES)
_SEEDS: Final = st.integers(0, 2**32)
_ROOMS: Final = st.sampled_from((0, 100, 1_000, 3_000))
#: Foul weather lets few runs come to an end, so it is fair for most of the time.
_TURNS: Final = ("clears", "clears", "clears", "throttles", "throttles", "fills")
#: What hands other than lakestream's do; the last of them ends a table's life, so it is rare.
_HANDS: Final = ("clock", "purge", "vacuum", "compact", "clock", "purge", "vacuum", "restore")
#: Memory in the place of a disk: the histories are about order, not about the disk.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - each history makes a folder of its own there


class JumpingClock(ManualClock):
    """A clock whose wall time is set back and forth while its monotonic time goes on."""

    def __init__(self) -> None:
        super().__init__(sleeping_advances=True)
        self.off = timedelta(0)

    def now(self) -> datetime:
        """Give the wall time as it is set."""
        return super().now() + self.off


class LakeMachine(RuleBasedStateMachine):
    """One landing folder, one table, and up to three runs of its query."""

    #: What happened in all histories of this process, for a test to see that it did happen.
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lakestream-model-", dir=_scratch()))
        self.pipeline = Pipeline(
            self.folder, ignore_missing_files=True, metadata_column="_metadata"
        )
        (self.folder / "aside").mkdir()
        self.model = LakeModel(self.pipeline.landing, self.folder / "aside")
        self.table = TableFiles(self.pipeline.table_folder)
        self.clock = JumpingClock()
        self.weather = Weather()
        self.tables: dict[int, StreamingTable] = {}
        self.runs: list[SteppedRun] = []
        self.plans: list[Stores] = []
        self.landed = 0
        #: Beside ``FINE_ENDS``, what runs may end with after what has happened.
        self.fine_ends: set[type[Exception]] = set()

    @initialize(files=st.integers(2, 5))
    def begin(self, files: int) -> None:
        """Some files are there: a history may draw no other."""
        self.put(files=files, rows=2, evolves=False)

    @rule(files=st.integers(1, 3), rows=st.integers(0, 3), evolves=st.booleans())
    def put(self, files: int, rows: int, *, evolves: bool) -> None:
        """Files land; the first row of each is in it twice, some bring a column."""
        for _ in range(files):
            self._land(f"{self.landed:04}.json", rows, evolves=evolves)

    @precondition(lambda self: self.model.there())
    @rule(data=st.data(), rows=st.integers(0, 3), goes=st.booleans(), evolves=st.booleans())
    def change(self, data: st.DataObject, rows: int, *, goes: bool, evolves: bool) -> None:
        """A file goes or gets other content, whether it was read or not."""
        name = data.draw(st.sampled_from(self.model.there()))
        if goes:
            self.model.drop(name)
        else:
            self._land(name, rows, evolves=evolves)
        self.happened["drop" if goes else "overwrite"] += 1

    @rule(data=st.data(), line=LINES)
    def step(self, data: st.DataObject, line: str) -> None:
        """A run begins or goes on, until it is parked before a protocol line."""
        run = self._some_run(data)
        with self.weather.outside():
            run.step()
            _lead(run, line)
        self._part_with_ended()

    @rule(data=st.data(), line=LINES)
    def crash(self, data: st.DataObject, line: str) -> None:
        """A run begins or goes on to a protocol line, and is killed there."""
        run = self._some_run(data)
        with self.weather.outside():
            _lead(run, line)
        if run.point is not None:
            self.happened[f"crash before {run.point}"] += 1
            run.crash()
        self._part_with_ended()

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A run begins or goes on, and works to its end."""
        run = self._some_run(data)
        with self.weather.outside():
            run.go()
        self._part_with_ended()

    @rule(turn=st.sampled_from(_TURNS), seed=_SEEDS, room=_ROOMS)
    def turn_weather(self, turn: str, seed: int, room: int) -> None:
        """Stores begin to refuse some calls, or the disk is full, or all is well again."""
        self.weather.clear()
        if turn == "throttles":
            self.weather.throttle(seed)
            self.happened["throttled store"] += 1
        elif turn == "fills":
            self.weather.fill(room)
            self.fine_ends.add(StorageError)
            self.happened["full disk"] += 1

    @rule(what=st.sampled_from(_HANDS), data=st.data())
    def tend(self, what: str, data: st.DataObject) -> None:
        """Somebody tends the clock, the checkpoint or the table while runs are under way."""
        if what == "clock":
            # Time passes, and the wall clock is set, forth or back.
            self.clock.advance(data.draw(st.integers(1, 100_000)))
            self.clock.off = timedelta(seconds=data.draw(st.integers(-1_000_000, 1_000_000)))
            self.happened["clock set"] += 1
        elif what == "purge":
            self._purge()
        elif what == "restore" and self.has_batches:
            self._restore(data)
        elif what in {"vacuum", "compact"} and self.has_table:
            table = DeltaTable(str(self.pipeline.table_folder))
            if what == "compact":
                table.optimize.compact()
            table.vacuum(0, dry_run=False, enforce_retention_duration=False)
            self.happened[what] += 1

    def _purge(self) -> None:
        """Let the checkpoint forget what it may, as after its newest tenth batch."""
        log = stores.open_log_store(str(self.pipeline.checkpoint))
        newest = CommitLog(log).newest()
        if newest is not None:
            retention.purge(log, newest - newest % 10, keep=2)
            # From ten batches on there is something to merge.
            self.happened["purge"] += newest >= 10

    def _restore(self, data: st.DataObject) -> None:
        """Restore the table to an older version; runs refuse until it is reset."""
        table = DeltaTable(str(self.pipeline.table_folder))
        version = data.draw(st.integers(0, table.version() - 1))
        # Files of it may have gone to a vacuum.
        table.restore(version, ignore_missing_files=True)
        self.happened["restore"] += 1
        self.fine_ends |= {SinkRestoredError, SinkBehindError}
        self._land(f"{self.landed:04}.json", 1, evolves=False)
        refused = self._new_run(most_files=1)
        refused.go()
        assert isinstance(refused.failure, SinkRestoredError), _told(refused.failure)
        self.pipeline.table.reset(truncate=True)
        self.model.forget()

    @rule()
    def quiesce(self) -> None:
        """A new run works off all that is there; parked ones stay parked."""
        self.weather.clear()
        run = self._new_run(most_files=1)
        run.go()
        assert run.failure is None, _told(run.failure)
        self.happened["batch"] += len(run.progress)
        self.model.check(self.table.rows())

    @invariant()
    def count(self) -> None:
        """Count the steps."""
        self.happened["step"] += 1

    @property
    def has_table(self) -> bool:
        """Whether there is a table."""
        return (self.pipeline.table_folder / "_delta_log" / f"{0:020}.json").exists()

    @property
    def has_batches(self) -> bool:
        """Whether a batch is in the checkpoint as committed."""
        return (self.pipeline.checkpoint / "commits").exists()

    def teardown(self) -> None:
        """Every history ends quiet and checked."""
        try:
            self.quiesce()
            self.model.check_states(self.pipeline.files())
            if self.has_table:
                self.model.check(self._read())
            ids = self.pipeline.batch_ids() if self.has_batches else []
            assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else True
        finally:
            for run in self.runs:
                run.crash()
            self.happened["fault"] += sum(sum(each.injected.values()) for each in self.plans)
            self.happened["history"] += 1
            shutil.rmtree(self.folder)

    def _read(self) -> list[tuple[str, tuple[object, ...]]]:
        """Read the table as users do."""
        return [
            (row["_metadata"]["file_name"], (row["id"], row.get("extra")))
            for batch in self.pipeline.table.read()
            for row in batch.to_pylist()
        ]

    def _land(self, name: str, rows: int, *, evolves: bool) -> None:
        number, self.landed = self.landed, self.landed + 1
        records: list[dict[str, object]] = [{"id": number * 10 + row} for row in range(rows)]
        if evolves:
            records = [{**each, "extra": number} for each in records]
        self.model.land(name, records + records[:1])

    def _some_run(self, data: st.DataObject) -> SteppedRun:
        """Give one that is under way, or begin another."""
        number = data.draw(st.integers(0, MOST_RUNS - 1))
        if number < len(self.runs):
            return self.runs[number]
        # No two runs need agree on how much a batch may hold.
        run = self._new_run(data.draw(st.integers(1, 3)))
        # Every third run has stores that fail now and then.
        seed = data.draw(st.none() | st.none() | _SEEDS)
        plan = Stores.under(self.weather, seed)
        self.plans.append(plan)
        with plan.installed(), self.weather.outside():
            run.step()  # opens its stores
        self.happened["second run"] += len(self.runs) > 0
        self.runs.append(run)
        return run

    def _new_run(self, most_files: int) -> SteppedRun:
        self.happened["run"] += 1
        if most_files not in self.tables:
            self.tables[most_files] = self.pipeline.again(max_files_per_trigger=most_files)
        return SteppedRun(self.tables[most_files], clock=self.clock)

    def _part_with_ended(self) -> None:
        fine = (*FINE_ENDS, *self.fine_ends)
        for run in [each for each in self.runs if each.ended]:
            self.runs.remove(run)
            self.happened["batch"] += len(run.progress)
            if run.failure is not None:
                assert isinstance(run.failure, fine), _told(run.failure)
                self.happened[type(run.failure).__name__] += 1


def _scratch() -> Path | None:
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None


def _told(failure: BaseException | None) -> str:
    return "it did not fail" if failure is None else "".join(format_exception(failure))


def _lead(run: SteppedRun, line: str) -> None:
    """Step a run until it is parked before a line, for at most about a batch."""
    for _ in PROTOCOL_LINES:
        if run.ended or run.point == line:
            return
        run.step()
