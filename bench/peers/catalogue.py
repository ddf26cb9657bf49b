"""The peers: what each is started with, where its rows end up, and what to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bench.peers.environments import need_java, python_of

_HERE: Final = Path(__file__).parent
#: A Delta table, Spark's Parquet files with their log, or JSON lines with a "diff" of +1 or -1.
Form = Literal["delta", "spark", "jsonl"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A script that loads a landing folder, called as ``script LANDING TABLE STATE``."""

    key: str
    name: str
    #: A file of pinned versions in ``requirements/``, and a script here.
    environment: str
    script: str
    form: Form = "delta"
    #: Where in its home the rows end up.
    table: str = "table"
    #: What makes its work lighter or other than Delta; shown beside its name.
    mark: str = ""
    java: bool = False

    @property
    def label(self) -> str:
        """The name with the mark."""
        return f"{self.name} ({self.mark})" if self.mark else self.name

    def command(self, landing: Path, home: Path, cache: Path) -> list[str]:
        """Give the command of one run, whose table and state live in ``home``.

        Raises:
            PeerUnavailableError: It can't run on this machine.
        """
        if self.java:
            need_java()
        python = python_of(_HERE / "requirements" / f"{self.environment}.txt", cache)
        state = home / "state"
        state.mkdir(exist_ok=True)
        paths = (_HERE / self.script, landing, home / "table", state)
        return [str(each) for each in (python, *paths)]


_DLT_TABLE: Final = "table/lake/readings"

DLT_STOCK: Final = Peer("dlt-stock", "dlt, stock", "dlt", "dlt_stock.py", table=_DLT_TABLE)
DLT_TUNED: Final = Peer("dlt-tuned", "dlt, tuned", "dlt", "dlt_tuned.py", table=_DLT_TABLE)
PATHWAY: Final = Peer(
    "pathway", "Pathway", "pathway", "pathway_jsonl.py", form="jsonl", mark="JSONL sink"
)
SPARK: Final = Peer(
    "spark",
    "Spark file stream",
    "spark",
    "spark_parquet.py",
    form="spark",
    mark="Parquet sink",
    java=True,
)
PEERS: Final = (DLT_STOCK, DLT_TUNED, PATHWAY, SPARK)
