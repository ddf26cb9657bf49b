"""What a user of lakestream writes. Usage: lakestream_script.py LANDING TABLE."""

import sys

import lakestream as ls

landing, table = sys.argv[1:]


@ls.streaming_table(table)
def readings() -> ls.Stream:
    """Load every reading that lands."""
    return ls.read_files(landing, format="json")


readings.run()
