"""Whether the count of rows lost and doubled would notice what it must notice."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl
import pytest
from deltalake import write_deltalake

from bench.correctness.judge import Verdict, judge
from bench.correctness.kills import Case, Moment, draw_moment, kill_cases
from bench.correctness.late import late_outcomes
from bench.correctness.legs import LAKESTREAM, LEGS, Leg, script
from bench.correctness.outputs import DeltaOutput, JsonLinesOutput, SparkFileOutput
from bench.correctness.process import Timeline, Watch, run_killed
from bench.correctness.report import (
    LegResult,
    is_clean,
    kill_table,
    late_table,
    load,
    markdown,
    save,
    write_documents,
)
from bench.correctness.scenes import Scene
from bench.data import Dataset

SMALL: Final = Dataset(files=3, rows_per_file=20)
MORE: Final = Dataset(files=2, rows_per_file=20, first_id=60)
CLEAN: Final = Verdict(100, 0, 0, 0)

#: Loads with a list of what it has seen, and rests between its two writes.
CARELESS: Final = """
import json, sys, time
from pathlib import Path
import duckdb
from deltalake import write_deltalake

landing, table, seen_list = sys.argv[1], sys.argv[2], Path(sys.argv[3])
seen = set(json.loads(seen_list.read_text())) if seen_list.exists() else set()
new = sorted({str(path) for path in Path(landing).glob("*.json")} - seen)

def commit():
    write_deltalake(table, duckdb.read_json(new, format="newline_delimited"), mode="append")

def remember():
    seen_list.write_text(json.dumps(sorted(seen.union(new))))

if new:
    first, second = ORDER
    first()
    time.sleep(0.4)
    second()
"""

#: Loads what is newer than the newest file that it has loaded.
HIGH_WATER: Final = """
import sys
from pathlib import Path
import duckdb
from deltalake import write_deltalake

landing, table, mark = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
newest = int(mark.read_text()) if mark.exists() else 0
times = {str(path): path.stat().st_mtime_ns for path in landing.glob("*.json")}
new = [path for path, at in times.items() if at > newest]
if new:
    write_deltalake(table, duckdb.read_json(new, format="newline_delimited"), mode="append")
    mark.write_text(str(max(times.values())))
"""

#: Puts its work off, as one does that finishes an old package before it looks for new files.
IN_TWO_RUNS: Final = """
import sys
from pathlib import Path
import duckdb
from deltalake import write_deltalake

landing, table, pending = sys.argv[1], sys.argv[2], Path(sys.argv[3])
if pending.exists():
    files = sorted(map(str, Path(landing).glob("*.json")))
    write_deltalake(table, duckdb.read_json(files, format="newline_delimited"), mode="append")
pending.touch()
"""


def leg_of(folder: Path, text: str) -> Leg:
    path = folder / "script.py"
    path.write_text(text)
    return Leg("script", "script", "none", DeltaOutput(), script(path, seen_list=True))


def killed(leg: Leg, count: int, folder: Path) -> list[Case]:
    return list(kill_cases(leg, count, folder, first=SMALL, more=MORE))


def rows_of(folder: Path) -> tuple[list[Path], pl.DataFrame]:
    files = sorted(SMALL.into(folder).iterdir())
    return files, pl.read_ndjson(files)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("none", Verdict(60, 0, 0, 0)),
        ("lost", Verdict(60, 2, 0, 0)),
        ("doubled", Verdict(60, 0, 3, 0)),
        ("other", Verdict(60, 1, 0, 1)),
    ],
)
def test_judge_when_rows_differ_then_counts_them(
    tmp_path: Path, change: str, verdict: Verdict
) -> None:
    files, rows = rows_of(tmp_path)
    changed = {
        "none": rows.reverse(),
        "lost": rows.head(58),
        "doubled": pl.concat([rows, rows.head(3)]),
        "other": rows.with_columns(battery=pl.col("battery") + (pl.col("id") == 7)),
    }[change]
    write_deltalake(tmp_path / "table", changed)

    assert judge(files, DeltaOutput(), tmp_path / "table") == verdict


def test_judge_when_nothing_is_there_or_readable_then_all_is_lost(tmp_path: Path) -> None:
    files, rows = rows_of(tmp_path)
    write_deltalake(tmp_path / "table", rows)
    for path in (tmp_path / "table").glob("*.parquet"):
        path.write_bytes(b"torn")

    broken = judge(files, DeltaOutput(), tmp_path / "table")

    assert judge(files, DeltaOutput(), tmp_path / "absent") == Verdict(60, 60, 0, 0)
    assert replace(broken, problem="") == Verdict(60, 60, 0, 0)
    assert broken.problem
    assert not broken.clean


def test_spark_output_when_a_file_is_not_in_the_log_then_it_does_not_count(tmp_path: Path) -> None:
    files, rows = rows_of(tmp_path)
    table, log = tmp_path / "table", tmp_path / "table" / "_spark_metadata"
    log.mkdir(parents=True)
    entries = []
    for number in range(3):
        path = table / f"part-{number}.parquet"
        rows[number * 20 : number * 20 + 20].write_parquet(path)
        entries.append(json.dumps({"path": f"file://{path}", "action": "add"}))
    rows.write_parquet(table / "part-of-a-killed-run.parquet")
    (log / "0").write_text("v1\n" + entries[0])
    (log / "1.compact").write_text("v1\n" + "\n".join(entries[:2]))
    (log / ".2.tmp").write_text("v1\n" + entries[2])

    before = judge(files, SparkFileOutput(), table)
    (log / "2").write_text("v1\n" + entries[2])

    assert before == Verdict(60, 20, 0, 0)
    assert SparkFileOutput().mark(table) == 3
    assert judge(files, SparkFileOutput(), table).clean


def test_json_output_when_a_line_is_taken_back_or_torn_then_counts_the_rest(tmp_path: Path) -> None:
    files = sorted(SMALL.into(tmp_path).iterdir())
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    signed = [*(row | {"diff": 1} for row in rows), rows[0] | {"diff": -1}, rows[0] | {"diff": 1}]
    table = tmp_path / "table"
    table.mkdir()
    text = "".join(f"{json.dumps(row)}\n" for row in signed)

    (table / "readings.jsonl").write_text(text)
    whole = judge(files, JsonLinesOutput(), table)
    (table / "readings.jsonl").write_text(text + text[:30])

    assert whole == judge(files, JsonLinesOutput(), table) == Verdict(60, 0, 0, 0)


@pytest.mark.parametrize(
    ("order", "kills", "fault"),
    [("commit, remember", 2, "doubled"), ("remember, commit", 4, "lost")],
)
def test_kills_when_a_script_writes_twice_then_its_loss_and_doubles_are_seen(
    tmp_path: Path, order: str, kills: int, fault: str
) -> None:
    leg = leg_of(tmp_path, CARELESS.replace("ORDER", order))

    verdicts = [case.verdict for case in killed(leg, kills, tmp_path)]

    seen = {word for each in verdicts for word in ("lost", "doubled") if getattr(each, word)}
    assert seen == {fault}
    assert {each.rows for each in verdicts} == {60, 100}


def test_kills_when_it_is_lakestream_then_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    cases = killed(LAKESTREAM, 4, tmp_path)

    assert {case.scene for case in cases} == {"first load", "more files"}
    assert any(case.committed for case in cases)
    assert [case.verdict.clean for case in cases] == [True] * 4


def test_recovery_when_every_run_fails_then_says_so_without_a_path(tmp_path: Path) -> None:
    text = "import sys\nprint('so far')\nsys.exit(f'cannot read {sys.argv[3]}')\n"
    scene = Scene(leg_of(tmp_path, text), tmp_path / "scene")
    scene.clear()
    scene.land(SMALL.into(tmp_path).iterdir())

    verdict = scene.recover()

    assert verdict == Verdict(60, 60, 0, 0, "ended with 1: cannot read home/seen.json")


def test_recovery_when_the_rest_comes_with_the_next_run_then_it_is_begun_again(
    tmp_path: Path,
) -> None:
    scene = Scene(leg_of(tmp_path, IN_TWO_RUNS), tmp_path / "scene")
    scene.clear()
    scene.land(SMALL.into(tmp_path).iterdir())

    assert scene.recover() == Verdict(60, 0, 0, 0)


def test_late_files_when_a_script_keeps_a_high_water_mark_then_its_loss_is_seen(
    tmp_path: Path,
) -> None:
    outcomes = list(late_outcomes(leg_of(tmp_path, HIGH_WATER), tmp_path))

    found = {each.arrival: (each.verdict.lost, each.verdict.doubled) for each in outcomes}
    assert found == {
        "newer": (0, 0),
        "1 hour older": (500, 0),
        "same time": (500, 0),
        "6 years older": (500, 0),
        "sent again": (0, 500),
    }


def test_kill_when_a_child_has_left_the_group_then_it_dies_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    text = f"""
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, process_group=0)
pathlib.Path({str(pid)!r}).write_text(str(child.pid))
child.wait()
"""

    ending = run_killed([sys.executable, "-c", text], pid.exists, 0.0)

    assert ending.code is None
    status = Path(f"/proc/{pid.read_text()}/status")
    # Where nobody waits for orphans a dead one stays listed.
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_moment_when_drawn_then_lies_on_its_side_of_the_commit() -> None:
    timeline = Timeline(0.2, (0.5, 0.6), 2.0)

    dice = random.Random(7)  # noqa: S311  seeded on purpose

    moments = [draw_moment(timeline, dice) for _ in range(200)]

    for moment in moments:
        at_s = timeline.commits_s[moment.commit]
        longest_s = at_s - 0.2 if moment.where == "before" else [0.6, 2.0][moment.commit] - at_s
        assert 0 <= moment.delay_s <= longest_s
    assert sum(moment.where == "before" for moment in moments) in range(60, 100)
    assert sum(moment.delay_s == 0 for moment in moments) in range(25, 60)


def test_watch_when_the_mark_grows_then_says_so_once(tmp_path: Path) -> None:
    marks = iter([3, 3, 4, 4, 6])
    watch = Watch(tmp_path, lambda: next(marks))

    assert [watch.has_committed() for _ in range(4)] == [False, True, False, True]
    assert watch.commits == 2


def test_results_when_one_leg_is_measured_again_then_others_stay(tmp_path: Path) -> None:
    case = Case(0, "first load", Moment("after", 0, 0.5), True, CLEAN)
    ours = LegResult(LAKESTREAM, (case,), ())
    theirs = replace(ours, leg=replace(LAKESTREAM, key="other", name="other"))
    doubled = replace(case, verdict=replace(CLEAN, doubled=10_000))

    save([ours, theirs], tmp_path / "kept.json")
    record = save([replace(theirs, cases=(case, doubled))], tmp_path / "kept.json")

    assert [is_clean(record[key]) for key in ("lakestream", "other")] == [True, False]
    table = markdown(kill_table(record, ["lakestream", "other", "absent"]))
    assert table.splitlines()[2:] == [
        "| lakestream | Delta | 1 | 1 | 0 | 0 | 0 | 0 | 0 |",
        "| other | Delta | 2 | 2 | 0 | 10,000 | 0 | 1 | 0 |",
    ]
    assert late_table({}, ["lakestream"])[0][2:4] == ("newer", "1 hour older")


def test_documents_when_they_show_counts_then_as_kept(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    record, keys = load(root / "bench" / "results" / "correctness.json"), [leg.key for leg in LEGS]
    documents = [root / "docs" / "benchmarks.md", root / "README.md"]
    copies = [tmp_path / path.name for path in documents]
    for path, copy in zip(documents, copies, strict=True):
        copy.write_text(path.read_text())

    write_documents(record, keys, copies)

    assert [copy.read_text() for copy in copies] == [path.read_text() for path in documents]
    assert markdown(kill_table(record, keys)) in copies[0].read_text()
    assert markdown(late_table(record, keys)) in copies[0].read_text()
    assert is_clean(record["lakestream"])
