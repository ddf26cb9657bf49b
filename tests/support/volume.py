"""How much the tests try: little for each push, all of it each night.

At either volume each point of a sweep is tried and each property is held. What shrinks for a push
are examples, files, and combinations of points; which combinations are left is drawn by a seed
that each run prints, so that the pushes of a week try them all.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Final, TypeVar

_T = TypeVar("_T")

VARIABLE: Final = "LAKESTREAM_TEST_VOLUME"
SEED_VARIABLE: Final = "LAKESTREAM_TEST_SEED"
#: Examples of a property that a push draws at least.
_FEWEST: Final = 30
VOLUMES: Final = ("push", "nightly")
VOLUME: Final = os.environ.get(VARIABLE, "push")
NIGHTLY: Final = VOLUME == "nightly"
if VOLUME not in VOLUMES:
    raise ValueError(f"{VARIABLE} is {VOLUME!r}; it may be one of {VOLUMES}")
#: Children and the workers of a run find it in their environment: they draw the same.
SEED: Final = int(os.environ.setdefault(SEED_VARIABLE, f"{random.SystemRandom().randrange(10**6)}"))


def at_volume(*, push: int, nightly: int) -> int:
    """Give how many there are to be: of files, histories, or examples of a property."""
    return nightly if NIGHTLY else push


def examples(nightly: int) -> int:
    """Give how many examples of a property are drawn: a fifth of them for a push."""
    return at_volume(push=min(nightly, max(_FEWEST, nightly // 5)), nightly=nightly)


def pytest_configure() -> None:
    """Let properties that say no number draw what the volume is; the clock decides nothing."""
    from hypothesis import settings

    settings.register_profile(VOLUME, max_examples=examples(100), deadline=None)
    settings.load_profile(VOLUME)


def pytest_report_header() -> str:
    """Say how much is tried, and how to try the same again."""
    return f"volume: {VOLUME} ({VARIABLE}), drawn by {SEED_VARIABLE}={SEED}"


def drawn_pairs(points: Sequence[_T], *, push: int) -> list[tuple[_T, _T]]:
    """Give pairs of points: all of them at night, else ``push`` for each.

    Each point is the first of as many pairs as any other, and the second of as many.
    """
    shifts: Sequence[int] = range(len(points))
    if not NIGHTLY:
        shifts = sorted(random.Random(SEED).sample(shifts, push))  # noqa: S311 - not secret
    return [
        (first, points[(number + shift) % len(points)])
        for number, first in enumerate(points)
        for shift in shifts
    ]
