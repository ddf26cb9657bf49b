from __future__ import annotations

import gzip
import io
import json
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.files_source import FilesPipe

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import (
    BadRecordError,
    ConfigError,
    NewColumnsError,
    SchemaInferenceError,
    SourceChangedError,
)
from lakestream.plan import types as t
from lakestream.sources.base import DiscoveryFilter, ReadLimit, ReplanNeeded
from lakestream.sources.files import file_records
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.sources.files.schema_log import SchemaLog, StoredSchema


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path)


def _ids(rows: list[dict[str, object]]) -> list[object]:
    return sorted(row["id"] for row in rows)


def test_files_when_first_read_come_once_oldest_first(pipe: FilesPipe) -> None:
    pipe.land("b.json", {"id": 1}, {"id": 2}, age_s=100)
    pipe.land("a.json", {"id": 3}, age_s=50)
    reader = pipe.open(metadata_column="_metadata")
    (batch,) = pipe.run(reader)
    assert [row["id"] for row in batch.rows] == [1, 2, 3]
    assert [row["_metadata"]["file_name"] for row in batch.rows] == ["b.json", "b.json", "a.json"]
    assert [row["_metadata"]["seq"] for row in batch.rows] == [0, 0, 1]
    assert batch.files()["b.json"]["rows"] == 2
    assert batch.files()["a.json"]["state"] == "committed"
    assert (batch.read.report.files, batch.read.report.rows) == (2, 3)


def test_files_when_limited_come_in_contiguous_batches(pipe: FilesPipe) -> None:
    for number in range(5):
        pipe.land(f"{number}.json", {"id": number}, age_s=100 - number)
    reader = pipe.open()
    batches = list(pipe.run(reader, ReadLimit(max_files=2)))
    assert [_ids(batch.rows) for batch in batches] == [[0, 1], [2, 3], [4]]
    assert batches[0].read.report.metrics["numFilesOutstanding"] == "3"


def test_discovery_when_nothing_is_new_writes_nothing(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.open().discover()
    assert pipe.log is not None
    before = pipe.log.list("")
    reader = pipe.open()
    reader.discover()
    assert pipe.log.list("") == before
    assert reader.backlog(reader.initial()).files == 1
    assert reader.backlog(reader.latest(reader.initial())).files == 0


def test_discovery_when_repeated_adds_what_landed_since(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open()
    reader.discover()
    first = reader.latest(reader.initial())
    pipe.land("b.json", {"id": 2})
    reader.discover()
    second = reader.latest(first)
    assert _ids(pipe.read(reader, first, second).rows) == [2]


def test_existing_files_when_not_wanted_are_never_read(pipe: FilesPipe) -> None:
    pipe.land("old.json", {"id": 1})
    reader = pipe.open(include_existing_files=False)
    reader.discover()
    start, bound = reader.initial(), reader.latest(reader.initial())
    assert reader.plan(start, bound, ReadLimit()) == start
    pipe.land("new.json", {"id": 2})
    again = pipe.open(include_existing_files=False)
    assert _ids(pipe.all_rows(again)) == [2]
    assert again.backlog(again.initial()).files == 1


def test_existing_files_when_not_wanted_are_not_gone_through_at_each_trigger(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open(include_existing_files=False)
    reader.discover()
    start = reader.initial()
    monkeypatch.delattr(Ledger, "rows")
    assert reader.plan(start, reader.latest(start), ReadLimit()) == start


def test_existing_files_when_a_slower_first_listing_meets_a_new_file_leave_it_to_be_read(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe.land("old.json", {"id": 1})
    slow, quick = (pipe.open(include_existing_files=False) for _ in range(2))
    list_pages = slow._discovery._pages

    def late_pages(*given: Any) -> Iterator[list[Candidate]]:
        quick.discover()
        pipe.land("new.json", {"id": 2})
        return list_pages(*given)

    monkeypatch.setattr(slow._discovery, "_pages", late_pages)
    slow.discover()
    assert _ids(pipe.all_rows(pipe.open(include_existing_files=False))) == [2]


def test_existing_files_when_the_option_is_flipped_later_stay_read(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.open().discover()
    pipe.land("b.json", {"id": 2})
    assert _ids(pipe.all_rows(pipe.open(include_existing_files=False))) == [1, 2]


def test_schema_when_there_is_no_file_is_awaited(pipe: FilesPipe) -> None:
    reader = pipe.open()
    reader.discover()
    start = reader.initial()
    assert reader.plan(start, reader.latest(start), ReadLimit()) == start
    with pytest.raises(SchemaInferenceError, match="no file with content"):
        _ = reader.schema
    pipe.land("empty.json")
    reader.discover()
    assert reader.plan(start, reader.latest(start), ReadLimit()) == start
    pipe.land("a.json", {"id": 1})
    assert _ids(pipe.all_rows(reader)) == [1]
    assert reader.schema == t.Struct((("id", t.LONG), ("_rescued_data", t.STRING)))


def test_file_when_empty_is_recorded_with_no_rows(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("empty.json")
    pipe.land("empty.json.gz")
    (batch,) = pipe.run(pipe.open())
    assert _ids(batch.rows) == [1]
    for name in ("empty.json", "empty.json.gz"):
        assert (batch.files()[name]["rows"], batch.files()[name]["state"]) == (0, "committed")


def test_names_when_hidden_as_in_spark_are_skipped(pipe: FilesPipe) -> None:
    for name in ("_SUCCESS", ".a.json.crc", "_tmp/b.json", ".x/c.json", "d.json._COPYING_"):
        pipe.land(name, {"id": 0})
    pipe.land("_day=1/e.json", {"id": 1})
    assert _ids(pipe.all_rows(pipe.open())) == [1]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"path_glob_filter": "*.json"}, [1, 3]),
        ({"recursive": False}, [1, 2]),
        ({"modified_after": datetime.now(UTC) - timedelta(seconds=500)}, [1, 2, 3]),
        ({"modified_before": datetime.now(UTC) - timedelta(seconds=500)}, []),
        ({"min_age": "10 minutes"}, []),
    ],
)
def test_filters_when_given_choose_files(
    pipe: FilesPipe, options: dict[str, object], ids: list[int]
) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.ndjson", {"id": 2})
    pipe.land("deep/c.json", {"id": 3})
    assert _ids(pipe.all_rows(pipe.open(schema="id BIGINT", **options))) == ids


def test_path_when_a_glob_chooses_folders(pipe: FilesPipe) -> None:
    pipe.land("2025/a.json", {"id": 1})
    pipe.land("2026/deep/b.json", {"id": 2})
    pipe.path = f"{pipe.landing}/202{{6,7}}"
    assert _ids(pipe.all_rows(pipe.open())) == [2]


def test_path_when_one_file_reads_it_alone(pipe: FilesPipe) -> None:
    pipe.land("_one.json", {"id": 1})
    pipe.land("two.json", {"id": 2})
    pipe.path = f"{pipe.landing}/_one.json"
    assert _ids(pipe.all_rows(pipe.open())) == [1]


def test_run_when_narrowed_discovers_only_that(pipe: FilesPipe) -> None:
    pipe.land("x/a.json", {"id": 1})
    pipe.land("y/b.json", {"id": 2})
    assert _ids(pipe.all_rows(pipe.open(discovery=DiscoveryFilter(path_glob="x")))) == [1]
    whole = DiscoveryFilter(path_glob=f"{pipe.landing}/y/*.json")
    assert _ids(pipe.all_rows(pipe.open(discovery=whole))) == [1, 2]


def test_hive_folders_when_inferred_become_typed_columns(pipe: FilesPipe) -> None:
    pipe.land("day=2026-11-20/n=1/a.json", {"id": 1, "n": "data"})
    pipe.land("day=2026-11-21/n=__HIVE_DEFAULT_PARTITION__/b.json", {"id": 2, "n": "data"})
    reader = pipe.open()
    rows = sorted(pipe.all_rows(reader), key=lambda row: row["id"])
    assert reader.schema.names == ("id", "day", "n", "_rescued_data")
    assert [str(row["day"]) for row in rows] == ["2026-11-20", "2026-11-21"]
    assert [row["n"] for row in rows] == [1, None]
    assert [row["_rescued_data"] for row in rows] == [None, None]


def test_hive_folders_when_named_follow_the_declared_schema(pipe: FilesPipe) -> None:
    pipe.land("day=2026-11-20/k=7/a.json", {"id": 1})
    reader = pipe.open(schema="id BIGINT, k INT", partition_columns=["k", "day", "absent"])
    (row,) = pipe.all_rows(reader)
    assert row == {"id": 1, "k": 7, "day": "2026-11-20", "absent": None}


def test_folder_key_when_new_becomes_a_column_in_the_batch_that_brings_it(pipe: FilesPipe) -> None:
    pipe.land("dt=2026-01-01/a.json", {"id": 1})
    reader = pipe.open(schema_hints="zone STRING")
    list(pipe.run(reader))
    assert "newPartitionKeys" not in reader.metrics(
        reader.initial(), reader.latest(reader.initial())
    )
    pipe.land("dt=2026-01-02/hour=05/zone=7/b.json", {"id": 2})
    pipe.land("dt=2026-01-02/hour=06/zone=8/c.json", {"id": 3})

    rows = pipe.all_rows(pipe.open(schema_hints="zone STRING"))

    assert [(row["id"], row.get("hour"), row["zone"]) for row in rows] == [
        (1, None, None),
        (2, 5, "7"),
        (3, 6, "8"),
    ]
    assert dict(pipe.open(schema_hints="zone STRING").schema.fields)["hour"] == t.INT
    assert [each.cause for each in pipe.open().columns.history()] == ["inferred", "files"]


@pytest.mark.parametrize("evolution", ["rescue", "fail_on_new_columns"])
def test_folder_key_when_new_and_the_schema_stays_is_told(pipe: FilesPipe, evolution: Any) -> None:
    pipe.land("dt=2026-01-01/a.json", {"id": 1})
    list(pipe.run(pipe.open(schema_evolution=evolution)))
    pipe.land("dt=2026-01-02/hour=05/b.json", {"id": 2})
    reader = pipe.open(schema_evolution=evolution)

    rows = pipe.all_rows(reader)

    told = reader.metrics(reader.initial(), reader.latest(reader.initial()))
    assert told["newPartitionKeys"] == "hour"
    assert [row["id"] for row in rows] == [1, 2]
    assert "hour" not in reader.schema.names


def test_folder_key_when_a_column_of_the_data_has_its_name_is_told_and_never_wins_later(
    pipe: FilesPipe,
) -> None:
    pipe.land("dt=2026-01-01/a.json", {"id": 1, "hour": "noon"})
    list(pipe.run(pipe.open()))
    pipe.land("dt=2026-01-02/hour=05/b.json", {"id": 2, "hour": "five"})
    reader = pipe.open()

    assert [row["hour"] for row in pipe.all_rows(reader)] == ["noon", "five"]
    told = reader.metrics(reader.initial(), reader.latest(reader.initial()))
    assert told["newPartitionKeys"] == "hour"


def test_folder_keys_when_named_or_chosen_by_a_schema_are_no_news(pipe: FilesPipe) -> None:
    pipe.land("dt=2026-01-01/hour=05/a.json", {"id": 1})
    for options in ({"partition_columns": ["dt"]}, {"schema": "id BIGINT"}):
        reader = pipe.open(**options)
        list(pipe.run(reader))
        assert "newPartitionKeys" not in reader.metrics(
            reader.initial(), reader.latest(reader.initial())
        )


def test_hive_folder_when_its_value_does_not_fit_quarantines_its_files(pipe: FilesPipe) -> None:
    pipe.land("k=1/a.json", {"id": 1})
    assert _ids(pipe.all_rows(pipe.open())) == [1]
    pipe.land("k=x/b.json", {"id": 2})
    (batch,) = pipe.run(pipe.open())
    assert _ids(batch.rows) == [1]
    assert batch.files()["k=x/b.json"]["state"] == "quarantined"
    assert "LS-SRC-006" in batch.files()["k=x/b.json"]["reason"]


def test_metadata_when_asked_for_tells_the_file(pipe: FilesPipe) -> None:
    file = pipe.land("d e/a.json", {"id": 1})
    (row,) = pipe.all_rows(pipe.open(metadata_column="_meta"))
    found = row["_meta"]
    assert found["file_path"] == file.as_uri()
    assert found["file_name"] == "a.json"
    assert found["file_size"] == found["file_block_length"] == file.stat().st_size
    assert found["file_block_start"] == 0
    assert found["file_modification_time"].timestamp() == pytest.approx(file.stat().st_mtime)


def test_new_column_when_evolving_is_learnt_from_the_whole_batch_at_once(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open()
    assert _ids(pipe.all_rows(reader)) == [1]
    start = reader.latest(reader.initial())
    pipe.land("b.json", {"id": 2, "x": 1}, age_s=30)
    pipe.land("c.json", {"id": 3, "y": {"z": "t"}}, age_s=20)
    reader.discover()
    end = reader.latest(start)
    first = pipe.read(reader, start, end)
    assert isinstance(first.failure, ReplanNeeded)
    assert (first.rows, first.read.report.rows) == ([], 0)
    assert first.records.names() == []
    second = pipe.read(reader, start, end)
    assert second.failure is None
    assert reader.schema.names == ("id", "x", "y", "_rescued_data")
    assert [(row["id"], row["x"], row["y"]) for row in second.rows] == [
        (2, 1, None),
        (3, None, {"z": "t"}),
    ]
    assert [row["_rescued_data"] for row in second.rows] == [None, None]
    assert pipe.open().schema == reader.schema


def test_new_column_when_two_runs_evolve_keeps_both(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    one, two = pipe.open(), pipe.open()
    list(pipe.run(one))
    list(pipe.run(two))
    start = one.latest(one.initial())
    pipe.land("b.json", {"id": 2, "x": 1})
    one.discover()
    assert isinstance(pipe.read(one, start, one.latest(start)).failure, ReplanNeeded)
    middle = one.latest(start)
    pipe.land("c.json", {"id": 3, "y": 1})
    two.discover()
    assert isinstance(pipe.read(two, middle, two.latest(middle)).failure, ReplanNeeded)
    assert pipe.open().schema.names == ("id", "x", "y", "_rescued_data")


@pytest.mark.parametrize(
    "limit", [{"schema_inference_max_files": 2}, {"schema_inference_max_bytes": "1k"}]
)
def test_schema_when_the_sample_is_limited_comes_from_the_newest_files(
    pipe: FilesPipe, limit: dict[str, Any]
) -> None:
    for age_s, name in enumerate(("newest", "newer", "old"), start=60):
        pipe.land(f"{name}.json", {name: "x" * 450}, age_s=age_s)
    reader = pipe.open(**limit, schema_evolution="rescue")
    reader.discover()

    assert reader.schema.names == ("newest", "newer", "_rescued_data")
    assert len(pipe.open(rehearse=True).columns.history()) == 1


@pytest.mark.parametrize(("name", "length"), [("a.json", 1_500_000), ("a.json.gz", 5_000_000)])
def test_schema_when_no_record_ends_in_the_sample_comes_from_a_longer_one(
    pipe: FilesPipe, name: str, length: int
) -> None:
    text = json.dumps({"id": 1, "text": "x" * length}) + "\n" + json.dumps({"id": 2})
    data = gzip.compress(text.encode(), 1) if name.endswith(".gz") else text.encode()
    pipe.land(name, data)
    reader = pipe.open()
    reader.discover()

    assert reader.schema.names == ("id", "text", "_rescued_data")
    assert _ids(pipe.all_rows(reader)) == [1, 2]


def test_schema_when_another_run_stored_one_meanwhile_is_built_on_it(pipe: FilesPipe) -> None:
    assert pipe.log is not None
    one, two = (SchemaLog(pipe.log, "sources/f/schemas", {}, SYSTEM_CLOCK) for _ in range(2))

    def stored(*names: str) -> StoredSchema:
        return StoredSchema(t.Struct(tuple((each, t.LONG) for each in names)), t.Struct(()))

    seen: list[StoredSchema | None] = []

    def change(newest: StoredSchema | None) -> StoredSchema:
        if not seen:
            two.evolve(lambda _: stored("theirs"), cause="files")
        seen.append(newest)
        return stored(*(newest.data.names if newest else ()), "ours")

    assert one.evolve(change, cause="files") == stored("theirs", "ours") == two.newest()
    assert seen == [None, stored("theirs")]


def test_new_column_when_refused_stops_with_its_name(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1, "x": 2})
    reader = pipe.open(schema="id BIGINT", schema_evolution="fail_on_new_columns")
    (batch,) = pipe.run(reader)
    assert isinstance(batch.failure, NewColumnsError)
    assert "x" in str(batch.failure)


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("STRUCT<x: INT>", {"y": 1}, "a.y"),
        ("ARRAY<STRUCT<x: STRUCT<y: INT>>>", [{"x": {"z": 1}}], "a.element.x.z"),
        ("MAP<STRING, STRUCT<x: INT>>", {"k": {"y": 1}}, "a.value.y"),
    ],
)
def test_new_field_when_refused_is_named_by_the_path_that_a_hint_takes(
    pipe: FilesPipe, kind: str, value: object, path: str
) -> None:
    pipe.land("a.json", {"a": value})
    reader = pipe.open(schema=f"a {kind}", schema_evolution="fail_on_new_columns")
    (batch,) = pipe.run(reader)
    assert f"field '{path}' is not in the schema" in str(batch.failure)


def test_new_column_when_rescued_keeps_its_value_and_file(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1, "x": 2})
    reader = pipe.open(schema="id BIGINT", schema_evolution="rescue")
    (row,) = pipe.all_rows(reader)
    rescued = json.loads(row["_rescued_data"])
    assert rescued["x"] == 2
    assert rescued["_file_path"].endswith("a.json")


def test_bad_records_go_to_quarantine_with_line_and_text(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1}, "{broken\n", {"id": 2})
    (batch,) = pipe.run(pipe.open())
    assert _ids(batch.rows) == [1, 2]
    (bad,) = batch.quarantined()
    assert (bad["file_key"], bad["line"], bad["raw"]) == ("a.json", 2, b"{broken")
    assert batch.files()["a.json"]["bad"] == 1
    assert batch.read.report.bad_records == 1


def test_bad_records_when_too_many_stop_the_batch(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_records, "MAX_QUARANTINE_BYTES", 1_000)
    pipe.land("a.json", {"id": 1}, *["{" + "x" * 200 + "\n"] * 10)
    (batch,) = pipe.run(pipe.open())
    assert isinstance(batch.failure, BadRecordError)


def test_bad_records_when_many_are_flushed_in_pieces(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_records, "_FLUSH_BYTES", 1_000)
    pipe.land("a.json", {"id": 1}, *["{" + "x" * 200 + "\n"] * 10)
    (batch,) = pipe.run(pipe.open())
    assert len(batch.quarantined()) == 10
    assert "quarantine-1.parquet" in batch.records.names()


def test_malformed_record_when_failfast_stops(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1}, "{broken\n")
    (batch,) = pipe.run(pipe.open(schema="id BIGINT", mode="failfast"))
    assert isinstance(batch.failure, BadRecordError)


def test_malformed_record_with_a_corrupt_column_is_a_row(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1}, "{broken\n")
    rows = pipe.all_rows(pipe.open(schema_hints="_corrupt_record STRING"))
    assert [(row["id"], row["_corrupt_record"]) for row in rows] == [(1, None), (None, "{broken")]


def test_file_when_truncated_is_quarantined_whole(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": -1})
    lines = b"".join(b'{"id": %d, "pad": "%s"}\n' % (n, os.urandom(64).hex().encode())
                     for n in range(100_000))  # fmt: skip
    whole = gzip.compress(lines, 1)
    pipe.land("bad.json.gz", whole[: len(whole) - 1000])
    reader = pipe.open(schema="id BIGINT")
    reader.discover()
    start, end = reader.initial(), reader.latest(reader.initial())
    first = pipe.read(reader, start, end)
    assert isinstance(first.failure, ReplanNeeded)
    second = pipe.read(reader, start, end)
    assert second.failure is None
    assert _ids(second.rows) == [-1]
    assert second.files()["bad.json.gz"]["state"] == "quarantined"
    assert [row["file_key"] for row in second.quarantined()] == ["bad.json.gz"]
    assert second.read.report.bad_files == 1


def test_file_when_gone_stops_with_its_name(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    reader = pipe.open(schema="id BIGINT")
    reader.discover()
    (pipe.landing / "b.json").unlink()
    batch = pipe.read(reader, reader.initial(), reader.latest(reader.initial()))
    assert isinstance(batch.failure, SourceChangedError)
    assert "b.json" in str(batch.failure)


def test_file_when_overwritten_after_discovery_stops(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open(schema="id BIGINT")
    reader.discover()
    pipe.land("a.json", {"id": 22222})
    batch = pipe.read(reader, reader.initial(), reader.latest(reader.initial()))
    assert isinstance(batch.failure, SourceChangedError)
    assert batch.rows == []


def test_file_when_gone_and_ignored_is_recorded(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    reader = pipe.open(schema="id BIGINT", ignore_missing_files=True)
    reader.discover()
    (pipe.landing / "b.json").unlink()
    batch = pipe.read(reader, reader.initial(), reader.latest(reader.initial()))
    assert batch.failure is None
    assert _ids(batch.rows) == [1]
    assert batch.files()["b.json"]["state"] == "skipped"


def test_file_when_big_is_read_in_ranges(pipe: FilesPipe) -> None:
    pad = "x" * 1_000
    pipe.land("a.json", *({"id": n, "pad": pad} for n in range(10_000)))
    assert (pipe.landing / "a.json").stat().st_size > 8 * 2**20
    assert _ids(pipe.all_rows(pipe.open())) == list(range(10_000))


def test_stream_when_abandoned_leaves_no_thread(pipe: FilesPipe) -> None:
    pad = "x" * 1_000
    for name in range(4):
        pipe.land(f"{name}.json", *({"id": n, "pad": pad} for n in range(9_000)))
    reader = pipe.open(schema="id BIGINT, pad STRING")
    reader.discover()
    assert pipe.log is not None
    before = threading.active_count()
    read = reader.read(
        reader.initial(), reader.latest(reader.initial()), AttemptRecords(pipe.log, 0, "a")
    )
    rows = read.stream
    rows.read_next_batch()
    assert threading.active_count() > before
    del rows, read
    assert threading.active_count() == before


def test_preview_writes_nothing(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2, "x": 1})
    reader = pipe.open(rehearse=True, include_existing_files=False)
    reader.discover()
    assert pipe.log is not None
    assert pipe.log.list("") == []
    reader = pipe.open(rehearse=True)
    reader.discover()
    reader.discover()
    assert reader.backlog(reader.initial()).files == 2
    assert reader.schema.names == ("id", "x", "_rescued_data")
    assert pipe.log.list("") == []


def test_discovery_when_its_time_is_up_says_there_may_be_more(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    reader = pipe.open()
    reader.discover(time_budget_s=0)
    assert not reader.backlog(reader.initial()).complete
    reader.discover()
    assert reader.backlog(reader.initial()).complete


def test_digest_items_when_a_version_differs_differ(pipe: FilesPipe, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = FilesPipe(tmp_path / "other")
    items = []
    for each in (pipe, other):
        each.land("a.json", {"id": 1})
        reader = each.open()
        reader.discover()
        items.append(reader.digest_items(reader.initial(), reader.latest(reader.initial())))
    assert items[0] != items[1]
    assert len(items[0]) == 1


def test_text_and_binary_files_come_with_their_own_columns(pipe: FilesPipe) -> None:
    pipe.land("k=1/a.txt", "one\ntwo\n")
    rows = pipe.all_rows(pipe.open(format="text"))
    assert rows == [{"value": "one", "k": 1}, {"value": "two", "k": 1}]


def test_names_when_odd_survive(pipe: FilesPipe) -> None:
    names = ["a b%20c.json", "q'\"uote.json", "new\nline.json", "ünï.json", "tab\t.json", "#?.json"]
    for number, name in enumerate(names):
        pipe.land(name, {"id": number})
    invalid = os.fsencode(pipe.landing) + b"/bad\xff.json"
    with open(invalid, "wb") as file:
        file.write(b'{"id": 6}\n')
    rows = pipe.all_rows(pipe.open(metadata_column="_m"))
    assert _ids(rows) == [0, 1, 2, 3, 4, 5, 6]
    assert len({row["_m"]["file_path"] for row in rows}) == 7
    again = pipe.open()
    again.discover()
    assert again.backlog(again.initial()).files == 7


@pytest.mark.parametrize(("days_ahead", "ids"), [(0.5, []), (3_000, [1])])
def test_file_dated_in_the_future_waits_at_most_a_day(
    pipe: FilesPipe, days_ahead: float, ids: list[int]
) -> None:
    pipe.land("a.json", {"id": 1}, age_s=-86_400 * days_ahead)
    assert _ids(pipe.all_rows(pipe.open(schema="id BIGINT", min_age="1 hour"))) == ids


def test_hint_when_given_after_the_first_start_adds_its_column(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1, "tags": {"a": 1}})
    frozen = {"schema_evolution": "fail_on_new_columns"}
    pipe.all_rows(pipe.open(**frozen))
    pipe.land("b.json", {"id": 2, "n": 5, "tags": {"a": 2, "b": "x"}})
    with pytest.raises(AssertionError, match="is not in the schema"):
        pipe.all_rows(pipe.open(**frozen))
    rows = pipe.all_rows(pipe.open(schema_hints="n INT, tags.b STRING", **frozen))
    assert [(row["n"], row["tags"]) for row in rows] == [
        (None, {"a": 1, "b": None}),
        (5, {"a": 2, "b": "x"}),
    ]
    assert pipe.open(**frozen).schema.get("n") == t.INT


def test_hint_when_it_changes_a_stored_type_is_refused(pipe: FilesPipe) -> None:
    pipe.land("day=2024-01-01/a.json", {"id": 1})
    pipe.all_rows(pipe.open())
    for hint in ("ID STRING", "day STRING", "id STRUCT<a INT>"):
        with pytest.raises(ConfigError, match="changes the type of column"):
            pipe.open(schema_hints=hint).discover()


def test_hint_of_a_struct_that_has_grown_since_is_no_change(pipe: FilesPipe) -> None:
    hints = "a STRUCT<x INT>, m MAP<STRING, STRUCT<p INT>>, l ARRAY<STRUCT<q INT>>"
    pipe.land("a.json", {"a": {"x": 1}})
    pipe.all_rows(pipe.open(schema_hints=hints))
    pipe.land("b.json", {"a": {"x": 2, "y": 3}, "m": {"k": {"p": 1, "r": 2}}, "l": [{"s": 1}]})
    rows = pipe.all_rows(pipe.open(schema_hints=hints))
    again = pipe.open(schema_hints=hints)
    assert rows[-1]["a"] == {"x": 2, "y": 3}
    assert again.schema.get("a") == t.Struct((("x", t.INT), ("y", t.LONG)))


@pytest.mark.parametrize("options", [{}, {"reader_case_sensitive": False}])
def test_csv_names_that_differ_in_case_when_inferred_fill_one_column(
    pipe: FilesPipe, options: dict[str, bool]
) -> None:
    pipe.land("a.csv", "id,ID,n,n\n1,2,3,4\n")
    (row,) = pipe.all_rows(pipe.open(format="csv", **options))
    rescued = json.loads(row.pop("_rescued_data"))
    assert row == {"id": 1, "n2": 3, "n3": 4}
    assert rescued["ID"] == "2"


def _known_but_not_inferred(pipe: FilesPipe, **options: Any) -> Any:
    """Give a source whose run died between discovery and inference."""
    reader = pipe.open(**options)
    reader._discovery.run(None)
    return pipe.open(**options)


def test_columns_when_a_known_file_was_overwritten_are_inferred_from_what_it_holds_now(
    pipe: FilesPipe,
) -> None:
    pipe.land("a.json", {"id": 1}, age_s=100)
    reader = _known_but_not_inferred(pipe, ignore_missing_files=True)
    pipe.land("a.json", {"id": 1, "more": True}, age_s=50)
    assert reader.schema.names[:2] == ("id", "more")


def _zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("in.json", '{"id": 1}')
    return made.getvalue()


def _large_parquet() -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table({"id": [os.urandom(2**21)]}), made)
    return made.getvalue()


#: A file that is sampled whole, one whose members are, and one that is looked into by ranges.
SAMPLED = pytest.mark.parametrize(
    ("name", "content", "file_format"),
    [
        ("a.json", b'{"id": 1}', "json"),
        ("a.zip", _zipped(), "json"),
        ("a.parquet", _large_parquet(), "parquet"),
    ],
    ids=["small", "archive", "ranged"],
)
CHANGES = pytest.mark.parametrize("now", ["empty", "gone"])


def _spoil(path: Path, now: str) -> None:
    path.write_bytes(b"") if now == "empty" else path.unlink()


@SAMPLED
@CHANGES
def test_columns_when_all_known_files_have_lost_their_content_then_it_waits_for_more(
    pipe: FilesPipe, now: str, name: str, content: bytes, file_format: str
) -> None:
    options = {"format": file_format, "ignore_missing_files": True}
    path = pipe.land(name, content, age_s=100)
    reader = _known_but_not_inferred(pipe, **options)
    _spoil(path, now)
    assert list(pipe.run(reader)) == []
    pipe.land(f"b{path.suffix}", content, age_s=50)
    batches = list(pipe.run(pipe.open(**options)))
    assert sum(len(batch.rows) for batch in batches) == 1


@SAMPLED
@CHANGES
def test_columns_when_all_known_files_have_lost_their_content_then_the_error_names_one(
    pipe: FilesPipe, now: str, name: str, content: bytes, file_format: str
) -> None:
    path = pipe.land(name, content, age_s=100)
    reader = _known_but_not_inferred(pipe, format=file_format)
    _spoil(path, now)
    with pytest.raises(SourceChangedError, match=re.escape(name)):
        list(pipe.run(reader))


@CHANGES
def test_columns_when_the_newest_files_have_lost_their_content_then_they_are_older_ones(
    pipe: FilesPipe, now: str
) -> None:
    options = {"ignore_missing_files": True, "schema_inference_max_files": 1}
    pipe.land("a.json", {"id": 1}, age_s=100)
    newer = [pipe.land(f"{name}.json", {"id": 2}, age_s=50) for name in "bcd"]
    reader = _known_but_not_inferred(pipe, **options)
    for path in newer:
        _spoil(path, now)

    batches = list(pipe.run(reader))

    assert [row["id"] for batch in batches for row in batch.rows] == [1]
