"""One of the soak's processes: runs every n-th case until its time is up, a JSON line for each.

Run by ``support.soak`` as ``python -m support.soak_worker FOLDER SEED FIRST STEP SECONDS``.
Then it plays the lots of histories that it is given as ``number:histories`` on one CPU, however
long that takes. Every case runs in children of this process, which itself never touches a table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from support import soak_histories
from support.crash_pipeline import make_table
from support.forked import preload
from support.soak_cases import Outcome, measure_clean, run_case


def _double_a_row(folder: Path) -> None:
    from deltalake import write_deltalake

    first = next(iter(make_table(folder, folder / "landing").read()))
    write_deltalake(str(folder / "table"), first.slice(0, 1), mode="append")


def _lose_a_row(folder: Path) -> None:
    from deltalake import DeltaTable

    DeltaTable(str(folder / "table")).delete("id = 0")


#: What spoils a table behind the engine's back, to show that the soak goes red.
TAMPERS: Final[Mapping[str, Callable[[Path], None]]] = {
    "double": _double_a_row,
    "lose": _lose_a_row,
}


def main() -> None:
    """Run cases until the time is up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("first", type=int)
    parser.add_argument("step", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--cases", type=int, help="no more than these")
    parser.add_argument("--lots", nargs="*", default=[], metavar="NUMBER:HISTORIES")
    parser.add_argument("--tamper", choices=TAMPERS)
    options = parser.parse_args()
    ends = time.monotonic() + options.seconds
    preload()
    root = options.folder / f"worker-{options.first}"
    root.mkdir()
    tamper = TAMPERS.get(options.tamper)
    if options.seconds:
        clean = measure_clean(root)
        numbers = itertools.count(options.first, options.step)
        for number in itertools.islice(numbers, options.cases):
            if time.monotonic() >= ends:
                break
            _tell(run_case(root, options.seed, number, clean, tamper=tamper))
    _stay_on_one_cpu(options.first)
    for lot in options.lots:
        number, histories = map(int, lot.split(":"))
        _tell(soak_histories.play(options.seed, number, histories=histories))


def _stay_on_one_cpu(worker: int) -> None:
    """Let no other CPU be woken.

    In a history one thing works at any moment, and hands over to the next some hundred times: to
    wake another CPU for it was a quarter of a history's time.
    """
    if sys.platform == "linux":
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[worker % len(cpus)]})


def _tell(outcome: Outcome) -> None:
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
