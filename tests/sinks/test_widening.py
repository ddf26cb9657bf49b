"""Columns that become wider: all of a table's rows under new types, in one commit without rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from arro3.core import RecordBatchReader
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake

from lakestream.delta import rewrite, widening
from lakestream.delta.log import DeltaLog
from lakestream.delta.reading import read_table
from lakestream.errors import (
    CommitConflictError,
    DataLossError,
    LakestreamError,
    SinkDamagedError,
    SinkSchemaError,
    StorageUnavailableError,
    TableFeatureError,
)
from lakestream.plan.schema_diff import SchemaChange
from lakestream.plan.types import Struct, schema_of_ddl
from lakestream.sinks.delta import DeltaInspection, DeltaSink
from lakestream.storage import new_files, stores
from lakestream.storage.local_log import LocalLogStore
from lakestream.testing import FaultPlan
from lakestream.testing.fault_kinds import fails, loses_reply

I32 = 2**31 - 1
I64 = 2**63 - 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table"


def sink_at(path: Path, *, widens: bool = True, query: str = "q") -> DeltaSink:
    return DeltaSink(str(path), query_id=query, query_name=query, widens=widens)


def look(sink: DeltaSink, batch: int = 0) -> DeltaInspection:
    return sink.inspect(batch, table_id=None, plan_digest="d", receipt_version=None)


def stream(**columns: pa.Array) -> RecordBatchReader:
    return RecordBatchReader.from_arrow(pa.table(columns))


def widen(sink: DeltaSink, batch: int = 0, **columns: pa.Array) -> bool:
    return look(sink, batch).widen(stream(**columns), {"query": "q", "batch": batch})


def append(sink: DeltaSink, batch: int = 0, **columns: pa.Array) -> None:
    look(sink, batch).commit(stream(**columns), {"planDigest": "d", "query": "q", "batch": batch})


def columns_of(path: Path) -> Struct:
    found = sink_at(path).schema()
    assert found is not None
    return found


def values(path: Path, column: str = "a") -> list[Any]:
    found = DeltaTable(path).to_pyarrow_table().column(column).to_pylist()
    return sorted(found, key=lambda each: (each is not None, str(type(each)), each))


def actions(path: Path, version: int) -> list[dict[str, Any]]:
    text = (path / f"_delta_log/{version:020}.json").read_text()
    return [json.loads(line) for line in text.splitlines()]


MIDNIGHT = datetime(2020, 2, 29)


@pytest.mark.parametrize(
    ("stored", "given", "wide", "becomes", "after"),
    [
        (pa.int8(), [-128, 127, None], pa.int16(), "SMALLINT", [-128, 127, None]),
        (pa.int16(), [-32768, None], pa.int64(), "BIGINT", [-32768, None]),
        (pa.int32(), [-I32 - 1, I32, None], pa.int64(), "BIGINT", [-I32 - 1, I32, None]),
        (pa.int32(), [-I32 - 1, I32], pa.float64(), "DOUBLE", [-I32 - 1.0, float(I32)]),
        (pa.int32(), [I32, None], pa.decimal128(5, 2), "DECIMAL(12,2)", [Decimal(I32), None]),
        (pa.int64(), [-I64 - 1, I64], pa.decimal128(5, 2), "DECIMAL(22,2)",
         [Decimal(-I64 - 1), Decimal(I64)]),
        (pa.float32(), [1.5, None], pa.float64(), "DOUBLE", [1.5, None]),
        (pa.decimal128(4, 2), [Decimal("99.99")], pa.decimal128(5, 4), "DECIMAL(6,4)",
         [Decimal("99.99")]),
        (pa.decimal128(4, 2), [Decimal("99.99")], pa.int64(), "DECIMAL(22,2)", [Decimal("99.99")]),
        (pa.date32(), [date(2020, 2, 29), None], pa.timestamp("us"), "TIMESTAMP_NTZ",
         [MIDNIGHT, None]),
        (pa.list_(pa.int32()), [[1, None], None], pa.list_(pa.int64()), "ARRAY<BIGINT>",
         [[1, None], None]),
        (pa.map_(pa.string(), pa.int32()), [[("k", 1)], None], pa.map_(pa.string(), pa.float64()),
         "MAP<STRING, DOUBLE>", [[("k", 1.0)], None]),
        (pa.struct({"x": pa.int32(), "y": pa.string()}), [{"x": 1, "y": "z"}, None],
         pa.struct({"y": pa.string(), "x": pa.int64()}), "STRUCT<x: BIGINT, y: STRING>",
         [{"x": 1, "y": "z"}, None]),
    ],
)  # fmt: skip
def test_column_when_the_stream_is_wider_then_each_value_stays_under_the_wider_type(  # noqa: PLR0917 - a table
    path: Path, stored: pa.DataType, given: list[Any], wide: pa.DataType, becomes: str,
    after: list[Any],
) -> None:  # fmt: skip
    write_deltalake(
        path, pa.table({"id": pa.array(range(len(given))), "a": pa.array(given, stored)})
    )
    sink = sink_at(path)
    for _ in range(2):  # a time without a zone takes a commit of its own before
        try:
            widened = widen(sink, a=pa.array([None], wide), id=pa.array([9]))
            break
        except CommitConflictError:
            continue

    assert widened
    assert columns_of(path) == schema_of_ddl(f"id BIGINT, a {becomes}")
    found = DeltaTable(path).to_pyarrow_table().sort_by("id").column("a").to_pylist()
    assert found == after
    assert [type(each) for each in found] == [type(each) for each in after]
    assert not widen(sink, a=pa.array([None], wide), id=pa.array([9]))
    append(sink, a=pa.array([None], wide), id=pa.array([9]))
    DeltaTable(path).create_checkpoint()
    assert len(values(path, "id")) == len(given) + 1


def test_times_when_stored_as_int96_beside_a_field_that_becomes_wider_then_they_stay(
    path: Path,
) -> None:
    moments = [datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    kind = pa.struct({"t": pa.timestamp("us", "UTC"), "x": pa.int32()})
    table = pa.table({"a": pa.array([{"t": each, "x": 1} for each in moments], kind)})
    write_deltalake(path, table)
    pa.parquet.write_table(
        table, next(path.glob("*.parquet")), use_deprecated_int96_timestamps=True,
        store_schema=False,
    )  # fmt: skip

    assert widen(sink_at(path), a=pa.array([{"x": I64}]))

    found = DeltaTable(path).to_pyarrow_table().column("a").to_pylist()
    assert [each["t"] for each in found] == moments


def test_commit_when_it_widens_then_it_brings_no_row_and_tells_what_it_did(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1, 2], pa.int32())}), mode="append")
    write_deltalake(path, pa.table({"a": pa.array([3], pa.int32())}), mode="append")

    assert widen(sink_at(path), a=pa.array([1.5]))

    found = actions(path, 2)
    files = [each[kind] for each in found for kind in ("add", "remove") if kind in each]
    assert len(files) == 4
    assert not any(each["dataChange"] for each in files)
    assert not any("txn" in each for each in found)
    old = {
        each["add"]["path"]
        for version in (0, 1)
        for each in actions(path, version)
        if "add" in each
    }
    assert {each["remove"]["path"] for each in found if "remove" in each} == old
    newest = DeltaTable(path).history(1)[0]
    assert newest["operation"] == "WIDEN COLUMNS"
    assert json.loads(newest["operationParameters"]["columns"]) == ["~ a INT -> DOUBLE"]
    assert newest["lakestream"]["batch"] == 0
    assert look(sink_at(path)).widened == (SchemaChange("a", "retyped", "INT", "DOUBLE"),)
    assert look(sink_at(path, query="p")).widened == ()
    assert DeltaTable(path, version=1).to_pyarrow_table().column("a").to_pylist() in (
        [1, 2, 3], [3, 1, 2])  # fmt: skip


def test_statistics_when_rewritten_then_they_say_the_same_under_the_new_types(path: Path) -> None:
    at = datetime(2020, 1, 1, 1, 2, 3, 456789, tzinfo=UTC)
    table = pa.table({
        "a": pa.array([5, None], pa.int32()),
        "f": pa.array([0.1, 0.2], pa.float32()),
        "t": pa.array([at, at]),
        "n": pa.array([MIDNIGHT, at.replace(tzinfo=None)]),
        "e": pa.array([date(1969, 1, 1), None]),
        "s": pa.array([{"n": 1}, {"n": 2}], pa.struct({"n": pa.int32()})),
        "d": pa.array([Decimal("1.10"), Decimal("2.20")]),
        "b": [True, False],
        "w": ["x", "y"],
    })  # fmt: skip
    write_deltalake(path, table)

    widen(
        sink_at(path),
        a=pa.array([1.5]),
        f=pa.array([1.5]),
        s=pa.array([{"n": I64}]),
        d=pa.array([Decimal("1.0001")]),
    )

    found = DeltaTable(path).get_add_actions(flatten=True)
    told = {name: found[name].to_pylist()[0] for name in found.schema.names}
    exact = pa.scalar(0.2, pa.float32()).cast(pa.float64()).as_py()
    assert told["num_records"] == 2
    assert (told["min.a"], told["null_count.a"]) == (5.0, 1)
    assert told["max.f"] == exact  # 0.2 would be less than the value, and leave its file out
    assert told["min.t"] == at
    assert (told["min.n"], told["max.n"]) == (at.replace(tzinfo=None), MIDNIGHT)
    assert (told["min.e"], told["null_count.e"]) == (date(1969, 1, 1), 1)
    assert (told["min.s.n"], told["max.s.n"]) == (1, 2)
    assert (told["min.d"], told["max.d"]) == (Decimal("1.1"), Decimal("2.2"))
    assert (told["min.w"], told["max.w"]) == ("x", "y")
    engine = QueryBuilder().register("t", DeltaTable(path))
    where = "f > 0.15 and d = 2.2 and n < '2020-02-01' and t > '2019-01-01' and s.n = 2"
    rows = engine.execute(f"select w from t where {where}").read_all()  # noqa: S608 - no input
    assert rows["w"].to_pylist() == ["y"]
    assert sink_at(path).row_count() == 2


def test_statistics_when_of_a_date_beyond_pythons_years_then_only_they_are_left_out(
    path: Path,
) -> None:
    late = pa.array([2_932_897, 0], pa.int32()).cast(pa.date32())  # 10000-01-01
    write_deltalake(path, pa.table({"a": pa.array([1, 2], pa.int32()), "d": late}))

    assert widen(sink_at(path), a=pa.array([I64]))

    assert DeltaTable(path).to_pyarrow_table().column("d").chunk(0).equals(late)
    engine = QueryBuilder().register("t", DeltaTable(path))
    rows = engine.execute("select a from t where a > 1").read_all()
    assert rows["a"].to_pylist() == [2]


def test_partitions_when_one_is_the_wider_column_then_rows_stay_in_theirs(path: Path) -> None:
    names = ["x y/%é", "", None, "2020-01-01"]
    table = pa.table({
        "id": pa.array(range(4), pa.int32()),
        "p": pa.array([1, 2, None, 4], pa.int32()),
        "i": pa.array([1, 2, None, 4], pa.int16()),
        "f": pa.array([0.1] * 4, pa.float32()),
        "n": names,
    })  # fmt: skip
    write_deltalake(path, table, partition_by=["p", "n", "i", "f"])
    before = DeltaTable(path).to_pyarrow_table().sort_by("id").to_pylist()
    wider = {
        "id": pa.array([I64]),
        "p": pa.array([I64]),
        "i": pa.array([1.5]),
        "f": pa.array([0.1]),
        "n": pa.array(["x y/%é"]),
    }
    sink = sink_at(path)
    assert widen(sink, **wider)

    exact = pa.scalar(0.1, pa.float32()).cast(pa.float64()).as_py()
    after = DeltaTable(path).to_pyarrow_table().sort_by("id").to_pylist()
    assert after == [each | {"f": exact} for each in before]
    append(sink, **wider)
    DeltaTable(path).create_checkpoint()
    assert DeltaTable(path).to_pyarrow_table().num_rows == 5


@pytest.mark.parametrize(
    "values",
    [
        pa.array([datetime(2020, 1, 1, 1, 2, 3, 456789, tzinfo=UTC), None]),
        pa.array([datetime(2020, 1, 1, 1, 2, 3, 456789), datetime(1969, 1, 1)]),
        pa.array([MIDNIGHT, datetime(2020, 1, 1, 1, 2, 3, 400000)]),
        pa.array([date(2020, 1, 1), None]),
        pa.array([True, None]),
        pa.array([Decimal("1.10"), Decimal("5.05")]),
        pa.array([0.1, -2.5e-7]),
        pa.array([0.1, None], pa.float32()),
        pa.array([b"a\xff", None]),
        pa.array(["x y/%é", ""]),
    ],
    ids=lambda each: str(each.type),
)
def test_partitions_when_another_column_becomes_wider_then_their_values_stay(
    path: Path, values: pa.Array
) -> None:
    narrow = pa.table({"id": pa.array([1, 2], pa.int32()), "p": values})
    write_deltalake(path, narrow, partition_by=["p"])
    rows = DeltaTable(path).to_pyarrow_table().sort_by("id").to_pylist()

    assert widen(sink_at(path), id=pa.array([I64]))

    assert DeltaTable(path).to_pyarrow_table().sort_by("id").to_pylist() == rows
    assert sorted(read_table(str(path)).read_all().to_pylist(), key=lambda row: row["id"]) == rows
    texts = [each["add"]["partitionValues"]["p"] for each in actions(path, 1) if "add" in each]
    if pa.types.is_timestamp(values.type):  # the protocol's way, which Spark reads, too
        assert not any("T" in text or "Z" in text for text in texts if text)
    append(sink_at(path), id=pa.array([I64]), p=values.slice(0, 1))
    DeltaTable(path).create_checkpoint()
    assert DeltaTable(path).to_pyarrow_table().num_rows == 3


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        (pa.array([date(2020, 1, 1)]), pa.array([MIDNIGHT])),
        (pa.array([5], pa.int32()), pa.array([Decimal("5.25")])),
        (pa.array([Decimal("1.10")]), pa.array([Decimal("1.1000")])),
    ],
    ids=["date", "int", "decimal"],
)
def test_partitions_when_their_log_could_not_be_read_then_they_are_refused(
    path: Path, stored: pa.Array, given: pa.Array
) -> None:
    write_deltalake(path, pa.table({"id": [1], "p": stored}), partition_by=["p"])

    with pytest.raises(SinkSchemaError, match=r"partition column 'p' is .* and cannot become"):
        widen(sink_at(path), id=pa.array([1]), p=given)

    assert DeltaTable(path).to_pyarrow_table().num_rows == 1


def test_files_when_they_lack_the_column_then_they_stay(path: Path) -> None:
    write_deltalake(path, pa.table({"id": [1]}))
    narrow = pa.table({"id": [2], "a": pa.array([5], pa.int32())})
    write_deltalake(path, narrow, mode="append", schema_mode="merge")
    first = DeltaTable(path, version=0).file_uris()

    assert widen(sink_at(path), id=pa.array([3]), a=pa.array([I64]))

    assert set(first) < set(DeltaTable(path).file_uris())
    assert values(path) == [None, 5]
    schemas = [pa.parquet.read_schema(uri) for uri in DeltaTable(path).file_uris()]
    assert sorted(len(each) for each in schemas) == [1, 2]
    assert {str(kind) for each in schemas for kind in each.types} == {"int64"}


def test_fields_when_only_some_are_narrow_then_names_metadata_and_settings_stay(path: Path) -> None:
    comment = pa.field("A", pa.int32(), metadata={"comment": "how many"})
    schema = pa.schema([comment, pa.field("id", pa.int64(), nullable=False)])
    write_deltalake(
        path,
        pa.table({"A": pa.array([1], pa.int32()), "id": pa.array([1])}, schema=schema),
        name="orders",
        description="all of them",
        configuration={"delta.enableChangeDataFeed": "true", "delta.appendOnly": "true"},
    )
    before = DeltaTable(path)

    assert widen(sink_at(path), a=pa.array([I64]), id=pa.array([2]))

    after = DeltaTable(path)
    assert after.metadata().id == before.metadata().id
    assert after.metadata().configuration == before.metadata().configuration
    assert (after.metadata().name, after.metadata().description) == ("orders", "all of them")
    fields = {each.name: each for each in after.schema().fields}
    assert str(fields["A"].type) == 'PrimitiveType("long")'
    assert fields["A"].metadata == {"comment": "how many"}
    assert not fields["id"].nullable
    assert DeltaTable(path).load_cdf(starting_version=1).read_all().num_rows == 0
    append(sink_at(path), a=pa.array([I64]), id=pa.array([2]))
    assert values(path, "A") == [1, I64]


def test_table_when_widening_is_not_allowed_then_it_stays_and_the_message_names_it(
    path: Path,
) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    sink = sink_at(path, widens=False)

    assert not widen(sink, a=pa.array([I64]))
    with pytest.raises(SinkSchemaError, match=r'widening="rewrite"'):
        append(sink, a=pa.array([I64]))

    assert DeltaTable(path).version() == 0


@pytest.mark.parametrize("given", [pa.array(["x"]), pa.array([True]), pa.array([b"x"])])
def test_column_when_no_wider_type_holds_both_then_it_is_refused_as_ever(
    path: Path, given: pa.Array
) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    sink = sink_at(path)

    assert not widen(sink, a=given)
    with pytest.raises(SinkSchemaError, match="the table's is int"):
        append(sink, a=given)


def test_stream_when_it_is_the_narrower_one_then_its_values_become_wider(path: Path) -> None:
    wide = pa.table({
        "a": pa.array([I64]),
        "s": pa.array([{"x": 1.5, "y": "z"}]),
        "d": pa.array([Decimal("1.25")], pa.decimal128(12, 2)),
    })  # fmt: skip
    write_deltalake(path, wide)
    sink = sink_at(path)
    narrow = {
        "d": pa.array([7], pa.int32()),
        "s": pa.array([{"x": 2, "z": 1}], pa.struct({"x": pa.int32(), "z": pa.int64()})),
        "a": pa.array([3], pa.int8()),
    }

    assert not widen(sink, **narrow)
    append(sink, **narrow)

    assert values(path) == [3, I64]
    assert values(path, "d") == [Decimal("1.25"), Decimal(7)]
    found = DeltaTable(path).to_pyarrow_table().column("s").to_pylist()
    assert {"x": 2.0, "y": None, "z": 1} in found


def test_widening_when_another_writer_appends_meanwhile_then_only_the_news_are_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    sink = sink_at(path)
    inspection = look(sink)
    write_deltalake(path, pa.table({"a": pa.array([2], pa.int32())}), mode="append")
    made = []
    written = rewrite.rewritten
    monkeypatch.setattr(
        "lakestream.delta.widening.rewritten",
        lambda *args, **options: made.append(1) or written(*args, **options),
    )

    with pytest.raises(CommitConflictError) as caught:
        inspection.widen(stream(a=pa.array([I64])), {})
    assert caught.value.transient
    assert values(path) == [1, 2]
    assert widen(sink, a=pa.array([I64]))

    assert len(made) == 2
    assert values(path) == [1, 2]


def test_file_when_it_was_removed_between_two_tries_then_it_does_not_come_back(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    write_deltalake(path, pa.table({"a": pa.array([2], pa.int32())}), mode="append")
    sink = sink_at(path)
    inspection = look(sink)
    DeltaTable(path).delete("a = 1")

    with pytest.raises(CommitConflictError):
        inspection.widen(stream(a=pa.array([I64])), {})
    assert widen(sink, a=pa.array([I64]))

    assert values(path) == [2]


def test_runners_when_both_widen_then_one_does_and_the_other_looks_again(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    one, other = sink_at(path), sink_at(path)
    seen, also = look(one), look(other)

    assert seen.widen(stream(a=pa.array([I64])), {})
    with pytest.raises(CommitConflictError):
        also.widen(stream(a=pa.array([I64])), {})

    assert not widen(other, a=pa.array([I64]))
    assert values(path) == [1]
    assert DeltaTable(path).version() == 1


def test_zombie_when_it_looked_before_then_its_narrow_rows_are_refused(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    zombie = look(sink_at(path))
    stale = DeltaTable(path)
    widen(sink_at(path), a=pa.array([I64]))

    with pytest.raises(CommitConflictError):
        zombie.commit(stream(a=pa.array([5], pa.int32())), {})
    with pytest.raises(Exception, match=r"(?i)metadata"):  # a writer that knows nothing of us
        write_deltalake(
            stale,
            pa.table({"a": pa.array([5], pa.int32())}),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction("x", 1)]),
        )

    assert values(path) == [1]


@pytest.mark.parametrize(
    "rewrites",
    [
        lambda table: table.optimize.compact(),
        lambda table: table.optimize.z_order(["a"]),
        lambda table: table.delete("a = 1"),
        lambda table: table.update({"a": "7"}),
    ],
    ids=["compact", "z-order", "delete", "update"],
)
def test_rewrite_when_it_looked_before_the_widening_then_it_is_refused(
    path: Path, rewrites: Any
) -> None:
    for number in (1, 2):
        write_deltalake(path, pa.table({"a": pa.array([number], pa.int32())}), mode="append")
    stale = DeltaTable(path)
    widen(sink_at(path), a=pa.array([I64]))

    with pytest.raises(Exception, match=r"(?i)commit|conflict|metadata"):
        rewrites(stale)

    assert values(path) == [1, 2]


@pytest.mark.parametrize("fault", [fails(), loses_reply()], ids=["fails", "loses the reply"])
def test_entry_when_its_put_breaks_off_then_the_next_look_tells(path: Path, fault: Any) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    sink = sink_at(path)
    plan = FaultPlan().on("put", "_delta_log/*", fault)
    with plan.installed(), pytest.raises(StorageUnavailableError):
        widen(sink, a=pa.array([I64]))

    widen(sink, a=pa.array([I64]))

    assert DeltaTable(path).version() == 1
    assert values(path) == [1]


def test_files_when_written_anew_on_a_disk_then_they_are_synced_before_the_entry(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    done: list[str] = []
    synced, put = widening.sync, LocalLogStore.put_absent
    monkeypatch.setattr(
        widening, "sync", lambda root, keys: done.extend(keys) or synced(root, keys)
    )
    monkeypatch.setattr(
        LocalLogStore,
        "put_absent",
        lambda store, key, data: done.append(key) or put(store, key, data),
    )

    widen(sink_at(path), a=pa.array([I64]))

    (new,) = [each["add"]["path"] for each in actions(path, 1) if "add" in each]
    assert done == [new, f"_delta_log/{1:020}.json"]


def test_file_when_a_vacuum_took_it_before_its_commit_then_the_sink_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    opened = stores.open_log_store

    def vacuumed(*args: Any, **options: Any) -> Any:
        for file in path.glob("*.zstd.parquet"):
            file.unlink()
        return opened(*args, **options)

    monkeypatch.setattr("lakestream.delta.widening.sync", lambda *_: None)
    monkeypatch.setattr(stores, "open_log_store", vacuumed)

    with pytest.raises(SinkDamagedError, match="restore the table to version 0"):
        widen(sink_at(path), a=pa.array([I64]))


def test_file_when_it_cannot_be_read_then_nothing_is_changed(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    Path(DeltaTable(path).file_uris()[0]).unlink()

    with pytest.raises(DataLossError):
        widen(sink_at(path), a=pa.array([I64]))

    assert DeltaTable(path).version() == 0
    assert not list(path.glob("*.zstd.parquet"))


def test_file_when_it_breaks_off_within_then_nothing_is_changed(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array(range(10**6), pa.int32())}))
    file = Path(DeltaTable(path).file_uris()[0])
    data = bytearray(file.read_bytes())
    data[100:200_000] = b"\xff" * (200_000 - 100)
    file.write_bytes(data)

    with pytest.raises(LakestreamError):
        widen(sink_at(path), a=pa.array([I64]))

    assert DeltaTable(path).version() == 0
    assert [each for each in path.glob("*.parquet") if each != file] == []


def test_table_when_it_generates_columns_or_has_row_ids_then_it_is_left_alone(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32()), "b": pa.array([2])}))
    entry = path / "_delta_log/00000000000000000000.json"
    text = entry.read_text()
    made = '\\"name\\":\\"b\\",\\"type\\":\\"long\\",\\"nullable\\":true,\\"metadata\\":{'
    assert made in text
    entry.write_text(text.replace(made, made + '\\"delta.generationExpression\\":\\"a + 1\\"'))

    with pytest.raises(TableFeatureError, match=r"generationExpression of 'b'"):
        widen(sink_at(path), a=pa.array([I64]), b=pa.array([2]))


def test_stream_when_narrower_and_its_lists_name_their_parts_otherwise_then_all_is_taken(
    path: Path,
) -> None:
    named = pa.list_(pa.field("l", pa.string()))  # as the engine of expressions has it
    keyed = pa.map_(pa.field("keys", pa.string(), nullable=False), pa.field("values", pa.int64()))
    kinds = {"l": named, "m": keyed, "s": pa.struct({"l": named})}
    rows: dict[str, Any] = {"l": ["x", None], "m": [("k", 1)], "s": {"l": ["y"]}}
    plain = {"l": pa.list_(pa.string()), "m": pa.map_(pa.string(), pa.int64())}
    stored = pa.schema({"a": pa.int64(), **plain, "s": pa.struct({"l": plain["l"]})})
    write_deltalake(path, pa.Table.from_pylist([{"a": I64}], stored))

    append(
        sink_at(path),
        a=pa.array([1], pa.int32()),
        **{name: pa.array([rows[name]], kind) for name, kind in kinds.items()},
    )

    found = DeltaTable(path).to_pyarrow_table().to_pylist()
    assert [each for each in found if each["a"] == 1] == [{"a": 1, **rows}]


def test_table_when_it_gets_times_without_a_zone_then_its_rows_are_held_to_the_same(
    path: Path,
) -> None:
    days = pa.array([date(2020, 2, 29)])
    config = {"delta.enableChangeDataFeed": "true", "delta.appendOnly": "true"}
    write_deltalake(path, pa.table({"id": [1], "a": days}), configuration=config)
    DeltaTable(path).alter.add_constraint({"few": "id < 100"})
    with pytest.raises(CommitConflictError):
        widen(sink_at(path), a=pa.array([MIDNIGHT]))

    assert widen(sink_at(path), a=pa.array([MIDNIGHT]))

    features = set(DeltaTable(path).protocol().writer_features or [])
    assert features == {
        "timestampNtz", "appendOnly", "invariants", "checkConstraints", "changeDataFeed",
        "generatedColumns",
    }  # fmt: skip
    with pytest.raises(Exception, match="failed validation"):
        write_deltalake(path, pa.table({"id": [100], "a": [MIDNIGHT]}), mode="append")
    with pytest.raises(Exception, match="append"):
        DeltaTable(path).delete()


def test_table_when_it_maps_its_names_then_its_protocol_stays(path: Path) -> None:
    write_deltalake(path, pa.table({"a": pa.array([date(2020, 2, 29)])}))
    entry = path / f"_delta_log/{0:020}.json"
    mapped = '"configuration":{"delta.columnMapping.mode":"name"}'
    entry.write_text(entry.read_text().replace('"configuration":{}', mapped))

    with pytest.raises(TableFeatureError):
        widen(sink_at(path), a=pa.array([MIDNIGHT]))

    assert DeltaTable(path).version() == 0


def test_many_versions_when_widened_on_a_checkpoints_number_then_the_table_opens(
    path: Path,
) -> None:
    write_deltalake(
        path,
        pa.table({"a": pa.array([0], pa.int32())}),
        configuration={"delta.checkpointInterval": "4"},
    )
    for number in range(1, 3):
        write_deltalake(path, pa.table({"a": pa.array([number], pa.int32())}), mode="append")

    assert widen(sink_at(path), a=pa.array([I64]))  # version 3
    for number in range(3, 8):
        write_deltalake(path, pa.table({"a": pa.array([number])}), mode="append")

    assert (path / f"_delta_log/{7:020}.checkpoint.parquet").exists()
    assert values(path) == list(range(8))
    log = DeltaLog(stores.open_read_store(str(path)))
    assert log.newest(0) == 8


def test_new_file_when_its_writer_fails_then_nothing_is_left(tmp_path: Path) -> None:
    def write() -> None:
        with new_files.new_file(str(tmp_path / "t"), None, "p=1/a.parquet") as file:
            file.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write()

    assert not list((tmp_path / "t").rglob("*.parquet"))


def test_deltalake_when_a_table_has_the_feature_of_wider_types_then_it_does_not_write_it(
    path: Path,
) -> None:
    """Why the files are rewritten: what Spark does about a wider type cannot be had here."""
    write_deltalake(path, pa.table({"a": pa.array([1], pa.int32())}))
    entry = path / "_delta_log/00000000000000000000.json"
    lines = entry.read_text().splitlines()
    features = '"readerFeatures":["typeWidening"],"writerFeatures":["typeWidening"]'
    protocol = f'{{"protocol":{{"minReaderVersion":3,"minWriterVersion":7,{features}}}}}'
    entry.write_text("\n".join(protocol if '"protocol"' in each else each for each in lines))

    with pytest.raises(Exception, match=r"(?i)typeWidening"):
        write_deltalake(DeltaTable(path), pa.table({"a": pa.array([1], pa.int32())}), mode="append")
    with pytest.raises(Exception, match=r"(?i)unsupported|feature|typeWidening"):
        DeltaTable(path).to_pyarrow_table()
