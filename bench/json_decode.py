"""MB/s per core of the JSON reader beside its own parser alone, in one interleaved run.

``parse`` is arro3 over the same blocks without any check, so the ratio is the price of
validation, rescue and order. Run: ``.venv/bin/python bench/json_decode.py [megabytes]``.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from arro3.io import read_json

from lakestream.formats.base import DecodePlan, FileChunk, FileOutcome, InputFile, Outcomes, Sample
from lakestream.formats.c_stream import record_batches
from lakestream.formats.json import JsonFormat
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import Struct, schema_of_ddl
from lakestream.storage.base import ObjectInfo

_ROUNDS = 5
_CHUNK = 4 * 2**20
_FLAT = schema_of_ddl(
    "device STRING, site STRING, ts TIMESTAMP, temperature DOUBLE, humidity DOUBLE, ok BOOLEAN,"
    " count BIGINT, note STRING"
)
_TEXT_TIMES = Struct(tuple((n, _FLAT.fields[0][1] if n == "ts" else k) for n, k in _FLAT.fields))
_PRICED = Struct((*_FLAT.fields, *schema_of_ddl("price DECIMAL(10,2)").fields))
_NESTED = schema_of_ddl(
    "id STRING, type STRING, public BOOLEAN, created_at STRING,"
    " actor STRUCT<id: BIGINT, login: STRING, url: STRING>,"
    " repo STRUCT<id: BIGINT, name: STRING, url: STRING>,"
    " payload STRUCT<ref: STRING, size: BIGINT,"
    " commits: ARRAY<STRUCT<sha: STRING, message: STRING, distinct: BOOLEAN>>>"
)


def _flat(i: int, rnd: random.Random) -> dict[str, object]:
    return {
        "device": f"device-{i % 977:05}",
        "site": f"site-{i % 31}",
        "ts": f"2026-01-{1 + i % 28:02}T{i % 24:02}:{i % 60:02}:{i % 59:02}.{i % 1000:03}Z",
        "temperature": round(rnd.gauss(20, 8), 3),
        "humidity": round(rnd.random(), 4),
        "ok": i % 7 > 0,
        "count": i * 37,
        "note": None if i % 5 else "calibrated",
    }


def _priced(i: int, rnd: random.Random) -> dict[str, object]:
    return _flat(i, rnd) | {"price": round(rnd.random() * 1000, 2)}


def _nested(i: int, rnd: random.Random) -> dict[str, object]:
    commits = [
        {"sha": f"{rnd.getrandbits(160):040x}", "message": "Mend the fence " * 4, "distinct": True}
        for _ in range(1 + i % 4)
    ]
    return {
        "id": str(10**10 + i),
        "type": "PushEvent",
        "public": True,
        "created_at": "2026-01-01T00:00:00Z",
        "actor": {"id": i, "login": f"user{i % 999}", "url": f"https://example.org/users/{i}"},
        "repo": {"id": i % 50, "name": f"a/b{i % 50}", "url": "https://example.org/repos/a/b"},
        "payload": {"ref": "refs/heads/main", "size": len(commits), "commits": commits},
    }


def _lines(
    make: Callable[[int, random.Random], dict[str, object]], size_bytes: int, *, dirty: bool
) -> bytes:
    rnd = random.Random(7)
    lines: list[bytes] = []
    total = i = 0
    while total < size_bytes:
        row = make(i, rnd)
        if dirty and i % 100 == 0:
            row["surprise"] = (i, "text", [1, 2])[i // 100 % 3]
        if dirty and i % 1000 == 500:
            row[next(iter(row))] = {"wrong": i}
            row["count" if "count" in row else "public"] = "no"
        line = json.dumps(row).encode()
        lines.append(line[: len(line) // 2] if dirty and i % 10_000 == 5000 else line)
        total += len(line) + 1
        i += 1
    return b"\n".join(lines) + b"\n"


def _chunks(data: bytes, file_bytes: int) -> Iterator[FileChunk]:
    index = start = 0
    while start < len(data):
        end = data.find(b"\n", min(start + file_bytes, len(data) - 1)) + 1 or len(data)
        info = ObjectInfo(f"{index}.json", end - start, None, None, datetime.now(UTC))
        file = InputFile(index, info, f"file:///bench/{index}.json")
        for at in range(start, end, _CHUNK):
            stop = min(end, at + _CHUNK)
            yield FileChunk(file, data[at:stop], last=stop == end)
        index, start = index + 1, end


def _decode(data: bytes, schema: Struct, file_bytes: int) -> int:
    plan = DecodePlan(schema, "_rescued_data", None, "permissive", "evolve")
    outcomes = Outcomes([FileOutcome() for _ in range(len(data) // file_bytes + 2)])
    found = JsonFormat().decode(_chunks(data, file_bytes), plan, outcomes)
    return sum(each.batch.num_rows for each in found)


def _parse(data: bytes, schema: Struct, _file_bytes: int) -> int:
    rows = start = 0
    arrow = arrow_schema(schema)
    while start < len(data):
        end = data.find(b"\n", min(start + 2**20, len(data) - 1)) + 1
        reader = read_json(data[start:end], arrow, batch_size=4096)
        rows += sum(batch.num_rows for batch in record_batches(reader))
        start = end
    return rows


def _infer(data: bytes, _schema: Struct, _file_bytes: int) -> int:
    return len(JsonFormat().infer([Sample("file:///0", data, whole=True)], infer_types=True).names)


def main() -> None:
    """Print one line a case: MB/s per core and of wall time, and the ratio to parsing alone."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 40) * 10**6
    large, small = 64 * 2**20, 28_000
    clean, nested = _lines(_flat, size, dirty=False), _lines(_nested, size, dirty=False)
    cases = {
        "flat parse": (_parse, clean, _FLAT, large),
        "flat clean": (_decode, clean, _FLAT, large),
        "flat clean, small files": (_decode, clean, _FLAT, small),
        "flat clean, times as text": (_decode, clean, _TEXT_TIMES, large),
        "flat clean, a decimal": (_decode, _lines(_priced, size, dirty=False), _PRICED, large),
        "flat dirty": (_decode, _lines(_flat, size, dirty=True), _FLAT, large),
        "flat infer": (_infer, clean, _FLAT, large),
        "nested parse": (_parse, nested, _NESTED, large),
        "nested clean": (_decode, nested, _NESTED, large),
        "nested dirty": (_decode, _lines(_nested, size, dirty=True), _NESTED, large),
    }
    speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(_ROUNDS):
        for name, (work, data, schema, file_bytes) in cases.items():
            cpu, wall = time.process_time(), time.perf_counter()
            work(data, schema, file_bytes)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            speeds[name].append((len(data) / cpu / 1e6, len(data) / wall / 1e6))
    for name, found in speeds.items():
        per_core = statistics.median(core for core, _ in found)
        wall = statistics.median(each for _, each in found)
        base = statistics.median(core for core, _ in speeds[f"{name.split()[0]} parse"])
        print(f"{name:26} {per_core:6.0f} MB/s/core {wall:6.0f} MB/s wall {per_core / base:5.2f}")


if __name__ == "__main__":
    main()
