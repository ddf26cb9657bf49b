"""Spark code builds the streams of lakestream, and refuses what is not there by its name."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import lakestream as ls
from lakestream import functions as F  # noqa: N812 - PySpark's habit
from lakestream.errors import (
    ConfigError,
    PlanError,
    UnknownOptionError,
    UnsupportedOperationError,
    UnsupportedOptionError,
)
from lakestream.plan.nodes import Source, StaticTable
from lakestream.spark import SparkSession, spark
from lakestream.spark.delta_options import OWN, ROWS
from lakestream.spark.files_options import DEFAULTS


class StructType:
    """What PySpark's ``StructType`` gives of itself."""

    def jsonValue(self) -> dict[str, Any]:  # noqa: N802  PySpark's name
        tags = {"type": "array", "elementType": "string", "containsNull": True}
        fields = [("id", "long"), ("price", "decimal(10,2)"), ("tags", tags)]
        return {
            "type": "struct",
            "fields": [
                {"name": name, "type": kind, "nullable": True, "metadata": {}}
                for name, kind in fields
            ],
        }


def description(stream: ls.Stream) -> object:
    assert isinstance(stream.plan, Source)
    return stream.plan.description


def test_auto_loader_when_run_then_each_file_is_in_the_table_once(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "a.json").write_text('{"id": 1, "price": 9.5}\n{"id": 2, "price": 1}\n')

    @ls.streaming_table(str(tmp_path / "table"))
    def orders() -> ls.Stream:
        return (
            spark.readStream.format("cloudFiles")
            .option("cloudFiles.format", "json")
            .option("cloudFiles.schemaLocation", str(tmp_path / "schemas"))
            .option("cloudFiles.inferColumnTypes", True)
            .option("cloudFiles.schemaHints", "price DECIMAL(10,2)")
            .option("cloudFiles.maxFilesPerTrigger", 1)
            .load(str(landing))
            .where(F.col("id") > 0)
            .withColumn("cents", F.expr("CAST(price * 100 AS INT)"))
        )

    orders.run()
    (landing / "b.json").write_text('{"id": 3, "price": 2.25, "new": "x"}\n')
    orders.run()

    rows = orders.read().read_all().sort_by("id").to_pylist()
    assert [(row["id"], row["cents"], row["new"]) for row in rows] == [
        (1, 950, None),
        (2, 100, None),
        (3, 225, "x"),
    ]
    assert rows[0]["_rescued_data"] is None


def test_auto_loader_when_types_are_not_asked_for_then_columns_are_strings(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"id": 1, "deep": {"n": 1.5}}\n')

    stream = (
        spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").load(tmp_path)
    )

    kinds = {field.name: str(field.type) for field in stream.preview().schema}
    assert kinds == {"id": "string", "deep": "struct<n: string>", "_rescued_data": "string"}


@pytest.mark.parametrize(("schema", "header"), [(None, True), ("_c0 STRING", False)])
def test_auto_loader_when_csv_then_a_header_is_assumed_without_a_schema(
    schema: str | None, *, header: bool
) -> None:
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv")
    if schema is not None:
        reader.schema(schema)

    found = description(reader.load("/landing"))

    typed: Any = {"format": "csv", "schema": schema, **DEFAULTS["csv"]}
    theirs = {"infer_types": False, "use_strict_globber": False}
    wanted = ls.read_files("/landing", header=header, **theirs, **typed)
    assert found == description(wanted)


def test_auto_loader_when_its_format_is_missing_then_said() -> None:
    with pytest.raises(ConfigError, match=r"option 'cloudFiles\.format' is missing"):
        spark.readStream.format("cloudFiles").load("/landing")


def test_auto_loader_when_its_format_is_misspelt_then_near_names() -> None:
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "jsn")

    with pytest.raises(ConfigError, match="did you mean 'json'"):
        reader.load("/landing")


@pytest.mark.parametrize(
    "schema",
    [
        "id BIGINT, price DECIMAL(10,2), tags ARRAY<STRING>",
        StructType(),
        pa.schema(
            [("id", pa.int64()), ("price", pa.decimal128(10, 2)), ("tags", pa.list_(pa.string()))]
        ),
    ],
    ids=["ddl", "StructType", "arrow"],
)
def test_schema_when_declared_in_any_way_then_the_columns_are_the_same(schema: object) -> None:
    stream = spark.readStream.schema(schema).json("/landing")

    assert stream.dtypes == [
        ("id", "bigint"),
        ("price", "decimal(10,2)"),
        ("tags", "array<string>"),
    ]


@pytest.mark.parametrize("schema", [12, ["id"]])
def test_schema_when_it_is_none_then_said_what_is_wanted(schema: object) -> None:
    with pytest.raises(ConfigError, match="give DDL text"):
        spark.readStream.schema(schema)


def test_schema_when_its_ddl_is_wrong_then_an_error_where_it_is_written() -> None:
    with pytest.raises(PlanError):
        spark.readStream.schema("id BIGNUM")


def test_spark_files_when_read_then_sparks_defaults() -> None:
    found = spark.readStream.csv("/landing", schema="id BIGINT", sep=";", maxFilesPerTrigger=3)

    typed = ls.read_files(
        "/landing",
        format="csv",
        schema="id BIGINT",
        sep=";",
        unescaped_quote_handling="stop_at_delimiter",
        header=False,
        recursive=False,
        max_files_per_trigger=3,
    )
    assert description(found) == description(typed)


def test_spark_files_when_without_a_schema_then_said_who_infers_one() -> None:
    with pytest.raises(ConfigError, match='let format\\("cloudFiles"\\) infer one'):
        spark.readStream.parquet("/landing")


def test_spark_files_when_text_then_no_schema_is_needed() -> None:
    found = spark.readStream.text("/landing", wholetext="true")

    typed = ls.read_files("/landing", format="text", whole_text=True, recursive=False)
    assert description(found) == description(typed)


@pytest.mark.parametrize("name", ["json", "parquet", "orc"])
def test_spark_files_when_read_by_a_shortcut_then_as_by_the_format(name: str) -> None:
    shortcut = getattr(spark.readStream.schema("id INT"), name)("/x", pathGlobFilter="a*")
    reader = spark.readStream.format(name.upper()).schema("id INT")

    found = reader.option("pathGlobFilter", "a*").load("/x")

    typed: Any = {"format": name, "path_glob_filter": "a*", **DEFAULTS.get(name, {})}
    wanted = ls.read_files("/x", schema="id INT", recursive=False, **typed)
    assert description(shortcut) == description(found) == description(wanted)


def test_spark_files_when_xml_then_rows_by_their_tag(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<all><order><id>1</id></order><order><id>2</id></order></all>")

    stream = spark.readStream.xml(str(tmp_path), schema="id INT", rowTag="order")

    assert stream.preview().to_pylist() == [{"id": 1}, {"id": 2}]


def test_delta_when_read_as_a_stream_then_the_typed_one() -> None:
    reader = spark.readStream.format("delta").options(startingVersion="5", ignoreDeletes=True)

    found = reader.option("path", "/table").load()

    assert description(found) == description(
        ls.read_delta("/table", starting_version=5, ignore_deletes=True)
    )


@pytest.mark.parametrize(
    ("option", "text", "typed"),
    [
        ("startingVersion", "latest", {"starting_version": "latest"}),
        ("startingTimestamp", "2026-01-01", {"starting_timestamp": "2026-01-01"}),
        ("ignoreChanges", "true", {"ignore_changes": True}),
        ("skipChangeCommits", "true", {"skip_change_commits": True}),
        ("maxFilesPerTrigger", "3", {"max_files_per_trigger": 3}),
        ("maxBytesPerTrigger", "1g", {"max_bytes_per_trigger": "1g"}),
        ("failOnDataLoss", "true", {}),
        ("asset_key", "lake/orders", {"asset_key": "lake/orders"}),
        ("aws_region", "eu-west-1", {"storage_options": {"aws_region": "eu-west-1"}}),
    ],
)
def test_delta_option_when_given_as_text_then_it_is_the_typed_one(
    option: str, text: str, typed: dict[str, Any]
) -> None:
    found = spark.readStream.format("delta").option(option.upper(), text).load("s3://b/table")

    assert description(found) == description(ls.read_delta("s3://b/table", **typed))


def test_delta_table_when_compared_with_read_delta_then_each_leads_to_the_other() -> None:
    known = set(signature(ls.read_delta).parameters) - {"path"}

    assert {row.to for row in (*ROWS, *OWN) if row.to} == known


def test_delta_when_its_change_feed_is_asked_for_then_refused_by_name() -> None:
    with pytest.raises(UnsupportedOptionError, match="'readChangeFeed' is not supported"):
        spark.readStream.format("delta").option("readChangeFeed", "true").load("/table")


def test_sql_when_streams_stand_in_braces_then_it_is_lakestreams() -> None:
    orders = spark.readStream.schema("id BIGINT, price INT").json("/landing")
    names = spark.read.format("delta").load("/names")
    assert isinstance(names.plan, StaticTable)

    assert spark.sql("SELECT id FROM {orders} WHERE price > 2", orders=orders).columns == ["id"]
    assert spark.sql("SELECT price AS p FROM orders", orders=orders).columns == ["p"]


@pytest.mark.parametrize(("first", "second"), [("1", None), ("1", "2")])
def test_option_when_set_again_in_any_case_then_the_last_counts(
    first: str, second: str | None
) -> None:
    reader = spark.readStream.format("json").schema("id INT")

    found = reader.option("maxFilesPerTrigger", first).option("MAXFILESPERTRIGGER", second)

    wanted = {} if second is None else {"max_files_per_trigger": int(second)}
    typed: Any = {"format": "json", "schema": "id INT", "recursive": False, **wanted}
    typed |= DEFAULTS["json"]
    assert description(found.load("/x")) == description(ls.read_files("/x", **typed))


def test_path_when_given_twice_or_never_then_said() -> None:
    reader = spark.readStream.format("delta")

    with pytest.raises(ConfigError, match="there is no path"):
        reader.load()
    with pytest.raises(ConfigError, match="given twice"):
        reader.option("path", "/a").load("/b")


def test_source_when_there_is_none_then_near_names() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cloudFiles'"):
        spark.readStream.format("cloudFile").load("/landing")
    with pytest.raises(ConfigError, match="no format is given"):
        spark.readStream.load("/landing")
    with pytest.raises(ConfigError, match="no source 'kafka'"):
        spark.readStream.format("kafka").option("subscribe", "orders").load()


def test_files_when_read_at_once_then_said_what_to_do() -> None:
    with pytest.raises(UnsupportedOperationError, match=r"use spark\.readStream"):
        spark.read.format("json").load("/landing")
    with pytest.raises(UnsupportedOperationError, match=r"use spark\.readStream"):
        spark.read.parquet("/landing")


def test_method_when_it_is_not_there_then_said_what_to_do() -> None:
    with pytest.raises(UnsupportedOperationError, match="there is no catalogue"):
        spark.readStream.table("orders")
    with pytest.raises(AttributeError, match="did you mean 'format'"):
        spark.readStream.formt("json")
    for place in (spark, spark.read, spark.readStream, ls.read_files("/x", format="text")):
        begun = place if not isinstance(place, ls.Stream) else place.writeStream
        with pytest.raises(AttributeError, match="has no 'foobar'") as refused:
            begun.foobar  # noqa: B018 - asked for on purpose
        assert "__" not in str(refused.value)


def test_delta_when_the_option_is_unknown_then_near_names() -> None:
    with pytest.raises(UnknownOptionError, match="did you mean 'startingVersion'"):
        spark.readStream.format("delta").option("startingVersio", 1).load("/table")


def test_session_when_asked_twice_for_a_reader_then_options_are_not_shared() -> None:
    spark.readStream.option("path", "/a")

    with pytest.raises(ConfigError, match="there is no path"):
        spark.readStream.format("delta").load()
    assert isinstance(spark, SparkSession)


def test_quotes_when_malformed_then_read_as_spark_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{'id': 'it''s'}\n{'id': 'one'}\n")
    (tmp_path / "b.csv").write_text('"a"b,2\n')
    reader = spark.readStream.format("cloudFiles").schema("id STRING, n INT")

    records = reader.option("cloudFiles.format", "json").option("pathGlobFilter", "*.json")
    assert records.load(tmp_path).preview()["id"].to_pylist() == ["one"]
    fields = reader.option("cloudFiles.format", "csv").option("pathGlobFilter", "*.csv")
    assert fields.load(tmp_path).preview().to_pylist() == [{"id": '"a"b', "n": 2}]
