"""The Delta sink's promises, on real tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest
from arro3.core import RecordBatchReader
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestream.errors import (
    AccessDeniedError,
    CommitConflictError,
    FencedError,
    PlanMismatchError,
    SinkBehindError,
    SinkDamagedError,
    SinkReplacedError,
    SinkRestoredError,
    SinkSchemaError,
    TableFeatureError,
)
from lakestream.plan.types import Struct, schema_of_ddl
from lakestream.sinks.base import Receipt
from lakestream.sinks.delta import DeltaInspection, DeltaSink

SCHEMA = schema_of_ddl("id BIGINT, name STRING")


def sink_at(
    path: Path, *, query: str = "q-1", name: str = "orders", partition_by: tuple[str, ...] = ()
) -> DeltaSink:
    return DeltaSink(str(path), partition_by=partition_by, query_id=query, query_name=name)


def stream(**columns: Any) -> RecordBatchReader:
    return RecordBatchReader.from_arrow(pa.table(columns))


def rows(path: Path) -> list[dict[str, Any]]:
    table = DeltaTable(path)
    files = [pa.parquet.read_table(uri, partitioning=None) for uri in table.file_uris()]
    return [row for file in files for row in file.to_pylist()]


def digest(batch: int) -> str:
    return f"digest-{batch}"


def look(sink: DeltaSink, batch: int, after: int | None = None, **over: Any) -> DeltaInspection:
    wanted = {"table_id": None, "plan_digest": digest(batch), "receipt_version": after} | over
    return sink.inspect(batch, **wanted)


def commit(sink: DeltaSink, batch: int, after: int | None = None, **columns: Any) -> Receipt:
    inspection = look(sink, batch, after)
    columns = columns or {"id": [batch], "name": ["n"]}
    inspection.commit(stream(**columns), {"planDigest": digest(batch), "batch": batch})
    receipt = sink.find_receipt(batch)
    assert receipt is not None
    return receipt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table"


@pytest.fixture
def sink(path: Path) -> DeltaSink:
    found = sink_at(path)
    found.prepare(SCHEMA)
    return found


def test_sink_without_table_knows_neither_id_nor_mark(path: Path) -> None:
    sink = sink_at(path)
    assert sink.table_id() is None
    assert sink.name_mark() is None
    assert not path.exists()


def test_prepare_twice_gives_the_same_id(path: Path) -> None:
    first = sink_at(path).prepare(SCHEMA)
    assert sink_at(path).prepare(schema_of_ddl("other INT")) == first
    assert sink_at(path).table_id() == first


def test_commit_of_a_batch_when_new_carries_rows_marks_and_metadata(
    sink: DeltaSink, path: Path
) -> None:
    receipt = commit(sink, 0, id=[1, 2, 3], name=["a", "b", None])
    assert (receipt.batch_id, receipt.version, receipt.rows) == (0, 1, 3)
    assert receipt.metadata == {"planDigest": digest(0), "batch": 0}
    assert receipt.bytes == sum(f.stat().st_size for f in path.glob("*.parquet"))
    assert Counter(row["id"] for row in rows(path)) == Counter([1, 2, 3])
    assert sink.name_mark() == 0
    sink.verify(receipt)


def test_commit_of_nothing_still_leaves_a_mark(sink: DeltaSink) -> None:
    empty = RecordBatchReader.from_batches(stream(id=[1], name=["a"]).schema, [])
    look(sink, 0).commit(empty, {"planDigest": digest(0)})
    receipt = sink.find_receipt(0)
    assert receipt is not None
    assert (receipt.version, receipt.rows, receipt.bytes) == (1, 0, 0)
    sink.verify(receipt)
    assert commit(sink, 1, receipt.version).version == 2


def test_inspect_of_a_committed_batch_gives_its_receipt(sink: DeltaSink, path: Path) -> None:
    receipt = commit(sink, 0)
    assert look(sink, 0).receipt == receipt
    assert look(sink_at(path), 0).receipt == receipt


def test_inspect_finds_the_receipt_behind_foreign_commits(sink: DeltaSink, path: Path) -> None:
    receipt = commit(sink, 0)
    write_deltalake(DeltaTable(path), pa.table({"id": [9], "name": ["x"]}), mode="append")
    assert look(sink, 0).receipt == receipt


def test_inspect_of_a_committed_batch_with_another_digest_is_refused(sink: DeltaSink) -> None:
    commit(sink, 0)
    with pytest.raises(PlanMismatchError):
        look(sink, 0, plan_digest="another")


def test_inspect_of_a_batch_whose_commit_was_cleaned_away_is_refused(
    sink: DeltaSink, path: Path
) -> None:
    commit(sink, 0)
    write_deltalake(DeltaTable(path), pa.table({"id": [9], "name": ["x"]}), mode="append")
    DeltaTable(path).create_checkpoint()
    (path / "_delta_log" / f"{1:020d}.json").unlink()
    with pytest.raises(PlanMismatchError, match="no longer in the log"):
        look(sink_at(path), 0)


def test_inspect_below_the_mark_is_fenced(sink: DeltaSink) -> None:
    version = commit(sink, 0).version
    commit(sink, 1, version)
    with pytest.raises(FencedError):
        look(sink, 0)


@pytest.mark.parametrize("batch", [1, 5])
def test_inspect_above_the_mark_is_behind(sink: DeltaSink, batch: int) -> None:
    with pytest.raises(SinkBehindError):
        look(sink, batch)


def test_inspect_after_a_lost_newest_commit_is_behind(sink: DeltaSink, path: Path) -> None:
    first = commit(sink, 0)
    second = commit(sink, 1, first.version)
    (path / "_delta_log" / f"{second.version:020d}.json").unlink()
    for runner in (sink, sink_at(path)):
        with pytest.raises(SinkBehindError):
            look(runner, 2, second.version)


def test_inspect_after_a_zero_byte_newest_commit_is_behind(sink: DeltaSink, path: Path) -> None:
    first = commit(sink, 0)
    second = commit(sink, 1, first.version)
    (path / "_delta_log" / f"{second.version:020d}.json").write_bytes(b"")
    with pytest.raises(SinkBehindError):
        look(sink_at(path), 2, second.version)


def test_inspect_after_a_restore_is_refused(sink: DeltaSink, path: Path) -> None:
    first = commit(sink, 0)
    second = commit(sink, 1, first.version)
    DeltaTable(path).restore(first.version)
    with pytest.raises(SinkRestoredError):
        look(sink, 2, second.version)


def test_inspect_of_a_deleted_table_says_so(sink: DeltaSink, path: Path) -> None:
    receipt = commit(sink, 0)
    shutil.rmtree(path)
    with pytest.raises(SinkReplacedError):
        look(sink, 1, receipt.version)


def test_inspect_of_a_table_made_again_says_so(sink: DeltaSink, path: Path) -> None:
    table_id = sink.table_id()
    receipt = commit(sink, 0)
    shutil.rmtree(path)
    other = sink_at(path, query="q-2")
    other.prepare(SCHEMA)
    commit(other, 0)
    commit(other, 1, 1)
    with pytest.raises(SinkReplacedError, match="another table"):
        look(sink, 1, receipt.version, table_id=table_id)


def test_commit_through_an_old_inspection_is_refused(sink: DeltaSink, path: Path) -> None:
    stale = look(sink_at(path), 0)
    commit(sink, 0)
    with pytest.raises(CommitConflictError):
        stale.commit(stream(id=[7], name=["z"]), {"planDigest": digest(0)})
    assert [row["id"] for row in rows(path)] == [0]


def test_commit_twice_through_one_inspection_is_refused(sink: DeltaSink, path: Path) -> None:
    used = look(sink, 0)
    used.commit(stream(id=[1], name=["a"]), {"planDigest": digest(0)})
    with pytest.raises(CommitConflictError, match="moved on"):
        used.commit(stream(id=[1], name=["a"]), {"planDigest": digest(0)})
    assert [row["id"] for row in rows(path)] == [1]


def test_commit_with_new_columns_through_an_old_inspection_is_refused(
    sink: DeltaSink, path: Path
) -> None:
    stale = look(sink_at(path), 0)
    commit(sink, 0)
    with pytest.raises(CommitConflictError):
        stale.commit(stream(id=[7], name=["z"], more=[1]), {"planDigest": digest(0)})
    assert len(rows(path)) == 1


def test_commit_beside_another_query_succeeds_for_both(sink: DeltaSink, path: Path) -> None:
    other = sink_at(path, query="q-2", name="returns")
    mine, theirs = look(sink, 0), look(other, 0)
    mine.commit(stream(id=[1], name=["a"]), {"planDigest": digest(0)})
    theirs.commit(stream(id=[2], name=["b"]), {"planDigest": digest(0)})
    assert Counter(row["id"] for row in rows(path)) == Counter([1, 2])
    assert (sink.find_receipt(0), other.find_receipt(0)) != (None, None)
    assert sink.find_receipt(0) != other.find_receipt(0)


def test_commit_after_a_foreign_schema_change_asks_for_a_new_inspection(
    sink: DeltaSink, path: Path
) -> None:
    stale = look(sink, 0)
    DeltaTable(path).alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(CommitConflictError):
        stale.commit(stream(id=[1], name=["a"]), {})
    assert commit(sink, 0).rows == 1


def test_commit_with_other_order_and_case_fills_the_right_columns(
    sink: DeltaSink, path: Path
) -> None:
    commit(sink, 0, NAME=["n"], Id=[4])
    assert rows(path) == [{"id": 4, "name": "n"}]


def test_commit_with_more_and_fewer_columns_evolves_in_one_version(
    sink: DeltaSink, path: Path
) -> None:
    receipt = commit(sink, 0, id=[1], extra=pa.array([True]))
    assert receipt.version == 1
    assert look(sink, 1, 1).schema == schema_of_ddl("id BIGINT, name STRING, extra BOOLEAN")
    assert DeltaTable(path).version() == 1


def test_commit_of_a_new_nested_field_evolves_the_struct(path: Path) -> None:
    sink = sink_at(path)
    sink.prepare(schema_of_ddl("s STRUCT<a: BIGINT, b: STRING>, l ARRAY<STRUCT<a: BIGINT>>"))
    commit(sink, 0, s=[{"a": 1, "c": 2}], l=[[{"a": 1, "z": "v"}]])
    assert look(sink, 1, 1).schema == schema_of_ddl(
        "s STRUCT<a: BIGINT, b: STRING, c: BIGINT>, l ARRAY<STRUCT<a: BIGINT, z: STRING>>"
    )
    assert rows(path)[0]["s"] == {"a": 1, "b": None, "c": 2}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("id", pa.array([1.0])),
        ("id", pa.array(["1"])),
        ("id", pa.array([True])),
        ("id", pa.array([1], pa.int32())),
        ("name", pa.array([b"x"])),
        ("name", pa.array([1])),
        ("new", pa.array([None])),
        ("new", pa.array([1], pa.duration("s"))),
    ],
)
def test_commit_of_another_type_is_refused_and_writes_nothing(
    sink: DeltaSink, path: Path, column: str, values: pa.Array
) -> None:
    columns = {"id": pa.array([1]), "name": pa.array(["a"])} | {column: values}
    with pytest.raises(SinkSchemaError, match=column):
        look(sink, 0).commit(stream(**columns), {})
    assert DeltaTable(path).version() == 0


@pytest.mark.parametrize("condition", ["NOT NULL id", "CHECK positive"])
def test_commit_of_rows_that_break_a_tables_condition_names_it_without_their_values(
    path: Path, condition: str
) -> None:
    nullable = condition != "NOT NULL id"
    DeltaTable.create(path, pa.schema([pa.field("id", pa.int64(), nullable=nullable)]))
    if nullable:
        DeltaTable(path).alter.add_constraint({"positive": "id > 0"})
    before = DeltaTable(path).version()
    bad = stream(id=pa.array([-4711 if nullable else None], pa.int64()))
    with pytest.raises(SinkSchemaError, match=condition) as caught:
        look(sink_at(path), 0).commit(bad, {})
    assert not caught.value.transient
    assert "4711" not in "".join(traceback.format_exception(caught.value))
    assert DeltaTable(path).version() == before
    sink_at(path).retire("q-1")
    with pytest.raises(FencedError, match="reset"):
        look(sink_at(path), 0)


def with_first_entry(path: Path, old: str, new: str) -> Path:
    """Make a table whose first log entry another engine could have written."""
    DeltaTable.create(path, pa.table({"id": [1], "name": ["a"]}).schema)
    entry = path / f"_delta_log/{0:020d}.json"
    text = entry.read_text()
    assert old in text
    entry.write_text(text.replace(old, new))
    return path


PROTOCOL = '{"minReaderVersion":1,"minWriterVersion":2}'
NAMED = '{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["appendOnly","%s"]}'


@pytest.mark.parametrize(
    ("protocol", "named"),
    [
        *((NAMED % each, each) for each in (
            "allowColumnDefaults", "clustering", "domainMetadata", "icebergCompatV2",
            "identityColumns", "inCommitTimestamp", "rowTracking",
        )),
        ('{"minReaderVersion":1,"minWriterVersion":6}', "identityColumns"),
        ('{"minReaderVersion":1,"minWriterVersion":8}', "version 8"),
    ],
)  # fmt: skip
def test_table_with_a_writer_feature_that_is_not_ours_is_refused_by_name(
    path: Path, protocol: str, named: str
) -> None:
    with_first_entry(path, PROTOCOL, protocol)

    with pytest.raises(TableFeatureError, match=named) as caught:
        look(sink_at(path), 0)
    with pytest.raises(TableFeatureError, match=named):
        sink_at(path).check(SCHEMA)
    with pytest.raises(TableFeatureError, match=named):
        sink_at(path).retire("q-1")
    with pytest.raises(TableFeatureError, match=named):
        sink_at(path).truncate()
    assert not caught.value.transient


def test_feature_that_comes_after_a_commit_stops_the_next_batch_alone(
    sink: DeltaSink, path: Path
) -> None:
    first = commit(sink, 0)
    (path / f"_delta_log/{2:020d}.json").write_text(
        '{"protocol":' + NAMED % "rowTracking" + '}\n{"commitInfo":{"operation":"ALTER"}}\n'
    )

    assert look(sink, 0, 0).receipt == first
    with pytest.raises(TableFeatureError, match="rowTracking"):
        look(sink, 1, first.version)


@pytest.mark.parametrize(
    ("feature", "rule", "named"),
    [
        ("generatedColumns", r'"delta.generationExpression":"length(name)"', "GENERATED id"),
        ("invariants", r'"delta.invariants":"{\"expression\":{\"expression\":\"id > 0\"}}"',
         "INVARIANT id"),
    ],
)  # fmt: skip
def test_commit_of_rows_that_break_a_columns_rule_names_it(
    path: Path, feature: str, rule: str, named: str
) -> None:
    plain = r"\"type\":\"long\",\"nullable\":true,\"metadata\":{"
    with_first_entry(path, plain, plain + rule.replace("\\", "\\\\").replace('"', r"\""))
    entry = path / f"_delta_log/{0:020d}.json"
    entry.write_text(entry.read_text().replace(PROTOCOL, NAMED % feature))

    with pytest.raises(SinkSchemaError, match=named):
        look(sink_at(path), 0).commit(stream(id=[-4711], name=["a"]), {})


def test_commit_of_a_null_where_a_field_of_a_struct_may_not_be_names_the_field(path: Path) -> None:
    part = pa.struct([pa.field("x", pa.int64(), nullable=False)])
    DeltaTable.create(path, pa.schema([pa.field("s", part), pa.field("l", pa.list_(part))]))
    nothing = pa.array([{"x": None}], pa.struct([("x", pa.int64())]))
    whole = pa.array([[{"x": 1}]], pa.list_(nothing.type))

    with pytest.raises(SinkSchemaError, match=r"NOT NULL s\.x, NOT NULL l\.element\.x"):
        look(sink_at(path), 0).commit(stream(s=nothing, l=whole), {})


def test_commit_of_a_map_whose_values_may_not_be_null_names_it(path: Path) -> None:
    kind = pa.map_(pa.string(), pa.field("value", pa.int64(), nullable=False))
    DeltaTable.create(path, pa.schema([pa.field("m", kind)]))
    nothing = pa.array([[("k", None)]], pa.map_(pa.string(), pa.int64()))

    with pytest.raises(SinkSchemaError, match=r"NOT NULL m\.value"):
        look(sink_at(path), 0).commit(stream(m=nothing), {})


@pytest.mark.parametrize("columns", [{"id": [1]}, {"id": [1], "name": ["a"], "more": [1]}])
def test_commit_of_other_columns_than_a_table_has_that_maps_them_is_refused(
    path: Path, columns: dict[str, Any]
) -> None:
    mapped = '"configuration":{"delta.columnMapping.mode":"name"}'
    with_first_entry(path, '"configuration":{}', mapped)

    with pytest.raises(SinkSchemaError, match="maps their names"):
        look(sink_at(path), 0).commit(stream(**columns), {})


def test_truncate_of_an_append_only_table_is_refused_before_anything(path: Path) -> None:
    only = '"configuration":{"delta.appendOnly":"true"}'
    with_first_entry(path, '"configuration":{}', only)
    for refused in (sink_at(path).check_truncate, sink_at(path).truncate):
        with pytest.raises(TableFeatureError, match="append-only"):
            refused()
    assert commit(sink_at(path), 0).rows == 1


def test_commit_of_columns_that_differ_in_case_only_is_refused(sink: DeltaSink) -> None:
    with pytest.raises(SinkSchemaError, match="one name"):
        look(sink, 0).commit(stream(x=[1], X=[2]), {})


def test_commit_of_physical_variants_stores_the_spark_type(path: Path) -> None:
    sink = sink_at(path)
    sink.prepare(schema_of_ddl("u DECIMAL(20,0), w BIGINT, t TIMESTAMP, s STRING"))
    commit(
        sink,
        0,
        u=pa.array([2**64 - 1], pa.uint64()),
        w=pa.array([2**32 - 1], pa.uint32()),
        t=pa.array([0], pa.timestamp("ms", "Europe/Berlin")),
        s=pa.array(["a"]).dictionary_encode(),
    )
    row = rows(path)[0]
    assert (int(row["u"]), row["w"], row["s"]) == (2**64 - 1, 2**32 - 1, "a")
    assert row["t"].timestamp() == 0


def test_commit_into_partitions_writes_one_folder_a_value(path: Path) -> None:
    sink = sink_at(path, partition_by=("day",))
    sink.prepare(schema_of_ddl("day STRING, id BIGINT"))
    receipt = commit(sink, 0, id=[1, 2, 3], day=["a/b %", "x", None])
    sink.verify(receipt)
    assert receipt.rows == 3
    assert len([each for each in path.iterdir() if each.name.startswith("day=")]) == 3


def test_prepare_with_other_partitions_than_the_table_is_refused(path: Path) -> None:
    sink_at(path, partition_by=("name",)).prepare(SCHEMA)
    with pytest.raises(SinkSchemaError, match="partitioned by name"):
        sink_at(path, partition_by=("id",)).prepare(SCHEMA)
    sink_at(path).prepare(SCHEMA)


@pytest.mark.parametrize("names", [("nope",), ("id", "name")])
def test_prepare_with_impossible_partitions_is_refused(path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(SinkSchemaError):
        sink_at(path, partition_by=names).prepare(SCHEMA)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["BINARY", "STRUCT<x: INT>", "ARRAY<INT>", "MAP<STRING, INT>"])
def test_prepare_with_partitions_that_have_no_text_is_refused(path: Path, kind: str) -> None:
    schema = schema_of_ddl(f"id INT, part {kind}")
    for refuse in (sink_at(path, partition_by=("part",)).check,
                   sink_at(path, partition_by=("part",)).prepare):  # fmt: skip
        with pytest.raises(SinkSchemaError, match="partition column 'part' is"):
            refuse(schema)
    assert not path.exists()


def test_prepare_of_a_table_that_others_partitioned_by_bytes_is_refused(path: Path) -> None:
    write_deltalake(path, pa.table({"id": [1], "part": [b"\xff"]}), partition_by=["part"])
    with pytest.raises(SinkSchemaError, match="partition column 'part' is binary"):
        sink_at(path).prepare(schema_of_ddl("id BIGINT, part BINARY"))


def test_prepare_of_a_void_column_is_refused(path: Path) -> None:
    with pytest.raises(SinkSchemaError, match="CAST"):
        sink_at(path).prepare(schema_of_ddl("a INT, s STRUCT<x: VOID>"))


def test_verify_when_a_vacuum_took_the_files_says_so(sink: DeltaSink, path: Path) -> None:
    receipt = commit(sink, 0)
    next(path.glob("*.parquet")).unlink()
    with pytest.raises(SinkDamagedError, match="missing"):
        sink.verify(receipt)


def test_verify_when_a_partitions_file_is_missing_says_so(path: Path) -> None:
    sink = sink_at(path, partition_by=("day",))
    sink.prepare(schema_of_ddl("day STRING, id BIGINT"))
    receipt = commit(sink, 0, id=[1], day=["a/b %"])
    next(path.glob("day=*/*.parquet")).unlink()
    with pytest.raises(SinkDamagedError, match="missing"):
        sink.verify(receipt)


def test_verify_when_a_file_was_cut_short_says_so(sink: DeltaSink, path: Path) -> None:
    receipt = commit(sink, 0)
    data = next(path.glob("*.parquet"))
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(SinkDamagedError, match="not whole"):
        sink.verify(receipt)


def test_verify_when_a_compaction_replaced_the_files_is_content(
    sink: DeltaSink, path: Path
) -> None:
    commit(sink, 0)
    receipt = commit(sink, 1, 1)
    table = DeltaTable(path)
    table.optimize.compact()
    table.vacuum(0, dry_run=False, enforce_retention_duration=False)
    sink.verify(receipt)
    assert commit(sink, 2, receipt.version).rows == 1


def test_verify_of_a_receipt_whose_log_entry_was_cleaned_is_content(sink: DeltaSink) -> None:
    sink.verify(Receipt(0, 77, 0, 0, {}))


def test_verify_on_a_local_disk_syncs_data_log_and_folders(
    sink: DeltaSink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = commit(sink, 0)
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    sink.verify(receipt)
    data = next(path.glob("*.parquet"))
    log = path / "_delta_log"
    assert set(synced) == {str(each) for each in (data, log / f"{1:020d}.json", path, log)}


def test_handle_when_kept_over_many_batches_is_loaded_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.delta.table.CHECKPOINT_INTERVAL", 5)
    sink = sink_at(path)
    sink.prepare(SCHEMA)
    after = None
    for batch in range(12):
        after = commit(sink, batch, after).version
    assert sink.name_mark() == 11
    assert len(rows(path)) == 12


def test_find_receipt_of_a_batch_that_never_was_is_none(sink: DeltaSink) -> None:
    assert sink.find_receipt(3) is None
    commit(sink, 0)
    assert sink.find_receipt(3) is None


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from(["a", "b", "foreign", "compact"]), max_size=8))
def test_batches_of_two_runners_in_any_order_are_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("any") / "t"
    runners = {name: sink_at(path) for name in "ab"}
    runners["a"].prepare(SCHEMA)
    runners["b"].prepare(schema_of_ddl("other INT"))
    looks = {name: look(runner, 0) for name, runner in runners.items()}
    for step in steps:
        if step == "foreign":
            write_deltalake(DeltaTable(path), pa.table({"id": [-1], "name": ["f"]}), mode="append")
        elif step == "compact":
            DeltaTable(path).optimize.compact()
        else:
            _advance(runners[step], looks, step)
    mark = sink_at(path, query="q-1").find_receipt(0)
    found = Counter(row["id"] for row in rows(path) if row["id"] >= 0)
    assert all(count == 1 for count in found.values())
    assert bool(found) == (mark is not None)


def _advance(sink: DeltaSink, looks: dict[str, DeltaInspection], name: str) -> None:
    batch = looks[name]._marks["q-1"]
    if looks[name].receipt is None:
        with suppress(CommitConflictError):
            looks[name].commit(stream(id=[batch], name=[name]), {"planDigest": digest(batch)})
    while True:
        with suppress(FencedError):  # batches behind: the other runner did these
            looks[name] = look(sink, batch)
            if looks[name].receipt is None:
                return
        batch += 1


RACER = """
import sys
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
from arro3.core import RecordBatchReader
from lakestream.errors import CommitConflictError, FencedError
from lakestream.plan.types import schema_of_ddl
from lakestream.sinks.delta import DeltaSink

path, me, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
sink = DeltaSink(path, query_id="q", query_name="n")
print("ready", flush=True)
sys.stdin.readline()
table_id = sink.prepare(schema_of_ddl("id BIGINT, who STRING"))
batch, after = 0, None
while batch < batches:
    try:
        look = sink.inspect(
            batch, table_id=table_id, plan_digest=f"d{batch}", receipt_version=after
        )
        if look.receipt is None:
            rows = pa.table({"id": [batch] * 3, "who": [me] * 3})
            look.commit(RecordBatchReader.from_arrow(rows), {"planDigest": f"d{batch}"})
            continue
        sink.verify(look.receipt)
        after = look.receipt.version
    except CommitConflictError:
        continue
    except FencedError:
        pass
    batch += 1
print(table_id)
"""


def test_two_processes_on_one_table_commit_each_batch_once(path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), who, "25"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in "ab"
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    ids = {racer.communicate("go\n", timeout=120)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0]
    assert len(ids) == 1
    assert Counter(row["id"] for row in rows(path)) == Counter(dict.fromkeys(range(25), 3))
    logged = "".join(f.read_text() for f in sorted((path / "_delta_log").glob("*.json")))
    assert logged.count('"metaData"') == 1


def test_marks_never_expire(sink: DeltaSink, path: Path) -> None:
    commit(sink, 0)
    text = (path / "_delta_log" / f"{1:020d}.json").read_text()
    assert '{"txn":{"appId":"q-1","version":0}}' in text
    assert '{"txn":{"appId":"lakestream:orders","version":0}}' in text


def checkpoint_without_marks(path: Path) -> None:
    """Write a checkpoint as Spark does where marks expire: ours have no time, so it has none."""
    table = DeltaTable(path)
    table.create_checkpoint()
    file = path / f"_delta_log/{table.version():020d}.checkpoint.parquet"
    found = pa.parquet.read_table(file)
    kept = found.filter(pa.compute.is_null(found["txn"]))
    assert kept.num_rows < found.num_rows
    pa.parquet.write_table(kept, file)
    hint = path / "_delta_log/_last_checkpoint"
    hint.write_text(f'{{"version":{table.version()},"size":{kept.num_rows}}}')
    assert DeltaTable(path).transaction_version("q-1") is None


def test_marks_that_a_checkpoint_lacks_are_found_in_the_log(sink: DeltaSink, path: Path) -> None:
    expiry = {"delta.setTransactionRetentionDuration": "interval 7 days"}
    DeltaTable(path).alter.set_table_properties(expiry)
    first = commit(sink, 0)
    checkpoint_without_marks(path)
    assert look(sink_at(path), 0).receipt == first
    assert look(sink_at(path), 1, first.version).receipt is None
    write_deltalake(path, pa.table({"id": [7], "name": ["x"]}), mode="append")
    second = commit(sink_at(path), 1, first.version)
    checkpoint_without_marks(path)
    assert look(sink_at(path), 1, first.version).receipt == second
    with pytest.raises(FencedError):
        look(sink_at(path), 0, first.version)
    with pytest.raises(SinkBehindError):
        look(sink_at(path), 3, second.version)


def test_mark_of_another_writer_under_our_name_fences(sink: DeltaSink, path: Path) -> None:
    stale = look(sink, 0)
    write_deltalake(
        DeltaTable(path),
        pa.table({"id": [5], "name": ["x"]}),
        mode="append",
        commit_properties=CommitProperties(app_transactions=[Transaction("lakestream:orders", 0)]),
    )
    with pytest.raises(CommitConflictError):
        stale.commit(stream(id=[1], name=["a"]), {})


def test_inspection_shows_the_tables_columns(sink: DeltaSink) -> None:
    found: Struct | None = look(sink, 0).schema
    assert found == SCHEMA


@pytest.mark.parametrize("below", ["", "_delta_log"])
@pytest.mark.parametrize("is_held", [False, True])
def test_commit_when_the_disk_denies_writing_says_so_and_is_no_outage(
    below: str, *, is_held: bool
) -> None:
    with tempfile.TemporaryDirectory() as root:  # unlike pytest's folders it may be opened to all
        table = Path(root) / "orders"
        sink = sink_at(table)
        sink.prepare(SCHEMA)
        if is_held:
            DeltaTable(table).alter.add_constraint({"known": "id >= 0"})
        first = commit(sink, 0)
        inspection = look(sink, 1, after=first.version)
        for folder in (Path(root), table, table / "_delta_log"):
            folder.chmod(0o777)
        (table / below).chmod(0o555)

        with unprivileged(), pytest.raises(AccessDeniedError, match="denies writing") as caught:
            inspection.commit(stream(id=[1], name=["n"]), {"planDigest": digest(1), "batch": 1})

        assert str(table / below) in str(caught.value)
        assert not caught.value.transient
        (table / below).chmod(0o777)
        commit(sink, 1, after=first.version)
        assert [row["id"] for row in rows(table)] == [1, 0]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, where the tests are root's."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
