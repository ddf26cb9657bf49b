"""The story that each way of events is told: spoilt events, killed runs, each file read once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from support.event_pipeline import EventPipeline
from support.soak_report import keep_events
from support.volume import at_volume

#: So many files on each way, for ``make soak``; 0 is the volume of the tests.
SOAKED: Final = int(os.environ.get("LAKESTREAM_EVENT_FILES", "0"))
#: Of what is drawn to be spoilt.
SEED: Final = int(os.environ.get("LAKESTREAM_EVENT_SEED", "7"))
#: Where a soak's figures are kept; else nowhere.
_FIGURES: Final = os.environ.get("LAKESTREAM_EVENT_FIGURES")
_ROUNDS: Final = 5
#: Emulators grow slow with what waits on a queue.
_SOAKED_ROUND: Final = 80
#: Where runs are killed, in turn: at the hit of a fail point.
_KILLS: Final = (
    ("recorded", 1),
    ("sink_commit", 2),
    ("received", 1),
    ("plan", 1),
    ("commit_log", 1),
)


def read_once(pipeline: EventPipeline, route: str, *, push: int) -> None:
    """Land files in rounds with a run after each, some of them killed, and count the rows.

    Args:
        pipeline: Fresh.
        route: What the figures call this way of the events.
        push: How many files without a soak; 600 at night.
    """
    began = time.monotonic()
    files = SOAKED or at_volume(push=push, nightly=600)
    size = _SOAKED_ROUND if SOAKED else files // _ROUNDS
    pipeline.table().run()
    for number, landed in enumerate(range(0, files, size)):
        pipeline.land(min(size, files - landed))
        at = _kill_of(number)
        if at is not None:
            pipeline.run_killed(*at, max_files=size // 2)
        else:
            pipeline.table(fetch_parallelism=2).run()
    pipeline.land(0)  # what was late
    batches = pipeline.table(backfill_interval="1 ms").run()
    rows = pipeline.assert_exactly_once()
    assert pipeline.lost > 0
    assert pipeline.twice > 0
    assert sum(each.num_input_rows for each in batches) > 0
    assert pipeline.table().run() == []
    if _FIGURES is not None:
        keep_events(Path(_FIGURES), route, pipeline.figures(rows, time.monotonic() - began))


def _kill_of(number: int) -> tuple[str, int] | None:
    """Give where a round's run is killed: three of four are in a soak, else three in all."""
    place = number % 4
    if place == 0 or (number > place and not SOAKED):
        return None
    return _KILLS[(number // 4 * 3 + place - 1) % len(_KILLS)]
