"""Parquet files decoded: types fitted without loss, the rest rescued, damage contained."""

import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.format_runs import Decoded, decode, plan_of, sample_of
from support.volume import examples

from lakestream.errors import BadFileError, NewColumnsError, SchemaInferenceError
from lakestream.formats.lazy_pyarrow import arrow_type
from lakestream.formats.parquet import ParquetFormat
from lakestream.formats.parquet_columns import file_kind
from lakestream.plan import types as t
from lakestream.plan.types import schema_ddl, schema_of_ddl


def parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def read(columns: dict[str, pa.Array], schema: str, **plan: Any) -> Decoded:
    return decode(ParquetFormat(), {"a": parquet(columns)}, plan_of(schema, **plan))


def rescued(found: Decoded) -> list[Any]:
    texts = [row["_rescued_data"] for row in found.rows]
    return [None if text is None else json.loads(text) for text in texts]


def values(found: Decoded, name: str) -> list[Any]:
    return [row[name] for row in found.rows]


TYPES = st.deferred(
    lambda: st.one_of(
        st.sampled_from([
            pa.int8(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.float32(),
            pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.binary(), pa.date32(),
            pa.timestamp("us", "UTC"), pa.timestamp("ms"), pa.decimal128(10, 2),
            pa.dictionary(pa.int32(), pa.string()),
        ]),
        st.builds(pa.list_, LEAVES),
        st.builds(pa.large_list, LEAVES),
        st.builds(lambda one, other: pa.struct([("x", one), ("y", other)]), LEAVES, LEAVES),
        st.builds(lambda one: pa.map_(pa.string(), one), LEAVES),
        st.builds(lambda one: pa.list_(pa.struct([("x", one)])), LEAVES),
    )
)  # fmt: skip
LEAVES = st.sampled_from([pa.int32(), pa.string(), pa.float64(), pa.list_(pa.int64())])
VALUES: dict[Any, list[Any]] = {
    pa.int8(): [1, -128, None], pa.uint16(): [65535, None], pa.int32(): [1, -5, None],
    pa.uint32(): [2**32 - 1, None], pa.int64(): [2**60, None], pa.float32(): [1.5, None],
    pa.float64(): [1.25, None, -0.5], pa.bool_(): [True, False, None],
    pa.string(): ["a", "é", None], pa.large_string(): ["a", None], pa.binary(): [b"\xff", None],
    pa.date32(): [dt.date(2024, 1, 1), None], pa.decimal128(10, 2): [Decimal("1.50"), None],
    pa.timestamp("us", "UTC"): [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None],
    pa.timestamp("ms"): [dt.datetime(2024, 1, 1), None],
}  # fmt: skip


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if pa.types.is_dictionary(kind):
        return values_of(kind.value_type)
    if pa.types.is_struct(kind):
        fields = {each.name: values_of(each.type) for each in kind}
        return st.one_of(st.none(), st.fixed_dictionaries(fields))
    if pa.types.is_map(kind):
        pairs = st.dictionaries(st.sampled_from("kl"), values_of(kind.item_type), max_size=2)
        return st.one_of(st.none(), pairs.map(lambda each: list(each.items())))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return st.one_of(st.none(), st.lists(values_of(kind.value_type), max_size=3))
    return st.sampled_from(VALUES[kind])


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data(), kind=TYPES, rows=st.integers(1, 7), group=st.integers(1, 7))
def test_parquet_of_own_schema_reads_as_pyarrow_reads(
    data: Any, kind: Any, rows: int, group: int
) -> None:
    column = pa.array(data.draw(st.lists(values_of(kind), min_size=rows, max_size=rows)), kind)
    raw = parquet({"v": column}, row_group_size=group)
    schema = ParquetFormat().infer([sample_of(raw)], infer_types=True)
    assert schema == t.Struct((("v", file_kind(kind)),))
    found = decode(ParquetFormat(), {"a": raw}, plan_of(schema))
    assert found.schema is not None
    assert found.schema.field("v").type == arrow_type(schema.fields[0][1])
    expected = pq.read_table(io.BytesIO(raw)).column("v").to_pylist()
    if pa.types.is_decimal(found.schema.field("v").type):
        expected = [None if each is None else Decimal(each) for each in expected]
    assert values(found, "v") == expected
    assert rescued(found) == [None] * rows


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data(), kind=TYPES, wanted=TYPES, rows=st.integers(1, 5))
def test_parquet_of_another_schema_loses_no_value(
    data: Any, kind: Any, wanted: Any, rows: int
) -> None:
    column = pa.array(data.draw(st.lists(values_of(kind), min_size=rows, max_size=rows)), kind)
    schema = t.Struct((("v", file_kind(wanted)),))
    found = decode(ParquetFormat(), {"a": parquet({"v": column})}, plan_of(schema))
    for row, given_value in enumerate(column.to_pylist()):
        kept, text = found.rows[row]["v"], found.rows[row]["_rescued_data"]
        if given_value is None:
            assert (kept, text) == (None, None)
        elif not isinstance(given_value, (dict, list)):
            assert (kept is None) == (text is not None)


@settings(max_examples=examples(300), deadline=None)
@given(place=st.integers(0, 10**6), width=st.integers(1, 8), mask=st.integers(1, 255),
       cut=st.booleans())  # fmt: skip
def test_parquet_damaged_anywhere_fails_as_a_file_or_reads(
    place: int, width: int, mask: int, *, cut: bool
) -> None:
    data = bytearray(DAMAGE)
    place %= len(data)
    if cut:
        del data[place : place + width]
    else:
        for at in range(place, min(place + width, len(data))):
            data[at] ^= mask
    plan = plan_of("i BIGINT, s STRING, l ARRAY<INT>, d DECIMAL(10,2)")
    found = decode(ParquetFormat(), {"a": bytes(data), "b": DAMAGE}, plan)
    failure = found.outcomes.files[0].failure
    assert failure is None or isinstance(failure, BadFileError)
    assert len(found.rows_of(1)) == 50


DAMAGE = parquet(
    {
        "i": pa.array(range(50), pa.int64()),
        "s": pa.array([f"é{at % 7}" for at in range(50)]),
        "l": pa.array([[at] * (at % 3) for at in range(50)], pa.list_(pa.int32())),
        "d": pa.array([Decimal(at) / 4 for at in range(50)], pa.decimal128(10, 2)),
    },
    row_group_size=20,
    write_page_checksum=True,
)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 20 + b"PAR1", b'{"a": 1}'])
def test_parquet_that_is_none_fails_the_file(data: bytes) -> None:
    found = decode(ParquetFormat(), {"a": data}, plan_of("a INT"))
    assert isinstance(found.outcomes.files[0].failure, BadFileError)
    assert found.rows == []


def test_parquet_flipped_page_byte_is_found_by_its_checksum() -> None:
    data = bytearray(DAMAGE)
    at = bytes(data).index(b"\xc3\xa9")
    data[at] ^= 1
    found = decode(ParquetFormat(), {"a": bytes(data)}, plan_of("s STRING"))
    assert isinstance(found.outcomes.files[0].failure, BadFileError)


def test_parquet_columns_match_by_name_and_missing_ones_are_null() -> None:
    found = read({"b": pa.array([1]), "a": pa.array(["x"])}, "a STRING, c DATE, b BIGINT")
    assert found.rows == [{"a": "x", "c": None, "b": 1, "_rescued_data": None}]


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        (pa.array([7], pa.int8()), "BIGINT", 7),
        (pa.array([7], pa.int32()), "DOUBLE", 7.0),
        (pa.array([7], pa.int64()), "DECIMAL(20,0)", Decimal(7)),
        (pa.array([1.5], pa.float32()), "DOUBLE", 1.5),
        (pa.array([Decimal("1.5")], pa.decimal128(4, 1)), "DECIMAL(10,2)", Decimal("1.50")),
        (pa.array([dt.date(2024, 1, 1)]), "TIMESTAMP_NTZ", dt.datetime(2024, 1, 1)),
        (pa.array([2**64 - 1], pa.uint64()), "DECIMAL(20,0)", Decimal(2**64 - 1)),
        (pa.array([1_000_000_001], pa.timestamp("ns")), "TIMESTAMP",
         dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)),
    ],
)  # fmt: skip
def test_parquet_type_that_the_wanted_one_holds_is_cast(
    column: pa.Array, kind: str, value: object
) -> None:
    found = read({"v": column}, f"v {kind}")
    assert values(found, "v") == [value]
    assert rescued(found) == [None]


@pytest.mark.parametrize(
    ("column", "kind", "text"),
    [
        (pa.array([7, None], pa.int64()), "INT", 7),
        (pa.array([7, None], pa.int64()), "DOUBLE", 7),
        (pa.array([7, None], pa.int64()), "STRING", 7),
        (pa.array(["7", None]), "INT", "7"),
        (pa.array([float("nan"), None]), "INT", "nan"),
        (pa.array([Decimal("1.25"), None]), "DECIMAL(10,1)", 1.25),
        (pa.array([b"\xff", None]), "STRING", "/w=="),
        (pa.array([[1], None]), "STRING", [1]),
        (pa.array([{"x": float("inf")}, None]), "INT", {"x": "inf"}),
        (pa.array([1_000_000_001, None], pa.timestamp("ns", "UTC")), "DATE",
         "1970-01-01T00:00:01Z"),
    ],
)  # fmt: skip
def test_parquet_type_that_does_not_fit_is_null_and_rescued(
    column: pa.Array, kind: str, text: object
) -> None:
    found = read({"v": column}, f"v {kind}")
    assert values(found, "v") == [None, None]
    assert rescued(found) == [{"v": text, "_file_path": "s3://landing/a"}, None]
    assert found.outcomes.files[0].rescued == 1


def test_parquet_nested_misfit_is_rescued_where_it_stood() -> None:
    column = pa.array([{"x": "a", "y": {"z": 1.5, "new": 2}}, None, {"x": None, "y": None}])
    found = read({"v": column}, "v STRUCT<x: STRING, y: STRUCT<z: INT>>", unknown="evolve")
    assert values(found, "v") == [{"x": "a", "y": {"z": None}}, None, {"x": None, "y": None}]
    assert rescued(found)[0]["v"] == {"y": {"z": 1.5, "new": 2}}
    assert rescued(found)[1:] == [None, None]
    assert found.outcomes.drift == schema_of_ddl("v STRUCT<y: STRUCT<new: BIGINT>>")


def test_parquet_list_with_misfit_is_rescued_whole() -> None:
    kind = pa.list_(pa.struct([("x", pa.string())]))
    column = pa.array([[{"x": "1"}], [], None, [{"x": None}], [{"x": "2"}, {"x": "3"}]], kind)
    found = read({"v": column}, "v ARRAY<STRUCT<x: INT>>")
    assert values(found, "v") == [[{"x": None}], [], None, [{"x": None}], [{"x": None}] * 2]
    assert [each and each["v"] for each in rescued(found)] == [
        [{"x": "1"}], None, None, None, [{"x": "2"}, {"x": "3"}],
    ]  # fmt: skip


def test_parquet_values_that_python_has_not_are_rescued_as_text() -> None:
    late = pa.array([2_932_897], pa.int32()).cast(pa.date32())
    moment = pa.array([253_402_300_800_000_000]).cast(pa.timestamp("us"))
    one, two = pa.array([1.5]), pa.array([float("nan")])
    found = read(
        {
            "v": moment,
            "s": pa.StructArray.from_arrays([late, two, pa.array([None])], ["d", "f", "n"]),
            "l": pa.ListArray.from_arrays([0, 1], moment.cast(pa.timestamp("us", "UTC"))),
            "m": pa.MapArray.from_arrays([0, 1], late, one),
            "twice": pa.StructArray.from_arrays([one, two], ["x", "x"]),
        },
        "v INT",
        unknown="rescue",
    )
    assert found.rows[0]["v"] is None
    assert rescued(found) == [
        {
            "v": "10000-01-01 00:00:00.000000",
            "s": {"d": "10000-01-01", "f": "nan", "n": None},
            "l": ["10000-01-01 00:00:00.000000Z"],
            "m": [["10000-01-01", 1.5]],
            "twice": [["x", 1.5], ["x", "nan"]],
            "_file_path": "s3://landing/a",
        }
    ]


def test_parquet_unknown_column_is_drift_and_rescued_or_fails() -> None:
    columns = {"a": pa.array([1]), "n": pa.array([[1]]), "A": pa.array(["x"])}
    found = read(columns, "a BIGINT", unknown="evolve")
    assert found.outcomes.drift == schema_of_ddl("n ARRAY<BIGINT>")
    assert rescued(found) == [{"n": [1], "A": "x", "_file_path": "s3://landing/a"}]
    with pytest.raises(NewColumnsError):
        read(columns, "a BIGINT", unknown="fail")
    assert rescued(read(columns, "a BIGINT", unknown="ignore")) == [None]


def test_parquet_widening_reports_the_wider_type() -> None:
    found = read({"a": pa.array([2**40])}, "a INT", unknown="evolve", widen=True)
    assert found.outcomes.drift == schema_of_ddl("a BIGINT")


def test_parquet_int96_of_far_years_is_exact() -> None:
    far = dt.datetime(9999, 12, 31, 1, 2, 3, 456, tzinfo=dt.UTC)
    column = pa.array([far], pa.timestamp("us", "UTC"))
    raw = parquet({"v": column}, use_deprecated_int96_timestamps=True)
    found = decode(ParquetFormat(), {"a": raw}, plan_of("v TIMESTAMP"))
    assert values(found, "v") == [far]


@pytest.mark.parametrize(
    ("wanted", "zone"),
    [("TIMESTAMP", dt.UTC), ("TIMESTAMP_NTZ", None)],
)
def test_parquet_int96_is_an_instant_and_fits_a_table_without_zones(
    wanted: str, zone: dt.tzinfo | None
) -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678)
    naive = pa.timestamp("us")
    columns = {
        "wide": pa.array([[{"x": 1, "y": 2}]], pa.large_list(pa.struct({"x": "i8", "y": "i8"}))),
        "v": pa.array([moment], naive),
        "s": pa.array([{"n": 1, "l": [moment, None], "m": [("k", moment)]}],
                      pa.struct({"n": "i8", "l": pa.list_(naive), "m": pa.map_("string", naive)})),
    }  # fmt: skip
    raw = parquet(columns, use_deprecated_int96_timestamps=True)
    schema = ParquetFormat().infer([sample_of(raw)], infer_types=True)
    assert schema_ddl(schema).replace("`", "") == (
        "wide ARRAY<STRUCT<x: BIGINT, y: BIGINT>>, v TIMESTAMP,"
        " s STRUCT<n: BIGINT, l: ARRAY<TIMESTAMP>, m: MAP<STRING, TIMESTAMP>>"
    )
    wished = schema_ddl(schema).replace("TIMESTAMP", wanted)
    found = decode(ParquetFormat(), {"a": raw}, plan_of(wished))
    at = moment.replace(tzinfo=zone)
    assert found.rows == [{
        "wide": [{"x": 1, "y": 2}], "v": at, "s": {"n": 1, "l": [at, None], "m": [("k", at)]},
        "_rescued_data": None,
    }]  # fmt: skip


def test_parquet_int96_of_a_new_nested_field_is_an_instant() -> None:
    kind = pa.struct({"n": pa.int64(), "at": pa.timestamp("us")})
    columns = {"s": pa.array([{"n": 1, "at": dt.datetime(2026, 1, 2)}], kind)}
    raw = parquet(columns, use_deprecated_int96_timestamps=True)
    found = decode(ParquetFormat(), {"a": raw}, plan_of("s STRUCT<n: BIGINT>", unknown="evolve"))
    assert found.outcomes.drift == schema_of_ddl("s STRUCT<at: TIMESTAMP>")


def test_parquet_times_and_long_decimals_read_as_text() -> None:
    columns = {"t": pa.array([dt.time(1, 2, 3)]), "n": pa.array([None], pa.null())}
    schema = ParquetFormat().infer([sample_of(parquet(columns))], infer_types=True)
    assert schema_ddl(schema) == "`t` STRING, `n` STRING"
    assert read(columns, "t STRING, n STRING").rows[0]["t"].startswith("01:02:03")


def test_parquet_inference_merges_files_to_the_widest_type() -> None:
    samples = [
        sample_of(parquet({"a": pa.array([1], pa.int32()), "v": pa.array([None], pa.null())})),
        sample_of(parquet({"A": pa.array([1]), "b": pa.array([{"x": 1}]), "v": pa.array([1.5])})),
        sample_of(parquet({"b": pa.array([{"y": "s"}])})),
        sample_of(b"PAR1 cut", whole=False),
        sample_of(b"no parquet"),
    ]
    schema = ParquetFormat().infer(samples, infer_types=True)
    assert schema == schema_of_ddl("a BIGINT, b STRUCT<x: BIGINT, y: STRING>, v DOUBLE")
    with pytest.raises(SchemaInferenceError):
        ParquetFormat().infer(samples[3:], infer_types=True)


def test_parquet_time_beyond_microseconds_fails_the_file() -> None:
    column = pa.array([2**62], pa.int64()).cast(pa.timestamp("ms"))
    found = read({"v": column}, "v TIMESTAMP")
    assert isinstance(found.outcomes.files[0].failure, BadFileError)


def test_parquet_batches_stay_small() -> None:
    found = read({"v": pa.array(range(100_000))}, "v BIGINT")
    assert found.batches > 1
    assert values(found, "v") == list(range(100_000))


@pytest.mark.parametrize("typed", [False, True], ids=["texts", "dictionary"])
@pytest.mark.parametrize("late", [False, True], ids=["all", "late"])
def test_parquet_batches_of_a_long_text_that_is_stored_once_stay_small(
    monkeypatch: pytest.MonkeyPatch, *, typed: bool, late: bool
) -> None:
    monkeypatch.setattr("lakestream.formats.parquet._DECODED_BYTES", 2**22)
    indices = [0] * 300 * late + [1] * 5_000
    values = pa.DictionaryArray.from_arrays(indices, pa.array(["short", "x" * 10_000]))
    columns = {"v": values, "n": pa.array(range(len(indices)))}
    data = parquet(columns, store_schema=typed)
    assert len(data) < 100_000
    batches = list(ParquetFormat().opened(pa.BufferReader(data)).batches)
    found = pa.Table.from_batches(batches)
    assert found["n"].to_pylist() == list(range(len(indices)))
    assert found["v"].cast(pa.string()).to_pylist() == values.cast(pa.string()).to_pylist()
    sizes = [each.num_rows for each in batches]
    assert sizes[0] == 256
    assert max(sizes) <= 1024
    assert max(sizes[2:]) * 10_000 <= 2 * 2**22


def test_parquet_batches_of_short_texts_that_are_stored_once_are_whole() -> None:
    columns = {"v": pa.array(["some text"] * 20_000), "none": pa.nulls(20_000, pa.string())}
    found = decode(ParquetFormat(), {"a": parquet(columns)}, plan_of("v STRING, none STRING"))
    assert (found.batches, len(found.rows)) == (1, 20_000)


def test_parquet_failed_chunk_fails_its_file_alone() -> None:
    failure = BadFileError("gone")
    good = parquet({"a": pa.array([1])})
    found = decode(ParquetFormat(), {"a": (b"", failure), "b": good}, plan_of("a BIGINT"))
    assert found.outcomes.files[0].failure is failure
    assert found.files == [1]
