"""Files that arrive late, with old times or twice: what a leg makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.correctness.judge import Verdict
from bench.correctness.legs import Leg
from bench.correctness.scenes import HOUR_NS, LATER_NS, NEWEST_NS, Scene, loaded
from bench.data import Dataset

_FIRST: Final = Dataset(files=20, rows_per_file=50)
_LATE: Final = Dataset(files=10, rows_per_file=50, first_id=1_000)
_YEAR_NS: Final = 365 * 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Arrival:
    """Files that land after a first load.

    Args:
        title: The words for them.
        newest_ns: The modification time of the last of them.
        apart_ns: How much newer each is than the one before.
        again: Whether they are files of the first load, same names and bytes, sent once more.
    """

    title: str
    newest_ns: int
    apart_ns: int = 10**9
    again: bool = False


ARRIVALS: Final = (
    Arrival("newer", LATER_NS),
    Arrival("1 hour older", NEWEST_NS - HOUR_NS),
    Arrival("same time", NEWEST_NS, apart_ns=0),
    Arrival("6 years older", NEWEST_NS - 6 * _YEAR_NS),
    Arrival("sent again", LATER_NS, again=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a leg has made of an arrival.

    Args:
        arrival: Its title.
        arrived: How many rows landed with it.
        verdict: What it had written after it was run to completion.
    """

    arrival: str
    arrived: int
    verdict: Verdict


def late_outcomes(leg: Leg, cache: Path) -> Iterator[Outcome]:
    """Load files, let others land, load again; each arrival begins at the same first load.

    Raises:
        LegFailedError: The leg does not even load the first files.
    """
    scene = loaded(leg, cache / "late" / leg.key, _FIRST.into(cache))
    for arrival in ARRIVALS:
        yield _outcome(scene, arrival, cache)


def _outcome(scene: Scene, arrival: Arrival, cache: Path) -> Outcome:
    scene.put_back()
    files = sorted((_FIRST if arrival.again else _LATE).into(cache).iterdir())[: _LATE.files]
    landed = scene.land(files, arrival.newest_ns, arrival.apart_ns)
    verdict = scene.recover()
    if not arrival.again:
        for path in landed:
            path.unlink()
    return Outcome(arrival.title, _LATE.files * _LATE.rows_per_file, verdict)
