"""The C stream reader: same batches, no leak, errors as errors."""

import gc
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import read_json

from lakestream.formats.c_stream import ArrowStreamError, record_batches

SCHEMA = Schema([Field("a", DataType.int64()), Field("s", DataType.utf8())])
LINES = b"".join(b'{"a":%d,"s":"text number %d"}\n' % (i, i) for i in range(5000))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def test_record_batches_of_a_reader_are_all_its_batches_in_order() -> None:
    found = list(record_batches(read_json(LINES, SCHEMA, batch_size=2000)))
    assert [batch.num_rows for batch in found] == [2000, 2000, 1000]
    assert pa.record_batch(found[2]).column("a").to_pylist() == list(range(4000, 5000))


def test_record_batches_when_kept_outlive_their_stream() -> None:
    first = next(record_batches(read_json(LINES, SCHEMA, batch_size=10)))
    gc.collect()
    assert pa.record_batch(first).column("s")[3].as_py() == "text number 3"


def test_record_batches_of_another_library_are_read_too() -> None:
    table = pa.table({"x": [1, 2, 3]})
    assert sum(batch.num_rows for batch in record_batches(table)) == 3


def test_record_batches_when_the_producer_fails_raise_its_error() -> None:
    stream = record_batches(read_json(b'{"a":1}\n{"a":"x"}\n', SCHEMA, batch_size=1))
    assert next(stream).num_rows == 1
    with pytest.raises(ArrowStreamError, match="a"):
        next(stream)


def test_record_batches_of_an_empty_stream_are_none() -> None:
    empty = RecordBatchReader.from_batches(SCHEMA, [])
    assert list(record_batches(empty)) == []


def test_record_batches_when_read_again_and_again_leak_nothing() -> None:
    def read_all(times: int) -> None:
        for _ in range(times):
            for _batch in record_batches(read_json(LINES, SCHEMA, batch_size=500)):
                pass
            next(record_batches(read_json(LINES, SCHEMA, batch_size=500)))

    read_all(50)
    before = _resident_mb()
    read_all(400)  # a leak of the arrays alone would be 100 MB
    assert _resident_mb() - before < 15


def test_record_batches_when_computing_let_other_threads_run() -> None:
    class Slow:
        """A stream whose batches come from Python: it needs the GIL that we must let go of."""

        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            def batches() -> object:
                for value in (1, 2):
                    done = threading.Event()
                    threading.Thread(target=done.set).start()
                    assert done.wait(10)
                    yield pa.record_batch({"x": [value]})

            schema = pa.schema({"x": pa.int64()})
            return pa.RecordBatchReader.from_batches(schema, batches()).__arrow_c_stream__()

    assert [batch.num_rows for batch in record_batches(Slow())] == [1, 1]


def test_record_batches_when_not_consumed_release_the_stream() -> None:
    batch = RecordBatch([Array([1], DataType.int64())], schema=Schema([SCHEMA.field("a")]))
    stream = record_batches(RecordBatchReader.from_batches(batch.schema, [batch]))
    next(stream)
    stream.close()
    assert batch.num_rows == 1
