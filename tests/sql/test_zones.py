"""Times of a region whose clocks are set: Java takes a time that comes twice as the first."""

import datetime as dt
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader

from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.sql.compile import compile_plan
from lakestream.stream import Stream

SCHEMA = t.schema_of_ddl("local TIMESTAMP, written STRING")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
#: The days before, of and after a change of the clocks.
DAYS = ((3, 10), (3, 31), (4, 7), (10, 6), (10, 26), (10, 27), (10, 28), (11, 3))


class Described:
    kind = "files"
    description = "files[x]"
    location = "x"
    asset_key = None
    declared_schema = SCHEMA


def computed(expression, rows):
    leaf = Stream.from_source(Described())
    made = leaf.selectExpr(f"{expression} AS moment")
    transform = compile_plan(made.plan, {leaf.plan: SCHEMA})
    table = pa.Table.from_pylist(rows, schema=pa.schema(arrow_schema(SCHEMA)))
    reader = RecordBatchReader.from_arrow(table)
    run = transform.run({leaf.plan: reader}, now=dt.datetime(2024, 5, 6, tzinfo=dt.UTC))
    return pa.table(run.stream).column("moment").to_pylist()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "expression",
    ["to_utc_timestamp(local, '{zone}')", "CAST(written AS TIMESTAMP)"],
    ids=["function", "cast"],
)
def test_time_of_a_region_when_clocks_are_set_then_it_is_javas_moment(expression, zone):
    times = [
        dt.datetime(2024, month, day) + dt.timedelta(minutes=15 * i)
        for month, day in DAYS
        for i in range(96)
    ]
    rows = [{"local": each.replace(tzinfo=dt.UTC), "written": f"{each} {zone}"} for each in times]
    expected = [each.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC) for each in times]
    assert computed(expression.format(zone=zone), rows) == expected


def test_time_of_no_known_region_when_tried_then_null():
    rows = [{"local": None, "written": "2024-10-27 02:30:00 No/Where"}, {"written": None}]
    assert computed("try_cast(written AS TIMESTAMP)", rows) == [None, None]
    assert computed("to_utc_timestamp(local, 'Europe/Berlin')", rows) == [None, None]
