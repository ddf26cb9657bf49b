"""Spark's file stream, available now, into Parquet: its Delta sink needs jars that pip has not.

Usage: spark_parquet.py LANDING TABLE STATE. Two local cores, 2 GB of heap, no UI.
"""

import sys

from pyspark.sql import SparkSession

landing, table, state = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.memory", "2g")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
readings = spark.readStream.schema(
    "id BIGINT, device STRING, ts TIMESTAMP, temp DOUBLE, humidity DOUBLE, battery BIGINT,"
    " online BOOLEAN, note STRING"
).json(landing)
query = (
    readings.writeStream.format("parquet")
    .option("checkpointLocation", state)
    .trigger(availableNow=True)
    .start(table)
)
query.awaitTermination()
spark.stop()
