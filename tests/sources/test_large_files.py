"""Files larger than the memory they may take: what is held of each format at once is bounded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from support.fault_pipeline import Pipeline
from support.files_source import FilesPipe

from lakestream.errors import SourceChangedError
from lakestream.sources.files import fetch, members

TESTS = Path(__file__).parents[1]
ROWS, ROW_BYTES = 24_576, 4_096
#: What reading may add to the memory of a process that has read such a file before: far below
#: the 96 MB of the file.
CAP_MB = 56
READ = """
import json, sys
from pathlib import Path
import pyarrow as pa
from support.files_source import FilesPipe
from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.sources.base import ReadLimit

def peak_mb():
    # The kernel's own mark of this program: getrusage's is that of the process it was forked from.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmHWM:")) / 1024

def rows(folder):
    pipe = FilesPipe(folder, json.loads(sys.argv[2]))
    reader = pipe.open()
    reader.discover()
    start = reader.initial()
    end = reader.plan(start, reader.latest(start), ReadLimit())
    read = reader.read(start, end, AttemptRecords(pipe.log, 0, "a"))
    return sum(batch.num_rows for batch in pa.RecordBatchReader.from_stream(read.stream))

assert rows(Path(sys.argv[1]) / "small") == 2048
before = peak_mb()
found = rows(Path(sys.argv[1]) / "large")
print(found, peak_mb() - before)
"""


def _values(count: int) -> list[str]:
    return [os.urandom(ROW_BYTES // 2).hex() for _ in range(count)]


def _parquet(values: list[str]) -> bytes:
    target = io.BytesIO()
    table = pa.table({"v": values})
    pq.write_table(table, target, row_group_size=1024, use_dictionary=False)
    return target.getvalue()


def _orc(values: list[str]) -> bytes:
    target = io.BytesIO()
    orc.write_table(pa.table({"v": values}), target, stripe_size=2**22, batch_size=256)
    return target.getvalue()


def _avro(values: list[str]) -> bytes:
    schema = {"type": "record", "name": "r", "fields": [{"name": "v", "type": "string"}]}
    target = io.BytesIO()
    fastavro.writer(target, schema, ({"v": each} for each in values))
    return target.getvalue()


def _json(values: list[str]) -> bytes:
    return b"".join(b'{"v":"%s"}\n' % each.encode() for each in values)


def _zip(values: list[str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.json", _json(values))
    return target.getvalue()


def _tar(values: list[str]) -> bytes:
    target, data = io.BytesIO(), _json(values)
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("a.json")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def _lines(values: list[str]) -> bytes:
    return "\n".join(values).encode()


def _csv(values: list[str]) -> bytes:
    return b"v\n" + _lines(values)


def _xml(values: list[str]) -> bytes:
    return b"<all>%s</all>" % b"".join(b"<r><v>%s</v></r>" % each.encode() for each in values)


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("a.parquet", _parquet, '{"format": "parquet"}'),
        ("a.orc", _orc, '{"format": "orc"}'),
        ("a.avro", _avro, '{"format": "avro"}'),
        ("a.json", _json, '{"format": "json"}'),
        ("a.csv", _csv, '{"format": "csv", "format_options": {"header": true}}'),
        ("a.txt", _lines, '{"format": "text"}'),
        ("a.xml", _xml, '{"format": "xml", "format_options": {"row_tag": "r"}}'),
        ("a.zip", _zip, '{"format": "json"}'),
        ("a.tar", _tar, '{"format": "json"}'),
    ],
)
def test_file_of_96_mb_then_read_in_less_memory_than_it_has(
    tmp_path: Path, name: str, make: Callable[[list[str]], bytes], options: str
) -> None:
    values = _values(ROWS)
    for folder, some in (("small", values[:2048]), ("large", values)):
        landing = tmp_path / folder / "landing"
        landing.mkdir(parents=True)
        (landing / name).write_bytes(make(some))

    ended = subprocess.run(
        [sys.executable, "-c", READ, tmp_path, options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    rows, grown_mb = ended.stdout.split()
    assert int(rows) == ROWS
    assert float(grown_mb) < CAP_MB


@pytest.fixture
def in_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_WHOLE_BYTES", 100)
    monkeypatch.setattr(members, "_WINDOW_BYTES", 300)


def _small(kind: str, count: int) -> bytes:
    return {"parquet": _parquet, "orc": _orc}[kind]([f"value {at}" for at in range(count)])


@pytest.mark.usefixtures("in_places")
@pytest.mark.parametrize("kind", ["parquet", "orc"])
def test_large_file_then_read_in_places_as_when_it_is_held(tmp_path: Path, kind: str) -> None:
    pipeline = Pipeline(tmp_path, format=kind)
    pipeline.land(f"a.{kind}", _small(kind, 5_000))
    data = _small(kind, 3_000)
    pipeline.land(f"cut.{kind}", data[: len(data) - 9])
    pipeline.land(f"spoilt.{kind}", data[:-200] + bytes(180) + data[-20:])

    pipeline.table.run()

    assert pipeline.rows("v") == {(f"value {at}",): 1 for at in range(5_000)}
    assert {each["file_key"] for each in pipeline.quarantine()} == {
        f"cut.{kind}",
        f"spoilt.{kind}",
    }


@pytest.mark.usefixtures("in_places")
@pytest.mark.parametrize("ignored", [True, False])
@pytest.mark.parametrize("kind", ["parquet", "orc"])
def test_large_file_when_overwritten_before_it_is_read_then_as_any_other(
    tmp_path: Path, kind: str, *, ignored: bool
) -> None:
    options: dict[str, Any] = {
        "format": kind,
        "ignore_missing_files": ignored,
        "schema": "v STRING",
    }
    pipe = FilesPipe(tmp_path, options)
    pipe.land("a", _small(kind, 3_000))
    reader = pipe.open()
    reader.discover()
    end = reader.latest(reader.initial())
    pipe.land("a", _small(kind, 3_100), age_s=30)

    batch = pipe.read(reader, reader.initial(), end)

    if ignored:
        assert batch.failure is None
        assert batch.files()["a"]["state"] == "skipped"
        assert batch.rows == []
    else:
        assert isinstance(batch.failure, SourceChangedError)
