"""docs/mutants.md is what the lists of breakages and their figures give."""

from __future__ import annotations

from support.breakage import breakages
from support.mutant_page import PAGE, figures, page


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(figures()), "run `make reliability`"


def test_figures_when_kept_then_each_breakage_was_caught_by_its_tests() -> None:
    found = figures()

    assert list(found) == [each.name for each in breakages()], "run `make breakage`"
    for each in breakages():
        assert found[each.name]["ended"] == ""
        assert set(each.caught_by) <= set(found[each.name]["red"])
