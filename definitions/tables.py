"""The flights of New York's airports in 2013, from files that land to a table to ask.

``LANDING`` and ``LAKE`` name the folders (or buckets) that data lands in and that tables live
in; ``python -m definitions.demo`` sets both.
"""

import lakestream as ls
from lakestream import Stream, StreamingTable
from lakestream import functions as F  # noqa: N812 - PySpark's habit

LANDING = ls.env("LANDING")
LAKE = ls.env("LAKE")


@ls.streaming_table(LAKE / "bronze/flights", group="bronze")
def bronze_flights() -> Stream:
    """Every flight as it landed, with what did not fit kept aside in its row."""
    return ls.read_files(
        LANDING / "flights",
        format="json",
        schema_hints="time_hour TIMESTAMP, dep_delay BIGINT, arr_delay BIGINT",
        metadata_column="_metadata",
    )


@ls.streaming_table(LAKE / "reference/airlines", group="bronze")
def airlines() -> Stream:
    """The airlines' names by carrier code."""
    return ls.read_files(LANDING / "airlines", format="csv", header=True)


@ls.streaming_table(
    LAKE / "silver/flights",
    group="silver",
    expectations={
        "has_airline": "airline IS NOT NULL",
        "has_delay": "dep_delay IS NOT NULL",
        "has_carrier": ls.expect("carrier IS NOT NULL", on_fail="fail"),
    },
)
def silver_flights(bronze_flights: Stream) -> Stream:
    """Flights that departed, typed, with the airline's name."""
    return (
        bronze_flights.filter(F.col("dep_time").isNotNull())
        .join(ls.table(LAKE / "reference/airlines"), on="carrier", how="left")
        .select(
            F.expr("make_date(int(year), int(month), int(day))").alias("flight_date"),
            "carrier",
            F.col("name").alias("airline"),
            F.col("flight").cast("int").alias("flight"),
            "tailnum",
            "origin",
            "dest",
            F.col("dep_delay").cast("int").alias("dep_delay"),
            F.col("arr_delay").cast("int").alias("arr_delay"),
            F.col("distance").cast("int").alias("distance"),
        )
    )


TABLES: list[StreamingTable] = [bronze_flights, airlines, silver_flights]
