"""What a leg has written: the commits that can be seen from outside, and the rows they make."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable

from bench.data import COLUMNS

_DELTA_ENTRY: Final = re.compile(r"\d{20}\.json")
_ADDS: Final = b'{"add":'
_SPARK_ENTRY: Final = re.compile(r"(\d+)(\.compact)?")


@dataclass(frozen=True, slots=True)
class Relation:
    """A FROM clause of DuckDB with its parameters; each row counts ``weight`` times."""

    sql: str
    parameters: dict[str, Any]
    weight: str = "1"


class Output(Protocol):
    """Where the rows of a leg end up."""

    @property
    def kind(self) -> str:
        """The word for the table."""
        ...

    def mark(self, table: Path) -> int:
        """Give a number that grows with each commit; cheap enough to be asked all the time."""
        ...

    def rows(self, table: Path) -> Relation | None:
        """Give the rows that a reader of the format sees; None where there are none yet."""
        ...


@dataclass(frozen=True, slots=True)
class DeltaOutput:
    """A Delta table: a commit is an entry of its log that adds files."""

    kind: str = "Delta"

    def mark(self, table: Path) -> int:
        """Count those entries; the log is short."""
        return sum(_ADDS in entry.read_bytes() for entry in self._entries(table))

    def rows(self, table: Path) -> Relation | None:
        """Read the files of the newest version."""
        if not self._entries(table):
            return None
        uris = DeltaTable(str(table)).file_uris()
        return _parquet([unquote(uri.removeprefix("file://")) for uri in uris])

    @staticmethod
    def _entries(table: Path) -> list[Path]:
        log = table / "_delta_log"
        return [log / name for name in _names(log) if _DELTA_ENTRY.fullmatch(name)]


@dataclass(frozen=True, slots=True)
class SparkFileOutput:
    """Spark's file sink: only files that its ``_spark_metadata`` log names belong to the table."""

    kind: str = "Parquet with Spark's log"

    def mark(self, table: Path) -> int:
        """Count the log's entries."""
        return len(self._entries(table))

    def rows(self, table: Path) -> Relation | None:
        """Read what the log names: its newest compacted entry and those after it."""
        entries = self._entries(table)
        if not entries:
            return None
        compacted = max((number for number, suffix in entries if suffix), default=0)
        files = []
        for number, suffix in sorted(entries):
            if number < compacted:
                continue
            _, *lines = (table / "_spark_metadata" / f"{number}{suffix}").read_text().splitlines()
            actions = [json.loads(line) for line in lines]
            files += [each["path"] for each in actions if each["action"] == "add"]
        return _parquet([unquote(urlparse(file).path) for file in files])

    @staticmethod
    def _entries(table: Path) -> list[tuple[int, str]]:
        matches = (_SPARK_ENTRY.fullmatch(name) for name in _names(table / "_spark_metadata"))
        return [(int(match[1]), match[2] or "") for match in matches if match]


@dataclass(frozen=True, slots=True)
class JsonLinesOutput:
    """JSON lines with a ``diff`` of +1 or -1: a commit is anything that makes a file grow."""

    kind: str = "JSON lines"

    def mark(self, table: Path) -> int:
        """Sum the files' sizes."""
        return sum(path.stat().st_size for path in self._files(table))

    def rows(self, table: Path) -> Relation | None:
        """Read every line that is whole."""
        files = [str(path) for path in self._files(table)]
        if not files:
            return None
        types = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
        return Relation(
            "read_json($files, format='newline_delimited', ignore_errors=true, "
            f"columns={{{types}, diff: 'BIGINT'}})",
            {"files": files},
            weight="diff",
        )

    @staticmethod
    def _files(table: Path) -> list[Path]:
        return sorted(table.glob("*.jsonl"))


def _parquet(files: list[str]) -> Relation | None:
    if not files:
        return None
    return Relation("read_parquet($files, union_by_name=true)", {"files": files})


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  asked thousands of times
    except FileNotFoundError:
        return []
