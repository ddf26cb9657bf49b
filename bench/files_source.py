"""CPU per file and MB/s per core of the file source beside arro3's parser alone, in one run.

``source`` discovers, plans and reads a folder into Arrow batches with ledger, rescue and
records on; ``parse`` only reads the files and parses them in joined blocks. Rounds are
interleaved. Run: ``.venv/bin/python bench/files_source.py [rounds]``.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from arro3.core import Schema
from arro3.io import read_json

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.clock import SYSTEM_CLOCK
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import schema_of_ddl
from lakestream.sources.base import ReadLimit, SourceContext
from lakestream.sources.files.describe import describe_files
from lakestream.storage import stores

_SHAPES = ((2_000, 200), (20_000, 20))
_SCHEMA = arrow_schema(
    schema_of_ddl(
        "id BIGINT, device STRING, temperature DOUBLE, ok BOOLEAN, count BIGINT, ts STRING,"
        " level STRING, note STRING"
    )
)
_BLOCK_BYTES = 4 * 2**20


def _generate(folder: Path, files: int, rows: int) -> int:
    rnd = random.Random(files)
    size = 0
    for number in range(files):
        text = "".join(
            json.dumps(
                {
                    "id": number * rows + row,
                    "device": f"device-{rnd.randrange(1000):04}",
                    "temperature": round(rnd.gauss(20, 8), 3),
                    "ok": rnd.random() < 0.9,
                    "count": rnd.randrange(10**6),
                    "ts": "2026-11-21T10:00:00.123Z",
                    "level": rnd.choice(("info", "warn", None)),
                    "note": "calibrated",
                }
            )
            + "\n"
            for row in range(rows)
        )
        size += (folder / f"part-{number:06}.json").write_text(text)
    return size


def _source(landing: Path, scratch: Path) -> int:
    log = stores.open_log_store(str(scratch))
    reader = describe_files(str(landing), format="json").open(
        SourceContext("files-bench", log, SYSTEM_CLOCK)
    )
    reader.discover()
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    reader.digest_items(start, end)
    read = reader.read(start, end, AttemptRecords(log, 0, "bench"))
    return sum(batch.num_rows for batch in read.stream)


def _parse(landing: Path, _: Path) -> int:
    rows, block = 0, bytearray()
    for file in landing.iterdir():
        block += file.read_bytes()
        if len(block) >= _BLOCK_BYTES:
            rows += _parsed(bytes(block), _SCHEMA)
            block.clear()
    return rows + _parsed(bytes(block), _SCHEMA)


def _parsed(block: bytes, schema: Schema) -> int:
    return sum(batch.num_rows for batch in read_json(block, schema, batch_size=8_192))


def _cpu(work: Callable[[Path, Path], int], landing: Path, home: Path, rows: int) -> float:
    scratch = Path(tempfile.mkdtemp(dir=home))
    started = time.process_time()
    found = work(landing, scratch)
    used = time.process_time() - started
    shutil.rmtree(scratch)
    if found != rows:
        message = f"{work.__name__} read {found} rows of {rows}"
        raise RuntimeError(message)
    return used


def main(rounds: int) -> None:
    """Print a line a shape and work: CPU per file, MB/s per core, ratio of medians."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for files, rows in _SHAPES:
            landing = home / f"{files}x{rows}"
            landing.mkdir()
            megabytes = _generate(landing, files, rows) / 1e6
            used: dict[str, list[float]] = {"source": [], "parse": []}
            for _ in range(rounds):
                used["source"].append(_cpu(_source, landing, home, files * rows))
                used["parse"].append(_cpu(_parse, landing, home, files * rows))
            parse = statistics.median(used["parse"])
            for work, each in used.items():
                median = statistics.median(each)
                print(
                    f"{files:>6} files x {rows:<3} {work:<7} {median / files * 1e6:7.1f} us/file"
                    f" {megabytes / median:7.1f} MB/s/core {median / parse:5.2f} x parse"
                )
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
