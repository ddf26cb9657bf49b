from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from lakestream.errors import ConfigError
from lakestream.testing import ManualClock


def test_clock_when_not_advanced_then_it_stands_still() -> None:
    start = datetime(2030, 5, 1, tzinfo=UTC)
    clock = ManualClock(start)

    assert clock.now() == clock.now() == start
    assert clock.monotonic() == 0


@pytest.mark.parametrize("duration", ["90 seconds", timedelta(seconds=90), 90])
def test_clock_when_advanced_then_both_times_move(duration: str | timedelta | float) -> None:
    clock = ManualClock()
    before = clock.now()

    clock.advance(duration)

    assert clock.now() - before == timedelta(seconds=90)
    assert clock.monotonic() == 90


def test_clock_when_sent_back_then_refused() -> None:
    with pytest.raises(ConfigError):
        ManualClock().advance(timedelta(seconds=-1))


def test_sleep_when_the_clock_passes_its_end_then_it_wakes() -> None:
    clock = ManualClock()
    woken = threading.Event()

    def sleeps() -> None:
        clock.sleep(10)
        woken.set()

    thread = threading.Thread(target=sleeps)
    thread.start()
    _until_asleep(clock)
    clock.advance(9)
    assert clock.sleepers == 1
    assert not woken.is_set()
    clock.advance(1)
    thread.join()
    assert woken.is_set()
    assert clock.sleepers == 0


def _until_asleep(clock: ManualClock) -> None:
    while not clock.sleepers:
        threading.Event().wait(0.001)


def test_sleep_when_it_advances_then_it_takes_no_waiting() -> None:
    clock = ManualClock(sleeping_advances=True)

    clock.sleep(3600)

    assert clock.monotonic() == 3600
