from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

import pyarrow as pa
import pytest

import lakestream as ls
from lakestream import Stream, StreamingTable
from lakestream.dagster.table_run import TableRun


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.json").write_text('{"n": 1}\n')
    return folder


def test_run_when_interrupted_then_the_batch_under_way_is_finished_and_no_other_begins(
    tmp_path: Path, landing: Path
) -> None:
    main = threading.main_thread().ident
    assert main is not None
    interrupts: list[int] = []

    def interrupt_once(rows: pa.Table) -> pa.Table:
        if rows.num_rows and not interrupts:
            interrupts.append(rows.num_rows)
            signal.pthread_kill(main, signal.SIGINT)
        return rows

    @ls.streaming_table(tmp_path / "table")
    def table() -> Stream:
        files = ls.read_files(landing, format="json", max_files_per_trigger=1)
        return files.mapBatches(interrupt_once)

    run = TableRun(table, logging.getLogger("test"))
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    assert [batch.batch_id for batch in run.batches] == [0]
    assert table.read().read_all().num_rows == 1

    TableRun(table, logging.getLogger("test")).execute()
    assert table.read().read_all().num_rows == 3


@pytest.fixture
def plain(tmp_path: Path, landing: Path) -> StreamingTable:
    @ls.streaming_table(tmp_path / "plain")
    def plain() -> Stream:
        return ls.read_files(landing, format="json", max_files_per_trigger=1)

    return plain


def test_run_when_batches_come_then_each_is_one_line_of_the_log(
    plain: StreamingTable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        TableRun(plain, logging.getLogger("test")).execute()
    lines = [record.message for record in caplog.records if record.name == "test"]
    assert [line.partition(":")[0] for line in lines] == [
        "batch 0 -> version 1",
        "batch 1 -> version 2",
        "batch 2 -> version 3",
    ]
    assert "2 files wait" in lines[0]


def test_run_when_a_batch_fails_then_the_ones_before_are_known(
    tmp_path: Path, landing: Path
) -> None:
    seen: list[int] = []

    def fail_at_the_second(rows: pa.Table) -> pa.Table:
        if rows.num_rows:
            seen.append(rows.num_rows)
        if len(seen) > 1:
            raise RuntimeError("asked to")
        return rows

    @ls.streaming_table(tmp_path / "table")
    def table() -> Stream:
        files = ls.read_files(landing, format="json", max_files_per_trigger=1)
        return files.mapBatches(fail_at_the_second)

    run = TableRun(table, logging.getLogger("test"))
    with pytest.raises(ls.LakestreamError, match="LS-QUERY-002"):
        run.execute()
    assert [batch.batch_id for batch in run.batches] == [0]
