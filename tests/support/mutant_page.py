"""docs/mutants.md, made of the lists and figures of what is broken on purpose.

``make reliability`` writes it. The mutants that survive, and why each may, stand in
``tests/reliability/mutants.toml``, by hand; the rest is what ``make mutants`` and
``make breakage`` found.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from support.breakage import RESULTS, Breakage, breakages
from support.mutant_run import FIGURES
from support.mutation import ROOT
from support.reliability_table import NamedTest, table_lines

PAGE: Final = ROOT / "docs" / "mutants.md"
SURVIVORS: Final = ROOT / "tests" / "reliability" / "mutants.toml"
#: Why a mutant may live, in a word.
KINDS: Final = {
    "same": "does the same for every input that can come",
    "cost": "the same rows and files; only requests, time or memory differ",
    "size": "a number that no promise names",
    "later": "what it lets through is refused by another check",
    "words": "only a message differs",
    "elsewhere": "tests that are not in these runs turn red",
}
_MOST_NAMED: Final = 6
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/project/test_mutants_page.py compares. -->
# Do the tests notice?

A test that cannot fail proves nothing. So the code that [the promise](reliability.md) rests on is
broken on purpose, and the tests have to turn red: at the places that decide about rows, and then
everywhere, by small mistakes as a programmer makes them.

## The protocol, broken on purpose

`make breakage` puts each of these in place of the right code and runs the quick tests of the
protocol; the last column counts the red ones and names some. At every push each must turn the
tests red that are [listed for it](../tests/reliability/breakage.toml), where also stands what is
changed into what ([test](../tests/reliability/test_breakage.py)).
"""
_ABOUT_MUTANTS: Final = """
## Mutants

`make mutants` makes one small mistake at a time in the checkpoint, the batch engine and the ledger:
a comparison, an operand, a number, a string, a condition that always or never holds, a statement
left out, an exception not caught, arguments swapped or left out. Each is put to the tests that run
its line, in a forked process; the first red one ends it. Words of errors, assertions, annotations
and the fields of classes are left alone, and so are tests that take long or start processes of
their own: kills, races and model histories are not needed to find these mistakes.

A mutant that no test finds shows a test that is missing, and then it was written, or code that
nothing needs, and then it went; or it stands below with the reason why no promise depends on it.
Open are those that no test found in an earlier run and that were not yet put to the tests written
since.
"""


@dataclass(frozen=True)
class Group:
    """Survivors of one module with one reason.

    Args:
        path: The module's file.
        kind: One of ``KINDS``.
        why: The reason.
        mutants: Their names (``support.mutation.Mutant.name``).
    """

    path: str
    kind: str
    why: str
    mutants: tuple[str, ...]


def survivors() -> list[Group]:
    """Read the list of survivors."""
    return [
        Group(read["path"], read["kind"], " ".join(read["why"].split()), tuple(read["mutants"]))
        for read in tomllib.loads(SURVIVORS.read_text())["survivors"]
    ]


def figures() -> dict[str, Any]:
    """Give what the last runs found: the red tests of each breakage, the mutants by module."""
    return {
        "breakages": json.loads(RESULTS.read_text()),
        "mutants": json.loads(FIGURES.read_text()),
    }


def page(found: Mapping[str, Any]) -> str:
    """Give the whole page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield _OPENING
    yield from table_lines(
        ("broken", "line", "what it would do", "tests that turn red"),
        [_broken(each, found["breakages"][each.name]) for each in breakages()],
    )
    yield _ABOUT_MUTANTS
    yield from table_lines(
        (
            "module",
            "mutants",
            "found",
            "of them by a crash or no end",
            "survive",
            "open",
            "at commit",
        ),
        list(_counts(found["mutants"])),
    )
    yield ""
    for kind, meaning in KINDS.items():
        yield f"- **{kind}**: {meaning}."
    by_path: dict[str, list[Group]] = defaultdict(list)
    for group in survivors():
        by_path[group.path].append(group)
    for path, groups in sorted(by_path.items()):
        yield f"\n### {path}\n"
        yield from table_lines(
            ("survives", "kind", "why no promise depends on it"),
            [
                ("<br>".join(f"`{name}`" for name in each.mutants), each.kind, each.why)
                for each in groups
            ],
        )


def _broken(each: Breakage, found: Mapping[str, Any]) -> tuple[str, ...]:
    tests = [_test(name) for name in [*each.caught_by, *found["red"]]]
    first = list(dict.fromkeys(tests))[:_MOST_NAMED]
    red = "<br>".join(test.link for test in first)
    count = f"**{len(found['red'])} of {found['ran']}**:<br>{red}"
    return each.name, str(each.line), each.harm, count


def _counts(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    rows = [
        (
            path,
            each["mutants"],
            each["found"],
            each["ended"],
            len(each["survived"]),
            each["open"],
            each["commit"],
        )
        for path, each in sorted(found.items())
    ]
    totals = (f"{sum(row[column] for row in rows):,}" for column in range(1, 6))
    for path, *counts, commit in rows:
        yield path, *map(str, counts), commit
    yield "**all**", *(f"**{total}**" for total in totals), ""


def _test(name: str) -> NamedTest:
    path, _, rest = name.partition("::")
    return NamedTest(path, rest.rpartition("::")[2].partition("[")[0])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(figures()))


if __name__ == "__main__":
    main()
