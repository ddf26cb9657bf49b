"""The rows of the table: what is run, beside what, and how fast it has to be."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.contenders import (
    ARRO3,
    DUCKDB,
    DUCKDB_SEEN,
    LAKESTREAM,
    POLARS,
    POLARS_SEEN,
    PeerLoad,
)
from bench.data import Bulk, Dataset
from bench.known_files import KnownFiles, Lister
from bench.loads import FirstLoad, NextLoad, WholeLife
from bench.measure import Bar, Work
from bench.peers.catalogue import DLT_STOCK, DLT_TUNED, PATHWAY, SPARK, Peer
from bench.running import Loop, RunningQuery

_HERE: Final = Path(__file__).parent
_SMALL: Final = Dataset(files=2_000, rows_per_file=200)
_ADDED: Final = Dataset(files=20, rows_per_file=200, first_id=400_000)
_TINY: Final = Dataset(files=20_000, rows_per_file=20)
_GIGABYTE: Final = Bulk(files=10, size_bytes=10**9)
_NEXT_BAR: Final = Bar(wall=0.7, cpu=0.7)
_NO_BAR: Final = Bar()
_FIRST: Final = "2,000 files x 200 rows, first run"
_QUERY: Final = Loop("lakestream", _HERE / "scripts" / "running_query.py")
_DELTALAKE: Final = Loop("deltalake alone", _HERE / "baselines" / "deltalake_loop.py")


def _beside(peer: Peer, *, times_less_cpu: float | None, enough: int | None = None) -> WholeLife:
    bar = Bar() if times_less_cpu is None else Bar(cpu=1 / times_less_cpu)
    return WholeLife(
        key=peer.key,
        dataset=_SMALL,
        added=_ADDED,
        ours=LAKESTREAM,
        baseline=PeerLoad(peer),
        bars={_FIRST: bar, "+20 files": _NO_BAR, "nothing new": _NO_BAR},
        enough=enough,
    )


WORKS: Final[tuple[Work, ...]] = (
    FirstLoad(
        key="first",
        dataset=_SMALL,
        ours=LAKESTREAM,
        baseline=POLARS,
        bars={_FIRST: Bar(wall=0.75, cpu=0.75)},
    ),
    NextLoad(
        key="next",
        dataset=_SMALL,
        added=_ADDED,
        ours=LAKESTREAM,
        baseline=POLARS_SEEN,
        bars={"+20 files": _NEXT_BAR, "nothing new": _NEXT_BAR},
    ),
    NextLoad(
        key="floor",  # what the bar of "next" reaches for; not judged
        dataset=_SMALL,
        added=_ADDED,
        ours=LAKESTREAM,
        baseline=DUCKDB_SEEN,
        bars={"+20 files": _NO_BAR, "nothing new": _NO_BAR},
    ),
    FirstLoad(
        key="tiny",
        dataset=_TINY,
        ours=LAKESTREAM,
        baseline=DUCKDB,
        bars={"20,000 files x 20 rows, first run": Bar(cpu=1.0)},
    ),
    _beside(DLT_STOCK, times_less_cpu=14, enough=3),
    _beside(DLT_TUNED, times_less_cpu=4, enough=3),
    _beside(PATHWAY, times_less_cpu=None, enough=3),
    _beside(SPARK, times_less_cpu=40, enough=2),
    FirstLoad(
        key="bulk",
        dataset=_GIGABYTE,
        ours=LAKESTREAM,
        baseline=ARRO3,
        bars={"1 GB in 10 files": Bar(cpu=1 / 0.7, peak_mib=350)},
        heavy=True,
    ),
    FirstLoad(
        key="bulk-polars",
        dataset=_GIGABYTE,
        ours=LAKESTREAM,
        baseline=POLARS,
        bars={"1 GB in 10 files": Bar(wall=1)},
        heavy=True,
        enough=3,
    ),
    RunningQuery(
        "running",
        Dataset(files=1_000, rows_per_file=100),
        1_000,
        _QUERY,
        _DELTALAKE,
        {"a batch of 100 rows, the first 1,000": Bar(wall_s=0.035)},
        enough=3,
    ),
    RunningQuery(
        "running-long",
        Dataset(files=10_000, rows_per_file=100),
        1_000,
        _QUERY,
        _DELTALAKE,
        {"a batch of 100 rows, 9,000 to 10,000": Bar(wall_s=0.045)},
        enough=1,
    ),
    KnownFiles(
        "known",
        1_000_000,
        1_000,
        Lister("lakestream", _HERE / "scripts" / "discover_script.py"),
        Lister("obstore's listing", _HERE / "baselines" / "list_script.py"),
        {"1,000,000 known files + 1,000 new": Bar(wall=2, cpu=2, peak_mib=400)},
        enough=3,
    ),
)

#: Rows of the table that are still to come, with the bar that waits for them.
LATER: Final = (
    ("windowed count, 5M rows, 10 batches", "Spark local, warm", "1/4 of its wall; later"),
)
