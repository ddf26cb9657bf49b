"""Those who load a landing folder: lakestream, the scripts beside it, the peers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench.correctness.outputs import DeltaOutput, JsonLinesOutput, Output, SparkFileOutput
from bench.peers.catalogue import Form, Peer
from bench.process import Usage, run

_HERE: Final = Path(__file__).parent
DELTA: Final = DeltaOutput()
_OUTPUTS: Final[Mapping[Form, Output]] = {
    "delta": DELTA,
    "spark": SparkFileOutput(),
    "jsonl": JsonLinesOutput(),
}


class Contender(Protocol):
    """Loads what is new in a landing folder; table and memory live in a home."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    @property
    def output(self) -> Output:
        """How its rows are read."""
        ...

    def table(self, home: Path) -> Path:
        """Give where its rows end up."""
        ...

    def load(self, landing: Path, home: Path, cache: Path) -> Usage:
        """Run it once, as a process of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Script:
    """A script that runs in this environment: ``script LANDING TABLE [SEEN]``."""

    name: str
    script: Path
    #: Whether it is told to keep a list of the files it has loaded; lakestream always knows.
    seen_list: bool = False
    output: Output = DELTA

    def table(self, home: Path) -> Path:
        """Give the Delta table."""
        return home / "table"

    def load(self, landing: Path, home: Path, cache: Path) -> Usage:  # noqa: ARG002  peers need it
        """Run the script."""
        seen = [home / "seen.json"] if self.seen_list else []
        return run([sys.executable, self.script, landing, home / "table", *seen])[0]


@dataclass(frozen=True, slots=True)
class PeerLoad:
    """A peer, in the environment that is made for it."""

    peer: Peer

    @property
    def name(self) -> str:
        """The peer's name with its mark."""
        return self.peer.label

    @property
    def output(self) -> Output:
        """How its sink is read."""
        return _OUTPUTS[self.peer.form]

    def table(self, home: Path) -> Path:
        """Give where its sink writes."""
        return home / self.peer.table

    def load(self, landing: Path, home: Path, cache: Path) -> Usage:
        """Run the peer.

        Raises:
            PeerUnavailableError: It can't run here.
        """
        return run(self.peer.command(landing, home, cache))[0]


_BASELINES: Final = _HERE / "baselines"
LAKESTREAM: Final = Script("lakestream", _HERE / "scripts" / "lakestream_script.py")
POLARS: Final = Script("polars", _BASELINES / "polars_script.py")
POLARS_SEEN: Final = Script("polars + seen-list", POLARS.script, seen_list=True)
DUCKDB: Final = Script("duckdb", _BASELINES / "duckdb_script.py")
DUCKDB_SEEN: Final = Script("duckdb + seen-list", DUCKDB.script, seen_list=True)
ARRO3: Final = Script("arro3 + write_deltalake", _BASELINES / "arro3_script.py")
