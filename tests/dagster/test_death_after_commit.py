"""A Dagster run whose process dies behind a batch's commit: Dagster heard nothing of the batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import lakestream as ls
from lakestream import Stream, StreamingTable
from lakestream.dagster import build_assets, build_definitions
from lakestream.failpoint import VARIABLE

KILLED = 137
#: The same table, in a process that is killed at a fail point.
SCRIPT = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from {Path(__file__).stem} import materialize
materialize(Path(sys.argv[1]))
"""


def orders(folder: Path) -> StreamingTable:
    @ls.streaming_table(folder / "orders")
    def orders() -> Stream:
        return ls.read_files(folder / "landing", format="json", max_files_per_trigger=1)

    return orders


def materialize(folder: Path) -> dg.ExecuteInProcessResult:
    table = orders(folder)
    (folder / "home").mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(folder / "home")) as instance:
        return dg.materialize(
            [each for each in build_assets([table]) if isinstance(each, dg.AssetsDefinition)],
            instance=instance,
            resources=build_definitions([table]).resources,
        )


@pytest.mark.parametrize(
    ("point", "rows"),
    [("commit_log", 3), ("committed", 2)],
    ids=["before it is logged", "after it is logged"],
)
def test_g5_run_when_it_died_behind_a_commit_then_status_tells_of_it_and_the_next_adds_no_row(
    tmp_path: Path, point: str, rows: int
) -> None:
    (tmp_path / "landing").mkdir()
    for name in "abc":
        (tmp_path / "landing" / f"{name}.json").write_text('{"n": 1}\n')

    died = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, VARIABLE: f"{point}:1:kill"},
        check=False,
        capture_output=True,
        timeout=120,
    )

    table = orders(tmp_path)
    assert died.returncode == KILLED, died.stderr
    assert table.status().rows == table.read().read_all().num_rows == 1
    (told,) = materialize(tmp_path).asset_materializations_for_node("orders")
    # The rows of a batch that was logged already count for no run; those of the table do.
    assert told.metadata["lakestream/rows"].value == rows
    assert told.metadata["dagster/row_count"].value == 3
    assert table.read().read_all().num_rows == 3
    assert {(each.state, each.batch_id) for each in table.files()} == {
        ("committed", batch) for batch in range(3)
    }
