from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

import lakestream as ls
from lakestream import Stream, StreamingTable
from lakestream.clock import SYSTEM_CLOCK
from lakestream.dagster import build_definitions, build_sensor
from lakestream.dagster.history import LONGEST_WAIT, SENSOR_TAG, ended_runs, waiting_until
from lakestream.dagster.lineage import Lineage
from lakestream.dagster.names import QUERY_TAG, pool_name
from lakestream.dagster.sensor import Findings, round_from, skip_reason, tables_to_run
from lakestream.dagster.translator import LakestreamTranslator
from lakestream.errors import ConfigError
from lakestream.sources.base import Backlog
from lakestream.storage import stores
from lakestream.testing.clock import ManualClock


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as found:  # in-memory ones have no pools
        yield found


@pytest.fixture
def tables(tmp_path: Path) -> list[StreamingTable]:
    landing = tmp_path / "landing"
    (landing / "a").mkdir(parents=True)
    (landing / "b").mkdir()

    @ls.streaming_table(tmp_path / "a")
    def a() -> Stream:
        return ls.read_files(landing / "a", format="json")

    @ls.streaming_table(tmp_path / "a2", inputs={"a": a})
    def a2(a: Stream) -> Stream:
        return a

    @ls.streaming_table(tmp_path / "b")
    def b() -> Stream:
        return ls.read_files(landing / "b", format="json")

    return [a, a2, b]


def drop(tmp_path: Path, folder: str, name: str = "1.json") -> None:
    (tmp_path / "landing" / folder / name).write_text(json.dumps({"n": 1}) + "\n")


def tick(
    instance: dg.DagsterInstance, tables: list[StreamingTable], cursor: str | None = None
) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = build_sensor(tables)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def requested(result: dg.SensorResult) -> list[str]:
    [request] = result.run_requests or []
    assert request.run_key is None
    return [key.to_user_string() for key in request.asset_selection or ()]


def test_tick_when_files_landed_then_one_run_for_the_table_and_those_downstream(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    drop(tmp_path, "a")
    result = tick(instance, tables)
    assert requested(result) == ["a", "a2"]
    assert result.run_requests is not None
    assert result.run_requests[0].tags[QUERY_TAG] == "a,a2"


def test_tick_when_nothing_is_new_then_the_reason_says_what_was_looked_at(
    instance: dg.DagsterInstance, tables: list[StreamingTable]
) -> None:
    result = tick(instance, tables)
    assert not result.run_requests
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == "nothing new for a, b; nothing is there yet for a2"


def test_tick_when_only_the_input_table_has_news_then_the_reader_is_run(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    drop(tmp_path, "a")
    tables[0].run()
    assert requested(tick(instance, tables)) == ["a2"]


def test_tick_when_a_run_works_on_a_table_then_it_is_left_alone(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    drop(tmp_path, "a")
    drop(tmp_path, "b")
    run = dg.DagsterRun(
        job_name="any", status=dg.DagsterRunStatus.STARTED, tags={QUERY_TAG: "a,a2"}
    )
    instance.add_run(run)
    assert requested(tick(instance, tables)) == ["b"]


@pytest.mark.parametrize(
    ("names", "asked_for"), [(["b"], ["a", "a2"]), (["a", "b"], None), ([], None)]
)
def test_tick_when_a_backfill_works_on_some_tables_then_the_others_are_run(
    instance: dg.DagsterInstance,
    tables: list[StreamingTable],
    tmp_path: Path,
    names: list[str],
    asked_for: list[str] | None,
) -> None:
    drop(tmp_path, "a")
    drop(tmp_path, "b")
    job = build_definitions(tables).resolve_job_def("lakestream_backfill")
    config = {"ops": {"lakestream_backfill_tables": {"config": {"tables": names}}}}
    started = dg.DagsterRunStatus.STARTED
    instance.create_run_for_job(job, run_config=config, status=started, tags=dict(job.tags))
    result = tick(instance, tables)
    assert (requested(result) if result.run_requests else None) == asked_for


def run_what_is_asked(
    instance: dg.DagsterInstance, tables: list[StreamingTable]
) -> dg.ExecuteInProcessResult:
    """Do as the daemon does: run the sensor's request, under its tags."""
    [request] = tick(instance, tables).run_requests or []
    job = build_definitions(tables).resolve_job_def("lakestream_run")
    return job.execute_in_process(
        instance=instance,
        asset_selection=request.asset_selection,
        tags=dict(request.tags) | {SENSOR_TAG: "lakestream"},
        raise_on_error=False,
    )


def test_tick_when_the_last_run_failed_then_it_waits_and_says_until_when(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    def fail(rows: pa.Table) -> pa.Table:
        raise RuntimeError("asked to")

    @ls.streaming_table(tmp_path / "flaky")
    def flaky() -> Stream:
        return ls.read_files(tmp_path / "landing/b", format="json").mapBatches(fail)

    drop(tmp_path, "b")
    assert not run_what_is_asked(instance, [flaky]).success
    result = tick(instance, [flaky])
    assert not result.run_requests
    assert result.skip_reason is not None
    assert "flaky failed and is tried again at " in str(result.skip_reason.skip_message)


def test_tick_when_other_tables_ran_since_then_a_table_that_failed_waits_as_long(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    def fail(rows: pa.Table) -> pa.Table:
        raise RuntimeError("asked to")

    @ls.streaming_table(tmp_path / "flaky")
    def flaky() -> Stream:
        return ls.read_files(tmp_path / "landing/b", format="json").mapBatches(fail)

    drop(tmp_path, "b")
    job = build_definitions([flaky]).resolve_job_def("lakestream_run")
    tags = {SENSOR_TAG: "lakestream"}
    for _ in range(4):
        job.execute_in_process(
            instance=instance, tags=tags | {QUERY_TAG: "flaky"}, raise_on_error=False
        )
    success = dg.DagsterRunStatus.SUCCESS
    for _ in range(50):
        run = dg.DagsterRun(job_name="any", status=success, tags=tags | {QUERY_TAG: "a"})
        instance.add_run(run)
    now = SYSTEM_CLOCK.now()
    keys = {"flaky": dg.AssetKey("flaky")}
    interval = timedelta(seconds=30)
    runs = ended_runs(instance, "lakestream", keys, now)
    until = waiting_until("flaky", runs, interval=interval)
    assert until is not None
    assert until - runs[0].ended_at == 8 * interval
    assert ended_runs(instance, "lakestream", keys, now + LONGEST_WAIT) == []


def test_tick_when_a_table_succeeded_after_it_failed_then_it_waits_for_nothing(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    def fail(rows: pa.Table) -> pa.Table:
        if not (tmp_path / "mended").exists():
            raise RuntimeError("asked to")
        return rows

    @ls.streaming_table(tmp_path / "flaky")
    def flaky() -> Stream:
        source = ls.read_files(tmp_path / "landing/b", format="json", schema="n INT")
        return source.mapBatches(fail, schema="n INT")

    drop(tmp_path, "b")
    assert not run_what_is_asked(instance, [flaky]).success
    assert not tick(instance, [flaky]).run_requests
    (tmp_path / "mended").touch()
    by_hand = build_definitions([flaky]).resolve_job_def("lakestream_run")
    assert by_hand.execute_in_process(instance=instance).success
    drop(tmp_path, "b", "2.json")
    assert requested(tick(instance, [flaky])) == ["flaky"]


def test_tick_when_the_last_run_succeeded_then_news_are_run_at_once(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    drop(tmp_path, "b")
    assert run_what_is_asked(instance, tables).success
    drop(tmp_path, "b", "2.json")
    assert requested(tick(instance, tables)) == ["b"]


def test_round_when_a_tick_stopped_early_then_the_next_goes_on_there(
    tables: list[StreamingTable],
) -> None:
    assert [table.name for table in round_from(tables, "a2")] == ["a2", "b", "a"]
    assert [table.name for table in round_from(tables, "gone")] == ["a", "a2", "b"]


def test_choice_when_downstream_is_busy_then_it_is_not_in_the_run(
    tables: list[StreamingTable],
) -> None:
    lineage = Lineage(tables, LakestreamTranslator())
    findings = Findings(backlogs={"a": Backlog(files=3, bytes=9)}, busy=frozenset({"a2"}))
    assert [table.name for table in tables_to_run(lineage, findings)] == ["a"]


def test_reason_when_much_is_in_the_way_then_all_of_it_is_told() -> None:
    findings = Findings(
        backlogs={"a": Backlog()},
        errors={"e": ConfigError("no")},
        busy=frozenset({"b"}),
        waiting={"c": datetime(2026, 1, 1, 12, tzinfo=UTC)},
        resume_at="d",
    )
    assert skip_reason(findings) == (
        "nothing new for a; a run works on b; "
        "c failed and is tried again at 2026-01-01 12:00:00 UTC; "
        "e could not be looked at (LS-CONF-001); the next tick goes on with d"
    )


def test_tick_when_one_table_cannot_be_looked_at_then_the_others_are_run(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    @ls.streaming_table(tmp_path / "broken")
    def broken() -> Stream:
        return ls.read_files(tmp_path / "landing/a", format="json")

    (tmp_path / "broken").write_text("a file where the table should be")
    drop(tmp_path, "b")
    assert requested(tick(instance, [broken, *tables])) == ["b"]


def test_tick_when_no_table_can_be_looked_at_then_it_fails(
    instance: dg.DagsterInstance, tables: list[StreamingTable], tmp_path: Path
) -> None:
    (tmp_path / "b").write_text("a file where the table should be")
    with pytest.raises(ls.LakestreamError):
        tick(instance, tables[2:])


def test_tick_when_pools_are_new_then_their_limits_are_set(
    instance: dg.DagsterInstance, tables: list[StreamingTable]
) -> None:
    tick(instance, tables)
    limits = {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}
    assert limits == {pool_name(table): 1 for table in tables}


def test_tick_when_a_place_is_too_large_for_its_time_then_a_run_lists_it_to_the_end(
    instance: dg.DagsterInstance,
    tables: list[StreamingTable],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop(tmp_path, "b")
    monkeypatch.setattr(
        StreamingTable,
        "discover",
        lambda self, time_budget_s: (
            Backlog(complete=False) if self.name == "a" else Backlog(files=int(self.name == "b"))
        ),
    )
    assert requested(tick(instance, tables, cursor="a")) == ["a", "a2", "b"]


def test_tick_when_a_place_is_listed_in_pieces_then_the_next_goes_on_and_no_run_is_asked_for(
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = 3
    monkeypatch.setattr("lakestream.storage.object_store.PAGE_ROWS", 1)
    monkeypatch.setattr("lakestream.dagster.sensor.SYSTEM_CLOCK", ManualClock(SYSTEM_CLOCK.now()))
    monkeypatch.setattr("lakestream.dagster.sensor.DISCOVERY_BUDGET_S", 1e-9)
    files = stores.open_log_store("memory://sensor-in-pieces/landing")

    @ls.streaming_table(tmp_path / "pieces")
    def pieces() -> Stream:
        return ls.read_files(files.uri, format="json", schema="n BIGINT", min_age="1 hour")

    for number in range(pages):
        files.put_absent(f"{number}.json", b'{"n": 1}\n')
    looks = [tick(instance, [pieces], cursor="pieces") for _ in range(pages + 1)]

    assert all(not look.run_requests for look in looks)
    said = [str(look.skip_reason.skip_message) for look in looks if look.skip_reason]
    assert said == [
        *(f"pieces is listed up to '{n}.json': the next tick goes on" for n in range(pages)),
        "nothing new for pieces",
    ]
