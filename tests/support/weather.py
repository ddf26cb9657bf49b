"""What befalls all runs of a machine at once: a store that throttles, a disk that is full."""

from __future__ import annotations

import contextlib
import random
import resource
from collections.abc import Iterator
from typing import Final, Self

from lakestream.testing import FaultPlan
from lakestream.testing.fault_kinds import Fault, fails
from lakestream.testing.faults import SURVIVABLE

_THROTTLED: Final = Fault("throttles", fails().befall)
#: Of the calls of a run while the store throttles.
_REFUSED: Final = 0.05
#: Of the calls of a run whose stores are seeded.
_OWN_FAULTS: Final = 0.05


class Weather:
    """The state of storage, which turns while runs are under way."""

    def __init__(self) -> None:
        self.room: int | None = None
        self._dice: random.Random | None = None

    def throttle(self, seed: int) -> None:
        """Let some calls be refused from now on; equal seeds and calls, equal refusals."""
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def fill(self, room: int) -> None:
        """Let a file have no more than so many bytes from now on: the write that passes it fails.

        The operating system refuses it, in the middle of the data, in lakestream's own writes
        and in deltalake's.
        """
        self.room = room

    def clear(self) -> None:
        """Let everything be served."""
        self.room = self._dice = None

    @property
    def is_clear(self) -> bool:
        """Whether everything is served."""
        return self.room is None and self._dice is None

    def throttles(self) -> bool:
        """Roll for one call."""
        return self._dice is not None and self._dice.random() < _REFUSED

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Let this process meet the full disk until the block ends."""
        if self.room is None:
            yield
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.room, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Stores(FaultPlan):
    """The stores of one run: under the weather, and with faults of their own if seeded."""

    weather: Weather

    @classmethod
    def under(cls, weather: Weather, seed: int | None) -> Self:
        """Give stores whose calls meet faults of ``SURVIVABLE`` by chance, if there is a seed."""
        dice = None if seed is None else random.Random(seed)  # noqa: S311 - repeatable, no secret
        stores = cls(_dice=dice, _probability=_OWN_FAULTS, _choices=SURVIVABLE)
        stores.weather = weather
        return stores

    def fault_for(self, operation: str, key: str) -> Fault | None:
        """Choose what befalls a call."""
        fault = super().fault_for(operation, key)
        if fault is None and self.weather.throttles():
            self.injected[f"{operation}: {_THROTTLED.name}"] += 1
            return _THROTTLED
        return fault
