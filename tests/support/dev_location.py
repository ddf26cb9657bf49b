"""The code location that tests serve: four small pipelines that share nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pyarrow as pa

import lakestream as ls
from lakestream import Stream
from lakestream.dagster import build_definitions

LANDING = ls.env("DEV_LANDING")
LAKE = ls.env("DEV_LAKE")


@ls.streaming_table(LAKE / "seen")
def seen() -> Stream:
    """Whatever lands."""
    return ls.read_files(LANDING / "seen", format="json")


@ls.streaming_table(LAKE / "evens", expectations={"small": "n < 100"})
def evens(seen: Stream) -> Stream:
    """Every other one."""
    return seen.filter("n % 2 = 0")


def wanted(fault: str) -> bool:
    """Tell whether a test asks for a fault now."""
    return (Path(os.environ["DEV_FAULTS"]) / fault).exists()


def fail_on_request(rows: pa.Table) -> pa.Table:
    """Stand for anything that may go wrong in a run."""
    if wanted("fail"):
        raise RuntimeError("asked to fail")
    return rows


def die_on_request(rows: pa.Table) -> pa.Table:
    """Stand for a machine that goes away."""
    if wanted("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rows


@ls.streaming_table(LAKE / "flaky")
def flaky() -> Stream:
    """Fails as long as a file says so."""
    return ls.read_files(LANDING / "flaky", format="json").mapBatches(fail_on_request)


@ls.streaming_table(LAKE / "killed")
def killed() -> Stream:
    """Dies as long as a file says so."""
    return ls.read_files(LANDING / "killed", format="json").mapBatches(die_on_request)


@ls.streaming_table(LAKE / "again")
def again() -> Stream:
    """Is run again by a backfill."""
    return ls.read_files(LANDING / "again", format="json")


defs = build_definitions([seen, evens, flaky, killed, again], sensor_interval="1 second")
