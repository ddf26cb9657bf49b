"""The PySpark-shaped front door: Structured Streaming code runs after changing its import.

    from lakestream.spark import spark

    orders = (
        spark.readStream.format("cloudFiles")
        .option("cloudFiles.format", "json")
        .option("cloudFiles.schemaHints", "price DECIMAL(10,2)")
        .load("s3://landing/orders")
    )

It builds the same streams as ``lakestream.read_files``, ``read_delta`` and ``sql``. An option's
name is Spark's, whatever its case; each is mapped to a typed one or refused with the reason.
"""

from __future__ import annotations

from lakestream.spark.session import SparkSession, spark

__all__ = ["SparkSession", "spark"]
