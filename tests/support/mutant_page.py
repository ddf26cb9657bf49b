"""docs/mutants.md, made of the lists and figures of what is broken on purpose.

``make reliability`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from support.breakage import RESULTS, Breakage, breakages
from support.mutation import ROOT
from support.reliability_table import NamedTest, table_lines

PAGE: Final = ROOT / "docs" / "mutants.md"
_MOST_NAMED: Final = 6
_OPENING: Final = """\
<!-- Written by `make reliability`; tests/project/test_mutants_page.py compares. -->
# Do the tests notice?

A test that cannot fail proves nothing. So the code that [the promise](reliability.md) rests on is
broken on purpose, and the tests have to turn red.

## The protocol, broken on purpose

`make breakage` puts each of these in place of the right code and runs the quick tests of the
protocol; the last column counts the red ones and names some. At every push each must turn the
tests red that are [listed for it](../tests/reliability/breakage.toml), where also stands what is
changed into what ([test](../tests/reliability/test_breakage.py)).
"""


def figures() -> dict[str, Any]:
    """Give what the last run found: the red tests of each breakage."""
    found: dict[str, Any] = json.loads(RESULTS.read_text())
    return found


def page(found: Mapping[str, Any]) -> str:
    """Give the whole page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield _OPENING
    yield from table_lines(
        ("broken", "line", "what it would do", "tests that turn red"),
        [_broken(each, found[each.name]) for each in breakages()],
    )


def _broken(each: Breakage, found: Mapping[str, Any]) -> tuple[str, ...]:
    tests = [_test(name) for name in [*each.caught_by, *found["red"]]]
    first = list(dict.fromkeys(tests))[:_MOST_NAMED]
    red = "<br>".join(test.link for test in first)
    count = f"**{len(found['red'])} of {found['ran']}**:<br>{red}"
    return each.name, str(each.line), each.harm, count


def _test(name: str) -> NamedTest:
    path, _, rest = name.partition("::")
    return NamedTest(path, rest.rpartition("::")[2].partition("[")[0])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(figures()))


if __name__ == "__main__":
    main()
