"""What Spark code has before its first reader: the session, its types and its functions."""

from __future__ import annotations

import json

import pytest

import lakestream.functions
from lakestream.errors import ConfigError, PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.spark import SparkSession, spark
from lakestream.spark import functions as F  # noqa: N812 - PySpark's habit
from lakestream.spark.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

#: PySpark 4's ``simpleString`` and ``jsonValue`` of each type.
NAMES = [
    (BooleanType(), "boolean", "boolean"),
    (ByteType(), "tinyint", "byte"),
    (ShortType(), "smallint", "short"),
    (IntegerType(), "int", "integer"),
    (LongType(), "bigint", "long"),
    (FloatType(), "float", "float"),
    (DoubleType(), "double", "double"),
    (StringType(), "string", "string"),
    (BinaryType(), "binary", "binary"),
    (DateType(), "date", "date"),
    (TimestampType(), "timestamp", "timestamp"),
    (TimestampNTZType(), "timestamp_ntz", "timestamp_ntz"),
    (DecimalType(), "decimal(10,0)", "decimal(10,0)"),
    (DecimalType(12, 2), "decimal(12,2)", "decimal(12,2)"),
]


@pytest.mark.parametrize(("kind", "simple", "in_json"), NAMES, ids=str)
def test_type_when_named_then_as_in_pyspark(kind: DataType, simple: str, in_json: str) -> None:
    assert (kind.simpleString(), kind.jsonValue()) == (simple, in_json)


def test_types_when_nested_then_columns_of_the_stream() -> None:
    schema = StructType(
        [
            StructField("id", LongType(), nullable=False),
            StructField("tags", ArrayType(StringType())),
        ]
    ).add("price", DecimalType(10, 2))
    schema.add("counts", "map<string,int>").add(
        StructField(
            "deep", StructType([StructField("odd name", MapType(StringType(), DateType()))])
        )
    )

    stream = spark.readStream.schema(schema).json("/landing")

    assert stream.struct == t.schema_of_ddl(
        "id BIGINT, tags ARRAY<STRING>, price DECIMAL(10,2), counts MAP<STRING, INT>,"
        " deep STRUCT<`odd name`: MAP<STRING, DATE>>"
    )
    assert schema.fieldNames() == [each.name for each in schema] == schema.names
    assert len(schema) == 5
    assert t.from_json(json.loads(json.dumps(schema.jsonValue()))) == schema.plain


def test_struct_when_compared_then_by_its_fields() -> None:
    one, same, other = (StructType().add("a", kind) for kind in ("int", "int", "long"))

    assert one == same == StructType([StructField("a", IntegerType())])
    assert one != other
    assert "StructField(name='a'" in repr(one)


@pytest.mark.parametrize(("kind", "simple", "in_json"), NAMES, ids=str)
def test_type_when_written_as_text_then_the_same(kind: DataType, simple: str, in_json: str) -> None:
    nested = f"struct<a:array<{simple}>,b:map<{in_json},{simple}>>"

    found = StructType().add("a", nested).fields[0].dataType

    wanted = [("a", ArrayType(kind)), ("b", MapType(kind, kind))]
    assert found == StructType([StructField(name, each) for name, each in wanted])


def test_type_when_it_holds_nothing_then_refused() -> None:
    with pytest.raises(ConfigError, match="void holds nothing"):
        StructType().add("a", "void")


def test_struct_when_a_column_stands_twice_then_refused() -> None:
    with pytest.raises(PlanError, match="'a' is declared twice"):
        spark.readStream.schema(StructType().add("a", "int").add("a", "string"))


def test_struct_when_a_field_has_no_type_then_refused() -> None:
    with pytest.raises(ConfigError, match="field 'a' has no type"):
        StructType().add("a")


def test_decimal_when_out_of_range_then_refused() -> None:
    with pytest.raises(PlanError, match="out of range"):
        spark.readStream.schema(StructType().add("a", DecimalType(39, 0)))


def test_functions_when_imported_from_here_then_lakestreams() -> None:
    assert F.col is lakestream.functions.col
    assert set(F.__all__) == set(lakestream.functions.__all__)
    with pytest.raises(AttributeError):
        F.no_such_function  # noqa: B018 - the access itself is what fails


def test_session_when_built_as_in_tutorials_then_it_is_the_one() -> None:
    built = (
        SparkSession.builder.appName("orders")
        .master("local[*]")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.shuffle.partitions", 8)
        .getOrCreate()
    )

    assert built is spark


@pytest.mark.parametrize(
    ("setting", "instead"),
    [
        ("spark.hadoop.fs.s3a.access.key", "give the store's options to the reader"),
        ("spark.sql.session.timeZone", "there is one time zone, UTC"),
        ("spark.sql.caseSensitive", "leave it out"),
        (
            "spark.databricks.cloudFiles.schemaInference.sampleSize.numFiles",
            "give it as an option to the reader",
        ),
    ],
)
def test_setting_when_it_might_change_rows_then_refused_without_its_value(
    setting: str, instead: str
) -> None:
    with pytest.raises(UnsupportedOperationError) as raised:
        SparkSession.builder.config(setting, "secret-value")

    assert instead in str(raised.value)
    assert "secret-value" not in str(raised.value)


def test_method_when_the_session_lacks_it_then_said_what_to_do() -> None:
    with pytest.raises(UnsupportedOperationError, match="there is no session to configure"):
        spark.conf.set("a", "b")
    with pytest.raises(AttributeError, match="did you mean 'readStream'"):
        spark.readstrem  # noqa: B018 - the access itself is what fails
