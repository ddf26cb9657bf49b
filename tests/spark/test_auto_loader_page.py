"""docs/auto_loader.md is what the inventory gives, and the inventory is true."""

from __future__ import annotations

from inspect import signature
from typing import get_args

import pytest
from support.auto_loader_table import PAGE, Row, inventory, page
from support.reliability_table import all_tests

import lakestream as ls
from lakestream.sources.files.describe import FormatName, describe_files
from lakestream.spark.files_options import FORMATS

GROUPS = inventory(all_tests())
ROWS = [row for group in GROUPS for row in group.rows]
#: What an open row may wait for.
THERE = {*signature(describe_files).parameters, *ls.__all__, *get_args(FormatName)}


def test_page_when_generated_then_equal_to_the_committed_one() -> None:
    assert PAGE.read_text() == page(GROUPS), "run `make reliability`"


def test_readme_when_it_counts_the_rows_then_as_they_are() -> None:
    works = sum(row.status == "works" for row in ROWS)

    text = " ".join((PAGE.parents[1] / "README.md").read_text().split())

    assert f"Of {len(ROWS)} things that Auto Loader has {works} work here" in text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_when_it_works_then_tests_show_it_and_else_it_says_why_not(row: Row) -> None:
    assert bool(row.open) + bool(row.declined) <= 1
    assert row.tests or row.declined or row.open
    assert not (row.tests and row.open), "an open row works as soon as all of it has tests"
    assert row.open or not row.awaits, "only an open row waits for options"
    assert not THERE.intersection(row.awaits), "it has come: name the tests that show it"


@pytest.mark.parametrize("row", [row for row in ROWS if row.options], ids=lambda row: row.id)
def test_row_when_it_lists_a_formats_options_then_each_is_in_the_table(row: Row) -> None:
    assert set(row.options) <= {each.name for each in FORMATS[row.id]}


def test_ids_when_counted_then_each_is_there_once() -> None:
    ids = [row.id for row in ROWS]

    assert len(ids) == len(set(ids))


def test_row_when_it_names_a_test_that_is_gone_then_refused() -> None:
    with pytest.raises(LookupError, match="there is no"):
        inventory([])
