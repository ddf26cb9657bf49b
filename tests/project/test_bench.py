"""The harness measured on a small scale, and whether it would notice what it must notice."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Final

import polars as pl
import pytest
from deltalake import write_deltalake

from bench import fingerprint
from bench.contenders import DELTA, DUCKDB, DUCKDB_SEEN, LAKESTREAM, POLARS, POLARS_SEEN
from bench.data import COLUMNS, Bulk, Dataset
from bench.fingerprint import RowsDifferError
from bench.known_files import KnownFiles, Lister
from bench.loads import FirstLoad, NextLoad, WholeLife
from bench.measure import Bar, Pair
from bench.process import ScriptFailedError, Usage, run
from bench.report import Result, load, markdown, save, table, write_documents
from bench.running import Loop, RunningQuery
from bench.works import WORKS

SMALL: Final = Dataset(files=3, rows_per_file=20)
ADDED: Final = Dataset(files=2, rows_per_file=20, first_id=60)


def result(bar: Bar, key: str = "first") -> Result:
    pairs = (
        Pair(Usage(1.0, 2.0, 100.0), Usage(2.0, 2.0, 100.0)),
        Pair(Usage(9.0, 3.0, 110.0), Usage(12.0, 3.0, 100.0)),
        Pair(Usage(1.0, 2.0, 90.0), Usage(4.0, 1.0, 100.0)),
    )
    return Result(key, "step", "polars", bar, pairs)


def test_dataset_when_written_twice_then_same_bytes(tmp_path: Path) -> None:
    one, two = SMALL.into(tmp_path / "one"), SMALL.into(tmp_path / "two")

    texts = [[path.read_bytes() for path in sorted(folder.iterdir())] for folder in (one, two)]

    assert texts[0] == texts[1]
    assert len(texts[0]) == 3


def test_first_load_when_both_load_all_then_measured(tmp_path: Path) -> None:
    work = FirstLoad(key="k", dataset=SMALL, ours=POLARS, baseline=DUCKDB, bars={"step": Bar()})

    (measured,) = work.pairs(1, tmp_path)

    assert measured["step"].ours.cpu_s > 0
    assert measured["step"].baseline.peak_mib > 10


def test_next_load_when_files_are_added_then_only_those_come(tmp_path: Path) -> None:
    work = NextLoad(
        key="k",
        dataset=SMALL,
        added=ADDED,
        ours=POLARS_SEEN,
        baseline=DUCKDB_SEEN,
        bars={"+2": Bar(), "none": Bar()},
    )

    (measured,) = work.pairs(1, tmp_path)

    assert set(measured) == {"+2", "none"}


def test_next_load_when_one_forgets_what_it_loaded_then_rows_differ(tmp_path: Path) -> None:
    work = NextLoad(
        key="k", dataset=SMALL, added=ADDED, ours=POLARS, baseline=DUCKDB_SEEN, bars={"+2": Bar()}
    )

    with pytest.raises(RowsDifferError, match="polars"):
        list(work.pairs(1, tmp_path))


@pytest.mark.parametrize("change", ["lost", "doubled", "other"])
def test_fingerprint_when_one_row_differs_then_seen(tmp_path: Path, change: str) -> None:
    files = sorted(SMALL.into(tmp_path).iterdir())
    rows = pl.read_ndjson(files)
    changed = {
        "lost": rows.head(59),
        "doubled": pl.concat([rows.head(59), rows.head(1)]),
        "other": rows.with_columns(battery=pl.col("battery") + (pl.col("id") == 7)),
    }[change]
    write_deltalake(tmp_path / "same", rows.reverse())
    write_deltalake(tmp_path / "changed", changed)

    fingerprint.check(DELTA, tmp_path / "same", fingerprint.of_files(files), who="same")
    with pytest.raises(RowsDifferError):
        fingerprint.check(DELTA, tmp_path / "changed", fingerprint.of_files(files), who="changed")


def test_bulk_when_written_then_every_row_has_our_columns(tmp_path: Path) -> None:
    files = sorted(Bulk(files=2, size_bytes=28_000).into(tmp_path).iterdir())

    rows = pl.read_ndjson(files)

    assert rows.columns == list(COLUMNS)
    assert rows["id"].to_list() == list(range(200))
    assert rows["device"].n_unique() > 150


def test_whole_life_when_steps_follow_then_each_is_checked(tmp_path: Path) -> None:
    bars = {"first": Bar(), "+2": Bar(), "none": Bar()}

    (measured,) = WholeLife(
        key="k", dataset=SMALL, added=ADDED, ours=LAKESTREAM, baseline=DUCKDB_SEEN, bars=bars
    ).pairs(1, tmp_path)

    assert set(measured) == set(bars)
    with pytest.raises(RowsDifferError, match="polars"):
        list(
            WholeLife(
                key="k", dataset=SMALL, added=ADDED, ours=POLARS, baseline=DUCKDB_SEEN, bars=bars
            ).pairs(1, tmp_path)
        )


def test_running_query_when_files_land_one_by_one_then_each_is_a_batch(tmp_path: Path) -> None:
    long = next(work for work in WORKS if isinstance(work, RunningQuery))
    work = RunningQuery("k", SMALL, 2, long.ours, long.baseline, {"step": Bar()})

    (measured,) = work.pairs(1, tmp_path)

    assert measured["step"].ours.wall_s > 0
    assert len(list((tmp_path / "home" / "table" / "_delta_log").glob("*.json"))) >= 3


def test_running_query_when_a_loop_loses_a_file_then_rows_differ(tmp_path: Path) -> None:
    lazy = tmp_path / "lazy.py"
    lazy.write_text('print(\'{"batches": [1.0], "cpu_s": 1.0}\')')
    loop = Loop("lazy", lazy)

    with pytest.raises(RowsDifferError, match="lazy"):
        list(RunningQuery("k", SMALL, 2, loop, loop, {"step": Bar()}).pairs(1, tmp_path))


def test_known_files_when_new_ones_are_among_them_then_found(tmp_path: Path) -> None:
    long = next(work for work in WORKS if isinstance(work, KnownFiles))
    work = KnownFiles("k", 2_500, 25, long.ours, long.baseline, {"step": Bar()})

    (measured,) = work.pairs(1, tmp_path)

    assert measured["step"].ours.cpu_s > 0


def test_known_files_when_one_is_not_known_then_fails(tmp_path: Path) -> None:
    short = tmp_path / "short.py"
    short.write_text("print(2_499)")
    lister = Lister("short", short)

    with pytest.raises(ScriptFailedError, match="short knows 2499 files of 2500"):
        list(KnownFiles("k", 2_500, 25, lister, lister, {"step": Bar()}).pairs(1, tmp_path))


def test_script_when_it_fails_then_its_output_is_shown(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("print('so far', flush=True)\nraise SystemExit('no further')\n")

    with pytest.raises(ScriptFailedError, match=r"broken\.py ended with 1:\nso far\nno further"):
        run([sys.executable, script])


def test_process_when_it_leaves_a_child_behind_then_the_child_counts(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import time\nx = bytearray(200 << 20)\nwhile time.process_time() < 0.3: pass\n"
    )
    parent = tmp_path / "parent.py"
    parent.write_text(
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, {str(child)!r}])\nprint('on')\n"
    )

    usage, printed = run([sys.executable, parent])

    assert printed == "on\n"
    assert usage.cpu_s >= 0.3
    assert usage.peak_mib > 200


def test_process_when_small_then_the_starters_memory_is_not_its_own(tmp_path: Path) -> None:
    ballast = bytearray(b"x" * (200 << 20))
    script = tmp_path / "small.py"
    script.write_text("print('small')\n")

    usage, _ = run([sys.executable, script])

    assert len(ballast) > 0
    assert usage.peak_mib < 100


def test_result_when_pairs_differ_then_median_of_ratios() -> None:
    assert (result(Bar()).wall_ratio, result(Bar()).cpu_ratio) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        (Bar(wall=0.5, cpu=1.0), "kept"),
        (Bar(wall_s=1.0, peak_mib=100.0), "kept"),
        (Bar(wall=0.4), "MISSED"),
        (Bar(cpu=0.9), "MISSED"),
        (Bar(wall_s=0.9), "MISSED"),
        (Bar(peak_mib=99.0), "MISSED"),
    ],
)
def test_table_when_bar_is_set_then_judged(bar: Bar, verdict: str) -> None:
    assert table([result(bar).as_json()]).endswith(verdict)


def test_results_when_saved_then_hold_each_run_and_no_path(tmp_path: Path) -> None:
    save([result(Bar(wall=0.5))], tmp_path / "latest.json")

    (row,) = load(tmp_path / "latest.json").values()
    assert row["pairs"][0]["ours"] == dataclasses.asdict(Usage(1.0, 2.0, 100.0))
    assert "/" not in json.dumps(row["machine"])


def test_results_when_a_row_is_measured_again_then_only_that_is_replaced(tmp_path: Path) -> None:
    save([result(Bar(), "first"), result(Bar(wall=0.5), "tiny")], tmp_path / "latest.json")

    rows = save([result(Bar(wall=0.1), "first")], tmp_path / "latest.json")

    assert [(row["key"], row["verdict"]) for row in rows] == [("first", "MISSED"), ("tiny", "kept")]


def test_documents_when_they_show_figures_then_as_kept(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    rows = list(load(root / "bench" / "results" / "latest.json").values())
    documents = [root / "README.md", root / "docs" / "benchmarks.md"]
    copies = [tmp_path / path.name for path in documents]
    for path, copy in zip(documents, copies, strict=True):
        copy.write_text(path.read_text())

    write_documents(rows, copies)

    assert [copy.read_text() for copy in copies] == [path.read_text() for path in documents]
    assert markdown(rows) in copies[1].read_text()
