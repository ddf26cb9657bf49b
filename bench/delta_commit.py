"""What one batch costs in the Delta sink, beside deltalake's bare calls, in one run.

    python bench/delta_commit.py [COMMITS]

Prints medians in milliseconds of inspect, commit, find_receipt + verify over COMMITS batches
(1,000) of 100 rows on the local disk, interleaved with a bare loop of ``update_incremental`` +
``create_write_transaction`` on a second table. The bar (DESIGN 10): the sink's part of a batch
stays at or below 20 ms.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arro3.core import Array, DataType, RecordBatch, RecordBatchReader
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction

from lakestream.plan.types import schema_of_ddl
from lakestream.sinks.delta import DeltaSink

ROWS = 100
SCHEMA = schema_of_ddl("id BIGINT, name STRING")

_times: defaultdict[str, list[float]] = defaultdict(list)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Add one measurement of a step."""
    start = time.perf_counter()
    yield
    _times[step].append(1000 * (time.perf_counter() - start))


def rows() -> RecordBatchReader:
    """Give one batch of rows."""
    batch = RecordBatch.from_pydict(
        {
            "id": Array(list(range(ROWS)), DataType.int64()),
            "name": Array(["some name"] * ROWS, DataType.utf8()),
        }
    )
    return RecordBatchReader.from_batches(batch.schema, [batch])


def one_batch(sink: DeltaSink, batch: int, table_id: str, after: int | None) -> int:
    """Take a batch through the sink as the engine does; give its version."""
    with timed("sink total"):
        with timed("  inspect"):
            look = sink.inspect(batch, table_id=table_id, plan_digest="d", receipt_version=after)
        with timed("  commit"):
            look.commit(rows(), {"planDigest": "d", "batch": batch})
        with timed("  receipt + verify (with fsync)"):
            receipt = sink.find_receipt(batch)
            if receipt is None:
                raise RuntimeError("the commit left no receipt")
            sink.verify(receipt)
    return receipt.version


def bare_batch(table: DeltaTable, batch: int) -> None:
    """Do the least that deltalake can: refresh, then commit one file that exists already."""
    add = AddAction("a.parquet", 1, {}, 0, data_change=True, stats='{"numRecords":100}')
    marks = CommitProperties(app_transactions=[Transaction("q", batch)])
    with timed("bare deltalake total"):
        with timed("  update_incremental"):
            table.update_incremental()
        with timed("  create_write_transaction"):
            table.create_write_transaction([add], "append", table.schema(), commit_properties=marks)


def main() -> None:
    """Run both, interleaved."""
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        sink = DeltaSink(str(Path(folder) / "sink"), query_id="q", query_name="n")
        table_id = sink.prepare(SCHEMA)
        DeltaSink(str(Path(folder) / "bare"), query_id="q", query_name="n").prepare(SCHEMA)
        bare = DeltaTable(Path(folder) / "bare")
        after = None
        for batch in range(commits):
            after = one_batch(sink, batch, table_id, after)
            bare_batch(bare, batch)
    print(f"{commits} commits of {ROWS} rows, milliseconds: median all / last tenth / worst")
    for step, found in _times.items():
        tail = found[-max(1, commits // 10) :]
        print(
            f"{step:32} {statistics.median(found):8.2f} {statistics.median(tail):8.2f} "
            f"{max(found):8.1f}"
        )


if __name__ == "__main__":
    main()
