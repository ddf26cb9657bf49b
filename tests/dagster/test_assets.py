from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import lakestream as ls
from lakestream import Stream
from lakestream.dagster import build_assets, build_definitions
from lakestream.streaming_table import StreamingTable

Rows = list[dict[str, Any]]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, rows: Rows) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def orders(tmp_path: Path, landing: Path) -> StreamingTable:
    @ls.streaming_table(
        tmp_path / "orders",
        expectations={
            "priced": "price IS NOT NULL",
            "positive": ls.expect("price IS NULL OR price > 0", on_fail="drop"),
        },
    )
    def orders() -> Stream:
        return ls.read_files(landing, format="json", schema_hints="price INT")

    return orders


@pytest.fixture
def chain(
    tmp_path: Path, orders: StreamingTable
) -> Callable[[], tuple[StreamingTable, StreamingTable]]:
    def make() -> tuple[StreamingTable, StreamingTable]:
        @ls.streaming_table(tmp_path / "paid", inputs={"orders": orders})
        def paid(orders: Stream) -> Stream:
            return orders.filter("price > 5").select("id", "price")

        return orders, paid

    return make


def materialize(
    instance: dg.DagsterInstance, *tables: StreamingTable, raise_on_error: bool = True
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [each for each in build_assets(tables) if isinstance(each, dg.AssetsDefinition)],
        instance=instance,
        resources=build_definitions(tables).resources,
        raise_on_error=raise_on_error,
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    [materialization] = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in materialization.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {
        each.check_name: (each.passed, each.severity.value)
        for each in result.get_asset_check_evaluations()
    }


def test_asset_when_files_landed_then_counts_schema_and_lineage_are_told(
    instance: dg.DagsterInstance, orders: StreamingTable, landing: Path
) -> None:
    write(landing, "a.json", [{"id": 1, "price": 5}, {"id": 2, "price": 6}])
    write(landing, "b.json", [{"id": 3, "price": 7}])
    found = metadata(materialize(instance, orders), "orders")
    size = sum(path.stat().st_size for path in landing.iterdir())
    assert found["dagster/row_count"] == found["lakestream/rows"] == 3
    assert (found["lakestream/files"], found["lakestream/bytes"]) == (2, size)
    assert found["lakestream/backlog_files"] == found["lakestream/quarantined"] == 0
    columns = {column.name: column.type for column in found["dagster/column_schema"].columns}
    assert columns["price"] == "int"
    [dep] = found["dagster/column_lineage"].deps_by_column["price"]
    assert (dep.asset_key.path[-1], dep.column_name) == ("landing_files", "price")
    assert "landing_files.price |" in found["lakestream/columns"]


def test_asset_when_nothing_is_new_then_it_still_materializes_with_0_rows(
    instance: dg.DagsterInstance, orders: StreamingTable, landing: Path
) -> None:
    write(landing, "a.json", [{"id": 1, "price": 5}])
    materialize(instance, orders)
    result = materialize(instance, orders)
    found = metadata(result, "orders")
    assert (found["lakestream/rows"], found["lakestream/batches"]) == (0, 0)
    assert found["dagster/row_count"] == 1
    assert all(passed for passed, _ in checks(result).values())


def test_asset_when_nothing_ever_landed_then_it_materializes_without_a_schema(
    instance: dg.DagsterInstance, orders: StreamingTable
) -> None:
    found = metadata(materialize(instance, orders), "orders")
    assert found["lakestream/rows"] == 0
    assert "dagster/column_schema" not in found


def test_assets_when_the_first_has_no_table_yet_then_the_second_materializes_too(
    instance: dg.DagsterInstance,
    chain: Callable[[], tuple[StreamingTable, StreamingTable]],
) -> None:
    result = materialize(instance, *chain())
    assert metadata(result, "paid")["lakestream/rows"] == 0


def test_asset_when_the_table_that_it_joins_is_not_there_then_it_fails_once_files_wait(
    instance: dg.DagsterInstance, tmp_path: Path, landing: Path
) -> None:
    @ls.streaming_table(tmp_path / "priced")
    def priced() -> Stream:
        orders = ls.read_files(landing, format="json", schema="id BIGINT, price BIGINT")
        return orders.join(ls.table(tmp_path / "prices"), "id", "left")

    assert materialize(instance, priced).success
    write(landing, "a.json", [{"id": 1, "price": 5}])
    result = materialize(instance, priced, raise_on_error=False)
    assert not result.success
    assert "LS-SRC-010" in str(result.failure_data_for_node("priced"))


def test_checks_when_rows_break_expectations_then_they_warn_with_counts(
    instance: dg.DagsterInstance, orders: StreamingTable, landing: Path
) -> None:
    write(landing, "a.json", [{"id": 1, "price": 5}, {"id": 2, "price": None}])
    write(landing, "b.json", [{"id": 3, "price": -1}, {"id": 4, "price": -2}])
    result = materialize(instance, orders)
    found = checks(result)
    assert found["priced"] == found["positive"] == (False, "WARN")
    assert found["quarantine"] == found["schema_change"] == (True, "WARN")
    counts = {
        each.check_name: {name: value.value for name, value in each.metadata.items()}
        for each in result.get_asset_check_evaluations()
    }
    assert counts["priced"]["failed_rows"] == 1
    assert counts["positive"]["dropped_rows"] == 2
    assert metadata(result, "orders")["dagster/row_count"] == 2


def test_checks_when_records_are_bad_and_columns_new_then_both_warn(
    instance: dg.DagsterInstance, orders: StreamingTable, landing: Path
) -> None:
    write(landing, "a.json", [{"id": 1, "price": 5}])
    materialize(instance, orders)
    (landing / "b.json").write_text('{"id": 2, "price": 5, "note": "x"}\n{"id": 3, "pri\n')
    result = materialize(instance, orders)
    assert checks(result)["quarantine"] == checks(result)["schema_change"] == (False, "WARN")
    found = metadata(result, "orders")
    assert found["lakestream/quarantined"] == 1
    assert found["lakestream/schema_changes"] == "batch 1: + note STRING"
    told = {
        each.check_name: each.metadata.get("changes")
        for each in result.get_asset_check_evaluations()
    }["schema_change"]
    assert told is not None
    assert told.value == "batch 1: + note STRING"


def test_check_when_a_column_became_wider_then_it_warns_and_names_both_types(
    instance: dg.DagsterInstance, landing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    @ls.streaming_table(tmp_path / "wide", widening="rewrite")
    def wide() -> Stream:
        mode: Any = "add_new_columns_with_type_widening"
        return ls.read_files(landing, format="csv", header=True, schema_evolution=mode)

    (landing / "a.csv").write_text("id\n1\n")
    materialize(instance, wide)
    (landing / "b.csv").write_text("id,note\n3000000000,x\n")
    result = materialize(instance, wide)

    assert checks(result)["schema_change"] == (False, "WARN")
    told = "batch 1: ~ id INT -> BIGINT\nbatch 1: + note STRING"
    assert metadata(result, "wide")["lakestream/schema_changes"] == told
    assert "columns added: note, columns widened: id" in capfd.readouterr().err


def test_check_when_an_expectation_fails_the_run_then_it_is_an_error(
    instance: dg.DagsterInstance, tmp_path: Path, landing: Path
) -> None:
    @ls.streaming_table(
        tmp_path / "strict",
        expectations={
            "priced": ls.expect("price > 0", on_fail="fail"),
            "small": ls.expect("price < 100", on_fail="fail"),
        },
    )
    def strict() -> Stream:
        return ls.read_files(landing, format="json")

    write(landing, "a.json", [{"price": -1}])
    result = materialize(instance, strict, raise_on_error=False)
    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity.value) == ("priced", False, "ERROR")
    assert check.metadata["failed_rows"].value == 1
    failure = result.failure_data_for_node("strict")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.metadata["lakestream/code"].value == "LS-SINK-009"


def test_assets_when_one_reads_the_other_then_one_run_brings_rows_through(
    instance: dg.DagsterInstance,
    chain: Callable[[], tuple[StreamingTable, StreamingTable]],
    landing: Path,
) -> None:
    orders, paid = chain()
    write(landing, "a.json", [{"id": 1, "price": 5}, {"id": 2, "price": 6}])
    result = materialize(instance, paid, orders)
    assert metadata(result, "paid")["lakestream/rows"] == 1
    [dep] = metadata(result, "paid")["dagster/column_lineage"].deps_by_column["price"]
    assert (dep.asset_key, dep.column_name) == (dg.AssetKey("orders"), "price")


def test_assets_when_a_table_fails_then_only_what_reads_it_is_skipped(
    instance: dg.DagsterInstance,
    chain: Callable[[], tuple[StreamingTable, StreamingTable]],
    tmp_path: Path,
    landing: Path,
) -> None:
    @ls.streaming_table(tmp_path / "alone")
    def alone() -> Stream:
        return ls.read_files(landing, format="json")

    orders, paid = chain()
    write(landing, "a.json", [{"id": 1, "price": 5}])
    (tmp_path / "orders").write_text("no folder")
    result = materialize(instance, orders, paid, alone, raise_on_error=False)
    assert not result.success
    assert {each.asset_key for each in result.get_asset_materialization_events()} == {
        dg.AssetKey("alone")
    }


def test_definitions_when_two_are_merged_then_they_load(
    tmp_path: Path, landing: Path, orders: StreamingTable
) -> None:
    @ls.streaming_table(tmp_path / "others")
    def others() -> Stream:
        return ls.read_files(landing, format="json")

    merged = dg.Definitions.merge(
        build_definitions([orders]), build_definitions([others], sensor_name="second")
    )
    dg.Definitions.validate_loadable(merged)
    # Both read one folder: its external asset stands in both, and is one.
    graph = merged.resolve_asset_graph()
    tables = graph.materializable_asset_keys
    (source,) = graph.external_asset_keys
    assert graph.get(source).child_keys == tables
    assert {each.path[-1] for each in tables} == {"orders", "others"}


def test_definitions_when_built_then_nothing_is_read_or_written(
    orders: StreamingTable, tmp_path: Path
) -> None:
    dg.Definitions.validate_loadable(build_definitions([orders]))
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


def test_table_when_materialized_then_it_can_be_read_by_anybody(
    instance: dg.DagsterInstance, orders: StreamingTable, landing: Path, tmp_path: Path
) -> None:
    write(landing, "a.json", [{"id": 1, "price": 5}])
    materialize(instance, orders)
    assert pl.read_delta(str(tmp_path / "orders"))["price"].to_list() == [5]
