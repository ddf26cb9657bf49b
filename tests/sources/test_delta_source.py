"""A Delta table as a stream: which rows come, when, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK
from lakestream.delta.files import FileReader
from lakestream.delta.snapshot import DataFile
from lakestream.errors import (
    BadFileError,
    CheckpointCorruptError,
    CheckpointVersionError,
    ConfigError,
    DataLossError,
    DeltaChangeError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    TableFeatureError,
    UnknownOptionError,
)
from lakestream.plan.types import schema_of_ddl
from lakestream.sources.base import Backlog, Offset, ReadLimit, SourceContext
from lakestream.sources.delta.describe import describe_delta, describe_table
from lakestream.sources.delta.offset import DeltaOffset
from lakestream.sources.delta.reader import PASSED_FOR, PASSED_OVER, DeltaReader
from lakestream.storage import stores
from lakestream.storage.rehearsal import RehearsalLogStore

NO_LIMIT = ReadLimit()
Open = Callable[..., DeltaReader]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table"


@pytest.fixture
def opened(path: Path, tmp_path: Path) -> Open:
    def opening(*, rehearse: bool = False, **options: Any) -> DeltaReader:
        log = stores.open_log_store(str(tmp_path / "checkpoint"))
        context = SourceContext("delta", RehearsalLogStore(log) if rehearse else log, SYSTEM_CLOCK)
        return describe_delta(str(path), **options).open(context)

    return opening


def append(path: Path, *ids: int, **columns: Any) -> None:
    table = pa.table({"id": list(ids)} | columns)
    write_deltalake(path, table, mode="append", schema_mode="merge")


def rows(reader: DeltaReader, start: Offset, end: Offset) -> list[dict[str, Any]]:
    read = reader.read(start, end, AttemptRecords(reader._context.log, 0, "a"))
    found = pa.table(read.stream.read_all()).to_pylist()
    assert read.failure is None
    assert read.report.rows == len(found)
    return found


def drain(
    reader: DeltaReader, start: Offset | None = None, limit: ReadLimit = NO_LIMIT
) -> tuple[list[list[int]], Offset]:
    """Run batches until nothing is new; give the ids of each batch and the last offset."""
    position = start or reader.initial()
    reader.discover()
    bound = reader.latest(position)
    batches: list[list[int]] = []
    while (end := reader.plan(position, bound, limit)) != position:
        batches.append([row["id"] for row in rows(reader, position, end)])
        reader.committed(end)
        position = end
    return batches, position


def test_offset_is_written_byte_for_byte_as_spark_writes_it() -> None:
    text = (
        '{"sourceVersion":1,"reservoirId":"a-b","reservoirVersion":5,"index":-1,'
        '"isStartingVersion":false}'
    )
    assert DeltaOffset("a-b", 5).text() == text
    assert DeltaOffset.parse(text, where="x") == DeltaOffset("a-b", 5)


@pytest.mark.parametrize("text", ["{}", "-", "[1]", '{"sourceVersion":"x"}'])
def test_offset_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CheckpointCorruptError):
        DeltaOffset.parse(text, where="x")


def test_offset_of_sparks_schema_tracking_is_refused() -> None:
    text = json.loads(DeltaOffset("a", 5).text()) | {"sourceVersion": 3, "index": -20}
    with pytest.raises(CheckpointVersionError):
        DeltaOffset.parse(json.dumps(text), where="x")


def test_reader_without_table_says_so(opened: Open) -> None:
    with pytest.raises(SourceNotFoundError):
        opened()


def test_stream_gives_the_snapshot_then_each_version(path: Path, opened: Open) -> None:
    append(path, 1)
    append(path, 2)
    reader = opened()
    batches, position = drain(reader)
    assert sorted(chain(*batches)) == [1, 2]
    assert json.loads(position) == {
        "sourceVersion": 1,
        "reservoirId": DeltaTable(path).metadata().id,
        "reservoirVersion": 2,
        "index": -1,
        "isStartingVersion": False,
    }
    append(path, 3)
    append(path, 4)
    assert drain(reader, position)[0] == [[3, 4]]


def test_stream_over_small_batches_stays_on_one_snapshot(path: Path, opened: Open) -> None:
    for each in range(5):
        append(path, each)
    reader = opened()
    start = reader.initial()
    first = reader.plan(start, reader.latest(start), ReadLimit(max_files=2))
    assert json.loads(first)["isStartingVersion"] is True
    append(path, 5)
    DeltaTable(path).optimize.compact()
    again = opened()
    again.discover()
    batches, _ = drain(again, first, ReadLimit(max_files=2))
    assert rows(again, start, first) == [{"id": 0}, {"id": 1}]
    assert batches == [[2, 3], [4, 5]]


def test_first_batch_when_redone_starts_where_it_did(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened()
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), NO_LIMIT)
    append(path, 2)
    again = opened()
    assert again.initial() == start
    assert again.digest_items(start, end) == reader.digest_items(start, end)
    assert rows(again, start, end) == [{"id": 1}]


def test_reader_that_only_looks_writes_nothing(path: Path, opened: Open, tmp_path: Path) -> None:
    append(path, 1)
    reader = opened(rehearse=True)
    assert drain(reader)[0] == [[1]]
    assert not (tmp_path / "checkpoint").exists()
    start = opened().initial()
    append(path, 2)
    assert opened(rehearse=True).initial() == start


def test_digest_items_name_table_version_and_file(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened(starting_version=0)
    start = reader.initial()
    (item,) = reader.digest_items(start, reader.latest(start))
    table = DeltaTable(path)
    assert item == f"{table.metadata().id}/0/{Path(table.file_uris()[0]).name}"


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(ReadLimit(max_files=3), [3, 3, 1]), (ReadLimit(max_bytes=1), [1] * 7), (NO_LIMIT, [7])],
)
def test_plan_under_a_limit_splits_commits(
    path: Path, opened: Open, limit: ReadLimit, sizes: list[int]
) -> None:
    parts = {"part": [str(each) for each in range(7)]}
    write_deltalake(path, pa.table({"id": range(7)} | parts), partition_by=["part"])
    batches, _ = drain(opened(starting_version=0), limit=limit)
    assert [len(each) for each in batches] == sizes
    assert sorted(chain(*batches)) == list(range(7))


def test_plan_bytes_admit_a_file_while_there_is_room(path: Path, opened: Open) -> None:
    for each in range(4):
        append(path, each)
    size = DeltaTable(path).get_add_actions()["size_bytes"].to_pylist()[0]
    batches, _ = drain(opened(starting_version=0), limit=ReadLimit(max_bytes=size + 1))
    assert [len(each) for each in batches] == [2, 2]


def test_compaction_brings_no_rows(path: Path, opened: Open) -> None:
    append(path, 1)
    append(path, 2)
    reader = opened(starting_version=0)
    batches, position = drain(reader)
    DeltaTable(path).optimize.compact()
    assert drain(reader, position) == ([], position)
    append(path, 3)
    assert drain(reader, position)[0] == [[3]]
    assert batches == [[1, 2]]


def test_position_moves_on_over_many_versions_without_rows(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened(starting_version=0)
    _, position = drain(reader)
    table = DeltaTable(path)
    for each in range(PASSED_OVER):
        table.alter.set_table_properties({"delta.logRetentionDuration": f"interval {each} days"})
    batches, moved = drain(reader, position)
    assert batches == [[]]
    assert json.loads(moved)["reservoirVersion"] == PASSED_OVER + 1


def test_position_moves_on_over_few_versions_without_rows_when_they_are_old(
    path: Path, opened: Open
) -> None:
    append(path, 1)
    reader = opened(starting_version=0)
    _, position = drain(reader)
    table = DeltaTable(path)
    for each in (1, 2, 3):
        table.alter.set_table_properties({"delta.logRetentionDuration": f"interval {each} days"})
    assert drain(reader, position) == ([], position)

    yesterday = datetime.now(UTC).timestamp() - PASSED_FOR.total_seconds() - 1
    os.utime(entry(path, 1), (yesterday, yesterday))
    batches, moved = drain(reader, position)
    table.create_checkpoint()
    for version in range(3):
        entry(path, version).unlink()

    assert (batches, json.loads(moved)["reservoirVersion"]) == ([[]], 4)
    append(path, 2)
    assert drain(opened(), moved)[0] == [[2]]


def test_delete_without_option_names_version_and_option(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened(starting_version=0)
    append(path, 2)
    DeltaTable(path).delete("id = 1")
    position = reader.initial()
    reader.discover()
    end = reader.plan(position, reader.latest(position), NO_LIMIT)
    assert [row["id"] for row in rows(reader, position, end)] == [1, 2]
    assert reader.backlog(position) == Backlog(2, reader.backlog(position).bytes, complete=False)
    with pytest.raises(DeltaChangeError, match=r"version 2 \(DELETE\)") as raised:
        reader.plan(end, reader.latest(end), NO_LIMIT)
    assert "ignore_deletes=True" in str(raised.value)


@pytest.mark.parametrize("option", ["ignore_deletes", "ignore_changes", "skip_change_commits"])
def test_delete_with_an_option_is_passed_over(path: Path, opened: Open, option: str) -> None:
    append(path, 1)
    reader = opened(starting_version=0, **{option: True})
    _, position = drain(reader)
    append(path, 2)
    DeltaTable(path).delete("id = 1")
    append(path, 3)
    assert drain(reader, position)[0] == [[2, 3]]


def test_update_needs_ignore_changes(path: Path, opened: Open) -> None:
    append(path, 1, 2)
    _, position = drain(opened())
    DeltaTable(path).update({"id": "20"}, predicate="id = 2")
    for options in ({}, {"ignore_deletes": True}):
        with pytest.raises(DeltaChangeError, match=r"version 1 \(UPDATE\)") as raised:
            drain(opened(**options), position)
        assert "ignore_changes=True" in str(raised.value)
    assert drain(opened(skip_change_commits=True), position)[0] == []
    assert [sorted(b) for b in drain(opened(ignore_changes=True), position)[0]] == [[1, 20]]


def test_starting_version_is_inclusive(path: Path, opened: Open) -> None:
    for each in range(4):
        append(path, each)
    assert drain(opened(starting_version=2))[0] == [[2, 3]]


def test_starting_version_latest_gives_what_comes_after(path: Path, opened: Open) -> None:
    append(path, 1)
    start = opened(starting_version="latest").initial()
    append(path, 2)
    assert drain(opened(starting_version="latest"), start)[0] == [[2]]


def test_starting_version_beyond_the_newest_is_an_error(path: Path, opened: Open) -> None:
    append(path, 1)
    with pytest.raises(ConfigError, match="newest version is 0"):
        opened(starting_version=1).initial()


def test_starting_version_that_was_cleaned_is_an_error(path: Path, opened: Open) -> None:
    for each in range(3):
        append(path, each)
    DeltaTable(path).create_checkpoint()
    entry(path, 0).unlink()
    with pytest.raises(DataLossError, match="version 0"):
        opened(starting_version=0).initial()


def test_starting_timestamp_takes_the_first_commit_at_or_after(path: Path, opened: Open) -> None:
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 2, 5)]
    for each, moment in enumerate(moments):
        append(path, each)
        os.utime(entry(path, each), (moment.timestamp(), moment.timestamp()))

    def first(moment: Any) -> int:
        reader = opened(starting_timestamp=moment, rehearse=True)
        return int(json.loads(reader.initial())["reservoirVersion"])

    assert first("2026-01-01") == 0
    assert first("2026-01-01T00:00:01") == 1
    assert first(date(2026, 1, 3)) == 1
    assert first(moments[1] + timedelta(seconds=1)) == 3
    with pytest.raises(ConfigError, match="after the table's newest"):
        first("2026-02-01")


def test_cleaned_version_is_never_a_gap(path: Path, opened: Open) -> None:
    append(path, 1)
    _, position = drain(opened())
    for each in range(2, 5):
        append(path, each)
    DeltaTable(path).create_checkpoint()
    entry(path, 2).unlink()
    reader = opened()
    end = reader.plan(position, reader.latest(position), NO_LIMIT)
    assert rows(reader, position, end) == [{"id": 2}]
    with pytest.raises(DataLossError, match="version 2"):
        reader.plan(end, reader.latest(end), NO_LIMIT)


def test_vacuumed_file_is_a_loss_not_a_gap(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened(starting_version=0)
    start = reader.initial()
    next(path.glob("*.parquet")).unlink()
    read = reader.read(start, reader.latest(start), AttemptRecords(reader._context.log, 0, "a"))
    with pytest.raises(Exception, match="is gone"):
        read.stream.read_all()
    assert isinstance(read.failure, DataLossError)


def test_replaced_table_between_runs_is_refused(path: Path, opened: Open) -> None:
    append(path, 1)
    _, position = drain(opened())
    shutil.rmtree(path)
    append(path, 1)
    append(path, 2)
    reader = opened()
    with pytest.raises(SourceChangedError):
        reader.plan(position, reader.latest(position), NO_LIMIT)


def test_replaced_table_within_a_run_is_refused(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened()
    shutil.rmtree(path)
    append(path, 1)
    append(path, 2)
    with pytest.raises(SourceChangedError):
        reader.discover()


def test_log_cleaned_up_to_the_newest_version_is_no_replacement(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened()
    _, position = drain(reader)
    append(path, 2)
    DeltaTable(path).create_checkpoint()
    entry(path, 0).unlink()
    assert drain(reader, position)[0] == [[2]]


def test_new_column_in_the_table_appears_in_the_stream(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened()
    _, position = drain(reader)
    append(path, 2, extra=["x"])
    reader.discover()
    end = reader.plan(position, reader.latest(position), NO_LIMIT)
    assert reader.schema == schema_of_ddl("id BIGINT, extra STRING")
    assert rows(reader, position, end) == [{"id": 2, "extra": "x"}]
    assert rows(opened(), opened().initial(), end) == [
        {"id": 1, "extra": None},
        {"id": 2, "extra": "x"},
    ]


def test_new_nested_field_is_null_in_older_rows(path: Path, opened: Open) -> None:
    append(path, 1, s=[{"a": 1}], l=[[{"a": 1}, None]], m=[None])
    append(path, 2, s=[{"a": 2, "b": "x"}], l=[[{"a": 1, "b": 5}]], m=[None])
    append(path, 3, s=pa.array([None], pa.struct([("a", pa.int64())])))
    reader = opened(starting_version=0)
    start = reader.initial()
    found = {row["id"]: row for row in rows(reader, start, reader.latest(start))}
    assert found[1]["s"] == {"a": 1, "b": None}
    assert found[1]["l"] == [{"a": 1, "b": None}, None]
    assert found[2]["s"] == {"a": 2, "b": "x"}
    assert found[3]["s"] is None
    assert found[3]["l"] is None


def test_new_nested_column_is_null_in_older_rows(path: Path, opened: Open) -> None:
    append(path, 1)
    append(path, 2, s=[{"a": 1}])
    reader = opened(starting_version=0)
    start = reader.initial()
    assert rows(reader, start, reader.latest(start)) == [
        {"id": 1, "s": None},
        {"id": 2, "s": {"a": 1}},
    ]


def test_column_without_a_type_as_spark_keeps_it_is_null(path: Path, opened: Open) -> None:
    append(path, 1)
    first = entry(path, 0)
    known = r"{\"name\":\"id\""
    void = r"{\"name\":\"v\",\"type\":\"void\",\"nullable\":true,\"metadata\":{}},"
    first.write_text(first.read_text().replace(known, void + known))
    reader = opened()
    start = reader.initial()
    assert rows(reader, start, reader.latest(start)) == [{"v": None, "id": 1}]


def test_dropped_column_is_refused_across_a_restart(path: Path, opened: Open) -> None:
    append(path, 1, old=["x"])
    drain(opened())
    write_deltalake(path, pa.table({"id": [2]}), mode="overwrite", schema_mode="overwrite")
    with pytest.raises(DeltaChangeError, match="'old' is gone"):
        opened(ignore_changes=True)


def test_changed_type_is_refused_within_a_run(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened(ignore_changes=True)
    _, position = drain(reader)
    write_deltalake(path, pa.table({"id": ["a"]}), mode="overwrite", schema_mode="overwrite")
    with pytest.raises(DeltaChangeError, match=r"version 1.*'id' was bigint and is string"):
        drain(reader, position)


def test_partition_values_come_back_typed(path: Path, opened: Open) -> None:
    table = pa.table(
        {
            "id": [1, 2, 3],
            "d": pa.array([date(2026, 1, 2), None, date(1, 1, 1)]),
            "t": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)] * 3),
            "b": [True, False, None],
            "n": pa.array([1, -2, 3], pa.int16()),
            "s": ["a/b %20=ü", None, "x y"],
        }
    )
    write_deltalake(path, table, partition_by=["d", "t", "b", "n", "s"])
    for options in ({}, {"starting_version": 0}):
        reader = opened(rehearse=True, **options)
        start = reader.initial()
        found = rows(reader, start, reader.latest(start))
        assert sorted(found, key=lambda row: row["id"]) == table.to_pylist()
    DeltaTable(path).create_checkpoint()
    reader = opened(rehearse=True)
    assert len(rows(reader, reader.initial(), reader.latest(reader.initial()))) == 3


def test_partition_value_with_an_exponent_as_spark_writes_zero_is_read(
    path: Path, opened: Open
) -> None:
    value = pa.array([Decimal(0)], pa.decimal128(20, 10))
    write_deltalake(path, pa.table({"id": [1], "d": value}), partition_by=["d"])
    entry = path / f"_delta_log/{0:020}.json"
    written = entry.read_text()
    assert '"d":"0.0000000000"' in written
    entry.write_text(written.replace('"d":"0.0000000000"', '"d":"0E-10"'))
    for options in ({}, {"starting_version": 0}):
        reader = opened(rehearse=True, **options)
        start = reader.initial()
        assert rows(reader, start, reader.latest(start)) == [{"id": 1, "d": Decimal(0)}]


def test_partition_value_that_cannot_be_read_is_no_null(path: Path, opened: Open) -> None:
    late = pa.array([253_402_300_800_000_000]).cast(pa.timestamp("us", "UTC"))  # the year 10000
    write_deltalake(path, pa.table({"id": [1], "t": late}), partition_by=["t"])
    reader = opened(starting_version=0)
    start = reader.initial()
    with pytest.raises(Exception, match=r"\+10000-01-01.* of partition column 't' is no timestamp"):
        rows(reader, start, reader.latest(start))


@pytest.mark.parametrize("text", ["zero", "1E+999999999"])
def test_partition_value_that_is_no_decimal_is_no_null(path: Path, text: str) -> None:
    append(path, 1)
    store = stores.open_read_store(str(path))
    (file,) = path.glob("*.parquet")
    reader = FileReader(store, schema_of_ddl("id BIGINT, d DECIMAL(20,10)"), where="x")
    with pytest.raises(BadFileError, match="of partition column 'd' is no decimal"):
        list(reader.batches([DataFile(file.name, 1, 0, {"d": text})]))


def test_int96_times_beyond_nanoseconds_are_exact(path: Path, opened: Open) -> None:
    moments = [datetime(2999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    table = pa.table({"id": [1, 2], "t": pa.array(moments, pa.timestamp("us", "UTC"))})
    write_deltalake(path, table)
    file = next(path.glob("*.parquet"))
    pa.parquet.write_table(table, file, use_deprecated_int96_timestamps=True, store_schema=False)
    reader = opened()
    start = reader.initial()
    assert rows(reader, start, reader.latest(start)) == table.to_pylist()


def test_int96_times_are_exact_where_other_parts_of_their_column_came_later(
    path: Path, opened: Open
) -> None:
    moments = [datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    grown = pa.struct({"t": pa.timestamp("us", "UTC"), "x": pa.int64()})
    stored = pa.struct({"t": pa.timestamp("us"), "x": pa.int32()})
    for column, shaped, kinds in (
        ("s", lambda row: row, lambda each: each),
        ("l", lambda row: [row], pa.list_),
        ("m", lambda row: [("k", row)], lambda each: pa.map_(pa.string(), each)),
    ):
        rows_of = [shaped({"t": each, "x": 1}) for each in moments]
        write_deltalake(
            path, pa.table({column: pa.array(rows_of, kinds(grown))}), mode="overwrite",
            schema_mode="overwrite",
        )  # fmt: skip
        plain = [shaped({"t": each.replace(tzinfo=None), "x": 1}) for each in moments]
        pa.parquet.write_table(
            pa.table({column: pa.array(plain, kinds(stored))}),
            path / DeltaTable(path).get_add_actions()["path"].to_pylist()[0],
            use_deprecated_int96_timestamps=True,
            store_schema=False,
        )
        reader = opened(rehearse=True)
        start = reader.initial()
        found = rows(reader, start, reader.latest(start))
        assert [each[column] for each in found] == rows_of


def test_file_of_a_column_with_another_type_is_refused(path: Path, opened: Open) -> None:
    append(path, 1)
    pa.parquet.write_table(pa.table({"id": ["x"]}), next(path.glob("*.parquet")))
    reader = opened()
    start = reader.initial()
    with pytest.raises(Exception, match="'id' is string in a file"):
        rows(reader, start, reader.latest(start))


def test_big_files_are_read_in_ranges(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.delta.files._SMALL_BYTES", 1000)
    monkeypatch.setattr("lakestream.delta.ranged._BLOCK_BYTES", 512)
    monkeypatch.setattr("lakestream.delta.ranged._BLOCKS_KEPT", 3)
    append(path, *range(5000), text=[f"text {each}" for each in range(5000)])
    append(path, -1)
    batches, _ = drain(opened())
    assert Counter(chain(*batches)) == Counter(range(-1, 5000))


def test_big_file_that_goes_while_it_is_read_is_a_loss(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakestream.delta.files._SMALL_BYTES", 1000)
    monkeypatch.setattr("lakestream.delta.ranged._BLOCK_BYTES", 512)
    monkeypatch.setattr("lakestream.delta.ranged._BLOCKS_KEPT", 1)
    append(path, *range(200_000))
    reader = opened()
    start = reader.initial()
    read = reader.read(start, reader.latest(start), AttemptRecords(reader._context.log, 0, "a"))
    read.stream.read_next_batch()
    next(path.glob("*.parquet")).write_bytes(b"another")
    with pytest.raises(Exception, match="another one now"):
        read.stream.read_all()
    assert isinstance(read.failure, DataLossError)


def test_file_that_is_no_parquet_is_named(path: Path, opened: Open) -> None:
    append(path, 1)
    file = next(path.glob("*.parquet"))
    file.write_bytes(b"PAR1 not at all PAR1")
    reader = opened()
    start = reader.initial()
    with pytest.raises(Exception, match=file.name):
        rows(reader, start, reader.latest(start))


def test_report_counts_and_outstanding_files(path: Path, opened: Open) -> None:
    for each in range(3):
        append(path, each)
    reader = opened(starting_version=0)
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit(max_files=1))
    read = reader.read(start, end, AttemptRecords(reader._context.log, 0, "a"))
    read.stream.read_all()
    sizes = {f.name: f.stat().st_size for f in path.glob("*.parquet")}
    assert (read.report.files, read.report.rows) == (1, 1)
    assert read.report.bytes + int(read.report.metrics["numBytesOutstanding"]) == sum(
        sizes.values()
    )
    assert read.report.metrics["numFilesOutstanding"] == "2"
    assert reader.backlog(end).files == 2


def test_deletion_vectors_that_cannot_be_read_are_a_coded_error(path: Path, opened: Open) -> None:
    append(path, 1)
    feature = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
    named = {"readerFeatures": feature, "writerFeatures": feature}
    add = {"path": "x.parquet", "partitionValues": {}, "size": 1, "modificationTime": 1}
    vector = {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4}
    vector |= {"sizeInBytes": 40, "cardinality": 2}
    lines = [
        {"protocol": protocol | named},
        {"add": add | {"dataChange": True, "deletionVector": vector}},
    ]
    entry(path, 1).write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(SourceError, match="cannot be listed"):
        opened()
    with pytest.raises(SourceError, match="cannot be listed"):
        describe_table(str(path)).open()


def test_deletion_vectors_are_refused(path: Path, opened: Open) -> None:
    append(path, 1)
    reader = opened()
    _, position = drain(reader)
    add = {
        "path": "x.parquet",
        "partitionValues": {},
        "size": 1,
        "modificationTime": 1,
        "dataChange": True,
        "deletionVector": {"storageType": "u", "pathOrInlineDv": "x", "sizeInBytes": 1},
    }
    entry(path, 1).write_text(json.dumps({"add": add}))
    with pytest.raises(TableFeatureError, match="deletion vectors"):
        drain(reader, position)


@pytest.mark.parametrize(
    ("feature", "configuration", "message"),
    [
        ("someFutureFeature", {}, "someFutureFeature"),
        ("columnMapping", {"delta.columnMapping.mode": "name"}, "maps its column names"),
    ],
)
def test_unknown_features_that_appear_are_refused(
    path: Path, opened: Open, feature: str, configuration: dict[str, str], message: str
) -> None:
    append(path, 1)
    reader = opened()
    _, position = drain(reader)
    table = DeltaTable(path)
    lines = [
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": [feature],
                "writerFeatures": [feature],
            }
        },
        {
            "metaData": {
                "id": table.metadata().id,
                "format": {"provider": "parquet", "options": {}},
                "schemaString": table.schema().to_json(),
                "partitionColumns": [],
                "configuration": configuration,
            }
        },
    ]
    entry(path, 1).write_text("\n".join(json.dumps(each) for each in lines))
    with pytest.raises(TableFeatureError, match=message):
        drain(reader, position)


@pytest.mark.parametrize(
    "options",
    [
        {"starting_version": 1, "starting_timestamp": "2026-01-01"},
        {"starting_version": -1},
        {"starting_version": "newest"},
        {"starting_version": True},
        {"starting_timestamp": "yesterday"},
        {"max_files_per_trigger": 0},
        {"max_bytes_per_trigger": "many"},
    ],
)
def test_options_that_cannot_be_are_refused_when_declared(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        describe_delta("anywhere", **options)


def test_storage_option_that_nobody_knows_is_refused_when_declared() -> None:
    with pytest.raises(UnknownOptionError):
        describe_table("s3://bucket/t", storage_options={"aws_regoin": "x"})


def test_description_is_hashable_and_shows_the_path() -> None:
    found = describe_delta("s3://lake/t", asset_key="lake/t", max_bytes_per_trigger="1k")
    assert hash(found) == hash(
        describe_delta("s3://lake/t", asset_key=["lake", "t"], max_bytes_per_trigger=1024)
    )
    assert found.description == "delta[s3://lake/t]"
    assert found.limit == ReadLimit(1000, 1024)
    assert found.asset_key == ("lake", "t")
    assert found.fingerprint() == {"kind": "delta", "path": "s3://lake/t"}


def test_static_table_opens_the_newest_version_and_reads_it_twice(path: Path) -> None:
    append(path, 1)
    append(path, 2)
    found = describe_table(str(path)).open()
    append(path, 3)
    assert (found.version, found.schema) == (1, schema_of_ddl("id BIGINT"))
    for _ in range(2):
        assert sorted(pa.table(found.reader().read_all())["id"].to_pylist()) == [1, 2]


def test_static_table_that_is_not_there_says_so(path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        describe_table(str(path)).open()


@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["append", "two", "compact", "run", "restart"]), max_size=10),
    files=st.integers(1, 3),
)
def test_rows_of_any_history_come_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], files: int
) -> None:
    folder = tmp_path_factory.mktemp("history")
    path = folder / "table"
    append(path, 0)
    log = stores.open_log_store(str(folder / "checkpoint"))
    context = SourceContext("delta", log, SYSTEM_CLOCK)
    reader = describe_delta(str(path)).open(context)
    position, seen, written = reader.initial(), Counter[int](), 1
    for step in [*steps, "run"]:
        if step in {"append", "two"}:
            for _ in range(1 if step == "append" else 2):
                append(path, written)
                written += 1
        elif step == "compact":
            DeltaTable(path).optimize.compact()
        elif step == "restart":
            reader = describe_delta(str(path)).open(context)
        else:
            batches, position = drain(reader, position, ReadLimit(max_files=files))
            seen.update(chain(*batches))
    assert seen == Counter(range(written))


def entry(path: Path, version: int) -> Path:
    return path / "_delta_log" / f"{version:020d}.json"
