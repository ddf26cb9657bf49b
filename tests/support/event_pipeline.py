"""A pipeline fed by a queue, between a bucket's events and it somebody who spoils them.

As a program (``python -m support.event_pipeline '<json>'``) it is one run of the table, which a
test may kill by ``LAKESTREAM_FAILPOINT``.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import lakestream as ls
from lakestream.failpoint import VARIABLE
from lakestream.sources.files.notifications import receiver
from lakestream.streaming_table import StreamingTable
from lakestream.testing import check_exactly_once
from support import fork_server
from support.aws_events import EventLake
from support.azure_events import AzureLake
from support.gcs_events import GcsLake

_KILLED = 137
_ROWS = 3
#: Events that come twice, never, and only after those of the next round.
_TWICE, _LOST, _LATE = 0.10, 0.05, 0.05
_QUEUES: Final = {
    "azure": ls.AzureStorageQueue,
    "pubsub": ls.PubSubSubscription,
    "sqs": ls.SqsQueue,
}


def make_table(declared: Mapping[str, Any]) -> StreamingTable:
    """Declare the table; a plain dict, so that it can be handed to another process."""
    receiver.LEASE_S = 2.0  # type: ignore[misc] # a killed run's messages are to come again soon
    receiver._WAIT_S = 0.0  # type: ignore[misc] # nobody waits in a test
    options = dict(declared["options"])

    @ls.streaming_table(declared["path"], name="announced")
    def announced() -> ls.Stream:
        return ls.read_files(
            declared["landing"],
            format="json",
            schema="id BIGINT, row BIGINT",
            metadata_column="_metadata",
            storage_options=options,
            notifications=_QUEUES[declared["kind"]](declared["queue"]),
            backfill_interval=declared.get("backfill_interval"),
            fetch_parallelism=declared.get("fetch_parallelism", 1),
            max_files_per_trigger=declared.get("max_files"),
            **declared.get("others", {}),
        )

    return announced


@dataclass
class EventPipeline:
    """Files that land, events that are spoilt, and the table.

    Args:
        folder: Where the table lies.
        lake: A bucket whose events come to ``lake.queue``; the pipeline reads another queue.
        random: Decides what is spoilt.
    """

    folder: Path
    lake: EventLake | AzureLake | GcsLake
    random: random.Random
    lost: int = 0
    twice: int = 0
    delayed: int = 0
    kills: int = 0
    late: list[str] = field(default_factory=list)
    files: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = self.lake.make_queue(f"{self.lake.bucket}-spoilt")

    def declared(self, **changes: Any) -> dict[str, Any]:
        return {
            "path": str(self.folder / "table"),
            "landing": self.lake.landing,
            "queue": self.queue,
            "kind": self.lake.kind,
            "options": dict(self.lake.options),
            **changes,
        }

    def table(self, **changes: Any) -> StreamingTable:
        return make_table(self.declared(**changes))

    def land(self, count: int) -> None:
        """Land files and pass their events on: twice, late, out of order, or not at all."""
        for number in range(len(self.files), len(self.files) + count):
            name = f"day={number % 7}/f {number:05d}.json"
            lines = [json.dumps({"id": number, "row": row}) for row in range(_ROWS)]
            self.lake.put(f"in/{name}", ("\n".join(lines) + "\n").encode())
            self.files[name] = list(range(_ROWS))
        on_time, self.late = self.late, []
        for body in self.lake.take():
            chance = self.random.random()
            if chance < _LOST:
                self.lost += 1
            elif chance < _LOST + _LATE:
                self.late.append(body)
                self.delayed += 1
            elif chance < _LOST + _LATE + _TWICE:
                on_time += [body, body]
                self.twice += 1
            else:
                on_time.append(body)
        self.random.shuffle(on_time)
        self.lake.send(*on_time, queue=self.queue)

    def run_killed(self, point: str, hit: int = 1, **changes: Any) -> None:
        """Run in a process of its own that is killed at a fail point."""
        done = fork_server.run(
            "import runpy; runpy.run_module('support.event_pipeline', run_name='__main__')",
            json.dumps(self.declared(**changes)),
            env={VARIABLE: f"{point}:{hit}:kill"},
        )
        assert done.returncode == _KILLED, done.stderr[-2000:]
        self.kills += 1

    def figures(self, rows: int, seconds: float) -> dict[str, int]:
        """Give what was done, by what ``docs/reliability.md`` calls it."""
        return {
            "tables": 1,
            "files": len(self.files),
            "events twice": self.twice,
            "never": self.lost,
            "late": self.delayed,
            "runs killed": self.kills,
            "rows": rows,
            "seconds": round(seconds),
        }

    def assert_exactly_once(self) -> int:
        """Hold the table against the raw objects, read without lakestream; give its rows."""
        wanted: Counter[tuple[str, int]] = Counter()
        for key in self.lake.object_keys():
            wanted.update((key, row) for row in range(_ROWS))
        found = Counter(
            (f"in/{row['_metadata']['file_path'].rpartition('/in/')[2]}", row["row"])
            for batch in self.table().read()
            for row in batch.to_pylist()
        )
        from urllib.parse import unquote

        found = Counter({(unquote(key), row): count for (key, row), count in found.items()})
        assert len(wanted) == len(self.files) * _ROWS
        check_exactly_once(wanted.elements(), found.elements())
        return found.total()


if __name__ == "__main__":
    make_table(json.loads(sys.argv[1])).run()
