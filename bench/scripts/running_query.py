"""A query that runs on: a file lands whenever the one before is in the table.

Usage: running_query.py SPARE LANDING TABLE. Prints a line of JSON: the seconds from each file's
landing to the end of its batch, and the whole process's CPU seconds meanwhile.
"""

import json
import sys
import time
from pathlib import Path

import lakestream as ls

spare, landing, table = map(Path, sys.argv[1:])
files = sorted(spare.iterdir())
times: list[float] = []


@ls.streaming_table(table)
def readings() -> ls.Stream:
    """Load every reading that lands."""
    return ls.read_files(landing, format="json")


def land() -> None:
    """Land the next file, whole at once."""
    if files:
        path = files.pop(0)
        path.rename(landing / path.name)
        landed.append(time.perf_counter())


def note(_: object) -> None:
    """Note the end of a batch."""
    times.append(time.perf_counter() - landed[-1])
    land()


landed: list[float] = []
count = len(files)
land()
cpu = time.process_time()
readings.run(ls.processing_time("1 millisecond"), max_batches=count, on_progress=note)
print(json.dumps({"batches": times, "cpu_s": time.process_time() - cpu}))
