"""One step in the life of a ledger of very many files; prints its figures as JSON.

Usage: ledger_steps.py STEP CHECKPOINT FILES NAMES. Steps: ``fill`` appends the files as a
discovery does, ``ask`` loads them and looks for new ones, ``set`` makes a plain set of the same
keys. Names: ``ordered``, in the order in which the files came; ``random``, in none, and as hard to
shorten as a UUID.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Final

from arro3.core import Array, DataType, Field, RecordBatch, Schema

from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.sources.files.listing import ENTRY_FILES
from lakestream.storage.stores import open_log_store

PAGE: Final = 1_000
FOLDER: Final = "sources/readings/files"
NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)
NOW_US: Final = int(NOW.timestamp()) * 1_000_000
#: Odd and large: its multiples are in no order, and their low digits look like noise.
STRIDE: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
PATHS: Final = Schema([Field("path", DataType.utf8(), nullable=False)])

step, checkpoint, count, names = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
figures: dict[str, float] = {}


def ordered(place: int, late: int = 0) -> str:
    """Name the file that is so many in the order of keys, or the late one behind it."""
    return f"landing/readings-{place:09}{'-late' * late}.json"


def random(place: int, late: int = 0) -> str:
    """Name the file that is so many in the order of keys, or the late one behind it."""
    width = 2**128 // count
    return f"landing/part-{place * width + place * STRIDE % width + late:032x}-c000.json"


name: Callable[..., str] = {"ordered": ordered, "random": random}[names]


def place_of(number: int) -> int:
    """Give where among the keys the file is that came so many."""
    return number if names == "ordered" else number * STRIDE % count


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Add what is done within to the figures: wall and CPU seconds."""
    wall, cpu = perf_counter(), process_time()
    yield
    figures[f"{what}_s"] = figures.get(f"{what}_s", 0) + perf_counter() - wall
    figures[f"{what}_cpu_s"] = figures.get(f"{what}_cpu_s", 0) + process_time() - cpu


def page(keys: list[str]) -> RecordBatch:
    """Give a listing's page, as far as it is looked at."""
    return RecordBatch.from_arrays([Array(keys, DataType.utf8())], schema=PATHS)


def fill(ledger: Ledger) -> None:
    """Append all files, and merge when it is due."""
    for first in range(0, count, ENTRY_FILES):
        found = [
            Candidate(NOW_US, name(place), 28_000, f"{place * STRIDE % 2**128:032x}", None)
            for place in map(place_of, range(first, min(first + ENTRY_FILES, count)))
        ]
        with timed("append"):
            ledger.append(found, via="listing", found_at=NOW)
        with timed("merge"):
            ledger.merge_due()


def ask(ledger: Ledger) -> None:
    """Load the ledger, look for a thousand new files twice, then hold a whole listing to it."""
    spread = [place * (count // PAGE) for place in range(PAGE)]
    late, known = [name(place, 1) for place in spread], [name(place) for place in spread]
    with timed("load"):
        ledger.refresh()
    for what in ("new_first", "new"):
        with timed(what):
            found = len(ledger.unseen(late))
        if found != PAGE:
            raise SystemExit(f"{found} of {PAGE} new files were found")
    for what in ("known_first", "known"):
        with timed(what):
            found = len(ledger.unseen(known))
        if found:
            raise SystemExit(f"{found} known files were taken for new ones")
    for first in range(0, count, PAGE):
        end = min(first + PAGE, count)
        keys = [*map(name, range(first, end)), name(end - 1, 1)]
        listed = page(keys)
        with timed("listing"):
            found = len(ledger.unseen_on(listed))
        if found != 1:
            raise SystemExit(f"{found} files of a page were new, not 1")


if step == "set":
    with timed("set"):
        keys = set(map(name, range(count)))
else:
    {"fill": fill, "ask": ask}[step](Ledger(open_log_store(checkpoint), FOLDER))
print(json.dumps(figures))
