"""Several processes over one checkpoint at the same time, again and again.

Run as ``python -m support.race FOLDER ROUNDS RUNNERS``; prints one JSON document of what was lost
or doubled. Files land while the runners work.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from lakestream.checkpoint import epochs
from lakestream.errors import CommitConflictError, FencedError
from support.crash_pipeline import check_table, fill_landing, make_table
from support.forked import preload, run_forked

OVERTAKEN = 3
#: The codes that a runner may end with.
FINE = frozenset({0, OVERTAKEN})


def main(root: Path, rounds: int, runners: int) -> None:
    preload()
    failures = []
    committed = 0
    for number in range(rounds):
        folder = root / str(number)
        landing = folder / "landing"
        fill_landing(landing)
        # Safety must not rest on the epoch: every second round runs without its check.
        children = [start_runner(folder, landing, fenced=number % 2 == 0) for _ in range(runners)]
        fill_landing(landing, first=3, files=3)
        for child in children:
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) not in FINE:
                why = (folder / f"{child}.txt").read_text()
                failures.append(f"round {number}: a runner ended with {status}: {why}")
        ending = run_forked(lambda folder=folder, landing=landing: _finish(folder, landing))
        if ending.code or ending.output:
            failures.append(f"round {number}: {ending.output}")
        committed += len(list((folder / "table" / "_lakestream" / "commits").iterdir()))
    sys.stdout.write(json.dumps({"failures": failures, "batches": committed}))


def start_runner(folder: Path, landing: Path, *, fenced: bool) -> int:
    """Fork a runner and give its process id; it ends with a code of ``FINE`` or leaves its error.

    Args:
        folder: The pipeline's; ``<process id>.txt`` in it gets the error.
        landing: Where the files land.
        fenced: Whether the runner looks for a newer epoch.
    """
    child = os.fork()
    if child == 0:
        try:
            if not fenced:
                epochs.check = lambda *_: None
            make_table(folder, landing).run()
        except (FencedError, CommitConflictError):
            os._exit(OVERTAKEN)  # being overtaken is a fine way to end: the other runner goes on
        except BaseException:  # noqa: BLE001 - a child never returns
            (folder / f"{os.getpid()}.txt").write_text(traceback.format_exc())
            os._exit(1)
        os._exit(0)
    return child


def _finish(folder: Path, landing: Path) -> str:
    table = make_table(folder, landing)
    table.run()
    return check_table(folder, landing, table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
