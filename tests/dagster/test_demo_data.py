from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest

from definitions.flights import DRIFT, FILES, LandingFile, landing_files


@pytest.fixture(scope="module")
def files() -> dict[str, LandingFile]:
    return {file.name: file for file in _all()}


def _all() -> Iterator[LandingFile]:
    yield from landing_files()


def records(file: LandingFile) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.data.splitlines()]


def test_files_when_cut_then_one_a_day_and_one_again(files: dict[str, LandingFile]) -> None:
    assert len(files) == FILES == 366
    assert set(DRIFT) <= set(files)


def test_flights_when_counted_then_all_of_2013_are_there(files: dict[str, LandingFile]) -> None:
    plain = sum(file.data.count(b"\n") for name, file in files.items() if name.endswith(".json"))
    again = gzip.decompress(files["flights-2013-09-15-again.json.gz"].data).count(b"\n")
    assert plain + again == 336_776


def test_drift_when_landed_then_each_file_has_what_it_says(files: dict[str, LandingFile]) -> None:
    wrong = [
        each for each in records(files["flights-2013-03-10.json"]) if each["dep_delay"] == "weather"
    ]
    assert len(wrong) == 3
    with pytest.raises(json.JSONDecodeError):
        records(files["flights-2013-05-20.json"])
    assert "speed_mph" not in records(files["flights-2013-06-30.json"])[0]
    assert "speed_mph" in records(files["flights-2013-07-01.json"])[0]
    with pytest.raises((EOFError, zlib.error)):
        gzip.decompress(files["flights-2013-09-15.json.gz"].data)
