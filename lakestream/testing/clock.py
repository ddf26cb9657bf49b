"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from lakestream.units import parse_duration

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Implements ``lakestream.clock.Clock``; wall and monotonic time move together. Thread-safe.

    Args:
        start: The wall time at first, aware.
        sleeping_advances: A sleep moves the clock by its length and returns at once, in place
            of waiting for ``advance``: for code that pauses before it tries again.
    """

    def __init__(self, start: datetime = _START, *, sleeping_advances: bool = False) -> None:
        self._start = start.astimezone(UTC)
        self._passed = timedelta(0)
        self._sleeping_advances = sleeping_advances
        self._moved = threading.Condition()
        self._sleepers = 0

    @property
    def sleepers(self) -> int:
        """How many threads sleep on this clock now."""
        with self._moved:
            return self._sleepers

    def now(self) -> datetime:
        """Give the wall time, aware, in UTC."""
        with self._moved:
            return self._start + self._passed

    def monotonic(self) -> float:
        """Give the seconds that the clock was advanced by."""
        with self._moved:
            return self._passed.total_seconds()

    def advance(self, duration: str | timedelta | float) -> None:
        """Move the clock and wake the sleeps that end.

        Args:
            duration: ``"10 seconds"``, a timedelta, or seconds; never back.
        """
        with self._moved:
            self._passed += parse_duration(duration, option="duration")
            self._moved.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by that many seconds."""
        if self._sleeping_advances:
            self.advance(seconds)
            return
        with self._moved:
            wake = self._passed + timedelta(seconds=seconds)
            self._sleepers += 1
            try:
                self._moved.wait_for(lambda: self._passed >= wake)
            finally:
                self._sleepers -= 1
