"""``add_new_columns_with_type_widening``: a column becomes wider in the batch that needs it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakestream as ls
from lakestream.errors import ConfigError, LakestreamError, QueryFailedError, SinkSchemaError
from lakestream.formats.schema import widen_drift
from lakestream.plan.types import schema_of_ddl
from lakestream.streaming_table import StreamingTable

WIDENS: dict[str, Any] = {"schema_evolution": "add_new_columns_with_type_widening"}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


@pytest.fixture
def declare(tmp_path: Path, landing: Path) -> Callable[..., StreamingTable]:
    def made(widening: Any = "rewrite", **options: Any) -> StreamingTable:
        read = {"format": "csv", "header": True, **WIDENS, **options}
        if read["format"] != "csv":
            del read["header"]

        @ls.streaming_table(str(tmp_path / "bronze"), widening=widening)
        def bronze() -> ls.Stream:
            return ls.read_files(str(landing), **read)

        return bronze

    return made


def rows(table: StreamingTable) -> list[dict[str, Any]]:
    found = table.read().read_all().to_pylist()
    return sorted(found, key=lambda each: json.dumps(each, default=str))


def told(table: StreamingTable) -> list[str]:
    return [str(change) for progress in table.run() for change in progress.schema_changes]


def types(table: StreamingTable) -> dict[str, str]:
    return {each.name: str(each.type) for each in table.schema if each.name != "_rescued_data"}


def test_csv_when_values_are_too_wide_then_the_batch_widens_and_keeps_them(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare()
    (landing / "a.csv").write_text("id,price,name\n1,5,x\n")
    assert told(table) == []
    (landing / "b.csv").write_text("id,price,name,note\n3000000000,8.5,y,new\n4,abc,z,\n")

    assert told(table) == ["~ id INT -> BIGINT", "~ price INT -> DOUBLE", "+ note STRING"]

    assert types(table) == {"id": "int64", "price": "double", "name": "string", "note": "string"}
    found = rows(table)
    assert [(each["id"], each["price"]) for each in found] == [
        (1, 5.0),
        (3_000_000_000, 8.5),
        (4, None),
    ]
    assert json.loads(found[2]["_rescued_data"])["price"] == "abc"
    history = table.schema_history()
    assert [str(each) for each in history[-1].changes] == [
        "~ id INT -> BIGINT", "~ price INT -> DOUBLE", "+ note STRING"
    ]  # fmt: skip
    assert history[-1].cause == "files"
    assert told(declare()) == []


def test_json_when_decimals_grow_then_the_column_holds_both(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare(format="json", prefers_decimal=True)
    (landing / "a.json").write_text('{"n": 1, "d": 1.5, "s": {"x": 1}, "l": [1], "w": 1}\n')
    table.run()
    (landing / "b.json").write_text(
        '{"n": 2.25, "d": 100.125, "s": {"x": 1.5}, "l": [2.5], "w": "two"}\n'
    )

    assert told(table) == [
        "~ n BIGINT -> DECIMAL(22,2)",
        "~ d DECIMAL(2,1) -> DECIMAL(6,3)",
        "~ s.x BIGINT -> DECIMAL(21,1)",
        "~ l.element BIGINT -> DECIMAL(21,1)",
    ]

    first, second = sorted(rows(table), key=lambda each: each["n"])
    assert (first["n"], first["d"], first["s"], first["l"], first["w"]) == (
        Decimal(1), Decimal("1.5"), {"x": Decimal(1)}, [Decimal(1)], 1
    )  # fmt: skip
    assert (second["n"], second["d"], second["s"]) == (
        Decimal("2.25"), Decimal("100.125"), {"x": Decimal("1.5")}
    )  # fmt: skip
    assert second["w"] is None
    assert json.loads(second["_rescued_data"])["w"] == "two"


def test_parquet_when_types_are_wider_then_so_is_the_table(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare(format="parquet")
    narrow = {
        "i": pa.array([1], pa.int8()), "f": pa.array([1.5], pa.float32()),
        "d": pa.array([date(2020, 2, 29)]), "l": pa.array([2**40]),
    }  # fmt: skip
    pq.write_table(pa.table(narrow), landing / "a.parquet")
    table.run()
    wide = {
        "i": pa.array([300], pa.int16()), "f": pa.array([0.1]),
        "d": pa.array([datetime(2021, 1, 1, 12)]), "l": pa.array([0.5]),
    }  # fmt: skip
    pq.write_table(pa.table(wide), landing / "b.parquet")

    assert told(table) == [
        "~ i TINYINT -> SMALLINT", "~ f FLOAT -> DOUBLE", "~ d DATE -> TIMESTAMP_NTZ"
    ]  # fmt: skip

    first, second = sorted(rows(table), key=lambda each: each["i"])
    assert (first["i"], first["f"], first["d"]) == (1, 1.5, datetime(2020, 2, 29))
    assert (second["i"], second["f"], second["d"]) == (300, 0.1, datetime(2021, 1, 1, 12))
    assert second["l"] is None  # bigint widens to no double
    assert "0.5" in second["_rescued_data"]


def test_avro_when_types_are_wider_then_so_is_the_table(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    import fastavro

    table = declare(format="avro")
    for name, number, (i, f) in (("a", 1, ("int", "float")), ("b", 2**40, ("long", "double"))):
        fields = [{"name": "i", "type": i}, {"name": "f", "type": f}]
        with (landing / f"{name}.avro").open("wb") as file:
            fastavro.writer(
                file,
                {"type": "record", "name": "r", "fields": fields},
                [{"i": number, "f": number / 4}],
            )
        changes = told(table)

    assert changes == ["~ i INT -> BIGINT", "~ f FLOAT -> DOUBLE"]
    assert sorted((each["i"], each["f"]) for each in rows(table)) == [(1, 0.25), (2**40, 2.0**38)]


def test_xml_when_values_are_too_wide_then_the_batch_widens(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare(format="xml", row_tag="r")
    (landing / "a.xml").write_text("<x><r><n>5</n></r></x>")
    assert told(table) == []
    (landing / "b.xml").write_text("<x><r><n>12345678901234567890</n></r></x>")

    assert told(table) == ["~ n BIGINT -> DECIMAL(20,0)"]
    assert sorted(each["n"] for each in rows(table)) == [Decimal(5), Decimal(12345678901234567890)]


def test_first_batch_when_its_sample_was_narrow_then_the_empty_table_is_widened(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    (landing / "a.csv").write_text("id\n3000000000\n")
    (landing / "b.csv").write_text("id\n1\n")
    os.utime(landing / "a.csv", (1, 1))

    assert told(declare(schema_inference_max_files=1)) == ["~ id INT -> BIGINT"]
    assert [each["id"] for each in rows(declare())] == [1, 3_000_000_000]


def test_column_when_a_hint_pins_it_then_it_stays_and_its_values_are_rescued(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare(schema_hints="id INT")
    (landing / "a.csv").write_text("id,n\n1,1\n")
    table.run()
    (landing / "b.csv").write_text("id,n\n3000000000,3000000000\n")

    assert told(table) == ["~ n INT -> BIGINT"]

    found = rows(table)[1]
    assert (found["id"], found["n"]) == (None, 3_000_000_000)
    assert json.loads(found["_rescued_data"])["id"] == "3000000000"


@pytest.mark.parametrize(
    ("hints", "becomes"),
    [
        (None, "a STRUCT<b: BIGINT, c: BIGINT>, l ARRAY<DOUBLE>, m MAP<STRING, BIGINT>, n INT"),
        ("a.b INT", "a STRUCT<b: INT, c: BIGINT>, l ARRAY<DOUBLE>, m MAP<STRING, BIGINT>, n INT"),
        ("l.element INT, m.value INT",
         "a STRUCT<b: BIGINT, c: BIGINT>, l ARRAY<INT>, m MAP<STRING, INT>, n INT"),
        ("A STRUCT<b: INT>",
         "a STRUCT<b: INT, c: BIGINT>, l ARRAY<DOUBLE>, m MAP<STRING, BIGINT>, n INT"),
        ("q.r INT",
         "a STRUCT<b: BIGINT, c: BIGINT>, l ARRAY<DOUBLE>, m MAP<STRING, BIGINT>, n INT"),
    ],
)  # fmt: skip
def test_drift_when_hints_pin_parts_then_only_the_others_widen(
    hints: str | None, becomes: str
) -> None:
    stored = schema_of_ddl("a STRUCT<b: INT>, l ARRAY<INT>, m MAP<STRING, INT>, n INT")
    drift = schema_of_ddl(
        "a STRUCT<b: BIGINT, c: BIGINT>, l ARRAY<DOUBLE>, m MAP<STRING, BIGINT>, n STRING"
    )

    assert widen_drift(stored, drift, hints) == schema_of_ddl(becomes)


def test_source_when_its_table_may_not_widen_then_the_run_says_what_to_do_before_reading(
    landing: Path, declare: Callable[..., StreamingTable], tmp_path: Path
) -> None:
    (landing / "a.csv").write_text("id\n1\n")

    with pytest.raises(ConfigError, match='allow that with widening="rewrite"'):
        declare(widening=None).validate()
    with pytest.raises((ConfigError, QueryFailedError), match='widening="rewrite"'):
        declare(widening=None).run()

    assert not (tmp_path / "bronze").exists()


def test_widening_when_misspelt_then_it_is_refused(declare: Callable[..., StreamingTable]) -> None:
    with pytest.raises(ConfigError, match="there is no widening 'rewrites'"):
        declare(widening="rewrites")


def test_table_when_reset_and_inferred_narrower_then_its_wider_columns_take_the_rows(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare(schema_inference_max_files=1)
    (landing / "a.csv").write_text("id\n1\n")
    table.run()
    (landing / "b.csv").write_text("id\n3000000000\n")
    table.run()
    (landing / "b.csv").unlink()

    declare().reset()
    declare().run()

    assert [each["id"] for each in rows(table)] == [1, 1, 3_000_000_000]
    assert types(table) == {"id": "int64"}


@pytest.fixture
def lake(
    landing: Path, declare: Callable[..., StreamingTable], tmp_path: Path
) -> Callable[..., StreamingTable]:
    """A table of INTs that has become BIGINT, followed by one that ran before."""
    bronze = declare()
    (landing / "a.csv").write_text("id\n1\n")
    bronze.run()

    def silver(body: Callable[[ls.Stream], ls.Stream], widening: Any = None) -> StreamingTable:
        @ls.streaming_table(str(tmp_path / "silver"), inputs={"bronze": bronze}, widening=widening)
        def silver(bronze: ls.Stream) -> ls.Stream:
            return body(bronze)

        return silver

    return silver


def widen(landing: Path, declare: Callable[..., StreamingTable]) -> None:
    (landing / "b.csv").write_text("id\n3000000000\n")
    declare().run()


def test_follower_when_it_may_widen_too_then_each_row_is_there_once(
    landing: Path, declare: Callable[..., StreamingTable], lake: Callable[..., StreamingTable]
) -> None:
    silver = lake(lambda bronze: bronze.select("id"), "rewrite")
    silver.run()
    widen(landing, declare)

    assert told(silver) == ["~ id INT -> BIGINT"]
    assert rows(silver) == [{"id": 1}, {"id": 3_000_000_000}]
    assert told(silver) == []


def test_follower_when_it_began_behind_the_rewrite_then_each_row_is_there_once(
    landing: Path, declare: Callable[..., StreamingTable], lake: Callable[..., StreamingTable]
) -> None:
    widen(landing, declare)
    silver = lake(lambda bronze: bronze.select("id"))
    silver.run()

    assert rows(silver) == [{"id": 1}, {"id": 3_000_000_000}]


def test_follower_when_rows_from_before_the_rewrite_wait_then_they_are_read_as_wider(
    landing: Path, declare: Callable[..., StreamingTable], lake: Callable[..., StreamingTable]
) -> None:
    silver = lake(lambda bronze: bronze.select("id"), "rewrite")
    silver.run()
    (landing / "a2.csv").write_text("id\n2\n")
    declare().run()
    widen(landing, declare)

    silver.run()

    assert rows(silver) == [{"id": 1}, {"id": 2}, {"id": 3_000_000_000}]


def test_follower_when_its_type_is_explicit_then_it_goes_on_as_it_was(
    landing: Path, declare: Callable[..., StreamingTable], lake: Callable[..., StreamingTable]
) -> None:
    silver = lake(lambda bronze: bronze.selectExpr("CAST(id AS STRING) AS id"))
    silver.run()
    widen(landing, declare)

    assert told(silver) == []
    assert rows(silver) == [{"id": "1"}, {"id": "3000000000"}]


def test_follower_when_its_table_is_too_narrow_then_it_is_refused_until_it_casts_or_may_widen(
    landing: Path, declare: Callable[..., StreamingTable], lake: Callable[..., StreamingTable]
) -> None:
    narrow = lake(lambda bronze: bronze.select("id"))
    narrow.run()
    widen(landing, declare)

    with pytest.raises(LakestreamError, match="LS-SINK-007") as caught:
        narrow.run()
    assert 'widening="rewrite"' in str(caught.value)
    assert isinstance(caught.value, SinkSchemaError)
    assert rows(narrow) == [{"id": 1}]

    wider = lake(lambda bronze: bronze.select("id"), "rewrite")
    assert told(wider) == ["~ id INT -> BIGINT"]
    assert rows(wider) == [{"id": 1}, {"id": 3_000_000_000}]


def test_diff_when_values_would_widen_then_it_says_so(
    landing: Path, declare: Callable[..., StreamingTable]
) -> None:
    table = declare()
    (landing / "a.csv").write_text("id,n\n1,1\n")
    table.run()
    (landing / "b.csv").write_text("id,n\n3000000000,x\n")

    (preview,) = table.schema_preview()

    effects = {each.change.path: each.effect for each in preview.findings}
    assert effects == {
        "id": "becomes wider by the batch that brings it",
        "n": "values that do not fit are rescued",
    }
