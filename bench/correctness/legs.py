"""Who is held against the raw files, each used as its own documentation says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.correctness.outputs import DeltaOutput, JsonLinesOutput, Output, SparkFileOutput
from bench.peers.catalogue import DLT_STOCK, DLT_TUNED, PATHWAY, SPARK, Form, Peer

_HERE: Final = Path(__file__).parent
_BENCH: Final = _HERE.parent
#: Where the peers' environments are, the same as for the benchmarks of speed.
_ENVIRONMENTS: Final = _BENCH.parent / ".bench"
_OUTPUTS: Final[dict[Form, Output]] = {
    "delta": DeltaOutput(),
    "spark": SparkFileOutput(),
    "jsonl": JsonLinesOutput(),
}

Command = Callable[[Path, Path], Sequence[str | Path]]


@dataclass(frozen=True, slots=True)
class Leg:
    """A script that loads what is new in a landing folder.

    Args:
        key: Its name on the command line.
        name: Its name in the table.
        settings: What was used to make it safe, for the reader.
        output: What it writes.
        command: The command line for a landing folder and a home for table and state.
        table: Where in the home the output is.
    """

    key: str
    name: str
    settings: str
    output: Output
    command: Command
    table: Callable[[Path], Path] = lambda home: home / "table"

    def mark(self, home: Path) -> Callable[[], int]:
        """Give the number that grows with each commit in a home."""
        table = self.table(home)
        return lambda: self.output.mark(table)


def script(path: Path, *, seen_list: bool = False) -> Command:
    """Give the command line of a script that runs in this environment."""

    def command(landing: Path, home: Path) -> Sequence[str | Path]:
        seen = [home / "seen.json"] if seen_list else []
        return [sys.executable, path, landing, home / "table", *seen]

    return command


LAKESTREAM: Final = Leg(
    "lakestream",
    "lakestream",
    "defaults",
    DeltaOutput(),
    script(_BENCH / "scripts" / "lakestream_script.py"),
)
POLARS: Final = Leg(
    "polars",
    "polars script + seen-list",
    "the list is written after the commit",
    DeltaOutput(),
    script(_BENCH / "baselines" / "polars_script.py", seen_list=True),
)
DUCKDB: Final = Leg(
    "duckdb",
    "duckdb script + seen-list",
    "the list is written after the commit",
    DeltaOutput(),
    script(_BENCH / "baselines" / "duckdb_script.py", seen_list=True),
)

DLT_MERGE: Final = replace(
    DLT_STOCK, key="dlt-merge", name="dlt, upsert on a key", script=str(_HERE / "dlt_merge.py")
)


def _peer(peer: Peer, settings: str) -> Leg:
    def command(landing: Path, home: Path) -> Sequence[str | Path]:
        return peer.command(landing, home, _ENVIRONMENTS)

    return Leg(
        peer.key,
        peer.name,
        settings,
        _OUTPUTS[peer.form],
        command,
        lambda home: home / peer.table,
    )


LEGS: Final[tuple[Leg, ...]] = (
    LAKESTREAM,
    POLARS,
    DUCKDB,
    _peer(DLT_STOCK, "incremental on modification_date, append"),
    _peer(DLT_TUNED, "incremental on modification_date, append"),
    _peer(DLT_MERGE, "incremental on modification_date, upsert on a unique key"),
    _peer(PATHWAY, "persistence on"),
    _peer(SPARK, "checkpoint; the file sink's log is exactly once by its documentation"),
)
