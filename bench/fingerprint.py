"""Whether two sets of rows are the same multiset, whatever wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.correctness.outputs import Output, Relation
from bench.data import COLUMNS


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Row count and sum of the rows' 64-bit hashes: blind to order, not to a doubled row."""

    rows: int
    hash_sum: int


class RowsDifferError(Exception):
    """A table does not hold the rows of the files it was made from."""


def of_files(files: Iterable[Path]) -> Fingerprint:
    """Take the fingerprint of NDJSON files, with the types written in ``COLUMNS``."""
    types = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    return _fingerprint(
        Relation(
            f"read_json($files, format='newline_delimited', columns={{{types}}})",
            {"files": [str(path) for path in files]},
        )
    )


def of_output(output: Output, table: Path) -> Fingerprint:
    """Take the fingerprint of what a reader sees; columns beside ours do not count."""
    rows = output.rows(table)
    return Fingerprint(0, 0) if rows is None else _fingerprint(rows)


def check(output: Output, table: Path, expected: Fingerprint, *, who: str) -> None:
    """Compare a table with what it should hold.

    Raises:
        RowsDifferError: Rows are missing, doubled or different.
    """
    found = of_output(output, table)
    if found != expected:
        message = f"{who}: the table holds {found}, its input {expected}"
        raise RowsDifferError(message)


def _fingerprint(rows: Relation) -> Fingerprint:
    columns = ", ".join(f'"{name}"::{kind}' for name, kind in COLUMNS.items())
    # Without its ICU extension DuckDB takes every zoned timestamp as UTC, on any machine.
    with duckdb.connect(config={"autoload_known_extensions": "false"}) as connection:
        answer = connection.execute(
            f"SELECT coalesce(sum({rows.weight}), 0)::HUGEINT,"  # noqa: S608  our own names
            f" coalesce(sum(hash({columns})::HUGEINT * {rows.weight}), 0) FROM {rows.sql}",
            rows.parameters,
        ).fetchone()
    assert answer is not None, "an aggregate gives one row"  # noqa: S101  cannot be otherwise
    return Fingerprint(*answer)
