"""docs/reliability.md is what the tests, the matrix and the soak's figures give."""

from __future__ import annotations

import pytest
from support.reliability_table import PAGE, NamedTest, Row, all_tests, figures, matrix, page
from support.soak_cases import KINDS

TESTS = all_tests()
GROUPS = matrix(TESTS)
ROWS = [row for group in GROUPS for row in group.rows]


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(GROUPS, figures()), "run `make reliability`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_when_it_concerns_what_exists_then_it_has_a_test(row: Row) -> None:
    claims = [bool(row.tests), bool(row.later), bool(row.open)]
    assert sum(claims) == 1, "a row has tests, or says why it has none, and not both"
    assert set(row.soak) <= set(KINDS)


def test_ids_when_tests_name_them_then_each_is_a_row() -> None:
    ids = [row.id for row in ROWS]
    named = {each for test in TESTS if "reliability" in test.path for each in test.ids}

    assert len(ids) == len(set(ids))
    assert named <= set(ids)


def test_soak_figures_when_kept_then_nothing_was_wrong_and_the_volume_was_reached() -> None:
    kept = figures()

    assert [kept["total"][what] for what in ("lost", "doubled", "unrecovered")] == [0, 0, 0]
    assert kept["kills"] >= 1_000
    assert set(kept["kinds"]) == set(KINDS)


def test_test_when_its_name_begins_with_ids_then_it_belongs_to_their_rows() -> None:
    test = NamedTest("tests/a/test_a.py", "test_c1_c22_run_when_killed_then_fine")

    assert test.ids == {"C1", "C22"}
    assert test.link == "[run when killed then fine](../tests/a/test_a.py)"
    assert NamedTest("tests/a/test_a.py", "test_c_stream_when_read").ids == frozenset()


def test_row_when_it_lists_a_test_that_is_gone_then_refused() -> None:
    with pytest.raises(LookupError, match="there is no"):
        matrix([])
