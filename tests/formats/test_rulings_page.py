"""docs/parsing.md is what the rulings give."""

from __future__ import annotations

from support.rulings.page import GROUPS, PAGE, page


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(), "run `make reliability`"


def test_rulings_when_named_then_each_format_has_a_name_once() -> None:
    for name in ("JSON", "CSV"):
        ids = [
            each.id for group in GROUPS if group.title.startswith(name) for each in group.rulings
        ]
        assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)
