"""dlt with an upsert on a key: its own way to load again without doubling.

Usage: dlt_merge.py LANDING TABLE STATE, as bench/peers/dlt_stock.py. It needs rows with a unique
key, and a merge with the whole table instead of an append.
"""

import sys

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl

landing, table, state = sys.argv[1:]

files = filesystem(
    bucket_url=landing,
    file_glob="*.json",
    incremental=dlt.sources.incremental("modification_date", primary_key="file_url"),
)
pipeline = dlt.pipeline(
    pipeline_name="readings",
    pipelines_dir=state,
    destination=dlt.destinations.filesystem(bucket_url=table),
    dataset_name="lake",
)
load = pipeline.run(
    (files | read_jsonl()).with_name("readings"),
    table_format="delta",
    primary_key="id",
    write_disposition={"disposition": "merge", "strategy": "upsert"},
)
load.raise_on_failed_jobs()
