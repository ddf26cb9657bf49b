"""obstore's bare listing in Arrow, its fastest form, with nothing kept.

Usage: list_script.py ENDPOINT CHECKPOINT; prints how many files there are.
"""

import sys

import obstore
from obstore.store import S3Store

endpoint, _ = sys.argv[1:]
store = S3Store(
    "bucket",
    endpoint=endpoint,
    access_key_id="nobody",
    secret_access_key="nothing",  # noqa: S106  the server asks for none
    region="us-east-1",
    client_options={"allow_http": True},
)
pages = obstore.list(store, "landing", chunk_size=10_000, return_arrow=True)
print(sum(page.num_rows for page in pages))
