"""Pathway with its persistence on, into JSON lines: its Delta sink asks for a licence key.

Usage: pathway_jsonl.py LANDING TABLE STATE. The sink begins its file anew when it starts, so each
run has a file of its own, TABLE/<run>.jsonl; the table is all of them.
"""

import sys
from pathlib import Path

import pathway as pw

landing, table, state = sys.argv[1:]


class Reading(pw.Schema):
    """A row; times stay text, as Pathway's JSON reader has them."""

    id: int
    device: str
    ts: str
    temp: float
    humidity: float
    battery: int
    online: bool
    note: str | None


Path(table).mkdir(parents=True, exist_ok=True)
run = sum(1 for _ in Path(table).iterdir())
readings = pw.io.jsonlines.read(landing, schema=Reading, mode="static")
pw.io.jsonlines.write(readings, f"{table}/{run:06}.jsonl")
pw.run(
    persistence_config=pw.persistence.Config(pw.persistence.Backend.filesystem(state)),
    monitoring_level=pw.MonitoringLevel.NONE,
)
