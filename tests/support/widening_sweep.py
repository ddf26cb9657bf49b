"""Kill, and race, the batch that widens a table's columns; hold table and follower to the files.

Run as ``python -m support.widening_sweep FOLDER calls|race``; prints one JSON document.

- ``calls``: before and after every mutating call of a run whose batch widens, of the table that
  reads the files and of one that follows it; then others run to the end.
- ``race``: three runners of the table at once, while somebody else appends to it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deltalake import DeltaTable, write_deltalake

import lakestream as ls
from lakestream.checkpoint import epochs
from lakestream.errors import CommitConflictError, FencedError
from lakestream.streaming_table import StreamingTable
from support.forked import KILLED, preload, run_forked
from support.kill_points import KillSwitch, When
from support.volume import at_volume

COLUMNS = ["id", "price", "who"]
WIDE = "id BIGINT, price DOUBLE, who STRING"
#: A file by its name: what it holds fits INT, or does not.
NARROW = {"a.csv": [(1, 5, "n"), (2, 6, "n")], "b.csv": [(3, 7, "n")]}
WIDER = {"c.csv": [(3_000_000_000, 8, "w")], "d.csv": [(5, 8.5, "w"), (6, 9, "w")]}
FOREIGN = 4
_OVERTAKEN = 3
_WHENS: tuple[When, ...] = ("before", "after")


def tables(folder: Path) -> tuple[StreamingTable, StreamingTable]:
    """Declare the table that reads the files, and the one that follows it."""

    @ls.streaming_table(str(folder / "bronze"), widening="rewrite")
    def bronze() -> ls.Stream:
        return ls.read_files(
            str(folder / "landing"),
            format="csv",
            header=True,
            schema_evolution="add_new_columns_with_type_widening",
        )

    @ls.streaming_table(str(folder / "silver"), inputs={"bronze": bronze}, widening="rewrite")
    def silver(bronze: ls.Stream) -> ls.Stream:
        return bronze

    return bronze, silver


def land(folder: Path, files: dict[str, list[tuple[Any, ...]]]) -> None:
    landing = folder / "landing"
    landing.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        lines = [",".join(map(str, each)) for each in [tuple(COLUMNS), *rows]]
        (landing / name).write_text("\n".join(lines) + "\n")


def run_both(folder: Path) -> str:
    for table in tables(folder):
        table.run()
    return ""


def problem_of(folder: Path, extra: Sequence[tuple[Any, ...]] = ()) -> str:
    """Run to the end; give "" or how the tables' rows, or types, are not the files'."""
    run_both(folder)
    wanted = Counter([*(row for rows in (NARROW | WIDER).values() for row in rows), *extra])
    for table in tables(folder):
        found = Counter(
            tuple(row[name] for name in COLUMNS)
            for batch in table.read()
            for row in batch.to_pylist()
        )
        if found != wanted:
            return f"{table.name} lost {wanted - found}, doubled {found - wanted}"
        kinds = [str(each) for each in table.schema.types[:2]]
        if kinds != ["int64", "double"]:
            return f"{table.name} has the types {kinds}"
        if any(row["_rescued_data"] for row in table.read().read_all().to_pylist()):
            return f"{table.name} has rescued data"
    operations = [each["operation"] for each in DeltaTable(folder / "bronze").history()]
    return "" if operations.count("WIDEN COLUMNS") == 1 else f"history: {operations}"


def sweep_calls(root: Path) -> dict[str, Any]:
    # Paths stand in the checkpoints: each case is played at the same one, one after the other.
    start, place = root / "start", root / "lake"

    def prepare() -> str:
        land(place, NARROW)
        return run_both(place)

    _checked(run_forked(prepare))
    land(place, WIDER)
    place.rename(start)
    calls: list[str] = json.loads(_checked(run_forked(lambda: _counted(_copy(start, place)))))
    wanted = [at for at in range(len(calls)) if at_volume(push=_near(calls, at), nightly=1)]
    failures, kills, cases = [], 0, 0
    for at in wanted:
        for when in _WHENS:
            _copy(start, place)
            ending = run_forked(lambda a=at, w=when: _dies(place, KillSwitch(at=a, when=w)))
            kills += ending.code == KILLED
            found = run_forked(lambda: problem_of(place))
            cases += 1
            if found.code or found.output:
                failures.append(f"{when} call {at} ({calls[at]}): {found.output}")
    return {"calls": calls, "cases": cases, "kills": kills, "failures": failures}


def _near(calls: list[str], at: int) -> int:
    """Tell whether a call is of the rewrite, or stands beside it: 1 or 0."""
    return int(any(_is_of_rewrite(each) for each in calls[max(0, at - 1) : at + 3]))


def _is_of_rewrite(call: str) -> bool:
    return call.endswith("a file") or call.startswith("put _delta_log")


def _copy(start: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(start, place)
    return place


def _counted(folder: Path) -> str:
    switch = KillSwitch()
    switch.install()
    run_both(folder)
    return json.dumps(switch.calls)


def _dies(folder: Path, switch: KillSwitch) -> str:
    switch.install()
    return run_both(folder)


def race(root: Path, rounds: int) -> dict[str, Any]:
    failures: list[str] = []
    for number in range(rounds):
        folder = root / str(number)

        def prepare(folder: Path = folder) -> str:
            land(folder, NARROW)
            return run_both(folder)

        _checked(run_forked(prepare))
        land(folder, WIDER)
        children = [_start(folder, fenced=number % 2 == 0) for _ in range(3)]
        children.append(_start_foreign(folder))
        for child in children:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code not in {0, _OVERTAKEN}:
                failures.append(f"round {number}: {code}: {_error_of(folder, child)}")
        extra = [(100 + each, each, "f") for each in range(FOREIGN)]
        found = run_forked(lambda f=folder, e=extra: problem_of(f, e))
        if found.code or found.output:
            failures.append(f"round {number}: {found.output}")
    return {"rounds": rounds, "failures": failures}


def _start(folder: Path, *, fenced: bool) -> int:
    def run() -> None:
        if not fenced:
            epochs.check = lambda *_: None
        tables(folder)[0].run()

    return _child(folder, run)


def _start_foreign(folder: Path) -> int:
    """Append rows, as a writer does that knows nothing of us: whatever fails is done again."""
    import pyarrow as pa

    def append() -> None:
        for number in range(FOREIGN):
            while True:
                kinds = DeltaTable(folder / "bronze").schema().to_arrow()
                types = {name: pa.field(kinds.field(name)).type for name in COLUMNS}
                row = {"id": [100 + number], "price": [number], "who": ["f"]}
                table = pa.table({name: pa.array(row[name], types[name]) for name in COLUMNS})
                try:
                    write_deltalake(folder / "bronze", table, mode="append", schema_mode="merge")
                    break
                except Exception:  # noqa: BLE001, S112 - whatever it is, nothing was written
                    continue
            time.sleep(0.01)

    return _child(folder, append)


def _child(folder: Path, run: Any) -> int:
    child = os.fork()
    if child == 0:
        try:
            run()
        except (FencedError, CommitConflictError):
            os._exit(_OVERTAKEN)
        except BaseException:  # noqa: BLE001 - a child never returns
            (folder / f"{os.getpid()}.txt").write_text(traceback.format_exc())
            os._exit(1)
        os._exit(0)
    return child


def _error_of(folder: Path, child: int) -> str:
    return (folder / f"{child}.txt").read_text()


def _checked(ending: Any) -> str:
    if ending.code != 0:
        raise SystemExit(ending.output)
    return str(ending.output)


if __name__ == "__main__":
    preload()
    place = Path(sys.argv[1])
    outcome = sweep_calls(place) if sys.argv[2] == "calls" else race(place, int(sys.argv[3]))
    sys.stdout.write(json.dumps(outcome))
