"""``StreamHarness``: a test of a streaming table as a list of steps, on real folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import LakestreamError, SourceNotFoundError
from lakestream.testing.clock import ManualClock
from lakestream.testing.stepped_run import SteppedRun
from lakestream.testing.steps import ExpectFailure, Step

if TYPE_CHECKING:
    from lakestream.streaming_table import StreamingTable
    from lakestream.triggers import Trigger

_LONGEST_STEP: Final = 90


class StepFailedError(AssertionError):
    """A step of a test failed; the message lists the steps with an arrow at it.

    Args:
        number: The step, 1 is the first.
        listing: The steps, one a line.
        why: What differed.
    """

    def __init__(self, number: int, listing: str, why: str) -> None:
        super().__init__(f"step {number} failed\n\n{listing}\n\n{why}")
        self.number: Final = number
        self.why: Final = why


class StreamHarness:
    """Runs the steps of a test against a streaming table and its landing folder.

    The table's query runs as it does in production, over the real folders, but in a time that
    the test moves, and so that of query and test only one works at any moment: equal steps do
    equal things.

    Args:
        table: Any streaming table whose table and checkpoint the test may write.
        landing: The folder that its files land in.
        clock: The time that the query lives in; one of its own by default.
    """

    def __init__(
        self,
        table: StreamingTable,
        landing: str | os.PathLike[str],
        *,
        clock: ManualClock | None = None,
    ) -> None:
        self.table: Final = table
        self.landing: Final = Path(landing)
        self.clock: Final = clock or ManualClock(sleeping_advances=True)
        self.failure: BaseException | None = None
        self._query: SteppedRun | None = None
        self._trigger: Trigger | None = None
        self._crash: tuple[str, int] | None = None

    def run(self, *steps: Step) -> None:
        """Do the steps in order, then stop the query if it still runs.

        Raises:
            StepFailedError: A step failed, or left a failed query that the next step does not
                expect, or a crash that was asked for never came.
        """
        try:
            for number, step in enumerate(steps, start=1):
                following = steps[number] if number < len(steps) else None
                self._run_step(step, following, where=(number, steps))
        finally:
            if self._query is not None:
                self._query.crash()

    def _run_step(
        self, step: Step, following: Step | None, *, where: tuple[int, Sequence[Step]]
    ) -> None:
        number, steps = where
        why: str | None
        cause: BaseException | None = None
        try:
            step.run(self)
            if following is None:
                self.stop()
            why = self._left_over(following)
            cause = self.failure if why is not None else None
        except Exception as error:  # noqa: BLE001 - whatever a step raises is shown at its arrow
            why = str(error) if isinstance(error, AssertionError) else _told(error)
            cause = error
        if why is not None:
            raise StepFailedError(number, _listing(steps, number), why) from cause

    def _left_over(self, following: Step | None) -> str | None:
        """Tell what a step left that the next one does not expect."""
        if self.failure is not None and not isinstance(following, ExpectFailure):
            return f"the query ended with {_told(self.failure)}"
        query = self._query
        passed_by = query is not None and query.ended and query.crash_is_due
        if passed_by or (following is None and self._crash is not None):
            return "the crash never came: no run passed that point that often"
        return None

    # What steps are made of.

    def start(self, trigger: Trigger | None = None) -> None:
        """Start the query, and let it work until it rests or ends.

        Raises:
            AssertionError: It runs already.
        """
        if self._is_alive:
            raise AssertionError("the query runs already: Stop it, or Restart it")
        self._trigger = trigger
        try:
            self._query = SteppedRun(self.table, trigger, clock=self.clock)
        except LakestreamError as error:
            self.failure = error
            return
        if self._crash is not None:
            self._query.crash_at(*self._crash)
            self._crash = None
        self._let(self._query.go)

    def restart(self) -> None:
        """Stop the query if it runs, and start it with the trigger that it had."""
        self.stop()
        self.start(self._trigger)

    def stop(self) -> None:
        """Let the batch under way finish, and end the query; does nothing when none runs."""
        if self._query is not None:
            self._let(self._query.stop)

    def advance(self, duration: Any) -> None:  # noqa: ANN401 - the clock's own type
        """Move the clock, and let the triggers come that are due."""
        self.clock.advance(duration)
        query = self._query
        if query is not None and query.trigger_due():
            self._let(query.go)

    def process_all_available(self) -> None:
        """Let a running query trigger until it finds nothing more.

        Raises:
            AssertionError: No query runs.
        """
        query = self._query
        if query is None or not self._is_alive:
            raise AssertionError(
                "no query runs: Start it with ls.processing_time(...); with any other trigger "
                "Start works off all that is there"
            )
        self._let(query.process_all_available)

    def crash_at(self, point: str, hit: int) -> None:
        """Crash the running query, or else the next one, when it passes a protocol line."""
        SteppedRun.check_point(point)
        query = self._query
        if query is not None and self._is_alive:
            query.crash_at(point, hit)
        else:
            self._crash = (point, hit)

    def add_file(self, name: str, data: bytes) -> None:
        """Write a file into the landing folder, whole at once, as old as the clock says."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(data)
        modified = self.clock.now().timestamp()
        os.utime(temporary, (modified, modified))
        temporary.rename(path)

    def rows(self) -> list[dict[str, Any]]:
        """Give the table's rows; none while there is no table."""
        try:
            reader = self.table.read()
        except SourceNotFoundError:
            return []
        return [row for batch in reader for row in batch.to_pylist()]

    @property
    def _is_alive(self) -> bool:
        return self._query is not None and not self._query.ended

    def _let(self, work: Any) -> None:  # noqa: ANN401 - a bound method of the run
        """Let the query work, and keep the failure that it ends with."""
        was_over = not self._is_alive
        work()
        if self._query is not None and not was_over:
            self.failure = self._query.failure or self.failure


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _listing(steps: Sequence[Step], failed: int) -> str:
    return "\n".join(
        f"{'-->' if number == failed else '   '} {number:2} {_short(str(step))}"
        for number, step in enumerate(steps, start=1)
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_STEP else f"{text[:_LONGEST_STEP]}..."
