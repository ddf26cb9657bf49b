"""A pipeline whose landing place, checkpoint and table all lie in one cloud's store.

``python -m support.cloud_pipeline ROOT OPTIONS`` runs it once; the options are JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lakestream as ls
from lakestream.storage import stores
from lakestream.storage.options import StorageOptions
from lakestream.streaming_table import StreamingTable

_TESTS = Path(__file__).parent.parent


def make_table(root: str, options: dict[str, str], *, landing: str | None = None) -> StreamingTable:
    """Declare the pipeline: two files a batch."""

    @ls.streaming_table(f"{root}/bronze", storage_options=options)
    def bronze() -> ls.Stream:
        return ls.read_files(
            landing or f"{root}/landing",
            format="json",
            storage_options=options,
            max_files_per_trigger=2,
            metadata_column="_metadata",
        )

    return bronze


def land(root: str, options: dict[str, str], numbers: range) -> None:
    """Write files of five rows each."""
    store = stores.open_log_store(f"{root}/landing", StorageOptions.of(options, where="test"))
    for number in numbers:
        lines = [json.dumps({"id": number * 10 + row, "city": f"c{row}"}) for row in range(5)]
        assert store.put_absent(f"day={number}/a b ü.json", "\n".join(lines).encode())


def ids_of(numbers: range) -> list[int]:
    """Give what the files hold."""
    return [number * 10 + row for number in numbers for row in range(5)]


def ids_in(table: StreamingTable) -> list[int]:
    """Give what the table holds."""
    return sorted(row["id"] for row in table.read().read_all().to_pylist())


def run_and_be_killed(root: str, options: dict[str, str], line: str) -> None:
    """Run in a process that is killed the second time it comes to a line of a batch's life."""
    done = subprocess.run(
        [sys.executable, "-m", "support.cloud_pipeline", root, json.dumps(options)],
        cwd=_TESTS,
        env=os.environ | {"LAKESTREAM_FAILPOINT": f"{line}:2:kill"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 137, done.stderr


if __name__ == "__main__":
    make_table(sys.argv[1], json.loads(sys.argv[2])).run()
