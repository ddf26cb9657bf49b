"""A query that runs on beside a lake that has grown: what is there at its first start is ignored.

Usage: growing_query.py SPARE LANDING TABLE FILES, which lands so many files at a time until
none is left. Prints a line of JSON: the seconds of each batch, wall and CPU between the lines of
the life of a batch, and the peak of memory. With no file in SPARE it is a run that finds nothing.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

import lakestream as ls
from lakestream.failpoint import watched

spare, landing, table = map(Path, sys.argv[1:4])
at_once = int(sys.argv[4])
files = sorted(spare.iterdir())
walls: list[float] = []
lines: list[dict[str, list[float]]] = []
line: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
at: tuple[str, float, float] = ("", time.perf_counter(), time.process_time())
began = at[1]


@ls.streaming_table(table)
def readings() -> ls.Stream:
    """Load every reading that lands."""
    return ls.read_files(landing, format="json", schema=SCHEMA, include_existing_files=False)


SCHEMA = (
    "id BIGINT, device STRING, ts TIMESTAMP, temp DOUBLE, humidity DOUBLE, battery BIGINT, "
    "online BOOLEAN, note STRING"
)


def passed(name: str) -> None:
    """Book the time since the line before."""
    global at  # noqa: PLW0603  a script of one page: its state is the module's
    now, cpu = time.perf_counter(), time.process_time()
    spent = line[at[0]]
    spent[0] += now - at[1]
    spent[1] += cpu - at[2]
    at = (name, now, cpu)


def land() -> None:
    """Land the next files, each whole at once; the clock starts when all are there."""
    global at, began  # noqa: PLW0603  as above
    for path in files[:at_once]:
        path.rename(landing / path.name)
    del files[:at_once]
    line.clear()
    began = time.perf_counter()
    at = ("next trigger", began, time.process_time())


def note(_: object) -> None:
    """Note the end of a batch."""
    passed("")
    walls.append(time.perf_counter() - began)
    lines.append({name: list(spent) for name, spent in line.items() if name})
    land()


count = -(-len(files) // at_once)
with watched(passed):
    if count:
        land()
        readings.run(ls.processing_time("1 millisecond"), max_batches=count, on_progress=note)
    else:
        readings.run()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
print(json.dumps({"batches": walls, "lines": lines, "peak_mib": peak}))
