"""The harness: steps do what they say, and it goes red where it should, at the right step."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakestream as ls
from lakestream.errors import BadRecordError, LakestreamError, SchemaInferenceError
from lakestream.failpoint import PROTOCOL_LINES
from lakestream.streaming_table import StreamingTable
from lakestream.testing import (
    AddFiles,
    AdvanceClock,
    CrashAt,
    Do,
    ExpectFailure,
    ExpectQuarantine,
    ExpectRows,
    ManualClock,
    ProcessAllAvailable,
    Restart,
    Start,
    Step,
    StepFailedError,
    Stop,
    StreamHarness,
)

EVERY_MINUTE = ls.processing_time("1 minute")
A, B, C = {"id": 1}, {"id": 2}, {"id": 3}


def table_of(folder: Path, **options: object) -> StreamingTable:
    @ls.streaming_table(str(folder / "table"), name="bronze")
    def bronze() -> ls.Stream:
        return ls.read_files(str(folder / "landing"), format="json", **options)  # type: ignore[call-overload,no-any-return] # options vary by test

    return bronze


@pytest.fixture
def harness(tmp_path: Path) -> StreamHarness:
    return StreamHarness(table_of(tmp_path, max_files_per_trigger=1), tmp_path / "landing")


def failure_of(harness: StreamHarness, *steps: Step) -> StepFailedError:
    with pytest.raises(StepFailedError) as caught:
        harness.run(*steps)
    return caught.value


def test_steps_when_all_hold_then_pass(harness: StreamHarness) -> None:
    harness.run(
        ExpectRows([]),
        AddFiles({"a.json": [A, B], "b.json": b'{"id": 2}\n{"id": \n'}),
        Start(),
        ExpectRows([B, A, B]),
        ExpectQuarantine([{"file_key": "b.json", "line": 2, "raw": b'{"id": '}]),
        AddFiles({"c.json": [C]}),
        Restart(),
        ExpectRows([A, B, B, C]),
    )


def test_continuous_query_when_its_trigger_is_due_then_it_reads_what_landed(
    harness: StreamHarness,
) -> None:
    harness.run(
        AddFiles({"a.json": [A]}),
        Start(EVERY_MINUTE),
        ExpectRows([A]),
        AddFiles({"b.json": [B]}),
        AdvanceClock("59 seconds"),
        ExpectRows([A]),
        AdvanceClock("1 second"),
        ExpectRows([A, B]),
        AddFiles({"c.json": [C], "d.json": [C]}),
        ProcessAllAvailable(),
        ExpectRows([A, B, C, C]),
        Stop(),
        AddFiles({"e.json": [A]}),
        AdvanceClock("1 hour"),
        ExpectRows([A, B, C, C]),
    )


def test_continuous_query_when_it_has_no_interval_then_it_rests_between_steps(
    harness: StreamHarness,
) -> None:
    harness.run(
        Start(ls.processing_time(0)),
        AddFiles({"a.json": [A]}),
        ProcessAllAvailable(),
        ExpectRows([A]),
    )


@pytest.mark.parametrize("point", PROTOCOL_LINES)
def test_query_when_it_crashes_at_a_line_then_a_restart_recovers(
    harness: StreamHarness, point: str
) -> None:
    harness.run(
        AddFiles({"a.json": [A, A]}), CrashAt(point), Start(), Restart(), ExpectRows([A, A])
    )


def test_running_query_when_it_crashes_at_a_later_hit_then_batches_before_it_stand(
    harness: StreamHarness,
) -> None:
    harness.run(
        Start(EVERY_MINUTE),
        AddFiles({"a.json": [A], "b.json": [B]}),
        CrashAt("sink_commit", hit=2),
        ProcessAllAvailable(),
        ExpectRows([A]),
        Restart(),
        ProcessAllAvailable(),
        ExpectRows([A, B]),
    )


def test_failure_when_expected_then_the_query_can_be_restarted(tmp_path: Path) -> None:
    harness = StreamHarness(table_of(tmp_path, mode="failfast"), tmp_path / "landing")
    bad = tmp_path / "landing" / "b.json"

    harness.run(
        AddFiles({"a.json": [A]}),
        Start(),
        AddFiles({"b.json": b"no record\n"}),
        Restart(),
        ExpectFailure(BadRecordError),
        Do(lambda: bad.rename(tmp_path / "aside")),
        Restart(),
        ExpectFailure(LakestreamError),
        ExpectRows([A]),
    )


def test_rows_when_they_differ_then_the_arrow_stands_at_the_step_and_rows_are_named(
    harness: StreamHarness,
) -> None:
    failure = failure_of(
        harness, AddFiles({"a.json": [A, B, B]}), Start(), ExpectRows([A, B, C]), Stop()
    )

    assert failure.number == 3
    assert str(failure) == (
        "step 3 failed\n\n"
        "     1 AddFiles(a.json: 3 rows)\n"
        "     2 Start(trigger=None)\n"
        "-->  3 ExpectRows(rows=[{'id': 1}, {'id': 2}, {'id': 3}])\n"
        "     4 Stop()\n\n"
        "lost: 1\n  1 x {'id': 3}\n"
        "doubled: 1\n  1 x {'id': 2}"
    )


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (ExpectRows([]), "unexpected: 1"),
        (ExpectQuarantine([{"line": 1}]), "lost: 1"),
        (ExpectFailure(LakestreamError), "did not fail"),
        (ProcessAllAvailable(), "no query runs"),
        (CrashAt("no_such_line"), "no line 'no_such_line'"),
        (CrashAt("plan"), "the crash never came"),
        (Do(lambda: 1 / 0), "ZeroDivisionError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_step_when_it_does_not_hold_then_it_goes_red(
    harness: StreamHarness, step: Step, why: str
) -> None:
    failure = failure_of(harness, AddFiles({"a.json": [A]}), Start(), step)

    assert failure.number == 3
    assert why in failure.why


def test_query_when_it_fails_unexpectedly_then_the_step_that_started_it_is_red(
    tmp_path: Path,
) -> None:
    harness = StreamHarness(table_of(tmp_path, mode="failfast"), tmp_path / "landing")

    failure = failure_of(
        harness, AddFiles({"a.json": [A], "b.json": b"no record\n"}), Start(), ExpectRows([A])
    )

    assert failure.number == 2
    assert "BadRecordError" in failure.why
    assert isinstance(failure.__cause__, BadRecordError)


def test_query_when_it_fails_otherwise_than_expected_then_red(tmp_path: Path) -> None:
    harness = StreamHarness(table_of(tmp_path, mode="failfast"), tmp_path / "landing")

    failure = failure_of(
        harness,
        AddFiles({"a.json": [A], "b.json": b"no record\n"}),
        Start(),
        ExpectFailure(SchemaInferenceError),
    )

    assert failure.number == 3
    assert "BadRecordError" in failure.why


def test_crash_when_the_run_passes_too_few_hits_then_the_start_is_red(
    harness: StreamHarness,
) -> None:
    failure = failure_of(
        harness, AddFiles({"a.json": [A]}), CrashAt("sink_commit", hit=2), Start(), Restart()
    )

    assert failure.number == 3
    assert "the crash never came" in failure.why


def test_start_when_the_query_runs_already_then_red(harness: StreamHarness) -> None:
    assert failure_of(harness, Start(EVERY_MINUTE), Start()).number == 2


def test_file_when_min_age_is_set_then_the_tests_own_time_counts(tmp_path: Path) -> None:
    clock = ManualClock(sleeping_advances=True)
    table = table_of(tmp_path, min_age="10 minutes")
    harness = StreamHarness(table, tmp_path / "landing", clock=clock)

    harness.run(
        AddFiles({"a.json": [A]}),
        Start(EVERY_MINUTE),
        ExpectRows([]),
        AdvanceClock("9 minutes"),
        ExpectRows([]),
        AdvanceClock("2 minutes"),
        ExpectRows([A]),
    )
