from __future__ import annotations

import math
from datetime import timedelta

import pytest

from lakestream.errors import ConfigError
from lakestream.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 seconds", 10),
        ("10s", 10),
        ("1 hour 30 minutes", 5400),
        ("interval 2 days", 172_800),
        ("500 ms", 0.5),
        ("1.5 minutes", 90),
        (7, 7),
        (timedelta(minutes=1), 60),
    ],
)
def test_duration_when_written_as_people_do_then_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text, option="interval") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "ten seconds",
        "10 parsecs",
        "-1 s",
        -1,
        math.nan,
        math.inf,
        1e30,
        "9999999999 days",
    ],
)
def test_duration_when_it_is_none_then_error_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match="max_age"):
        parse_duration(text, option="max_age")


@pytest.mark.parametrize(
    ("text", "size"),
    [("10g", 10 * 2**30), ("512 MB", 512 * 2**20), ("1.5k", 1536), ("7", 7), (42, 42)],
)
def test_size_when_written_as_people_do_then_is_read(text: str | int, size: int) -> None:
    assert parse_size(text, option="max_bytes") == size


@pytest.mark.parametrize("text", ["", "10 parsecs", "-1", 0, "0g"])
def test_size_when_it_is_none_or_not_positive_then_error_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match="max_bytes"):
        parse_size(text, option="max_bytes")
