"""Triggers: when a query's batches run, and how much enters each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from lakestream.clock import Clock
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.query.micro_batch import MicroBatchExecution
from lakestream.query.open_query import OpenQuery, open_query
from lakestream.query.progress import QueryProgress
from lakestream.query.read_limits import NO_LIMIT, adaptive_limit
from lakestream.sources.base import EVERYTHING, DiscoveryFilter, Offset, ReadLimit
from lakestream.triggers import AvailableNow, Once, ProcessingTime, Trigger, check_trigger

OnProgress = Callable[[QueryProgress], None]


class RunOptions(msgspec.Struct, frozen=True):
    """What one run is asked to do beside its trigger.

    Args:
        discovery: Narrows what the run discovers (a backfill).
        max_batches: The run ends after so many batches; None is no limit.
        on_progress: Called after each batch; what it raises ends the run, not the batch.
    """

    discovery: DiscoveryFilter = EVERYTHING
    max_batches: int | None = None
    on_progress: OnProgress | None = None


class Pace(Protocol):
    """How a run waits between its triggers, and how it hears that it should end."""

    @property
    def stop_requested(self) -> bool:
        """Whether the run should end before its next batch."""
        ...

    def idle(self) -> None:
        """A trigger fired and there was nothing to do."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait for the next trigger; may come back early."""
        ...


class SleepingPace(msgspec.Struct, frozen=True):
    """The pace of a run in the foreground: nobody but an interrupt stops it."""

    clock: Clock
    stop_requested: bool = False

    def idle(self) -> None:
        """Nothing to tell anybody."""

    def wait(self, seconds: float) -> None:
        """Sleep."""
        self.clock.sleep(seconds)


class QueryRun:
    """One execution of a query, from claim to end."""

    def __init__(
        self,
        definition: QueryDefinition,
        trigger: Trigger,
        options: RunOptions,
        *,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        check_trigger(trigger, where=f"query {definition.name!r}")
        self._definition = definition
        self._trigger = trigger
        self._options = options
        self._clock = clock
        self._pace = pace or SleepingPace(clock)
        self._done = 0
        self._last: QueryProgress | None = None

    def execute(self, opened: Callable[[OpenQuery], None] = lambda _: None) -> None:
        """Run batches until the trigger is satisfied or a stop is asked for.

        Args:
            opened: Called with the open query before the first batch.

        Raises:
            LakestreamError: A batch could not be brought to the table; committed ones stay.
        """
        query = open_query(self._definition, clock=self._clock, discovery=self._options.discovery)
        try:
            opened(query)
            execution = MicroBatchExecution(query)
            execution.start()
            match self._trigger:
                case Once():
                    self._run_once(execution)
                case AvailableNow():
                    self._run_available(execution)
                case ProcessingTime(interval_s):
                    self._run_every(execution, interval_s)
        finally:
            query.close()

    def _run_once(self, execution: MicroBatchExecution) -> None:
        if not execution.has_pending:
            execution.discover()
        self._run_batch(execution, execution.latest(), dict.fromkeys(execution.positions, NO_LIMIT))

    def _run_available(self, execution: MicroBatchExecution) -> None:
        execution.discover()
        bounds = execution.latest()
        while self._run_batch(execution, bounds, self._limits()):
            pass

    def _run_every(self, execution: MicroBatchExecution, interval_s: float) -> None:
        """Start a batch an interval after the last one started; a late one is followed at once."""
        while not self._ended:
            tick = self._clock.monotonic()
            execution.discover()
            if not self._run_batch(execution, execution.latest(), self._limits()):
                self._pace.idle()
            left = interval_s - (self._clock.monotonic() - tick)
            if left > 0 and not self._ended:
                self._pace.wait(left)

    def _run_batch(
        self,
        execution: MicroBatchExecution,
        bounds: Mapping[str, Offset],
        limits: Mapping[str, ReadLimit],
    ) -> bool:
        """Run one batch unless the run is over; tell whether there was one."""
        if self._ended:
            return False
        progress = execution.run_batch(bounds, limits)
        if progress is None:
            return False
        self._done += 1
        self._last = progress
        if self._options.on_progress is not None:
            self._options.on_progress(progress)
        return True

    @property
    def _ended(self) -> bool:
        most = self._options.max_batches
        return self._pace.stop_requested or self._done >= (math.inf if most is None else most)

    def _limits(self) -> dict[str, ReadLimit]:
        """Give each source its declared limit, or one that the last batch suggests."""
        last = self._last
        adaptive = adaptive_limit(
            last_bytes=last.bytes if last is not None else 0,
            last_seconds=last.batch_duration_ms / 1000 if last is not None else 0.0,
        )
        return {
            name: description_of(source).limit or adaptive
            for name, source in self._definition.named_sources().items()
        }
