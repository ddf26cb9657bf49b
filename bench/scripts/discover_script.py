"""Discovery alone: list a bucket, hold it against the ledger, record what is new.

Usage: discover_script.py ENDPOINT CHECKPOINT; prints how many files it knows then.
"""

import sys

import lakestream as ls

endpoint, checkpoint = sys.argv[1:]
options = {
    "aws_endpoint": endpoint,
    "aws_allow_http": "true",
    "aws_access_key_id": "nobody",
    "aws_secret_access_key": "nothing",
    "aws_region": "us-east-1",
}


@ls.streaming_table(checkpoint)
def readings() -> ls.Stream:
    """Load every reading that lands."""
    return ls.read_files(
        "s3://bucket/landing", format="json", schema="id BIGINT", storage_options=options
    )


print(readings.discover().files)
