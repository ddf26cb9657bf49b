from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

import lakestream as ls
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    ConfigError,
    DeltaChangeError,
    EnvironmentNotSetError,
    SinkReplacedError,
    SinkRestoredError,
    SourceChangedError,
    TableFeatureError,
    UnknownColumnError,
    UnknownOptionError,
    UnsupportedOperationError,
)
from lakestream.failpoint import watched
from lakestream.streaming_table import StreamingTable

MODULE = """
import lakestream as ls

@ls.streaming_table("{lake}/bronze")
def bronze():
    return ls.read_files("{landing}", format="json")

@ls.streaming_table("{lake}/silver", name="renamed", partition_by="day")
def silver(bronze):
    \"\"\"What is worth keeping.\"\"\"
    return bronze.filter("id > 1")

@ls.streaming_table("{lake}/gold")
def gold(renamed):
    return renamed.select("id")

@ls.streaming_table("{lake}/typo")
def typo(bronse):
    return bronse
"""


@pytest.fixture
def module(tmp_path: Path) -> types.ModuleType:
    landing = tmp_path / "landing"
    landing.mkdir()
    rows = [{"id": number, "day": f"d{number}"} for number in range(4)]
    (landing / "a.json").write_text("\n".join(json.dumps(row) for row in rows))
    found = types.ModuleType("declared_tables")
    sys.modules[found.__name__] = found
    exec(MODULE.format(lake=tmp_path / "lake", landing=landing), vars(found))
    return found


def test_parameter_when_named_after_a_table_then_reads_it_as_a_stream(
    module: types.ModuleType,
) -> None:
    module.bronze.run()
    module.silver.run()
    module.gold.run()

    assert sorted(module.gold.read().read_all()["id"].to_pylist()) == [2, 3]
    assert list(module.gold.inputs.values()) == [module.silver]
    assert module.silver.description == "What is worth keeping."


def test_parameter_when_it_names_nothing_then_near_names(module: types.ModuleType) -> None:
    with pytest.raises(ConfigError, match="bronse") as failure:
        _ = module.typo.stream

    assert failure.value.fix is not None
    assert "'bronze'" in failure.value.fix


def test_inputs_when_given_then_win_over_the_module(
    module: types.ModuleType, tmp_path: Path
) -> None:
    @ls.streaming_table(str(tmp_path / "other"), inputs={"rows": module.bronze})
    def other(rows: ls.Stream) -> ls.Stream:
        return rows.drop("day")

    module.bronze.run()
    other.run()

    assert other.read().schema.names == ["id", "_rescued_data"]


def test_inputs_when_they_name_no_parameter_then_error(
    module: types.ModuleType, tmp_path: Path
) -> None:
    @ls.streaming_table(str(tmp_path / "other"), inputs={"wrong": module.bronze})
    def other() -> ls.Stream:
        return ls.read_files("x", format="json")

    with pytest.raises(ConfigError, match="'wrong'"):
        _ = other.inputs


def test_function_when_it_returns_no_stream_then_error(tmp_path: Path) -> None:
    @ls.streaming_table(str(tmp_path / "t"))
    def nothing() -> None:
        return None

    with pytest.raises(ConfigError, match="NoneType"):
        _ = nothing.stream


def test_body_when_the_stream_is_used_twice_then_ran_once(tmp_path: Path) -> None:
    calls = []

    @ls.streaming_table(str(tmp_path / "t"))
    def counted() -> ls.Stream:
        calls.append(1)
        return ls.read_files(str(tmp_path), format="json")

    assert calls == []
    assert counted.stream is counted.stream
    assert calls == [1]


def test_declaration_when_paths_come_from_the_environment_then_resolved_at_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @ls.streaming_table(ls.env("TEST_LAKE") / "t")
    def later() -> ls.Stream:
        return ls.read_files(ls.env("TEST_LANDING") / "in", format="json")

    assert later.path == "$TEST_LAKE/t"
    with pytest.raises(EnvironmentNotSetError, match="TEST_LAKE"):
        later.run()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text('{"id": 1}')
    monkeypatch.setenv("TEST_LAKE", str(tmp_path))
    monkeypatch.setenv("TEST_LANDING", str(tmp_path))
    later.run()
    assert later.read().read_all().num_rows == 1


@pytest.mark.parametrize("mode", ["update", "complete"])
def test_output_mode_when_it_needs_an_aggregation_then_refused(mode: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match=mode):
        ls.streaming_table("t", output_mode=mode)


def test_output_mode_when_misspelt_then_near_names() -> None:
    with pytest.raises(ConfigError, match="append"):
        ls.streaming_table("t", output_mode="apend")


def test_storage_option_when_unknown_then_near_names() -> None:
    declare = ls.streaming_table("s3://b/t", storage_options={"aws_regoin": "x"})
    with pytest.raises(UnknownOptionError, match="aws_region"):
        declare(lambda: None)


def test_validate_when_a_column_is_misspelt_then_near_names_and_nothing_written(
    module: types.ModuleType, tmp_path: Path
) -> None:
    module.bronze.run()

    @ls.streaming_table(str(tmp_path / "t"), inputs={"bronze": module.bronze})
    def wrong(bronze: ls.Stream) -> ls.Stream:
        return bronze.select("dya")

    with pytest.raises(UnknownColumnError, match="'day'"):
        wrong.validate()
    with pytest.raises(UnknownColumnError, match="'day'"):
        wrong.run()

    assert not (tmp_path / "t" / "_delta_log").exists()
    assert not (tmp_path / "t" / "_lakestream" / "offsets").exists()


def test_validate_when_the_table_is_gone_or_restored_then_said_before_a_run_meets_it(
    module: types.ModuleType, tmp_path: Path
) -> None:
    log = tmp_path / "lake" / "bronze" / "_delta_log"
    module.bronze.run()
    module.bronze.validate()

    log.rename(tmp_path / "aside")
    with pytest.raises(SinkReplacedError, match="the table is gone"):
        module.bronze.validate()

    (tmp_path / "aside").rename(log)
    DeltaTable(log.parent).restore(0)
    with pytest.raises(SinkRestoredError):
        module.bronze.validate()


@pytest.mark.parametrize("line", ["sink_commit", "commit_log"])
def test_validate_when_a_run_was_cut_off_then_the_table_is_as_it_should_be(
    module: types.ModuleType, tmp_path: Path, line: str
) -> None:
    module.bronze.run()
    landing = tmp_path / "landing"
    (landing / "b.json").write_text('{"id": 9, "day": "d"}')

    def cut_off(name: str) -> None:
        if name == line:
            raise RuntimeError(line)

    with watched(cut_off), pytest.raises(Exception, match=line):
        module.bronze.run()

    assert module.bronze.validate().names[:2] == ("id", "day")


def test_schema_when_nothing_ran_yet_then_as_a_run_would_make_it(module: types.ModuleType) -> None:
    before = module.bronze.schema
    module.bronze.run()

    assert before.names == ["id", "day", "_rescued_data"]
    assert module.bronze.schema.equals(before)


def test_preview_when_streams_have_no_table_then_rows(
    tmp_path: Path, module: types.ModuleType
) -> None:
    stream = ls.read_files(str(tmp_path / "landing"), format="json").filter("id >= 2")

    assert stream.preview(1).to_pylist() == [{"id": 2, "day": "d2", "_rescued_data": None}]


@pytest.mark.parametrize("change", ["path", "format", "name"])
def test_run_when_the_declaration_changed_underneath_then_refused(
    tmp_path: Path, module: types.ModuleType, change: str
) -> None:
    module.bronze.run()
    elsewhere = tmp_path / "elsewhere" / "landing"
    elsewhere.mkdir(parents=True)
    path = str(elsewhere) if change == "path" else str(tmp_path / "landing")

    @ls.streaming_table(
        str(tmp_path / "lake" / "bronze"), name="other" if change == "name" else None
    )
    def bronze() -> ls.Stream:
        return ls.read_files(path, format="text" if change == "format" else "json")

    with pytest.raises(CheckpointMismatchError):
        bronze.run()


def test_preview_when_a_vacuum_took_what_was_read_then_rows_of_the_table_as_it_is(
    tmp_path: Path,
) -> None:
    source = str(tmp_path / "source")
    write_deltalake(source, pa.table({"id": [1]}))

    @ls.streaming_table(str(tmp_path / "silver"))
    def silver() -> ls.Stream:
        return ls.read_delta(source).select("id")

    silver.run()
    write_deltalake(source, pa.table({"id": [2]}), mode="append")
    silver.run()
    DeltaTable(source).optimize.compact()
    DeltaTable(source).vacuum(0, dry_run=False, enforce_retention_duration=False)

    assert sorted(silver.preview(5)["id"].to_pylist()) == [1, 2]
    assert silver.run() == []


def test_validate_when_the_source_table_was_deleted_from_or_replaced_then_as_the_next_run(
    tmp_path: Path,
) -> None:
    source = str(tmp_path / "source")
    write_deltalake(source, pa.table({"id": [1, 2]}))

    @ls.streaming_table(str(tmp_path / "silver"))
    def silver() -> ls.Stream:
        return ls.read_delta(source).select("id")

    silver.run()
    assert silver.validate().names == ("id",)
    DeltaTable(source).delete("id = 1")
    for refused in (silver.validate, silver.run):
        with pytest.raises(DeltaChangeError, match="version 1"):
            refused()
    write_deltalake(source, pa.table({"id": [3]}), mode="append")
    shutil.rmtree(source)
    write_deltalake(source, pa.table({"id": [1]}))
    for refused in (silver.validate, silver.run):
        with pytest.raises(SourceChangedError):
            refused()


def test_batch_when_cut_off_and_its_sources_options_change_then_the_error_says_so(
    tmp_path: Path,
) -> None:
    source = str(tmp_path / "source")
    write_deltalake(source, pa.table({"id": [1]}))

    def silver(**options: Any) -> StreamingTable:
        @ls.streaming_table(str(tmp_path / "silver"), name="silver")
        def declared() -> ls.Stream:
            return ls.read_delta(source, **options)

        return declared

    def cut_off(name: str) -> None:
        if name == "sink_commit":
            raise RuntimeError(name)

    silver().run()
    DeltaTable(source).update(updates={"id": "5"}, predicate="id = 1")
    with watched(cut_off), pytest.raises(RuntimeError):
        silver(ignore_changes=True).run()

    with pytest.raises(CheckpointCorruptError, match="change them back"):
        silver(skip_change_commits=True).run()
    assert [each.num_input_rows for each in silver(ignore_changes=True).run()] == [1]


def test_reset_when_truncating_then_rows_are_there_once_and_old_versions_read_on(
    module: types.ModuleType,
) -> None:
    module.bronze.run()

    report = module.bronze.reset(truncate=True)
    module.bronze.run()

    assert (report.batches, report.files, report.rows) == (1, 1, 4)
    assert sorted(module.bronze.read().read_all()["id"].to_pylist()) == [0, 1, 2, 3]


def test_reset_when_rows_cannot_be_deleted_then_nothing_is_forgotten(
    module: types.ModuleType,
) -> None:
    module.bronze.run()
    table = DeltaTable(str(module.bronze.definition.path))
    table.alter.set_table_properties({"delta.appendOnly": "true"})

    with pytest.raises(TableFeatureError, match="append-only"):
        module.bronze.reset(truncate=True)

    assert module.bronze.run() == []
    assert module.bronze.read().read_all().num_rows == 4


def test_reset_when_rows_stay_then_all_input_comes_on_top(module: types.ModuleType) -> None:
    module.bronze.run()
    before = module.bronze.status().query_id

    module.bronze.reset()
    module.bronze.run()

    assert sorted(module.bronze.read().read_all()["id"].to_pylist()) == sorted([0, 1, 2, 3] * 2)
    assert module.bronze.status().query_id != before


def test_reset_when_the_source_table_lost_a_column_then_it_is_read_anew(tmp_path: Path) -> None:
    source = str(tmp_path / "source")
    write_deltalake(source, pa.table({"id": [1], "day": ["d1"]}))

    @ls.streaming_table(str(tmp_path / "table"))
    def copy() -> ls.Stream:
        return ls.read_delta(source)

    copy.run()
    write_deltalake(source, pa.table({"id": [7]}), mode="overwrite", schema_mode="overwrite")
    with pytest.raises(DeltaChangeError, match="reset"):
        copy.run()

    report = copy.reset(truncate=True)
    copy.run()

    assert (report.batches, report.files, report.rows) == (1, None, 1)
    assert copy.read().read_all()["id"].to_pylist() == [7]


def test_table_when_represented_then_no_secret_shows(tmp_path: Path) -> None:
    @ls.streaming_table("s3://b/t", storage_options={"aws_secret_access_key": "hush"})
    def secret() -> ls.Stream:
        return ls.read_files("s3://b/in", format="json")

    assert isinstance(secret, StreamingTable)
    assert "hush" not in repr(secret) + repr(secret.definition)


def test_decorator_when_given_no_path_then_told_to() -> None:
    with pytest.raises(ConfigError, match="not a path"):
        ls.streaming_table(lambda: None)  # type: ignore[arg-type]  # the fault under test


@pytest.mark.parametrize("trigger", ["once", ls.once])
def test_trigger_when_it_is_none_then_refused_wherever_it_is_given(
    tmp_path: Path, trigger: Any
) -> None:
    with pytest.raises(ConfigError, match=r"a trigger is wanted, not '?once"):
        ls.streaming_table(tmp_path / "table", trigger=trigger)
    table = ls.streaming_table(tmp_path / "table", name="t")(
        lambda: ls.read_files(tmp_path, format="json")
    )
    for start in (table.run, table.start):
        with pytest.raises(ConfigError, match=r"a trigger is wanted, not '?once"):
            start(trigger)


@pytest.mark.parametrize(
    ("table", "source", "options"),
    [
        ("landing", "landing", {}),
        ("landing/lake/t", "landing", {}),
        ("landing/lake/t", "land*/lake", {}),
        ("landing/day=1", "landing", {"recursive": False}),
    ],
)
def test_table_when_it_lies_in_its_own_landing_folder_then_refused_and_nothing_written(
    tmp_path: Path, table: str, source: str, options: dict[str, Any]
) -> None:
    circular = ls.streaming_table(tmp_path / table, name="t")(
        lambda: ls.read_files(str(tmp_path / source), format="parquet", **options)
    )
    with pytest.raises(ConfigError, match="its own files would be its input"):
        circular.run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("landing", {"path_glob_filter": "*.json"}),
        ("landing", {"recursive": False}),
        ("landing/*.json", {}),
        ("landing/in", {}),
        ("land", {}),
    ],
)
def test_table_when_its_landing_folder_takes_other_files_only_then_runs(
    tmp_path: Path, source: str, options: dict[str, Any]
) -> None:
    table = ls.streaming_table(tmp_path / "landing/lake/t", name="t")(
        lambda: ls.read_files(str(tmp_path / source), format="json", **options)
    )
    assert table.run() == []


def test_progress_when_a_batch_adds_columns_and_nested_fields_then_tells_each(
    tmp_path: Path,
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()

    @ls.streaming_table(str(tmp_path / "lake"))
    def bronze() -> ls.Stream:
        return ls.read_files(str(landing), format="json")

    (landing / "a.json").write_text('{"id": 1, "buyer": {"name": "Ada"}}\n')
    (first,) = bronze.run()
    (landing / "b.json").write_text('{"id": 2, "buyer": {"name": "Bob", "age": 7}, "city": "Z"}\n')
    (second,) = bronze.run()
    (landing / "c.json").write_text('{"id": 3}\n')
    (third,) = bronze.run()

    def told(progress: ls.QueryProgress) -> tuple[object, list[tuple[str, str, object]]]:
        ours = json.loads(progress.json)["lakestream"]
        changes = [(each["path"], each["kind"], each["after"]) for each in ours["schemaChanges"]]
        return ours["schemaChanged"], changes

    assert told(first) == told(third) == (False, [])
    assert told(second) == (
        True,
        [("buyer.age", "added", "BIGINT"), ("city", "added", "STRING")],
    )
    versions = bronze.schema_history()
    assert [str(each) for each in versions[1].changes] == ["+ buyer.age BIGINT", "+ city STRING"]
    assert bronze.schema_preview("zip STRING")[0].hinted[0].path == "zip"
