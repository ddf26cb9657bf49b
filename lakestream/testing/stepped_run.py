"""One run of a query that a test holds the reins of: it parks, crashes and rests on command.

The run is the real one, in a thread of its own; of it and the test only one works at any time,
so that a test is as repeatable as if there were no thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal

from lakestream.failpoint import PROTOCOL_LINES, watched
from lakestream.query.run import QueryRun, RunOptions
from lakestream.triggers import AvailableNow, ProcessingTime, Trigger

if TYPE_CHECKING:
    from lakestream.query.progress import QueryProgress
    from lakestream.streaming_table import StreamingTable
    from lakestream.testing.clock import ManualClock

State = Literal["new", "working", "parked", "resting", "ended"]
#: A run without an interval would never rest; on a clock that stands still any will do.
_LEAST_INTERVAL_S: Final = 1e-6


class SimulatedCrash(BaseException):
    """Ends a run where it stands. No ``except Exception`` of the engine sees it."""


class StuckError(AssertionError):
    """A run neither rested nor ended within its time limit."""


class SteppedRun:
    """A run of a streaming table, from the test's point of view a coroutine.

    Args:
        table: Whose query runs. Each run opens everything anew, as another process would.
        trigger: When batches run; ``available_now`` by default.
        clock: The time that the run lives in. Make it with ``sleeping_advances``, or the pause
            before a retry waits for another thread to advance it.
        timeout_s: How long, in real seconds, the run may work without resting.
    """

    def __init__(
        self,
        table: StreamingTable,
        trigger: Trigger | None = None,
        *,
        clock: ManualClock,
        timeout_s: float = 120,
    ) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._turn = threading.Condition()
        self._state: State = "new"
        self._point: str | None = None
        self._parks = False
        self._crash: tuple[str | None, int] | None = None
        self._due = 0.0
        self._idle_rounds = 0
        self.stop_requested = False
        self.failure: BaseException | None = None
        self.crashed = False
        self.progress: list[QueryProgress] = []
        self._run = QueryRun(
            table.definition,
            _resting(trigger or AvailableNow()),
            RunOptions(on_progress=self.progress.append),
            clock=clock,
            pace=self,
        )
        self._thread = threading.Thread(target=self._work, name=f"test-{table.name}", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether the run is over: done, stopped, failed or crashed."""
        return self._state == "ended"

    @property
    def crash_is_due(self) -> bool:
        """Whether a crash was asked for that has not come yet."""
        return self._crash is not None

    @property
    def point(self) -> str | None:
        """The protocol line that the run is parked before; None when it is not parked."""
        return self._point if self._state == "parked" else None

    def go(self) -> None:
        """Work until the run rests between triggers or has ended."""
        self._parks = False
        self._resume()

    def step(self) -> str | None:
        """Work until the next protocol line; give its name, or None when the run rests or ended."""
        self._parks = True
        self._resume()
        return self.point

    def crash_at(self, point: str, hit: int = 1) -> None:
        """End the run as by SIGKILL at the ``hit``-th passing of a protocol line from now on.

        Raises:
            ValueError: There is no such line.
        """
        self.check_point(point)
        self._crash = (point, hit)

    @staticmethod
    def check_point(point: str) -> None:
        """Check that there is a protocol line of that name.

        Raises:
            ValueError: There is none.
        """
        if point not in PROTOCOL_LINES:
            raise ValueError(f"no line {point!r}; there are: {', '.join(PROTOCOL_LINES)}")

    def crash(self) -> None:
        """End the run as by SIGKILL where it is parked or rests."""
        if self._state in {"parked", "resting"}:
            self._crash = (None, 1)
            self._resume()

    def trigger_due(self) -> bool:
        """Tell whether the run rests and its clock has reached the next trigger."""
        return self._state == "resting" and self._clock.monotonic() >= self._due

    def process_all_available(self) -> None:
        """Trigger at once, whatever the clock says, until a trigger finds nothing to do."""
        rounds = self._idle_rounds
        while not self.ended and self._idle_rounds == rounds:
            self.go()

    def stop(self) -> None:
        """Ask the run to end, and let the batch under way finish."""
        self.stop_requested = True
        self.go()

    # The engine's side: what it calls in its thread.

    def idle(self) -> None:
        """Hear that a trigger found nothing to do (``Pace``)."""
        self._idle_rounds += 1

    def wait(self, seconds: float) -> None:
        """Rest until the test lets the next trigger come (``Pace``)."""
        self._due = self._clock.monotonic() + seconds
        self._yield("resting")
        self._crash_if_told(None)

    def _pass(self, point: str) -> None:
        self._crash_if_told(point)
        if self._parks:
            self._point = point
            self._yield("parked")
            self._crash_if_told(None)

    def _crash_if_told(self, point: str | None) -> None:
        if self._crash is None or self._crash[0] != point:
            return
        hit = self._crash[1] - 1
        self._crash = (point, hit) if hit else None
        if not hit:
            raise SimulatedCrash(point)

    def _work(self) -> None:
        try:
            with watched(self._pass):
                self._run.execute()
        except SimulatedCrash:
            self.crashed = True
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.failure = error
        with self._turn:
            self._state = "ended"
            self._turn.notify_all()

    def _yield(self, state: State) -> None:
        """Give the turn to the test, and wait to get it back."""
        with self._turn:
            self._state = state
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._state == "working")

    def _resume(self) -> None:
        """Give the turn to the run, and wait to get it back."""
        with self._turn:
            if self._state == "ended":
                return
            is_new = self._state == "new"
            self._state = "working"
            self._turn.notify_all()
            if is_new:
                self._thread.start()
            if not self._turn.wait_for(lambda: self._state != "working", self._timeout_s):
                raise StuckError(f"the run did not come to rest within {self._timeout_s:g} s")


def _resting(trigger: Trigger) -> Trigger:
    if isinstance(trigger, ProcessingTime):
        return ProcessingTime(max(trigger.interval_s, _LEAST_INTERVAL_S))
    return trigger
