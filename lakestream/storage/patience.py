"""Asking a store again at once, where its own library does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import StorageUnavailableError

_T = TypeVar("_T")
#: The libraries themselves try again what failed before a reply began. A body that ends in its
#: middle and a put whose reply is lost they leave to the caller.
PAUSES_S: Final = (0.05, 0.2)
#: A failure that took longer is a library's own budget used up, which is not doubled.
_BRIEF_S: Final = 5.0


class Patience:
    """How long a call has been tried."""

    def __init__(self) -> None:
        self._pauses = iter(PAUSES_S)
        self._began = SYSTEM_CLOCK.monotonic()

    def pause(self, error: StorageUnavailableError) -> None:
        """Wait before the next try.

        Raises:
            StorageUnavailableError: ``error``, when there shall be no other try.
        """
        pause_s = next(self._pauses, None)
        if pause_s is None or self.is_over:
            raise error
        SYSTEM_CLOCK.sleep(pause_s)

    @property
    def is_over(self) -> bool:
        """Whether the last try took so long that its library has tried again by itself."""
        return SYSTEM_CLOCK.monotonic() - self._began > _BRIEF_S


def asked_again(call: Callable[[], _T]) -> _T:
    """Make a call that may be made twice; up to twice again when the store broke it off at once.

    Raises:
        StorageUnavailableError: It did so at each try, or took long over one.
    """
    patience = Patience()
    while True:
        try:
            return call()
        except StorageUnavailableError as error:
            patience.pause(error)
