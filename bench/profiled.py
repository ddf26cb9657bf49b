"""Run a script under a lens: profiled.py LENS SCRIPT ARGUMENTS...

``lines`` tells wall and CPU of the process between the lines of the life of a batch, which the
engine names as it passes them, and CPU by thread; it costs next to nothing. A batch is read while
it is committed, so that reading and parsing stand under sink_commit. ``functions`` is cProfile on
the main thread; it makes Python's part look larger than it is.
"""

import cProfile
import os
import pstats
import re
import runpy
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SHOWN = 25
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

lens, script, *arguments = sys.argv[1:]
sys.argv = [script, *arguments]


def by_line() -> None:
    """Run under the lens of the protocol's lines."""
    from lakestream.failpoint import watched

    spent: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    at = ["start-up", time.perf_counter(), time.process_time()]

    def passed(name: str) -> None:
        now, cpu = time.perf_counter(), time.process_time()
        line = spent[at[0]]
        line[0] += 1
        line[1] += now - at[1]
        line[2] += cpu - at[2]
        at[:] = [name, now, cpu]

    with watched(passed):
        runpy.run_path(script, run_name="__main__")
    passed("end")
    print(f"\n{'line':14}{'passed':>8}{'wall ms each':>14}{'CPU ms each':>14}")
    for name, (count, wall, cpu) in spent.items():
        print(f"{name:14}{count:8}{1000 * wall / count:14.2f}{1000 * cpu / count:14.2f}")
    print(f"\n{'thread':18}{'CPU s':>8}")
    for name, cpu in sorted(threads().items(), key=lambda each: -each[1]):
        print(f"{name:18}{cpu:8.2f}")


def threads() -> dict[str, float]:
    """Give CPU seconds by thread name; threads that have ended are the rest."""
    found: defaultdict[str, float] = defaultdict(float)
    for name, cpu in _threads():
        found[name] += cpu
    found["ended threads"] = time.process_time() - sum(found.values())
    return found


def _threads() -> Iterator[tuple[str, float]]:
    for task in Path("/proc/self/task").iterdir():
        head, _, tail = (task / "stat").read_text().rpartition(")")
        fields = tail.split()
        yield (
            re.sub(r"[-\d]+$", "", head.partition("(")[2]),
            TICK_S * (int(fields[11]) + int(fields[12])),
        )


def by_function() -> None:
    """Run under cProfile."""
    profiler = cProfile.Profile()
    profiler.run(f"import runpy; runpy.run_path({script!r}, run_name='__main__')")
    print()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(SHOWN)


(by_line if lens == "lines" else by_function)()
