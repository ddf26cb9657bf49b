"""``max_file_age``: old files are not taken, known ones are forgotten, none comes twice."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.files_source import FilesPipe

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError
from lakestream.sources.base import ReadLimit, SourceContext
from lakestream.sources.files.describe import describe_files
from lakestream.sources.files.reader import FilesReader

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


class Calendar:
    """A clock that stands until it is told to move."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path)


def _open(pipe: FilesPipe, clock: Calendar, **options: Any) -> FilesReader:
    assert pipe.log is not None
    named = {"max_file_age": "14 days", "schema": "id BIGINT", **options}
    description = describe_files(str(pipe.landing), format="json", **named)
    return FilesReader(description, SourceContext("files-landing", pipe.log, clock))


def _land(pipe: FilesPipe, clock: Calendar, name: str, *, age: timedelta = timedelta(0)) -> None:
    file = pipe.land(name, {"id": int(name.partition(".")[0])})
    then = (clock.now() - age).timestamp()
    os.utime(file, (then, then))


def _discovered(reader: FilesReader, start: str) -> tuple[list[Any], str]:
    reader.discover()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    keys = [each.partition("\x1f")[0] for each in reader.digest_items(start, end)]
    return sorted(keys), end


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("versions", [False, True])
def test_files_over_months_come_once_and_few_are_remembered(
    pipe: FilesPipe, clock: Calendar, *, reopened: bool, versions: bool
) -> None:
    reader = _open(pipe, clock, allow_overwrites=versions)
    start, found, remembered = reader.initial(), list[str](), list[int]()
    for day in range(60):
        clock.moment = START + day * DAY
        _land(pipe, clock, f"{day}.json", age=timedelta(seconds=9))
        if reopened:
            reader = _open(pipe, clock, allow_overwrites=versions)
        keys, start = _discovered(reader, start)
        found += keys
        remembered.append(reader._ledger.remembered)
    assert found == [f"{day}.json" for day in range(60)]
    assert max(remembered) <= 17
    assert reader._discovery.too_old == 60 - 15 - 1  # one is old and still remembered


def test_file_when_too_old_at_first_sight_is_left_out_and_counted(
    pipe: FilesPipe, clock: Calendar
) -> None:
    _land(pipe, clock, "1.json", age=15 * DAY)
    _land(pipe, clock, "2.json", age=13 * DAY)
    reader = _open(pipe, clock)
    keys, start = _discovered(reader, reader.initial())
    assert (keys, reader._discovery.too_old) == (["2.json"], 1)
    assert reader.metrics(reader.initial(), start)["numFilesTooOld"] == "1"
    assert _discovered(_open(pipe, clock, max_file_age=None), start)[0] == ["1.json"]


@pytest.mark.parametrize("reopened", [False, True])
def test_clock_when_put_back_brings_nothing_again(
    pipe: FilesPipe, clock: Calendar, *, reopened: bool
) -> None:
    reader = _open(pipe, clock)
    _land(pipe, clock, "1.json", age=DAY)
    keys, start = _discovered(reader, reader.initial())
    for days in (30, -2, 16, 40, 1, 12):
        clock.moment = START + days * DAY
        if reopened:
            reader = _open(pipe, clock)
        assert _discovered(reader, start)[0] == []
    assert keys == ["1.json"]


def test_file_dated_in_the_future_is_remembered_until_that_is_long_ago(
    pipe: FilesPipe, clock: Calendar
) -> None:
    _land(pipe, clock, "1.json", age=-40 * DAY)
    reader = _open(pipe, clock)
    keys, start = _discovered(reader, reader.initial())
    assert keys == ["1.json"]
    for days in (10, 30, 50, 54, 56, 80):
        clock.moment = START + days * DAY
        assert _discovered(reader, start)[0] == []
        assert _discovered(_open(pipe, clock), start)[0] == []
    assert reader._ledger.remembered == 0


def test_age_when_changed_between_runs_brings_nothing_again(
    pipe: FilesPipe, clock: Calendar
) -> None:
    start = _open(pipe, clock).initial()
    found = []
    for day in range(0, 60, 5):
        clock.moment = START + day * DAY
        _land(pipe, clock, f"{day}.json", age=timedelta(seconds=9))
        age = ("14 days", "90 days", None)[day // 5 % 3]
        keys, start = _discovered(_open(pipe, clock, max_file_age=age), start)
        found += keys
    assert found == [f"{day}.json" for day in range(0, 60, 5)]


def test_forgotten_file_when_waiting_is_read(pipe: FilesPipe, clock: Calendar) -> None:
    _land(pipe, clock, "1.json", age=DAY)
    reader = _open(pipe, clock)
    reader.discover()
    clock.moment = START + 30 * DAY
    assert _discovered(_open(pipe, clock), reader.initial())[0] == ["1.json"]


def test_report_when_asked_for_tells_what_is_forgotten_and_never_taken(
    pipe: FilesPipe, clock: Calendar
) -> None:
    for number, days in enumerate((1, 20, 30)):
        _land(pipe, clock, f"{number}.json", age=days * DAY)
    _open(pipe, clock, max_file_age="25 days").discover()
    clock.moment = START + 13 * DAY
    before = sorted(pipe.log.list("")) if pipe.log else []
    reader = _open(pipe, clock, max_file_age=None)
    now = reader.expiring(14 * DAY)
    assert (now.known, now.forgotten, now.never_taken) == (2, 0, 1)
    clock.moment = START + 20 * DAY
    later = reader.expiring(14 * DAY)
    assert (later.known, later.forgotten, later.never_taken) == (2, 2, 1)
    assert later.forgotten_before == START + 5 * DAY
    assert sorted(pipe.log.list("")) == before if pipe.log else False
    with pytest.raises(ConfigError, match="no max_file_age"):
        reader.expiring(None)


@pytest.mark.parametrize("age", ["13 days", 0, "soon", timedelta(days=13)])
def test_age_when_too_short_or_none_is_refused(tmp_path: Path, age: Any) -> None:
    with pytest.raises(ConfigError):
        ls.read_files(str(tmp_path), format="json", max_file_age=age)
