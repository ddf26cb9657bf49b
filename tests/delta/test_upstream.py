"""What deltalake does today that our protocol leans on, or has to work around.

Each test states a fact of the installed version. When one goes red, upstream moved: read
DESIGN's traps and the pin in pyproject.toml before changing the test.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of two files."""
    found = tmp_path / "table"
    for each in (1, 2):
        write_deltalake(found, pa.table({"id": [each]}), mode="append")
    return found


def mark(version: int, app: str = "q") -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, version)])


def append(table: DeltaTable | Path, value: Any, properties: CommitProperties) -> None:
    write_deltalake(table, pa.table({"id": [value]}), mode="append", commit_properties=properties)


def count(path: Path) -> int:
    return DeltaTable(path).count()


def log_text(path: Path) -> str:
    return "".join(each.read_text() for each in sorted((path / "_delta_log").glob("*.json")))


Act = Callable[[DeltaTable], object]

REWRITES: dict[str, Act] = {
    "z_order": lambda table: table.optimize.z_order(["id"]),
    "compact": lambda table: table.optimize.compact(),
    "overwrite": lambda table: write_deltalake(table, pa.table({"id": [9]}), mode="overwrite"),
    "transaction": lambda table: table.create_write_transaction([], "overwrite", table.schema()),
    "delete": lambda table: table.delete("id = 1"),
    "update": lambda table: table.update({"id": "7"}, predicate="id = 1"),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [("z_order", "z_order"), ("delete", "delete"), ("update", "update")]
    + [("compact", each) for each in REWRITES if each != "z_order"],
)
def test_second_rewrite_on_a_stale_handle_is_rejected(path: Path, first: str, second: str) -> None:
    stale = DeltaTable(path)
    REWRITES[first](DeltaTable(path))
    rows = count(path)
    with pytest.raises(CommitFailedError):
        REWRITES[second](stale)
    assert count(path) == rows


@pytest.mark.parametrize("round_", range(5))
def test_two_compactions_at_once_keep_every_row(path: Path, round_: int) -> None:
    gate = threading.Barrier(2)

    def compact() -> None:
        table = DeltaTable(path)
        gate.wait()
        with suppress(DeltaError):
            table.optimize.compact()

    compactors = [threading.Thread(target=compact) for _ in range(2)]
    for compactor in compactors:
        compactor.start()
    for compactor in compactors:
        compactor.join()
    assert count(path) == 2


def test_stale_append_with_the_same_mark_is_rejected(path: Path) -> None:
    stale = DeltaTable(path)
    append(DeltaTable(path), 3, mark(0))
    for version in (0, 1, -1):
        with pytest.raises(CommitFailedError):
            append(stale, 3, mark(version))
    assert count(path) == 3


def test_stale_merge_of_columns_with_the_same_mark_is_rejected(path: Path) -> None:
    stale = DeltaTable(path)
    append(DeltaTable(path), 3, mark(0))
    with pytest.raises(CommitFailedError):
        write_deltalake(
            stale,
            pa.table({"id": [3], "new": [1]}),
            mode="append",
            schema_mode="merge",
            commit_properties=mark(0),
        )


def test_stale_append_with_another_mark_is_accepted(path: Path) -> None:
    stale = DeltaTable(path)
    append(DeltaTable(path), 3, mark(0))
    append(stale, 4, mark(0, "other"))
    assert count(path) == 4


@pytest.mark.parametrize("version", [5, 4, -1])
def test_equal_and_lower_marks_are_accepted_and_move_it_back(path: Path, version: int) -> None:
    append(DeltaTable(path), 3, mark(5))
    append(DeltaTable(path), 3, mark(version))
    assert DeltaTable(path).transaction_version("q") == version
    assert count(path) == 4


def test_write_by_uri_after_a_check_doubles_the_batch(path: Path) -> None:
    checked = DeltaTable(path)
    append(DeltaTable(path), 3, mark(0))
    assert checked.transaction_version("q") is None
    append(path, 3, mark(0))
    assert count(path) == 4


def test_stale_append_after_a_metadata_change_is_rejected(path: Path) -> None:
    stale = DeltaTable(path)
    DeltaTable(path).alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(CommitFailedError):
        append(stale, 3, mark(0))


def test_stale_append_after_a_compaction_is_accepted(path: Path) -> None:
    stale = DeltaTable(path)
    DeltaTable(path).optimize.compact()
    append(stale, 3, mark(0))
    assert count(path) == 3


def test_stale_append_after_a_restore_is_rejected(path: Path) -> None:
    stale = DeltaTable(path)
    DeltaTable(path).restore(0)
    with pytest.raises(CommitFailedError):
        append(stale, 3, mark(0))


def test_restore_keeps_the_mark_of_the_rows_it_takes(path: Path) -> None:
    append(DeltaTable(path), 3, mark(0))
    DeltaTable(path).restore(1)
    assert count(path) == 2
    assert DeltaTable(path).transaction_version("q") == 0
    assert '"operation":"RESTORE"' in log_text(path)


@pytest.mark.parametrize("round_", range(5))
def test_creation_race_without_retries_has_one_winner(tmp_path: Path, round_: int) -> None:
    path = tmp_path / "new"
    gate = threading.Barrier(4)

    def create() -> None:
        gate.wait()
        with suppress(DeltaError):
            DeltaTable.create(
                path,
                pa.schema([("id", pa.int64())]),
                mode="error",
                commit_properties=CommitProperties(max_commit_retries=0),
            )

    creators = [threading.Thread(target=create) for _ in range(4)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
    assert log_text(path).count('"metaData"') == 1
    assert DeltaTable(path).version() == 0


@pytest.mark.parametrize("value", [1.7, True, "1"])
def test_append_of_another_type_is_cast_without_a_word(path: Path, value: object) -> None:
    append(DeltaTable(path), value, mark(0))
    assert DeltaTable(path).schema().to_json().count('"type":"long"') == 1
    assert count(path) == 3


def test_append_of_nothing_records_the_mark(path: Path) -> None:
    empty = pa.schema([("id", pa.int64())]).empty_table()
    write_deltalake(DeltaTable(path), empty, mode="append", commit_properties=mark(0))
    assert DeltaTable(path).transaction_version("q") == 0
    assert DeltaTable(path).version() == 2


def test_merge_delete_and_update_of_nothing_leave_no_mark(path: Path) -> None:
    table = DeltaTable(path)
    table.delete("id = 77", commit_properties=mark(0))
    table.update({"id": "1"}, predicate="id = 77", commit_properties=mark(0))
    table.merge(
        pa.table({"id": [77]}), "s.id = t.id", source_alias="s", target_alias="t",
        commit_properties=mark(0),
    ).when_matched_delete().execute()  # fmt: skip
    assert DeltaTable(path).transaction_version("q") is None
    assert DeltaTable(path).version() == 1


def test_zero_byte_newest_commit_hides_rows_and_mark(path: Path) -> None:
    append(DeltaTable(path), 3, mark(0))
    (path / "_delta_log" / f"{2:020d}.json").write_bytes(b"")
    table = DeltaTable(path)
    assert table.transaction_version("q") is None
    assert table.count() == 2


def test_table_made_again_takes_a_stale_handles_append(path: Path) -> None:
    stale = DeltaTable(path)
    old_id = stale.metadata().id
    shutil.rmtree(path)
    for each in range(2):
        write_deltalake(path, pa.table({"id": [each]}), mode="append")
    append(stale, 3, mark(0))
    assert DeltaTable(path).metadata().id != old_id
    assert count(path) == 3


def test_commit_with_retries_off_fails_on_any_news(path: Path) -> None:
    stale = DeltaTable(path)
    append(DeltaTable(path), 3, mark(0, "other"))
    with pytest.raises(CommitFailedError):
        append(stale, 3, CommitProperties(max_commit_retries=0))


def test_merge_that_adds_no_column_writes_no_metadata(path: Path) -> None:
    before = log_text(path).count('"metaData"')
    table = pa.table({"id": [3]})
    write_deltalake(DeltaTable(path), table, mode="append", schema_mode="merge")
    assert log_text(path).count('"metaData"') == before


def test_missing_nested_field_needs_merge(tmp_path: Path) -> None:
    path = tmp_path / "nested"
    write_deltalake(path, pa.table({"s": [{"a": 1, "b": 2}]}))
    fewer = pa.table({"s": [{"a": 3}]})
    with pytest.raises(SchemaMismatchError):
        write_deltalake(DeltaTable(path), fewer, mode="append")
    write_deltalake(DeltaTable(path), fewer, mode="append", schema_mode="merge")
    assert count(path) == 2


def test_local_path_with_an_escape_is_torn_apart(tmp_path: Path) -> None:
    path = tmp_path / "a%20b"
    with pytest.raises(DeltaError):
        write_deltalake(path, pa.table({"id": [1]}))
    assert list(path.glob("*.parquet"))
