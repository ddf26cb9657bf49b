"""The cheapest way known: let DuckDB read the files and append the stream to a Delta table.

Usage: duckdb_script.py LANDING TABLE [SEEN], as polars_script.py.
"""

import json
import sys
from pathlib import Path

import duckdb
from deltalake import write_deltalake

landing, table, *rest = sys.argv[1:]
seen_list = Path(rest[0]) if rest else None

seen = set(json.loads(seen_list.read_text())) if seen_list and seen_list.exists() else set()
new = sorted({str(path) for path in Path(landing).glob("*.json")} - seen)
if new:
    write_deltalake(table, duckdb.read_json(new, format="newline_delimited"), mode="append")
if seen_list:
    seen_list.write_text(json.dumps(sorted(seen.union(new))))
