"""Kill what people decide about files and records, and the run that carries it out.

Run as ``python -m support.decision_sweep FOLDER SCENARIO``; prints one JSON document. A scenario
lands files and runs; then a process decides and runs, and dies before or after one of its mutating
storage calls; a second one goes on, and dies around a call of that number, too; the third ends it,
and the table is checked. Who did not see a decision return repeats it.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import lakestream as ls
from lakestream.sources.files.actions import Verb
from lakestream.streaming_table import StreamingTable
from support.forked import KILLED, Ending, preload, run_forked
from support.kill_points import KillSwitch, When
from support.kill_sweep import Found
from support.volume import NIGHTLY

_REASON: Final = "it was repaired"


@dataclass(frozen=True)
class Scenario:
    """A decision, and what it comes to.

    Args:
        prepare: Lands files and runs, once.
        act: Decides; nothing where the run itself is the scenario.
        wanted: How often each row is in the table at the end, as ``id`` and ``region``.
        quarantined: What is in quarantine at the end: key and state.
    """

    prepare: Callable[[Path], None]
    act: Callable[[StreamingTable], object]
    wanted: dict[tuple[int, str | None], int]
    quarantined: tuple[tuple[str, str], ...] = ()


def make_table(root: Path) -> StreamingTable:
    @ls.streaming_table(str(root / "table"))
    def decided() -> ls.Stream:
        return ls.read_files(str(root / "landing"), format="json", max_files_per_trigger=1)

    return decided


def land(root: Path, name: str, *lines: str | int) -> None:
    """Write a file of lines; a number stands for a row."""
    path = root / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [each if isinstance(each, str) else f'{{"id": {each}}}' for each in lines]
    data = "".join(f"{each}\n" for each in texts).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def _read(root: Path) -> None:
    land(root, "a.json", 1, 2)
    make_table(root).run()


def _waiting(root: Path) -> None:
    _read(root)
    land(root, "b.json", 3, 4)
    land(root, "c.json", 5)


def _damaged(root: Path) -> None:
    _read(root)
    path = root / "landing" / "b.json.gz"
    path.write_bytes(gzip.compress(b'{"id": 3}\n')[:-9])
    make_table(root).run()
    land(root, "b.json.gz", 3, 4)


def _broken(root: Path) -> None:
    land(root, "a.json", 1, '{"id": 2,')
    make_table(root).run()


def _folders(root: Path) -> None:
    land(root, "day=1/a.json", 1)
    make_table(root).run()
    land(root, "day=1/region=north/b.json", 2, 3)
    land(root, "day=2/region=south/c.json", 4)


def _decide(verb: Verb, pattern: str) -> Callable[[StreamingTable], object]:
    return lambda table: table.act_on_files(verb, pattern, reason=_REASON, discover=True)


SCENARIOS: Final = {
    "replay": Scenario(
        _damaged,
        _decide("replay", "b.json.gz"),
        {(each, None): 1 for each in (1, 2, 3, 4)},
        (("b.json.gz", "replayed"),),
    ),
    "forget": Scenario(_read, _decide("forget", "a.json"), {(1, None): 2, (2, None): 2}),
    "mark_done": Scenario(
        _waiting, _decide("mark_done", "b.json"), {(each, None): 1 for each in (1, 2, 5)}
    ),
    "quarantine": Scenario(
        _waiting,
        _decide("quarantine", "b.json"),
        {(each, None): 1 for each in (1, 2, 5)},
        (("b.json", "open"),),
    ),
    "records": Scenario(
        _broken,
        lambda table: table.replay_quarantined(edits={"0-0": '{"id": 2}'}, reason=_REASON),
        {(1, None): 1, (2, None): 1},
        (("a.json", "replayed"),),
    ),
    "new_key": Scenario(
        _folders,
        lambda _: None,
        {(1, None): 1, (2, "north"): 1, (3, "north"): 1, (4, "south"): 1},
    ),
}


def main(root: Path, name: str) -> None:
    preload()
    scenario, found = SCENARIOS[name], Found()
    _ended(run_forked(lambda: _prepare(root, scenario)))
    (root / "table").rename(root / "prepared")
    _copy(root)
    found.calls = json.loads(_ended(run_forked(lambda: _count(root, scenario))))
    whens: tuple[tuple[When, When], ...] = (("before", "after"),)
    if NIGHTLY:
        whens += (("after", "before"), ("before", "before"), ("after", "after"))
    for number, call in enumerate(found.calls):
        for first, second in whens:
            found.cases += 1
            kills, problem = _outcome(root, scenario, number, (first, second))
            found.kills += kills
            if problem:
                found.failures.append(f"{first} call {number} ({call}), {second}: {problem}")
    sys.stdout.write(json.dumps(asdict(found)))


def _prepare(root: Path, scenario: Scenario) -> str:
    scenario.prepare(root)
    return ""


def _outcome(
    root: Path, scenario: Scenario, number: int, whens: tuple[When, When]
) -> tuple[int, str]:
    kills = 0
    _copy(root)
    for when in whens:
        switch = KillSwitch(at=number, when=when)
        ending = run_forked(partial(_act_and_run, root, scenario, switch))
        kills += ending.code == KILLED
        if ending.code not in {0, KILLED}:
            return kills, f"a run failed instead of dying: {ending.output}"
    ending = run_forked(lambda: _act_and_run(root, scenario, None) or _problem(root, scenario))
    return kills, ending.output


def _act_and_run(root: Path, scenario: Scenario, switch: KillSwitch | None) -> str:
    if switch is not None:
        switch.install()
    seen = root / "table" / "seen"
    if not seen.exists():
        scenario.act(make_table(root))
        seen.touch()
    make_table(root).run()
    return ""


def _count(root: Path, scenario: Scenario) -> str:
    switch = KillSwitch()
    _act_and_run(root, scenario, switch)
    return json.dumps(switch.calls)


def _problem(root: Path, scenario: Scenario) -> str:
    """Give "" or what is wrong with the table."""
    table = make_table(root)
    again = table.run()
    rows = Counter(
        (row["id"], row.get("region")) for batch in table.read() for row in batch.to_pylist()
    )
    quarantined = tuple(
        (each["file_key"], each["state"]) for each in table.quarantine().to_pylist()
    )
    commits = sorted(
        int(each.name)
        for each in (root / "table" / "_lakestream" / "commits").iterdir()
        if each.name.isdigit()
    )
    if again or commits != list(range(len(commits))):
        return f"a further run had {len(again)} batches, commits {commits}"
    if rows != scenario.wanted or quarantined != scenario.quarantined:
        return f"rows {dict(rows)}, quarantine {quarantined}"
    return ""


def _copy(root: Path) -> None:
    shutil.rmtree(root / "table", ignore_errors=True)
    shutil.copytree(root / "prepared", root / "table")


def _ended(ending: Ending) -> str:
    if ending.code != 0:
        raise SystemExit(ending.output)
    return ending.output


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
