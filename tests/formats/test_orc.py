"""ORC files decoded: types as Spark reads them, the rest rescued, damage contained."""

import datetime as dt
import io
import json
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc
from support.forked import run_forked
from support.format_runs import chunks_of, decode, plan_of, sample_of

from lakestream.errors import BadFileError, SchemaInferenceError, StorageUnavailableError
from lakestream.formats import orc_process
from lakestream.formats.base import FileOutcome, Outcomes
from lakestream.formats.orc import OrcFormat
from lakestream.plan.types import schema_ddl

COMPRESSIONS = ("uncompressed", "zlib", "snappy", "zstd", "lz4")


def orc_file(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def table(rows: int) -> dict[str, Any]:
    moment = dt.datetime(2024, 2, 29, 12, 30)
    return {
        "id": pa.array(range(rows), pa.int64()),
        "name": pa.array([f"n{n % 7}" if n % 5 else None for n in range(rows)]),
        "price": pa.array([Decimal(n).scaleb(-2) for n in range(rows)], pa.decimal128(10, 2)),
        "day": pa.array([dt.date(2024, 1, 1)] * rows),
        "at": pa.array([moment + dt.timedelta(hours=n) for n in range(rows)], pa.timestamp("us")),
        "tags": pa.array([["a", None] if n % 3 else None for n in range(rows)]),
        "point": pa.array([{"x": n, "y": 0.5} for n in range(rows)]),
        "map": pa.array([[("k", n)] for n in range(rows)], pa.map_(pa.string(), pa.int64())),
    }


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_orc_of_own_schema_reads_stripe_by_stripe(compression: str) -> None:
    content = orc_file(table(3000), compression=compression, stripe_size=4096)
    schema = OrcFormat().infer([sample_of(content)], infer_types=True)
    assert schema_ddl(schema).replace("`", "") == (
        "id BIGINT, name STRING, price DECIMAL(10,2), day DATE, at TIMESTAMP, tags ARRAY<STRING>,"
        " point STRUCT<x: BIGINT, y: DOUBLE>, map MAP<STRING, BIGINT>"
    )
    found = decode(OrcFormat(), {"a": content}, plan_of(schema))
    expected = pa.table(table(3000)).to_pylist()
    for row in expected:
        row["at"] = row["at"].replace(tzinfo=dt.UTC)
        row["_rescued_data"] = None
    assert found.rows == expected
    stripes = orc.ORCFile(io.BytesIO(content)).nstripes
    assert found.batches == stripes >= (2 if compression == "uncompressed" else 1)


def test_orc_values_that_do_not_fit_are_rescued_and_new_columns_drift() -> None:
    content = orc_file({"id": pa.array([2**40]), "extra": pa.array(["x"])})
    found = decode(OrcFormat(), {"a": content}, plan_of("id INT", unknown="evolve"))
    rescued = json.loads(found.rows[0]["_rescued_data"])
    assert (found.rows[0]["id"], rescued["id"], rescued["extra"]) == (None, 2**40, "x")
    assert found.outcomes.drift is not None
    assert found.outcomes.drift.names == ("extra",)


def test_orc_schemas_of_files_are_merged_to_the_wider_type() -> None:
    one, two = orc_file({"a": pa.array([1], pa.int32())}), orc_file({"a": pa.array([1.5])})
    merged = OrcFormat().infer([sample_of(one), sample_of(two, name="b")], infer_types=True)
    assert schema_ddl(merged).replace("`", "") == "a DOUBLE"
    with pytest.raises(SchemaInferenceError):
        OrcFormat().infer([sample_of(one, whole=False), sample_of(b"no orc")], infer_types=True)


def test_orc_time_that_the_library_cannot_give_fails_its_file_and_no_other() -> None:
    early = orc_file({"at": pa.array([dt.datetime(1500, 1, 1)], pa.timestamp("us"))})
    good = orc_file({"at": pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("us"))})
    found = decode(OrcFormat(), {"a": early, "b": good}, plan_of("at TIMESTAMP"))
    assert found.files == [1]
    assert isinstance(found.outcomes.files[0].failure, BadFileError)


ROWS = 200
SOUND = [
    orc_file(table(ROWS), compression=each, stripe_size=4096)
    for each in ("uncompressed", "zlib", "snappy", "zstd", "lz4")
]
#: Of its damaged files one ends the process that decodes it: a text of nearly 2^64 bytes.
CRASHING_SEED = 504_548
PLAN = plan_of(OrcFormat().infer([sample_of(SOUND[0])], infer_types=True))


def read_damaged(seed: int) -> str:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for _ in range(40):
        content = bytearray(dice.choice(SOUND))
        for _ in range(dice.choice([1, 1, 2, 8])):
            content[dice.randrange(len(content))] = dice.randrange(256)
        if dice.random() < 0.3:
            del content[dice.randrange(len(content)) :]
        outcomes = Outcomes([FileOutcome()])
        chunks = chunks_of({"a": bytes(content)}, None)
        rows = sum(each.batch.num_rows for each in OrcFormat().decode(chunks, PLAN, outcomes))
        assert outcomes.files[0].rows == rows
        assert isinstance(outcomes.files[0].failure, BadFileError | None)
    return "read"


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_orc_damaged_anywhere_fails_as_a_file_or_reads(seed: int) -> None:
    """The library is C++: a child shows that no bytes end the process."""
    ending = run_forked(lambda: read_damaged(seed), kill_after_s=120)
    assert (ending.code, ending.output) == (0, "read")


@pytest.fixture
def idle() -> list[orc_process.OrcProcess]:
    """The children that wait for a file: none yet."""
    orc_process._end_all()
    return orc_process._IDLE


def test_orc_files_are_decoded_by_one_process(idle: list[orc_process.OrcProcess]) -> None:
    found = decode(OrcFormat(), {str(each): SOUND[0] for each in range(5)}, PLAN)

    assert len(found.rows) == 5 * ROWS
    assert len(idle) == 1


def test_orc_over_which_the_library_crashes_fails_as_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When this goes red a newer pyarrow may have made the process needless."""
    told: list[str] = []
    real = orc_process.OrcProcess._ended

    def noted(process: orc_process.OrcProcess) -> Exception:
        told.append(str(error := real(process)))
        return error

    monkeypatch.setattr(orc_process.OrcProcess, "_ended", noted)

    assert read_damaged(CRASHING_SEED) == "read"

    assert told == ["the ORC library crashed (SIGSEGV)"]
    assert len(decode(OrcFormat(), {"a": SOUND[0]}, PLAN).rows) == ROWS


def test_orc_when_its_process_is_ended_by_others_then_no_file_is_blamed(
    idle: list[orc_process.OrcProcess],
) -> None:
    decode(OrcFormat(), {"a": SOUND[0]}, PLAN)
    (process,) = idle
    stripes = orc_process.Stripes(pa.BufferReader(SOUND[0]))
    process._child.kill()

    with pytest.raises(StorageUnavailableError) as caught:
        next(stripes)

    assert caught.value.transient
    assert len(decode(OrcFormat(), {"a": SOUND[0]}, PLAN).rows) == ROWS


def spark_orc() -> bytes:
    """Give a file as Spark writes it: a time without a zone is a marked integer."""
    micros = 1_767_323_045_000_001

    def marked(name: str, kind: str) -> Any:
        return pa.field(name, pa.int64(), metadata={"spark.sql.catalyst.type": kind})

    schema = pa.schema(
        [
            marked("at", "timestamp_ntz"),
            marked("n", "bigint"),
            pa.field("s", pa.struct([marked("at", "timestamp_ntz"), pa.field("n", pa.int64())])),
            pa.field("l", pa.list_(marked("item", "timestamp_ntz"))),
            pa.field("m", pa.map_(pa.string(), marked("value", "timestamp_ntz"))),
            pa.field("i", pa.struct([pa.field("at", pa.timestamp("us"))])),
        ]
    )
    row = {
        "at": micros, "n": micros, "s": {"at": micros, "n": 7}, "l": [micros, None],
        "m": [("k", micros)], "i": {"at": dt.datetime(2026, 1, 2)},
    }  # fmt: skip
    out = io.BytesIO()
    orc.write_table(pa.Table.from_pylist([row, {}], schema), out)
    return out.getvalue()


def test_orc_of_spark_has_its_times_without_a_zone() -> None:
    schema = OrcFormat().infer([sample_of(spark_orc())], infer_types=True)
    assert schema_ddl(schema).replace("`", "") == (
        "at TIMESTAMP_NTZ, n BIGINT, s STRUCT<at: TIMESTAMP_NTZ, n: BIGINT>,"
        " l ARRAY<TIMESTAMP_NTZ>, m MAP<STRING, TIMESTAMP_NTZ>, i STRUCT<at: TIMESTAMP>"
    )
    found = decode(OrcFormat(), {"a": spark_orc()}, plan_of(schema))
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 1)
    assert found.rows[0] == {
        "at": at, "n": 1_767_323_045_000_001, "s": {"at": at, "n": 7}, "l": [at, None],
        "m": [("k", at)], "i": {"at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)},
        "_rescued_data": None,
    }  # fmt: skip
    assert set(found.rows[1].values()) == {None}


def test_orc_of_spark_fits_a_table_that_has_its_times_as_integers() -> None:
    wished = "at BIGINT, s STRUCT<n: BIGINT>"
    found = decode(OrcFormat(), {"a": spark_orc()}, plan_of(wished, unknown="evolve"))
    assert found.rows[0]["at"] == 1_767_323_045_000_001
    assert schema_ddl(found.outcomes.drift or plan_of("x INT").schema).replace("`", "") == (
        "n BIGINT, l ARRAY<TIMESTAMP_NTZ>, m MAP<STRING, TIMESTAMP_NTZ>,"
        " i STRUCT<at: TIMESTAMP>, s STRUCT<at: TIMESTAMP_NTZ>"
    )
