"""docs/mutants.md is what the lists of breakages and mutants and their figures give."""

from __future__ import annotations

from functools import cache

import pytest
from support.breakage import breakages
from support.mutant_page import KINDS, PAGE, Group, figures, page, survivors
from support.mutation import MODULES, mutants_of


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(figures()), "run `make reliability`"


def test_figures_when_kept_then_each_breakage_was_caught_by_its_tests() -> None:
    found = figures()["breakages"]

    assert list(found) == [each.name for each in breakages()], "run `make breakage`"
    for each in breakages():
        assert found[each.name]["ended"] == ""
        assert set(each.caught_by) <= set(found[each.name]["red"])


@cache
def _names(path: str) -> frozenset[str]:
    return frozenset(each.name for each in mutants_of(path))


@pytest.mark.parametrize("group", survivors(), ids=lambda each: f"{each.path} {each.why[:40]}")
def test_survivor_when_listed_then_its_line_is_there_and_it_has_a_reason(group: Group) -> None:
    assert group.kind in KINDS
    assert len(group.why.split()) >= 5
    assert set(group.mutants) <= _names(group.path), "the line changed: judge it anew"


@pytest.mark.parametrize("path", MODULES)
def test_survivors_when_a_run_left_some_then_each_is_listed_once(path: str) -> None:
    listed = [name for each in survivors() if each.path == path for name in each.mutants]
    alive = set(figures()["mutants"][path]["survived"]) & _names(path)

    assert len(listed) == len(set(listed))
    assert set(listed) == alive
