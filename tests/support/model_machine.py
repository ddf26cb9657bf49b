"""H5: random histories of one pipeline, held against a model of what landed.

Runs are the real engine, stepped from protocol line to protocol line; what may happen between
two lines is drawn by hypothesis. Every run lives on one clock and only one thing works at any
moment, so that a history which failed can be played again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from lakestream.checkpoint import retention
from lakestream.checkpoint.commit_log import CommitLog
from lakestream.errors import CommitConflictError, FencedError, StorageUnavailableError
from lakestream.failpoint import PROTOCOL_LINES
from lakestream.storage import stores
from lakestream.testing import FaultPlan, ManualClock, SteppedRun, check_exactly_once
from support.fault_pipeline import Pipeline

MOST_RUNS = 3
#: What a run may end with: another was quicker, or its storage failed it.
FINE_ENDS = (FencedError, CommitConflictError, StorageUnavailableError)
#: Where a run is led to; a line that it does not pass within a batch leads it that far.
LINES = st.sampled_from(PROTOCOL_LINES)
Row = tuple[object, ...]


class LakeMachine(RuleBasedStateMachine):
    """One landing folder, one table, and up to three runs of its query."""

    #: What happened in all histories of this process, for a test to see that it did happen.
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lakestream-model-"))
        self.pipeline = Pipeline(
            self.folder,
            max_files_per_trigger=1,
            ignore_missing_files=True,
            metadata_column="_metadata",
        )
        self.clock = ManualClock(sleeping_advances=True)
        self.landed: dict[str, list[Row]] = {}
        self.dropped: set[str] = set()
        self.runs: list[SteppedRun] = []
        self.plans: list[FaultPlan] = []

    @rule(files=st.integers(1, 4), rows=st.integers(0, 3), evolves=st.booleans())
    def put(self, files: int, rows: int, *, evolves: bool) -> None:
        """Files land; the first row of each is in it twice, some bring a column."""
        for _ in range(files):
            number = len(self.landed)
            records = [{"id": number * 10 + row} for row in range(rows)]
            if evolves:
                records = [{**each, "extra": number} for each in records]
            records += records[:1]
            name = f"{number:04}.json"
            self.pipeline.land(name, *records)
            self.landed[name] = [(each["id"], each.get("extra")) for each in records]

    @precondition(lambda self: len(self.landed) > len(self.dropped))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """A file goes, whether it was read or not."""
        name = data.draw(st.sampled_from(sorted(self.landed.keys() - self.dropped)))
        (self.pipeline.landing / name).unlink()
        self.dropped.add(name)
        self.happened["drop"] += 1

    @rule(data=st.data(), line=LINES)
    def step(self, data: st.DataObject, line: str) -> None:
        """A run goes on until it is parked before a protocol line."""
        run = self._some_run(data)
        run.step()
        _lead(run, line)
        self._part_with_ended()

    @rule(data=st.data(), line=LINES)
    def crash(self, data: st.DataObject, line: str) -> None:
        """A run goes on to a protocol line and is killed there."""
        run = self._some_run(data)
        _lead(run, line)
        if run.point is not None:
            self.happened[f"crash before {run.point}"] += 1
            run.crash()
        self._part_with_ended()

    @rule(seconds=st.integers(1, 100_000))
    def advance_clock(self, seconds: int) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def purge(self) -> None:
        """The checkpoint forgets what it may, as after its newest tenth batch."""
        log = stores.open_log_store(str(self.pipeline.checkpoint))
        newest = CommitLog(log).newest()
        if newest is not None:
            retention.purge(log, newest - newest % 10, keep=2)
            # From ten batches on there is something to merge.
            self.happened["purge"] += newest >= 10

    @rule()
    def quiesce(self) -> None:
        """A new run works off all that is there; parked ones stay parked."""
        run = SteppedRun(self.pipeline.again(), clock=self.clock)
        run.go()
        assert run.failure is None, run.failure
        self.happened["batch"] += len(run.progress)
        self.check()

    def check(self) -> None:
        """Hold the table against the model: each row of each file once, or a record of why not."""
        states = {name: each.state for name, each in self.pipeline.files().items()}
        assert states.keys() >= self.landed.keys() - self.dropped
        if set(states.values()) <= {"pending"}:
            # Nothing was ever there to infer the columns from.
            assert not any(rows for name, rows in self.landed.items() if name not in self.dropped)
            return
        assert set(states.values()) <= {"committed", "skipped"}
        skipped = {name for name, state in states.items() if state == "skipped"}
        assert skipped <= self.dropped
        expected = [
            (name, row)
            for name, rows in self.landed.items()
            if states.get(name) == "committed"
            for row in rows
        ]
        check_exactly_once(expected, self._found())

    def _found(self) -> Iterator[tuple[str, Row]]:
        if not self.landed or not (self.pipeline.table_folder / "_delta_log").exists():
            return
        for batch in self.pipeline.table.read():
            for row in batch.to_pylist():
                yield row["_metadata"]["file_name"], (row["id"], row.get("extra"))

    def _some_run(self, data: st.DataObject) -> SteppedRun:
        """Give one that is under way, or begin another."""
        number = data.draw(st.integers(0, MOST_RUNS - 1))
        if number < len(self.runs):
            return self.runs[number]
        run = SteppedRun(self.pipeline.again(), clock=self.clock)
        # Every third run has stores that fail now and then.
        seed = data.draw(st.none() | st.none() | st.integers(0, 2**32))
        plan = FaultPlan() if seed is None else FaultPlan.seeded(seed, probability=0.05)
        self.plans.append(plan)
        with plan.installed():
            run.step()  # opens its stores
        self.happened["second run"] += len(self.runs) > 0
        self.runs.append(run)
        return run

    def _part_with_ended(self) -> None:
        for run in [each for each in self.runs if each.ended]:
            self.runs.remove(run)
            self.happened["batch"] += len(run.progress)
            if run.failure is not None:
                assert isinstance(run.failure, FINE_ENDS), run.failure
                self.happened[type(run.failure).__name__] += 1

    def teardown(self) -> None:
        """Every history ends quiet and checked."""
        try:
            self.quiesce()
            ids = (
                self.pipeline.batch_ids() if (self.pipeline.checkpoint / "commits").exists() else []
            )
            assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else True
        finally:
            for run in self.runs:
                run.crash()
            self.happened["fault"] += sum(sum(each.injected.values()) for each in self.plans)
            shutil.rmtree(self.folder)


def _lead(run: SteppedRun, line: str) -> None:
    """Step a run until it is parked before a line, for at most about a batch."""
    for _ in PROTOCOL_LINES:
        if run.ended or run.point == line:
            return
        run.step()
