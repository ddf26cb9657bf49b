from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

import lakestream as ls
from lakestream.errors import ConfigError
from lakestream.sources.files.describe import describe_files
from lakestream.sources.files.description import FilesDescription

URL = "https://sqs.eu-west-1.amazonaws.com/1/orders"


def describe(**options: Any) -> FilesDescription:
    return describe_files("s3://landing/orders", format="json", **options)


def test_queue_when_declared_then_hashable_and_equal_to_the_same() -> None:
    first = describe(notifications=ls.SqsQueue(URL), path_rewrites={"b": "/mnt"})
    again = describe(notifications=ls.SqsQueue(URL), path_rewrites={"b": "/mnt"})
    assert first == again
    assert hash(first) == hash(again)
    assert first != describe(notifications=ls.SqsQueue(f"{URL}2"), path_rewrites={"b": "/mnt"})
    assert first.fingerprint() == describe().fingerprint(), "a checkpoint takes either"


def test_interval_when_not_given_then_a_day_and_when_none_then_never() -> None:
    assert describe().backfill_interval == timedelta(days=1)
    assert describe(backfill_interval="1 week").backfill_interval == timedelta(weeks=1)
    assert describe(backfill_interval=None).backfill_interval is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notifications": URL}, "notifications cannot be a str"),
        ({"notifications": {"url": URL}}, "notifications cannot be a dict"),
        ({"backfill_interval": 0}, "backfill_interval is 0"),
        ({"backfill_interval": "soon"}, "no duration"),
        ({"fetch_parallelism": 0}, "fetch_parallelism cannot be 0"),
        ({"fetch_parallelism": 65}, "fetch_parallelism cannot be 65"),
        ({"fetch_parallelism": True}, "must be int"),
        ({"fetch_parallelism": "4"}, "must be int"),
        ({"path_rewrites": {"s3://b": "/x"}}, "without s3://"),
    ],
)
def test_option_when_its_value_cannot_work_then_refused_where_it_is_written(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        describe(**options)


def test_queue_when_declared_then_no_cloud_library_is_loaded() -> None:
    code = (
        "import sys, lakestream as ls\n"
        f"ls.read_files('s3://b/x', format='json', notifications=ls.SqsQueue({URL!r}))\n"
        "found = {'boto3', 'botocore', 'azure', 'google'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
