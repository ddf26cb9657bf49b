"""All that is there in one batch, whatever its size. Usage: one_batch.py LANDING TABLE."""

import sys

import lakestream as ls

landing, table = sys.argv[1:]


@ls.streaming_table(table)
def readings() -> ls.Stream:
    """Load every reading that lands."""
    return ls.read_files(landing, format="json")


readings.run(ls.once())
