"""docs/reliability.md, made of the fault matrix, the names of the tests and the soak's figures.

``make reliability`` runs ``python -m support.reliability_table``, which writes the page.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reliability.md"
_MATRIX: Final = ROOT / "tests" / "reliability" / "matrix.toml"
_FIGURES: Final = ROOT / "tests" / "reliability" / "soak.json"
_IDS: Final = re.compile(r"^test((?:_[a-z]\d+)+)_(.*)")
_ABOUT_EVENTS: Final = """
`make soak` then lands files, of three rows each, in a bucket that tells a queue of them, and spoils
the events: some come twice, some never, some only after those of the next round, all in any order.
Runs are killed as they receive, record, plan and commit. At the end one listing finds what no event
told, and the table is compared with the bucket: a row that is lost or doubled fails the soak.
"""
_COLUMNS: Final = ("id", "fault", "promise", "tests", "last soak")
_SOAK_COLUMNS: Final = (
    "kind of case",
    "cases",
    "faults",
    "runs",
    "rows checked",
    "lost",
    "doubled",
    "unrecovered",
)
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/project/test_reliability_page.py compares. -->
# Reliability

The promise: every version of every discovered file is in the table exactly once, or listed in
quarantine with a reason. This page is the evidence: every fault that was thought of, what is
promised when it happens, the tests that make it happen, and what the last soak counted. It is
generated from the tests. Whether the tests would notice, if the code were wrong, stands in
[Do the tests notice?](mutants.md).
"""
_ABOUT_SOAK: Final = """
## The last soak

`make soak` (`MINUTES=20`, `SEED=1`) puts faults into real processes for as long as it is given:
SIGKILL at each line of the protocol and at any time; sudden ends around each storage call; races
of three runners, some killed, some stopped and woken; lost replies; stores that fail; random
histories of the model machine. Each case has a fresh folder. It ends with a run without faults,
and the table is compared with the raw files as multisets, so that a doubled row shows like a lost
one. The soak ends with 1 if one row is wrong, if a case was not recovered, or if there were fewer
than 1,000 kills or fewer than 50 at one of the ten lines.
"""


@dataclass(frozen=True, order=True)
class NamedTest:
    """A test function: its file from the repository's root, and its name."""

    path: str
    name: str

    @property
    def ids(self) -> frozenset[str]:
        """The rows of the matrix that its name begins with."""
        found = _IDS.match(self.name)
        return frozenset(found[1].upper().strip("_").split("_")) if found else frozenset()

    @property
    def link(self) -> str:
        """The test as a link from the docs, its name in words."""
        found = _IDS.match(self.name)
        words = found[2] if found else self.name.removeprefix("test_")
        return f"[{words.replace('_', ' ')}](../{self.path})"


@dataclass(frozen=True)
class Row:
    """A row of the matrix (the keys are explained in ``matrix.toml``), and its tests."""

    id: str
    fault: str
    promise: str
    tests: tuple[NamedTest, ...]
    soak: tuple[str, ...] = ()
    later: str = ""
    open: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


def all_tests() -> list[NamedTest]:
    """Find every test function and method of the repository, without importing it."""
    return sorted(
        NamedTest(str(path.relative_to(ROOT)), node.name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def matrix(tests: list[NamedTest]) -> list[Group]:
    """Read the matrix and give each row its tests.

    Raises:
        LookupError: A row lists a test that there is not.
    """
    read = tomllib.loads(_MATRIX.read_text())
    return [
        Group(group["title"], tuple(_row(row, tests) for row in group["row"]))
        for group in read["group"]
    ]


def _row(read: Mapping[str, Any], tests: list[NamedTest]) -> Row:
    named = {test for test in tests if read["id"] in test.ids}
    listed = {NamedTest(*each.split("::")) for each in read.get("tests", ())}
    if listed - set(tests):
        raise LookupError(f"{read['id']}: there is no {sorted(listed - set(tests))}")
    together = tuple(sorted(named | listed, key=lambda test: (not test.ids, test)))
    return Row(**{**read, "tests": together, "soak": tuple(read.get("soak", ()))})


def figures() -> dict[str, Any]:
    """Give the figures of the last soak that was kept."""
    found: dict[str, Any] = json.loads(_FIGURES.read_text())
    return found


def page(groups: list[Group], soak: Mapping[str, Any]) -> str:
    """Give the whole page."""
    return "\n".join(_lines(groups, soak)) + "\n"


def _lines(groups: list[Group], soak: Mapping[str, Any]) -> Iterator[str]:
    yield _OPENING
    yield _summary([row for group in groups for row in group.rows])
    yield _ABOUT_SOAK
    yield _result(soak)
    yield ""
    counts = [(kind, *(f"{n:,}" for n in each.values())) for kind, each in soak["kinds"].items()]
    yield from table_lines(_SOAK_COLUMNS, counts)
    yield ""
    faults = [(name, f"{times:,}") for name, times in soak["faults"].items()]
    yield from table_lines(("fault", "injected"), faults)
    if soak.get("events"):
        yield _ABOUT_EVENTS
        names = next(iter(soak["events"].values()))
        yield from table_lines(
            ("way of the events", *names),
            [
                (route, *(f"{n:,}" if isinstance(n, int) else n for n in each.values()))
                for route, each in soak["events"].items()
            ],
        )
    for group in groups:
        yield ""
        yield f"## {group.title}"
        yield ""
        yield from table_lines(
            _COLUMNS,
            [
                (row.id, row.fault, row.promise, _proof(row), _counted(row, soak["kinds"]))
                for row in group.rows
            ],
        )


def _summary(rows: list[Row]) -> str:
    tested, unproven, later = (
        sum(bool(getattr(row, what)) for row in rows) for what in ("tests", "open", "later")
    )
    return (
        f"{len(rows)} faults: {tested} with tests, {unproven} without a test yet, {later} about\n"
        "parts that are not built yet."
    )


def _result(soak: Mapping[str, Any]) -> str:
    total = soak["total"]
    return (
        f"On {soak['day']}: {soak['minutes']} minutes, seed {soak['seed']}, {soak['machine']},\n"
        f"Python {soak['python']}. **{soak['kills']:,} processes killed, {total['faults']:,} "
        f"faults in all, {total['rows']:,} rows\nchecked: {total['lost']:,} lost, "
        f"{total['doubled']:,} doubled, {total['unrecovered']:,} cases not recovered.**"
    )


def _proof(row: Row) -> str:
    if row.later:
        return f"not yet applicable: {row.later}"
    if row.open:
        return f"no test yet: {row.open}"
    return "<br>".join(test.link for test in row.tests)


def _counted(row: Row, kinds: Mapping[str, Mapping[str, int]]) -> str:
    """Give the figures of the kinds of cases that inject a row's fault, taken together."""
    if not row.soak:
        return ""
    cases, lost, doubled, unrecovered = (
        sum(kinds[kind][what] for kind in row.soak)
        for what in ("cases", "lost", "doubled", "unrecovered")
    )
    return f"{cases:,} cases: {lost:,} lost, {doubled:,} doubled, {unrecovered:,} unrecovered"


def table_lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Give a table of Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(matrix(all_tests()), figures()))


if __name__ == "__main__":
    main()
