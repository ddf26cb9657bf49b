"""The harness measured on a small scale, and whether it would notice what it must notice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Final

import polars as pl
import pytest
from deltalake import write_deltalake

from bench import fingerprint
from bench.data import Dataset
from bench.fingerprint import RowsDifferError
from bench.process import ScriptFailedError, Usage, run_script
from bench.report import Result, save, table
from bench.works import DUCKDB, DUCKDB_SEEN, POLARS, POLARS_SEEN, Bar, FirstLoad, NextLoad, Pair

SMALL: Final = Dataset(files=3, rows_per_file=20)
ADDED: Final = Dataset(files=2, rows_per_file=20, first_id=60)


def result(bar: Bar) -> Result:
    pairs = (
        Pair(Usage(1.0, 2.0, 100.0), Usage(2.0, 2.0, 100.0)),
        Pair(Usage(9.0, 3.0, 110.0), Usage(12.0, 3.0, 100.0)),
        Pair(Usage(1.0, 2.0, 90.0), Usage(4.0, 1.0, 100.0)),
    )
    return Result("step", "polars", bar, pairs)


def test_dataset_when_written_twice_then_same_bytes(tmp_path: Path) -> None:
    one, two = SMALL.into(tmp_path / "one"), SMALL.into(tmp_path / "two")

    texts = [[path.read_bytes() for path in sorted(folder.iterdir())] for folder in (one, two)]

    assert texts[0] == texts[1]
    assert len(texts[0]) == 3


def test_first_load_when_both_load_all_then_measured(tmp_path: Path) -> None:
    work = FirstLoad("k", SMALL, POLARS, DUCKDB, {"step": Bar()})

    (measured,) = work.pairs(1, tmp_path)

    assert measured["step"].ours.cpu_s > 0
    assert measured["step"].baseline.peak_mib > 10


def test_next_load_when_files_are_added_then_only_those_come(tmp_path: Path) -> None:
    work = NextLoad("k", SMALL, ADDED, POLARS_SEEN, DUCKDB_SEEN, {"+2": Bar(), "none": Bar()})

    (measured,) = work.pairs(1, tmp_path)

    assert set(measured) == {"+2", "none"}


def test_next_load_when_one_forgets_what_it_loaded_then_rows_differ(tmp_path: Path) -> None:
    work = NextLoad("k", SMALL, ADDED, POLARS, DUCKDB_SEEN, {"+2": Bar()})

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

    fingerprint.check(tmp_path / "same", fingerprint.of_files(files), who="same")
    with pytest.raises(RowsDifferError):
        fingerprint.check(tmp_path / "changed", fingerprint.of_files(files), who="changed")


def test_script_when_it_fails_then_its_output_is_shown(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("print('so far', flush=True)\nraise SystemExit('no further')\n")

    with pytest.raises(ScriptFailedError, match=r"broken\.py ended with 1:\nso far\nno further"):
        run_script(script, [])


def test_result_when_pairs_differ_then_median_of_ratios() -> None:
    assert (result(Bar()).wall_ratio, result(Bar()).cpu_ratio) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [(Bar(wall=0.5, cpu=1.0), "pass"), (Bar(wall=0.4), "MISSED"), (Bar(cpu=0.9), "MISSED")],
)
def test_table_when_bar_is_set_then_judged(bar: Bar, verdict: str) -> None:
    assert table([result(bar)]).endswith(verdict)


def test_results_when_saved_then_hold_each_run_and_no_path(tmp_path: Path) -> None:
    save([result(Bar(wall=0.5))], tmp_path / "latest.json")

    text = (tmp_path / "latest.json").read_text()
    record = json.loads(text)
    assert record["results"][0]["pairs"][0]["ours"] == dataclasses.asdict(Usage(1.0, 2.0, 100.0))
    assert "/" not in json.dumps(record["machine"])
