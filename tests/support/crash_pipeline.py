"""The small pipeline that the crash sweeps kill, and the check of what it left."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import lakestream as ls
from lakestream.streaming_table import StreamingTable

COLUMNS = ["id", "name", "price"]
FILES = 3


def fill_landing(landing: Path, *, first: int = 0, files: int = FILES) -> None:
    """Write NDJSON files; the second brings a new column, the third has a broken line."""
    landing.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + files):
        if (landing / f"f{number:03d}.json").exists():
            continue
        lines = [
            json.dumps({"id": number * 10 + row, "name": f"n{row}", **_extra(number)})
            for row in range(4)
        ]
        if number % 3 == 2:
            lines.insert(2, '{"id": 99, "name": "broken"')
        temporary = landing / f".{number}.tmp"
        temporary.write_text("\n".join(lines) + "\n")
        temporary.rename(landing / f"f{number:03d}.json")


def _extra(number: int) -> dict[str, object]:
    return {"price": number + 0.5} if number % 3 == 1 else {}


def make_table(folder: Path, landing: Path, *, most_files: int = 1) -> StreamingTable:
    """Declare the pipeline: one file a batch, so that three files make three batches."""

    @ls.streaming_table(str(folder / "table"))
    def crashing() -> ls.Stream:
        return ls.read_files(str(landing), format="json", max_files_per_trigger=most_files)

    return crashing


def run_in_two_steps(folder: Path, landing: Path) -> None:
    """Run on the first file, then on all: the schema is known before the new column lands."""
    table = make_table(folder, landing)
    fill_landing(landing, files=1)
    table.run()
    fill_landing(landing)
    table.run()


def table_rows(table: StreamingTable) -> Counter[tuple[object, ...]]:
    """Give the multiset of the table's rows."""
    reader = table.read()
    found: Counter[tuple[object, ...]] = Counter()
    for batch in reader:
        names = batch.schema.names
        for row in batch.to_pylist():
            found[tuple(row[c] if c in names else None for c in COLUMNS)] += 1
    return found


@dataclass(frozen=True)
class Verdict:
    """What the check of a table found.

    Args:
        rows: Rows that the raw files hold.
        lost: Rows that the table lacks.
        doubled: Rows that it has more often than the files, or that no file has.
        problem: All that is wrong, in words; "" when nothing is.
    """

    rows: int
    lost: int
    doubled: int
    problem: str


def judge_table(folder: Path, landing: Path, table: StreamingTable) -> Verdict:
    """Hold the table against the raw files, its batch ids against gaps, and the quarantine."""
    from support.oracle import rows_of_files

    wanted, found = rows_of_files(landing, COLUMNS), table_rows(table)
    lost, doubled = wanted - found, found - wanted
    problem = f"lost {dict(lost)}, doubled {dict(doubled)}" if lost or doubled else ""
    return Verdict(
        rows=wanted.total(),
        lost=lost.total(),
        doubled=doubled.total(),
        problem=problem or _broken_order(folder) or _broken_quarantine(landing, table),
    )


def check_table(folder: Path, landing: Path, table: StreamingTable) -> str:
    """Give "" or what ``judge_table`` found to be wrong."""
    return judge_table(folder, landing, table).problem


def _broken_order(folder: Path) -> str:
    log = folder / "table" / "_lakestream"
    commits = sorted(int(path.name) for path in (log / "commits").iterdir() if path.name.isdigit())
    if commits != list(range(len(commits))):
        return f"batch ids are not contiguous: {commits}"
    return ""


def _broken_quarantine(landing: Path, table: StreamingTable) -> str:
    bad = [row for row in table.quarantine().to_pylist() if row["line"] is not None]
    broken = sum(1 for path in landing.glob("*.json") if '"broken"' in path.read_text())
    if len(bad) != broken:
        return f"{broken} broken lines, {len(bad)} in quarantine"
    return ""
