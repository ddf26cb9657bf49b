"""Avro files decoded: Spark's mapping of types, blocks of every codec, damage contained."""

import datetime as dt
import io
import json
import random
import sys
import zlib
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.format_runs import Decoded, chunks_of, decode, plan_of, sample_of
from support.volume import examples

from lakestream.errors import BadFileError, ConfigError, SchemaInferenceError
from lakestream.formats import avro_container
from lakestream.formats.avro import AvroFormat
from lakestream.formats.avro_container import encode_long
from lakestream.formats.base import FileOutcome, Outcomes
from lakestream.limits import MAX_DEPTH
from lakestream.plan.types import schema_ddl

CODECS = ("null", "deflate", "bzip2", "xz", "snappy", "zstandard")
FLAT = {
    "type": "record",
    "name": "event",
    "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]}],
}


def record(*fields: tuple[str, Any]) -> dict[str, Any]:
    given = [{"name": name, "type": kind} for name, kind in fields]
    return {"type": "record", "name": "event", "fields": given}


def avro(schema: Any, rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, schema, rows, **options)
    return out.getvalue()


def packed(schema: Any, rows: list[dict[str, Any]], codec: str) -> bytes:
    """Write a file whose blocks are packed by this test: the library needs more for some codecs."""
    if codec in ("null", "deflate", "bzip2", "xz"):
        return avro(schema, rows, codec=codec, sync_interval=200)

    def pack(data: bytes) -> bytes:
        if codec == "snappy":
            return pa.compress(data, "snappy", asbytes=True) + zlib.crc32(data).to_bytes(4, "big")
        out = pa.BufferOutputStream()
        with pa.CompressedOutputStream(out, "zstd") as stream:
            stream.write(data)
        return out.getvalue().to_pybytes()

    plain = io.BytesIO(avro(schema, rows, codec="null", sync_interval=200))
    reader: Any = fastavro.block_reader(plain)
    blocks = [(each.num_records, each.bytes_.getvalue()) for each in reader]
    head = avro(schema, [], codec="null", sync_marker=bytes(16))
    name = codec.encode()
    found = head.replace(b"\x08null", bytes([2 * len(name)]) + name)
    for count, data in blocks:
        body = pack(data)
        found += encode_long(count) + encode_long(len(body)) + body + bytes(16)
    return found


def read(
    content: bytes, schema: str | None = None, step: int | None = None, **plan: Any
) -> Decoded:
    form = AvroFormat()
    columns = form.infer([sample_of(content)], infer_types=True) if schema is None else schema
    return decode(form, {"a": content}, plan_of(columns, **plan), step=step)


def only(kind: Any, *values: Any, schema: str | None = None) -> tuple[str, list[Any]]:
    """Write values of one type; give the column's type and what is read."""
    content = avro(record(("v", kind)), [{"v": each} for each in values])
    inferred = AvroFormat().infer([sample_of(content)], infer_types=True)
    found = read(content, schema)
    return schema_ddl(inferred), [each["v"] for each in found.rows]


DAY = {"type": "int", "logicalType": "date"}
MOMENT = {"type": "long", "logicalType": "timestamp-micros"}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("step", [None, 7, 1000])
def test_avro_of_each_codec_reads_in_pieces_of_any_size(codec: str, step: int | None) -> None:
    rows = [{"id": n, "name": None if n % 3 == 0 else f"name {n}"} for n in range(500)]
    found = read(packed(FLAT, rows, codec), step=step)
    assert [{"id": r["id"], "name": r["name"]} for r in found.rows] == rows
    assert found.outcomes.files[0].failure is None


def test_avro_types_are_those_of_spark() -> None:
    day, time = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 30, 1, 5000, tzinfo=dt.UTC)
    naive = time.replace(tzinfo=None)
    price = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    code = {"type": "fixed", "name": "code", "size": 3}
    sum_ = {"type": "fixed", "name": "sum", "size": 6, "logicalType": "decimal", "precision": 9}
    color = {"type": "enum", "name": "color", "symbols": ["RED", "GREEN"]}
    inner = {"type": "record", "name": "inner", "fields": [{"name": "x", "type": "int"}]}

    def logical(plain: str, name: str) -> dict[str, str]:
        return {"type": plain, "logicalType": name}

    cases: list[tuple[Any, Any, str, Any]] = [
        ("boolean", True, "BOOLEAN", True),
        ("int", -(2**31), "INT", -(2**31)),
        ("long", 2**63 - 1, "BIGINT", 2**63 - 1),
        ("float", 1.5, "FLOAT", 1.5),
        ("double", 0.1, "DOUBLE", 0.1),
        ("string", "é", "STRING", "é"),
        ("bytes", b"\xff", "BINARY", b"\xff"),
        (code, b"abc", "BINARY", b"abc"),
        (color, "GREEN", "STRING", "GREEN"),
        (price, Decimal("-12.34"), "DECIMAL(10,2)", Decimal("-12.34")),
        (sum_, Decimal(77), "DECIMAL(9,0)", Decimal(77)),
        (logical("int", "date"), day, "DATE", day),
        (logical("long", "timestamp-millis"), time, "TIMESTAMP", time),
        (logical("long", "timestamp-micros"), time, "TIMESTAMP", time),
        (logical("long", "local-timestamp-micros"), naive, "TIMESTAMP_NTZ", naive),
        (logical("int", "time-millis"), dt.time(0, 0, 1), "INT", 1000),
        (logical("long", "time-micros"), dt.time(0, 0, 1), "BIGINT", 1_000_000),
        ({"type": "array", "items": "int"}, [1, 2], "ARRAY<INT>", [1, 2]),
        ({"type": "map", "values": "long"}, {"k": 1}, "MAP<STRING, BIGINT>", [("k", 1)]),
        (inner, {"x": 4}, "STRUCT<x: INT>", {"x": 4}),
        (["null", inner], {"x": 4}, "STRUCT<x: INT>", {"x": 4}),
        (["null", color], "RED", "STRING", "RED"),
        (["int", "long"], 2**40, "BIGINT", 2**40),
        (["null", "float", "double"], 0.1, "DOUBLE", 0.1),
        ({"type": "array", "items": ["null", color]}, ["RED"], "ARRAY<STRING>", ["RED"]),
    ]  # fmt: skip
    for kind, value, ddl, expected in cases:
        found, rows = only(kind, value)
        assert (found.replace("`", ""), rows) == (f"v {ddl}", [expected]), kind


def test_avro_union_of_several_types_is_a_struct_of_members() -> None:
    one = {"type": "record", "name": "one", "fields": [{"name": "x", "type": "int"}]}
    two = {"type": "record", "name": "two", "fields": [{"name": "x", "type": "int"}]}
    kind = ["null", "string", "long", one, two]
    found, rows = only(kind, "a", 5, None, ("two", {"x": 2}), ("one", {"x": 1}))
    assert "member3" in found
    empty = {f"member{n}": None for n in range(4)}
    assert rows == [
        empty | {"member0": "a"}, empty | {"member1": 5}, None, empty | {"member3": {"x": 2}},
        empty | {"member2": {"x": 1}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "narrow", "wide"),
    [
        (["null", DAY, MOMENT], ("int", 20_455), ("long", 20_455_000_000)),
        ([MOMENT, "string", "int"], ("int", 5), ("long", 5)),
        (["float", "double", "string"], ("float", 1.5), ("double", 1.5)),
    ],
)
def test_avro_numbers_of_a_union_stay_in_their_branch(
    kind: list[Any], narrow: tuple[str, Any], wide: tuple[str, Any]
) -> None:
    names = [each if isinstance(each, str) else each["type"] for each in kind if each != "null"]
    for place in (kind, {"type": "array", "items": kind}, {"type": "map", "values": kind}):
        for value in (narrow, wide):
            holder = {"k": value} if place is not kind and "values" in place else [value]
            _, (row,) = only(place, value if place is kind else holder)
            member = row if place is kind else row[0] if holder == [value] else row[0][1]
            assert [name for name, each in member.items() if each is not None] == [
                f"member{names.index(value[0])}"
            ]


def test_avro_number_of_a_union_is_promoted_to_the_reader_schema() -> None:
    content = avro(record(("v", ["int", "long", "string"])), [{"v": 5}, {"v": 2**40}, {"v": "x"}])
    for wanted, first in (("double", 5.0), ("long", 5)):
        form = AvroFormat(avro_schema=json.dumps(record(("v", ["string", wanted]))))
        found = decode(form, {"a": content}, plan_of(form.fixed_schema or ""))
        assert [row["v"]["member1"] for row in found.rows] == [first, 2**40, None]


def test_avro_lists_that_are_no_unions_stay_as_they_are() -> None:
    kind = {"type": "enum", "name": "width", "symbols": ["int", "long", "float", "double"]}
    aliased = record(("v", kind))
    aliased["fields"].append({"name": "w", "type": "int", "default": 1, "aliases": ["int", "long"]})
    (row,) = read(avro(aliased, [{"v": "int", "w": 2}])).rows
    assert (row["v"], row["w"]) == ("int", 2)


def test_avro_times_beyond_python_read_as_they_are() -> None:
    kind = {"type": "long", "logicalType": "timestamp-micros"}
    content = avro(record(("v", kind)), [{"v": 300_000_000_000_000_000}])
    plan = plan_of(AvroFormat().infer([sample_of(content)], infer_types=True))
    outcomes = Outcomes([FileOutcome()])
    batches = list(AvroFormat().decode(chunks_of({"a": content}, None), plan, outcomes))
    assert outcomes.files[0].failure is None
    column = pa.record_batch(batches[0].batch).column(0)
    assert column.cast(pa.int64()).to_pylist() == [300_000_000_000_000_000]


def test_avro_values_that_do_not_fit_are_rescued_and_new_columns_drift() -> None:
    content = avro(FLAT, [{"id": 2**40, "name": "x"}])
    found = read(content, "id INT", unknown="evolve")
    assert found.rows[0]["id"] is None
    rescued = json.loads(found.rows[0]["_rescued_data"])
    assert (rescued["id"], rescued["name"]) == (2**40, "x")
    assert found.outcomes.drift is not None
    assert found.outcomes.drift.names == ("name",)


def test_avro_schemas_of_files_are_merged_to_the_wider_type() -> None:
    one = avro(record(("a", "int"), ("b", "string")), [])
    two = avro(record(("a", "double"), ("c", "boolean")), [])
    merged = AvroFormat().infer([sample_of(one), sample_of(two, name="b")], infer_types=True)
    assert schema_ddl(merged).replace("`", "") == "a DOUBLE, b STRING, c BOOLEAN"


def test_avro_beginning_of_a_file_is_enough_for_its_columns() -> None:
    content = avro(FLAT, [{"id": n, "name": "x"} for n in range(100)])
    cut = sample_of(content[:-50], whole=False)
    assert AvroFormat().infer([cut], infer_types=True).names == ("id", "name")


def test_avro_without_a_readable_sample_has_no_schema() -> None:
    with pytest.raises(SchemaInferenceError):
        AvroFormat().infer([sample_of(b"not avro")], infer_types=True)


def test_avro_reader_schema_gives_defaults_aliases_and_promotions() -> None:
    written = record(("old", "int"), ("gone", "string"))
    wanted = {
        "type": "record",
        "name": "event",
        "fields": [
            {"name": "new", "type": "long", "aliases": ["old"]},
            {"name": "added", "type": "string", "default": "none"},
        ],
    }
    form = AvroFormat(avro_schema=json.dumps(wanted))
    assert form.fixed_schema is not None
    plan = plan_of(form.fixed_schema, rescued=None, unknown="ignore")
    content = avro(written, [{"old": 7, "gone": "x"}])
    assert decode(form, {"a": content}, plan).rows == [{"new": 7, "added": "none"}]


def test_avro_file_that_does_not_resolve_to_the_reader_schema_fails_alone() -> None:
    form = AvroFormat(avro_schema=json.dumps(record(("id", "long"), ("must", "string"))))
    assert form.fixed_schema is not None
    good = avro(record(("id", "long"), ("must", "string")), [{"id": 1, "must": "x"}])
    plan = plan_of(form.fixed_schema, rescued=None, unknown="ignore")
    found = decode(form, {"a": avro(FLAT, [{"id": 1, "name": "x"}]), "b": good}, plan)
    assert [each["id"] for each in found.rows] == [1]
    assert "avro_schema" in str(found.outcomes.files[0].failure)
    assert found.outcomes.files[1].failure is None


@pytest.mark.parametrize("text", ["", "no json", '"long"', "[]", '{"type": "record"}', "{}"])
def test_avro_schema_that_is_none_is_refused_when_declared(text: str) -> None:
    if text == "":
        assert AvroFormat(avro_schema=text).fixed_schema is None
        return
    with pytest.raises(ConfigError, match="avro_schema"):
        AvroFormat(avro_schema=text)


def test_avro_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    content = avro(FLAT, [])
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(ConfigError, match=r"lakestream\[avro\]"):
        AvroFormat().infer([sample_of(content)], infer_types=True)


def refused(content: bytes) -> str:
    good = avro(FLAT, [{"id": 1, "name": "x"}])
    found = decode(AvroFormat(), {"a": content, "b": good}, plan_of("id BIGINT, name STRING"))
    assert found.files == [1]
    failure = found.outcomes.files[0].failure
    assert isinstance(failure, BadFileError)
    return str(failure)


def header(schema: Any, codec: str = "null") -> bytes:
    text, name = json.dumps(schema).encode(), codec.encode()
    entries = b"\x04" + b"\x14avro.codec" + encode_long(len(name)) + name
    return (
        b"Obj\x01"
        + entries
        + b"\x16avro.schema"
        + encode_long(len(text))
        + text
        + b"\0"
        + bytes(16)
    )


def test_avro_of_hostile_shape_fails_its_file_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = record(("n", "null"))
    loop = record(("next", ["null", "event"]))
    nulls = record(("n", {"type": "array", "items": "null"}))
    deep: Any = "int"
    for _ in range(MAX_DEPTH + 1):
        deep = {"type": "array", "items": deep}
    assert "more records" in refused(header(empty) + encode_long(2**40) + b"\0" + bytes(16))
    assert "more records" in refused(header(FLAT) + encode_long(2**40) + b"\x02\0" + bytes(16))
    assert "holds itself" in refused(header(loop))
    assert "no bytes" in refused(header(nulls))
    assert "too deep" in refused(header(record(("n", deep))))
    assert "not supported" in refused(header(FLAT, "lzo"))
    assert "cut off" in refused(header(FLAT) + encode_long(1) + encode_long(10) + b"abc")
    assert "mark" in refused(header(FLAT) + encode_long(1) + encode_long(2) + b"\x02\0" + b"x" * 16)
    assert "claims" in refused(header(FLAT) + encode_long(1) + encode_long(2**50))
    assert "begin" in refused(b"PAR1")
    assert "cut off" in refused(b"")
    monkeypatch.setattr(avro_container, "MAX_BLOCK_BYTES", 1000)
    for codec in CODECS[1:]:
        rows = [{"id": 1, "name": "x" * 5000}]
        assert "unpacked" in refused(packed(FLAT, rows, codec)), codec


def test_avro_schema_that_doubles_at_each_level_is_refused_before_it_fills_memory() -> None:
    laughs: Any = {"type": "record", "name": "r0", "fields": [{"name": "x", "type": "int"}]}
    for n in range(1, 30):
        fields = [{"name": "a", "type": laughs}, {"name": "b", "type": f"r{n - 1}"}]
        laughs = {"type": "record", "name": f"r{n}", "fields": fields}
    assert "more than" in refused(header(laughs))


def test_avro_block_that_is_damaged_after_rows_fails_the_file() -> None:
    rows = [{"id": n, "name": "x" * 100} for n in range(60_000)]
    content = avro(FLAT, rows, codec="null")
    cut = content[: len(content) - 40]
    found = decode(AvroFormat(), {"a": cut}, plan_of("id BIGINT, name STRING"))
    assert found.outcomes.files[0].failure is not None
    assert found.outcomes.files[0].rows == len(found.rows) > 0


SOUND = avro(
    record(
        ("id", "long"),
        ("tags", {"type": "array", "items": ["null", "string"]}),
        ("price", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        ("kind", ["null", {"type": "enum", "name": "k", "symbols": ["A", "B"]}]),
        ("map", {"type": "map", "values": "double"}),
    ),
    [
        {"id": n, "tags": ["a", None], "price": Decimal(n), "kind": "A", "map": {"k": 0.5}}
        for n in range(50)
    ],
    codec="deflate",
    sync_interval=300,
)
PLAN = plan_of(AvroFormat().infer([sample_of(SOUND)], infer_types=True))


@settings(max_examples=examples(300), deadline=None)
@given(st.integers(0, 2**32))
def test_avro_damaged_anywhere_fails_as_a_file_or_reads(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    content = bytearray(SOUND)
    for _ in range(dice.choice([1, 1, 2, 8])):
        content[dice.randrange(len(content))] = dice.randrange(256)
    if dice.random() < 0.3:
        del content[dice.randrange(len(content)) :]
    outcomes = Outcomes([FileOutcome()])
    chunks = chunks_of({"a": bytes(content)}, dice.choice([None, 64]))
    rows = sum(each.batch.num_rows for each in AvroFormat().decode(chunks, PLAN, outcomes))
    assert outcomes.files[0].rows == rows
    assert isinstance(outcomes.files[0].failure, BadFileError | None)
