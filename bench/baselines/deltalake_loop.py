"""deltalake alone: refresh the handle, parse a file, append it; no tracking, nothing fsynced.

Usage: deltalake_loop.py SPARE LANDING TABLE, and prints as running_query.py.
"""

import json
import sys
import time
from pathlib import Path

from arro3.io import infer_json_schema, read_json
from deltalake import DeltaTable, write_deltalake

spare, landing, name = sys.argv[1:]
files = sorted(Path(spare).iterdir())
schema = infer_json_schema(files[0].read_bytes())
table = DeltaTable.create(name, schema)
times = []
cpu = time.process_time()
for file in files:
    path = file.rename(Path(landing) / file.name)
    landed = time.perf_counter()
    table.update_incremental()
    write_deltalake(table, read_json(path.read_bytes(), schema), mode="append")
    times.append(time.perf_counter() - landed)
print(json.dumps({"batches": times, "cpu_s": time.process_time() - cpu}))
