"""A real ``dagster dev``: sensor, run, retry and backfill, seen through GraphQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from support.dagster_server import DagsterServer, dagster_dev, wait_for

pytestmark = [pytest.mark.dagster_dev, pytest.mark.timeout(600)]

LOCATION = Path(__file__).parents[1] / "support" / "dev_location.py"


@dataclass(frozen=True)
class Lake:
    server: DagsterServer
    landing: Path
    tables: Path
    faults: Path

    def drop(self, folder: str, name: str, numbers: list[int]) -> None:
        text = "".join(json.dumps({"n": n}) + "\n" for n in numbers)
        hidden = self.landing / f".{name}"
        hidden.write_text(text)
        hidden.rename(self.landing / folder / name)

    def numbers(self, table: str) -> Counter[int]:
        return Counter(pl.read_delta(str(self.tables / table))["n"].to_list())


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    root = tmp_path_factory.mktemp("dev")
    for folder in ("seen", "flaky", "killed", "again"):
        (root / "landing" / folder).mkdir(parents=True)
    (root / "faults").mkdir()
    environment = {
        "DEV_LANDING": str(root / "landing"),
        "DEV_LAKE": str(root / "lake"),
        "DEV_FAULTS": str(root / "faults"),
    }
    with dagster_dev(LOCATION, root / "home", environment) as server:
        yield Lake(server, root / "landing", root / "lake", root / "faults")


def paths(keys: list[dict[str, list[str]]]) -> list[str]:
    return sorted("/".join(key["path"]) for key in keys)


def test_sensor_when_files_land_then_one_run_brings_them_through(lake: Lake) -> None:
    server = lake.server
    lake.drop("seen", "a.json", [1, 2, 3, 4])
    wait_for(lambda: server.ended_runs_of("seen,evens"), "the sensor's run")
    [run] = server.runs_of("seen,evens")
    assert (run["status"], run["jobName"]) == ("SUCCESS", "lakestream_run")
    assert lake.numbers("seen") == Counter([1, 2, 3, 4])
    assert lake.numbers("evens") == Counter([2, 4])

    table = server.asset("seen")
    [source] = paths(table["dependencyKeys"])
    assert source.endswith("DEV_LANDING/seen_files")
    assert paths(table["dependedByKeys"]) == ["evens"]
    assert not server.asset(*source.split("/"))["isMaterializable"]
    [materialization] = table["assetMaterializations"]
    entries = {entry["label"]: entry for entry in materialization["metadataEntries"]}
    numbers = {name: entry["intValue"] for name, entry in entries.items() if "intValue" in entry}
    assert numbers["dagster/row_count"] == numbers["lakestream/rows"] == 4
    assert (numbers["lakestream/files"], numbers["lakestream/batches"]) == (1, 1)
    assert numbers["lakestream/backlog_files"] == 0
    columns = entries["dagster/column_schema"]["schema"]["columns"]
    assert {"name": "n", "type": "bigint"} in columns

    newest = server.ticks("lakestream")[0]["timestamp"]
    wait_for(lambda: _later_skips(server, newest), "ticks with nothing new")
    assert "nothing new for" in _later_skips(server, newest)[0]
    assert len(server.runs_of("seen,evens")) == 1


def _later_skips(server: DagsterServer, timestamp: float) -> list[str]:
    return [
        tick["skipReason"]
        for tick in server.ticks("lakestream")
        if tick["timestamp"] > timestamp and tick["status"] == "SKIPPED"
    ]


def test_sensor_when_a_run_failed_then_a_later_tick_tries_again(lake: Lake) -> None:
    server = lake.server
    (lake.faults / "fail").touch()
    lake.drop("flaky", "a.json", [7])
    wait_for(lambda: server.ended_runs_of("flaky"), "the run that fails")
    assert {run["status"] for run in server.ended_runs_of("flaky")} == {"FAILURE"}
    (lake.faults / "fail").unlink()
    wait_for(
        lambda: server.ended_runs_of("flaky")[0]["status"] == "SUCCESS", "the run that succeeds"
    )
    assert lake.numbers("flaky") == Counter([7])


def test_sensor_when_a_run_was_killed_then_a_later_tick_gets_its_place(lake: Lake) -> None:
    server = lake.server
    (lake.faults / "kill").touch()
    lake.drop("killed", "a.json", [8, 9])
    wait_for(lambda: server.ended_runs_of("killed"), "the killed run to be noticed")
    assert {run["status"] for run in server.ended_runs_of("killed")} == {"FAILURE"}
    (lake.faults / "kill").unlink()
    wait_for(
        lambda: server.ended_runs_of("killed")[0]["status"] == "SUCCESS", "the run that succeeds"
    )
    assert lake.numbers("killed") == Counter([8, 9])


def test_backfill_when_it_replays_then_no_row_changes(lake: Lake) -> None:
    server = lake.server
    lake.drop("again", "a.json", [1, 2, 3])
    wait_for(lambda: server.ended_runs_of("again"), "the sensor's run")
    before = lake.numbers("again")
    assert before == Counter([1, 2, 3])

    filled_in = server.default_config("lakestream_backfill")
    for field in ("tables", "again", "mode", "path_glob", "modified_after", "modified_before"):
        assert field in filled_in
    assert "max_batches: 0" in filled_in

    fields = {"tables": ["again"], "mode": "replay"}
    config = {"ops": {"lakestream_backfill_tables": {"config": fields}}}
    assert server.wait_ended(server.launch("lakestream_backfill", config)) == "SUCCESS"
    assert lake.numbers("again") == before
    [materialization] = server.asset("again")["assetMaterializations"]
    rows = {e["label"]: e.get("intValue") for e in materialization["metadataEntries"]}
    assert rows["lakestream/rows"] == 0
