"""Rows lost and rows doubled: what a leg has written, held against the raw files as a multiset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from deltalake.exceptions import DeltaError

from bench.correctness.outputs import Output, Relation
from bench.data import COLUMNS


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two multisets of rows differ.

    Args:
        rows: How many rows there should be.
        lost: How many of them are missing.
        doubled: How many times one of them is there once more than it should.
        foreign: How many rows are in no file.
        problem: Why it cannot be read, or the failure that remained after all runs, or "".
    """

    rows: int
    lost: int
    doubled: int
    foreign: int
    problem: str = ""

    @property
    def clean(self) -> bool:
        """Whether the multisets are equal."""
        return not (self.lost or self.doubled or self.foreign or self.problem)


def judge(files: Iterable[Path], output: Output, table: Path) -> Verdict:
    """Compare all columns of all rows; columns beside ours do not count.

    The files are read by DuckDB with the types written in ``COLUMNS``, the output is cast to them.
    An output that cannot be read has lost all rows.
    """
    raw = [str(path) for path in files]
    try:
        return _compare(raw, output.rows(table))
    except (DeltaError, duckdb.Error, OSError, ValueError) as error:
        nothing = _compare(raw, None)
        return Verdict(nothing.rows, nothing.lost, 0, 0, f"{type(error).__name__}: {error}")


def _compare(raw: list[str], found: Relation | None) -> Verdict:
    types = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    files = Relation(
        f"read_json($raw, format='newline_delimited', columns={{{types}}})", {"raw": raw}
    )
    sides = [_side(files, expected="1", found="0")]
    parameters = files.parameters
    if found is not None:
        sides.append(_side(found, expected="0", found=found.weight))
        parameters |= found.parameters
    differences = f"""
        SELECT
            sum(expected),
            sum(greatest(expected - found, 0)),
            sum(if(expected > 0, greatest(found - expected, 0), 0)),
            sum(if(expected = 0, abs(found), 0))
        FROM (
            SELECT sum(expected) AS expected, sum(found) AS found
            FROM ({" UNION ALL ".join(sides)}) GROUP BY {", ".join(COLUMNS)}
        )
    """  # noqa: S608  our own names
    # Without its ICU extension DuckDB takes every zoned timestamp as UTC, on any machine.
    with duckdb.connect(config={"autoload_known_extensions": "false"}) as connection:
        answer = connection.execute(differences, parameters).fetchone()
    assert answer is not None, "an aggregate gives one row"  # noqa: S101  cannot be otherwise
    rows, lost, doubled, foreign = map(int, answer)
    return Verdict(rows, lost, doubled, foreign)


def _side(relation: Relation, *, expected: str, found: str) -> str:
    columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in COLUMNS.items())
    return f"SELECT {columns}, {expected} AS expected, {found} AS found FROM {relation.sql}"  # noqa: S608  our own names
