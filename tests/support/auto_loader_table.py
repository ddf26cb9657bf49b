"""docs/auto_loader.md: what Auto Loader has, row by row, and what lakestream has of it.

``make reliability`` runs ``python -m support.auto_loader_table``, which writes the page.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from support.reliability_table import ROOT, NamedTest, all_tests, table_lines

Status = Literal["works", "declined", "open"]
PAGE: Final = ROOT / "docs" / "auto_loader.md"
_INVENTORY: Final = ROOT / "tests" / "spark" / "auto_loader.toml"
_NEEDS: Final = {"M": "must", "S": "should", "N": "one cloud's", "B": "a pain there"}
_COLUMNS: Final = ("in Auto Loader", "weight", "here", "status", "shown by")
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/spark/test_auto_loader_page.py compares. -->
# Beside Auto Loader

What Auto Loader (`cloudFiles`) offers, row by row, and what lakestream has of it. A row *works*
when tests show it; it is *declined* for a reason, or *open* as long as a part of it is not there.
The weight is how much its users need it. Each option has its row in
[the options' page](auto_loader_options.md).
"""


@dataclass(frozen=True)
class Row:
    """A row of the inventory (the keys are explained in ``auto_loader.toml``), and its tests."""

    id: str
    feature: str
    need: Literal["M", "S", "N", "B"]
    here: str = ""
    tests: tuple[NamedTest, ...] = ()
    declined: str = ""
    open: str = ""
    awaits: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """What there is of it."""
        if self.open:
            return "open"
        return "declined" if self.declined else "works"


@dataclass(frozen=True)
class Group:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


def inventory(tests: list[NamedTest]) -> list[Group]:
    """Read the inventory and give each row its tests.

    Raises:
        LookupError: A row names a test that there is not.
    """
    read = tomllib.loads(_INVENTORY.read_text())
    known = set(tests)
    return [
        Group(group["title"], tuple(_row(row, known) for row in group["row"]))
        for group in read["group"]
    ]


def _row(read: Mapping[str, Any], known: set[NamedTest]) -> Row:
    named = tuple(NamedTest(*each.split("::")) for each in read.get("tests", ()))
    missing = [each for each in named if each not in known]
    if missing:
        raise LookupError(f"{read['id']}: there is no {missing}")
    lists = {key: tuple(read.get(key, ())) for key in ("awaits", "options")}
    return Row(**{**read, **lists, "tests": named})


def page(groups: list[Group]) -> str:
    """Give the whole page."""
    return "\n".join(_lines(groups)) + "\n"


def _lines(groups: list[Group]) -> Iterator[str]:
    counts = Counter(row.status for group in groups for row in group.rows)
    yield _OPENING
    yield (
        f"{counts.total()} rows: {counts['works']} work, {counts['declined']} are declined, "
        f"{counts['open']} are open."
    )
    for group in groups:
        yield ""
        yield f"## {group.title}"
        yield ""
        yield from table_lines(_COLUMNS, [_cells(row) for row in group.rows])


def _cells(row: Row) -> tuple[str, ...]:
    why = row.open or row.declined
    status = f"{row.status}: {why}" if why else row.status
    shown = "<br>".join(test.link for test in row.tests)
    return row.feature, _NEEDS[row.need], row.here, status, shown


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(inventory(all_tests())))


if __name__ == "__main__":
    main()
