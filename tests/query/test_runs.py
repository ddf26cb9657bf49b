"""Triggers, limits and handles, on real folders and tables."""

from __future__ import annotations

import gc
import json
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pytest

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import (
    ExpectationFailedError,
    QueryFailedError,
    SinkReplacedError,
    StorageUnavailableError,
    UserFunctionError,
)
from lakestream.query.run import QueryRun, RunOptions
from lakestream.query.streaming_query import StreamingQuery
from lakestream.sinks.delta import DeltaSink
from lakestream.sources.base import DiscoveryFilter
from lakestream.streaming_table import StreamingTable


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def land(folder: Path, *names: str, rows: int = 2) -> None:
    for name in names:
        lines = [json.dumps({"name": name, "n": row}) for row in range(rows)]
        (folder / f"{name}.json").write_text("\n".join(lines) + "\n")


def orders_of(tmp_path: Path, **options: object) -> StreamingTable:
    reading = {key: options.pop(key) for key in list(options) if key.startswith("max_")}

    @ls.streaming_table(str(tmp_path / "table"), **options)
    def orders() -> ls.Stream:
        return ls.read_files(str(tmp_path / "landing"), format="json", **reading)

    return orders


def names_in(table: StreamingTable) -> list[str]:
    return sorted(row["name"] for row in table.read().read_all().to_pylist())


def test_available_now_when_limited_then_as_many_batches_as_it_takes(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a", "b", "c", "d", "e")

    done = orders_of(tmp_path, max_files_per_trigger=2).run()

    assert [(each.batch_id, each.files) for each in done] == [(0, 2), (1, 2), (2, 1)]
    assert [each.backlog.files for each in done] == [3, 1, 0]


def test_available_now_when_files_land_meanwhile_then_they_wait_for_the_next_run(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a", "b")
    table = orders_of(tmp_path, max_files_per_trigger=1)

    first = table.run(on_progress=lambda _: land(landing, "late"))
    second = table.run()

    assert [each.files for each in first + second] == [1, 1, 1]
    assert names_in(table) == ["a", "a", "b", "b", "late", "late"]


def test_once_when_limited_then_one_batch_of_all(tmp_path: Path, landing: Path) -> None:
    land(landing, "a", "b", "c")

    done = orders_of(tmp_path, max_files_per_trigger=1).run(ls.once())

    assert [each.files for each in done] == [3]


def test_bytes_limit_when_a_file_crosses_it_then_that_file_is_the_last(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a", "b", "c", rows=10)
    size = (landing / "a.json").stat().st_size

    done = orders_of(tmp_path, max_bytes_per_trigger=size + 1).run()

    assert [each.files for each in done] == [2, 1]


def test_max_batches_when_reached_then_the_rest_waits(tmp_path: Path, landing: Path) -> None:
    land(landing, "a", "b", "c")
    table = orders_of(tmp_path, max_files_per_trigger=1)

    done = table.run(max_batches=2)

    assert [each.batch_id for each in done] == [0, 1]
    assert table.status().state == "behind"
    assert [each.batch_id for each in table.run()] == [2]


def test_discovery_filter_when_narrowed_then_only_matching_files_are_found(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a1", "b1", "a2")
    table = orders_of(tmp_path)

    table.run(discovery=DiscoveryFilter(path_glob="a*"))
    narrowed = names_in(table)
    table.run()

    assert narrowed == ["a1", "a1", "a2", "a2"]
    assert names_in(table) == ["a1", "a1", "a2", "a2", "b1", "b1"]


def test_replay_when_all_rows_are_there_then_nothing_changes(tmp_path: Path, landing: Path) -> None:
    land(landing, "a", "b")
    table = orders_of(tmp_path)
    table.run()

    assert table.run(discovery=DiscoveryFilter(requeue=True)) == []
    assert names_in(table) == ["a", "a", "b", "b"]


def test_replay_when_a_quarantined_file_was_mended_then_its_rows_come_once(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    (landing / "b.json.gz").write_bytes(b"\x1f\x8b broken")
    table = orders_of(tmp_path)
    table.run()
    assert [each.state for each in table.files()] == ["committed", "quarantined"]
    import gzip

    (landing / "b.json.gz").write_bytes(gzip.compress(b'{"name": "b", "n": 1}\n'))
    table.run(discovery=DiscoveryFilter(requeue=True))
    table.run(discovery=DiscoveryFilter(requeue=True))

    assert names_in(table) == ["a", "a", "b"]


def test_start_when_files_keep_landing_then_each_is_taken_until_stopped(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    table = orders_of(tmp_path)
    query = table.start(ls.processing_time("10 ms"))
    try:
        query.processAllAvailable()
        land(landing, "b")
        query.processAllAvailable()
        assert query.isActive
        assert query.status["message"] in {"Waiting for data to arrive", "Processing new data"}
    finally:
        query.stop()

    assert not query.isActive
    assert query.exception() is None
    assert [each.batch_id for each in query.recentProgress] == [0, 1]
    assert query.lastProgress is not None
    assert query.lastProgress.run_id == query.runId
    assert query.lastProgress["batchId"] == query.lastProgress.batch_id
    assert names_in(table) == ["a", "a", "b", "b"]


def test_start_when_a_batch_fails_then_await_raises_with_the_cause(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")

    @ls.streaming_table(str(tmp_path / "table"))
    def failing() -> ls.Stream:
        def broken(rows: pa.Table) -> pa.Table:
            if rows.num_rows:
                raise ValueError("no such luck")
            return rows

        return ls.read_files(str(landing), format="json").mapBatches(broken)

    query = failing.start()

    with pytest.raises(QueryFailedError) as failure:
        query.awaitTermination(60)

    assert isinstance(failure.value.__cause__, UserFunctionError)
    assert failing.status().batch_id is None
    assert failing.status().state == "interrupted"


def test_processing_time_when_idle_then_no_batch_and_no_version(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    table = orders_of(tmp_path)
    query = table.start(ls.processing_time("5 ms"))
    query.processAllAvailable()
    query.processAllAvailable()
    query.stop()

    assert [each.delta_version for each in query.recentProgress] == [1]


def test_await_termination_when_it_takes_longer_then_false(tmp_path: Path, landing: Path) -> None:
    query = orders_of(tmp_path).start(ls.processing_time("1 hour"))
    try:
        assert not query.awaitTermination(0.01)
    finally:
        query.stop()
    assert query.awaitTermination(0.01)


def test_run_when_the_landing_folder_is_empty_then_no_batch_and_no_table(
    tmp_path: Path, landing: Path
) -> None:
    table = orders_of(tmp_path)

    assert table.run() == []
    assert not (tmp_path / "table" / "_delta_log").exists()
    land(landing, "a")
    assert [each.batch_id for each in table.run()] == [0]


def test_expectation_when_it_fails_then_nothing_is_committed_and_the_plan_stays(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    table = orders_of(tmp_path, expectations={"small": ls.expect("n < 1", on_fail="fail")})

    with pytest.raises(ExpectationFailedError, match="small"):
        table.run()

    assert table.status().batch_id is None
    mended = orders_of(tmp_path, expectations={"small": "n < 1"})
    (progress,) = mended.run()
    assert progress.expectations["small"].failed == 1
    assert names_in(mended) == ["a", "a"]


def test_expectation_when_it_drops_then_counted_and_left_out(tmp_path: Path, landing: Path) -> None:
    land(landing, "a", rows=5)
    table = orders_of(tmp_path, expectations={"small": ls.expect("n < 3", on_fail="drop")})

    (progress,) = table.run()

    counts = progress.expectations["small"]
    assert (counts.passed, counts.failed, counts.dropped) == (3, 2, 2)
    assert (progress.num_input_rows, progress.num_output_rows) == (5, 3)


def test_run_when_asked_to_stop_then_the_batch_under_way_is_the_last(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a", "b", "c")
    table = orders_of(tmp_path, max_files_per_trigger=1)
    stop = threading.Event()

    class Pace:
        @property
        def stop_requested(self) -> bool:
            return stop.is_set()

        def idle(self) -> None:
            raise AssertionError("available_now never idles")

        def wait(self, seconds: float) -> None:
            raise AssertionError("available_now never waits")

    options = RunOptions(on_progress=lambda _: stop.set())
    run = QueryRun(table.definition, ls.available_now(), options, clock=SYSTEM_CLOCK, pace=Pace())
    run.execute()

    assert names_in(table) == ["a", "a"]


def test_progress_when_printed_then_has_sparks_names_in_sparks_order(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")

    (progress,) = orders_of(tmp_path).run()

    found = json.loads(progress.json)
    assert list(found)[:9] == [
        "id", "runId", "name", "timestamp", "batchId", "batchDuration", "numInputRows",
        "inputRowsPerSecond", "processedRowsPerSecond",
    ]  # fmt: skip
    assert found["inputRowsPerSecond"] == 0.0
    assert found["sources"][0]["endOffset"] == {"seqNum": 0, "sourceVersion": 1}
    assert found["sources"][0]["startOffset"] == {"seqNum": -1, "sourceVersion": 1}
    assert found["lakestream"]["deltaVersion"] == 1
    assert json.loads(str(progress)) == found


def test_stop_when_asked_by_on_progress_then_the_query_ends_after_that_batch(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    asked: list[StreamingQuery] = []
    query = StreamingQuery(
        orders_of(tmp_path).definition,
        ls.processing_time("1 hour"),
        RunOptions(on_progress=lambda _: asked[0].stop()),
    )
    asked.append(query)

    query.start()

    assert query.awaitTermination(60)


def test_run_when_a_function_fails_then_no_thread_of_the_attempt_stays(
    tmp_path: Path, landing: Path
) -> None:
    for name in "abcd":
        land(landing, name, rows=200_000)
    before = set(threading.enumerate())

    def fail(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ValueError

    @ls.streaming_table(str(tmp_path / "table"))
    def orders() -> ls.Stream:
        files = ls.read_files(str(landing), format="json", schema="name STRING, n BIGINT")
        return files.mapBatches(fail, schema="name STRING")

    with pytest.raises(UserFunctionError):
        orders.run()

    assert set(threading.enumerate()) <= before


def test_inspection_when_the_storage_fails_for_a_moment_then_the_run_goes_on(
    tmp_path: Path, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(landing, "a")
    table = orders_of(tmp_path)
    inspect, failures = DeltaSink.inspect, iter([1, 2])

    def failing(sink: DeltaSink, *args: object, **named: object) -> object:
        if next(failures, None):
            raise StorageUnavailableError("no answer")
        return inspect(sink, *args, **named)

    monkeypatch.setattr(DeltaSink, "inspect", failing)

    assert [each.batch_id for each in table.run()] == [0]
    assert next(failures, None) is None
    assert names_in(table) == ["a", "a"]


def test_inspection_when_the_table_is_another_then_it_is_not_asked_again(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a")
    table = orders_of(tmp_path)
    table.run()
    shutil.rmtree(tmp_path / "table" / "_delta_log")
    land(landing, "b")

    with pytest.raises(SinkReplacedError):
        table.run()


def test_input_rate_when_a_batch_follows_another_then_by_the_time_between_their_triggers(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, "a", "b")

    _, second = orders_of(tmp_path, max_files_per_trigger=1).run()

    assert second.since_last_trigger_s is not None
    assert second["inputRowsPerSecond"] == round(2 / second.since_last_trigger_s, 1)


def test_endless_run_when_it_goes_on_then_old_progress_is_let_go(
    tmp_path: Path, landing: Path
) -> None:
    land(landing, *"abcdef")
    alive: list[int] = []

    def look(progress: ls.QueryProgress) -> None:
        gc.collect()
        mine = [each for each in gc.get_objects() if isinstance(each, ls.QueryProgress)]
        alive.append(sum(each.run_id == progress.run_id for each in mine))
        if progress.backlog.files == 0:
            raise KeyboardInterrupt

    table = orders_of(tmp_path, max_files_per_trigger=1)
    with pytest.raises(KeyboardInterrupt):
        table.run(ls.processing_time(0.001), on_progress=look)

    assert len(alive) == 6
    assert max(alive) <= 2
