"""``writeStream`` feeds a Delta table as a streaming table does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import deltalake
import pytest

import lakestream as ls
from lakestream import triggers
from lakestream.delta.reading import read_table
from lakestream.errors import (
    ConfigError,
    UnknownOptionError,
    UnsupportedOperationError,
    UnsupportedOptionError,
)
from lakestream.spark import spark
from lakestream.storage.options import StorageOptions
from lakestream.stream_writer import DataStreamWriter


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    land(folder, 1)
    return folder


def land(folder: Path, number: int) -> None:
    row = {"id": number, "day": f"day{number}"}
    (folder / f"{number}.json").write_text(json.dumps(row) + "\n")


def writer(landing: Path) -> DataStreamWriter:
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    return reader.schema("id INT, day STRING").load(str(landing)).writeStream


def rows(table: Path) -> list[dict[str, Any]]:
    found = read_table(str(table), StorageOptions()).read_all().to_pylist()
    return sorted(found, key=lambda row: row["id"])


def test_tutorial_when_run_again_then_each_file_is_there_once(
    landing: Path, tmp_path: Path
) -> None:
    table, checkpoint = tmp_path / "table", tmp_path / "checkpoint"

    for number in (2, 3):
        query = (
            writer(landing)
            .format("delta")
            .outputMode("append")
            .option("checkpointLocation", str(checkpoint))
            .option("mergeSchema", "true")
            .partitionBy("day")
            .trigger(availableNow=True)
            .start(str(table))
        )
        assert query.awaitTermination(60)
        land(landing, number)

    assert [row["id"] for row in rows(table)] == [1, 2]
    assert deltalake.DeltaTable(str(table)).metadata().partition_columns == ["day"]
    assert (checkpoint / "metadata").exists()
    assert query.name == "table"


def test_query_when_started_without_a_trigger_then_it_runs_until_stopped(
    landing: Path, tmp_path: Path
) -> None:
    query = writer(landing).queryName("orders").start(str(tmp_path / "table"))
    try:
        query.processAllAvailable()
        land(landing, 2)
        query.processAllAvailable()
        assert query.isActive
    finally:
        query.stop()

    assert [row["id"] for row in rows(tmp_path / "table")] == [1, 2]
    assert query.name == "orders"
    assert (tmp_path / "table/_lakestream/metadata").exists()


def test_start_when_given_all_at_once_then_as_by_the_methods(landing: Path, tmp_path: Path) -> None:
    query = (
        writer(landing)
        .trigger(once=True)
        .start(
            format="delta",
            outputMode="append",
            partitionBy=["day"],
            queryName="orders",
            path=str(tmp_path / "table"),
            checkpointLocation=str(tmp_path / "c"),
        )
    )
    query.awaitTermination(60)

    assert query.name == "orders"
    assert len(query.recentProgress) == 1
    assert deltalake.DeltaTable(str(tmp_path / "table")).metadata().partition_columns == ["day"]
    assert (tmp_path / "c/metadata").exists()


def test_query_when_a_batch_fails_then_waiting_for_it_raises(tmp_path: Path, landing: Path) -> None:
    stream = ls.read_files(str(landing), format="json", schema="id INT", mode="failfast")
    (landing / "bad.json").write_text("{broken\n")
    query = stream.writeStream.trigger(availableNow=True).start(str(tmp_path / "table"))

    with pytest.raises(ls.LakestreamError):
        query.awaitTermination(60)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"availableNow": True}, triggers.available_now()),
        ({"once": True}, triggers.once()),
        ({"processingTime": "10 seconds"}, triggers.processing_time(10)),
        ({"processingTime": "0 seconds"}, triggers.processing_time(0.5)),
    ],
)
def test_trigger_when_given_as_to_pyspark_then_the_typed_one(
    landing: Path, given: dict[str, Any], expected: triggers.Trigger
) -> None:
    assert writer(landing).trigger(**given)._trigger == expected


@pytest.mark.parametrize(
    "given", [{}, {"once": True, "availableNow": True}, {"availableNow": False}]
)
def test_trigger_when_none_or_several_then_said_which_there_are(
    landing: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="one trigger is wanted"):
        writer(landing).trigger(**given)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda to: to.format("parquet"), "there is no sink 'parquet'"),
        (lambda to: to.trigger(continuous="1 second"), "no continuous processing"),
        (lambda to: to.toTable("orders"), "there is no catalogue"),
        (lambda to: to.foreachBatch(print), "mapBatches"),
        (lambda to: to.outputMode("complete").start("/nowhere"), "needs a streaming aggregation"),
    ],
)
def test_builder_when_asked_for_what_is_not_there_then_said_what_to_do(
    landing: Path, build: Any, message: str
) -> None:
    with pytest.raises(UnsupportedOperationError, match=message):
        build(writer(landing))


def test_builder_when_misspelt_then_near_names(landing: Path) -> None:
    with pytest.raises(AttributeError, match="did you mean 'trigger'"):
        writer(landing).triger(once=True)
    with pytest.raises(UnknownOptionError, match="did you mean 'checkpointLocation'"):
        writer(landing).option("checkpointLocatoin", "/c")
    with pytest.raises(ConfigError, match="there is no output mode 'appendd'"):
        writer(landing).outputMode("appendd").start("/nowhere")


def test_merge_schema_when_it_is_to_be_off_then_refused(landing: Path) -> None:
    with pytest.raises(UnsupportedOptionError, match="the table always gets"):
        writer(landing).option("MERGESCHEMA", False)


def test_path_when_never_or_twice_then_said(landing: Path) -> None:
    with pytest.raises(ConfigError, match="there is no path"):
        writer(landing).start()
    with pytest.raises(ConfigError, match="given twice"):
        writer(landing).option("path", "/a").start("/b")
    with pytest.raises(ConfigError, match="there is no path"):
        writer(landing).option("path", "/a").option("PATH", None).start()


def test_option_widening_when_columns_become_wider_then_so_does_the_table(tmp_path: Path) -> None:
    folder, table = tmp_path / "landing", tmp_path / "table"
    folder.mkdir()
    for name, number in (("a", "1"), ("b", "3000000000")):
        (folder / f"{name}.csv").write_text(f"id\n{number}\n")
        stream = (
            spark.readStream.format("cloudFiles")
            .option("cloudFiles.format", "csv")
            .option("cloudFiles.inferColumnTypes", "true")
            .option("cloudFiles.schemaEvolutionMode", "addNewColumnsWithTypeWidening")
            .option("cloudFiles.schemaLocation", str(tmp_path / "schemas"))
            .load(str(folder))
        )
        writer = stream.writeStream.trigger(availableNow=True).option("widening", "rewrite")
        writer.start(str(table)).awaitTermination(60)

    assert [row["id"] for row in rows(table)] == [1, 3_000_000_000]
    with pytest.raises(ConfigError, match="there is no widening 'yes'"):
        writer.option("widening", "yes").start(str(table))
