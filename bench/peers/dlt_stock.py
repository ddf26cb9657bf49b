"""dlt as its documentation shows it: filesystem source, read_jsonl, a Delta table.

Usage: dlt_stock.py LANDING TABLE STATE. The table is at TABLE/lake/readings.
"""

import sys

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl

landing, table, state = sys.argv[1:]

dlt.config["runtime.dlthub_telemetry"] = False
files = filesystem(
    bucket_url=landing,
    file_glob="*.json",
    incremental=dlt.sources.incremental("modification_date"),
)
pipeline = dlt.pipeline(
    pipeline_name="readings",
    pipelines_dir=state,
    destination=dlt.destinations.filesystem(bucket_url=table),
    dataset_name="lake",
)
load = pipeline.run(
    (files | read_jsonl()).with_name("readings"), table_format="delta", write_disposition="append"
)
load.raise_on_failed_jobs()
