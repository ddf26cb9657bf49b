"""Read one giant record beside good ones, and tell what became of them and of the memory.

Run as ``python -m support.giant_records FOLDER CASE``; prints one JSON document.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

from lakestream.limits import MAX_RECORD_BYTES
from support.fault_pipeline import Pipeline

_PIECE = b"x" * 2**20
_PIECES = 3 * MAX_RECORD_BYTES // 2**20
#: What a record at the limit may cost while it is held, judged and quarantined.
_ALLOWED_MB = 6 * MAX_RECORD_BYTES // 2**20

_HEADS = {
    "line": b'{"id": 5, "t": "',
    "open quote": b'{"id": 5, "t": "',
    "csv field": b'5,"',
    "csv open quote": b'5,"',
    "flat": b"",
}
_TAILS = {"line": b'"}\n', "csv field": b'"\n', "flat": b"\n"}


def _peak_mb() -> int:
    """Give this process's own peak: on Linux ``ru_maxrss`` begins with that of the test runner."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) // 1024


def main(folder: Path, case: str) -> None:
    kind = "csv" if case.startswith("csv") else "json"
    header = b"id,t\n" if kind == "csv" else b""
    good = [b"1,a\n", b"2,b\n"] if kind == "csv" else [b'{"id": 1}\n', b'{"id": 2}\n']
    pipeline = Pipeline(folder, format=kind, schema="id BIGINT, t STRING")
    giant = pipeline.landing / f"giant.{kind}"
    with giant.open("wb") as file:
        file.write(header + good[0] + _HEADS[case])
        for _ in range(_PIECES):
            file.write(_PIECE)
        if case in _TAILS:
            file.write(_TAILS[case] + good[1])
    pipeline.land(f"small.{kind}", header + good[0])

    pipeline.table.run()

    peak_mb = _peak_mb()
    rows = pipeline.rows("id")
    bad = pipeline.quarantine()
    found = {
        "peak_mb": peak_mb,
        "allowed_mb": _ALLOWED_MB,
        "good_rows": sum(rows.values()),
        "wanted_rows": 3 if case in _TAILS else 2,
        "bad": len(bad),
        "wanted_bad": 1,
        "reasons": [f"{row['code']}: {row['reason']}, line {row['line']}" for row in bad],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
