"""What one writes without lakestream: list, read with polars, append to a Delta table.

Usage: polars_script.py LANDING TABLE [SEEN]. With SEEN, a JSON list of the files that were loaded
before, only new files are read; without it, all are. Not exactly once: a crash between the two
writes doubles rows.
"""

import json
import sys
from pathlib import Path

import polars as pl
from deltalake import write_deltalake

landing, table, *rest = sys.argv[1:]
seen_list = Path(rest[0]) if rest else None

seen = set(json.loads(seen_list.read_text())) if seen_list and seen_list.exists() else set()
new = sorted({str(path) for path in Path(landing).glob("*.json")} - seen)
if new:
    write_deltalake(table, pl.scan_ndjson(new).collect(), mode="append")
if seen_list:
    seen_list.write_text(json.dumps(sorted(seen.union(new))))
