"""What a ruling is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

#: The columns that a value is read into, all at once.
VALUE_KINDS: Final = (
    "STRING", "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE",
    "DECIMAL(10,2)", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "BINARY",
)  # fmt: skip
JSON_FILE_SCHEMA: Final = "a BIGINT, b STRING"
CSV_FILE_SCHEMA: Final = "a INT, b STRING"

#: What a time without a zone is, in UTC; None where it is none.
ZONE_CASES: Final = (
    ("winter", "Europe/Paris", "2026-01-02 03:04:05", (2026, 1, 2, 2, 4, 5),
     "an hour ahead of UTC"),
    ("summer", "Europe/Paris", "2026-07-02T03:04", (2026, 7, 2, 1, 4), "two hours in summer"),
    ("day", "Europe/Paris", "2026-01-02", (2026, 1, 1, 23), "a day begins at midnight there"),
    ("twice", "Europe/Paris", "2026-10-25 02:30:00", (2026, 10, 25, 0, 30),
     "a time that comes twice is the first"),
    ("never", "Europe/Paris", "2026-03-29 02:30:00", (2026, 3, 29, 1, 30),
     "one that clocks leave out is as much later as they are put forward"),
    ("offset", "+05:30", "2026-01-02 03:04:05", (2026, 1, 1, 21, 34, 5), "an offset as the zone"),
    ("utc", "UTC", "2026-01-02 03:04:05", (2026, 1, 2, 3, 4, 5), "UTC, as without the option"),
    ("first", "Europe/Paris", "0001-01-01 00:00:00", None, "in UTC before year 1: none"),
    ("last", "America/New_York", "9999-12-31 23:00:00", None, "in UTC beyond year 9999: none"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row: the schema's columns in order, and what was rescued.

    Args:
        values: One for each column.
        rescued: The rescued data as JSON text, without the file's path; None for none.
    """

    values: tuple[Any, ...]
    rescued: str | None = None


@dataclass(frozen=True)
class Bad:
    """A record that is none: 1-based line (or record number), and the code of the reason."""

    line: int
    code: str


@dataclass(frozen=True)
class Fails:
    """The whole file goes to quarantine."""

    reason: str


Outcome: TypeAlias = Row | Bad | Fails


@dataclass(frozen=True)
class Value:
    """A ruling about one value, the same wherever it stands.

    Args:
        id: Short, unique; the test's name has it.
        text: The value as it stands in the file.
        takes: For each type that takes it what it becomes. A type that is not named gives null,
            and the text is rescued. ``STRING`` takes everything; where it is not named the
            column has the text as it stands.
        inferred: The type that inference gives a column of it.
        case: What is special about it, in words; empty where the text says all.
        spark: What Spark does otherwise; empty when it does the same.
    """

    id: str
    text: str
    takes: Mapping[str, Any]
    inferred: str
    case: str = ""
    spark: str = ""


@dataclass(frozen=True)
class File:
    """A ruling about one small file.

    Args:
        id: Short, unique; the test's name has it.
        case: What the file has, in words.
        data: Its bytes.
        gives: What comes of it, in the file's order.
        schema: The columns it is read into.
        inferred: The columns that inference gives for it; None where there is no record.
        multi_line: What it gives with ``multi_line=True``; None for the same. Of JSON every file
            with other than one line says it: there a file is one document.
        options: Of the format.
        spark: What Spark does otherwise; empty when it does the same.
    """

    id: str
    case: str
    data: bytes
    gives: tuple[Outcome, ...]
    schema: str
    inferred: str | None
    multi_line: tuple[Outcome, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    spark: str = ""


@dataclass(frozen=True)
class Group:
    """Rulings under one heading."""

    title: str
    rulings: tuple[Value, ...] | tuple[File, ...]
    about: str = ""
