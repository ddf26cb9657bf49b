"""dlt with what its performance guide offers: Arrow tables from pyarrow, a schema that is known.

Usage: dlt_tuned.py LANDING TABLE STATE. The table is at TABLE/lake/readings.
"""

import io
import sys
from collections.abc import Iterator

import dlt
import pyarrow as pa
import pyarrow.json
from dlt.common.storages.fsspec_filesystem import FileItemDict
from dlt.sources.filesystem import filesystem

landing, table, state = sys.argv[1:]
schema = pa.schema(
    {
        "id": pa.int64(),
        "device": pa.string(),
        "ts": pa.timestamp("us", "UTC"),
        "temp": pa.float64(),
        "humidity": pa.float64(),
        "battery": pa.int64(),
        "online": pa.bool_(),
        "note": pa.string(),
    }
)
options = pyarrow.json.ParseOptions(explicit_schema=schema)


@dlt.transformer(standalone=True)
def read_arrow(page: list[FileItemDict]) -> Iterator[pa.Table]:
    """Parse a page of a hundred files at once."""
    lines = b"".join(file.read_bytes() for file in page)
    yield pyarrow.json.read_json(io.BytesIO(lines), parse_options=options)


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
    (files | read_arrow()).with_name("readings"), table_format="delta", write_disposition="append"
)
load.raise_on_failed_jobs()
