"""The multiset check: lost, doubled and unexpected rows are named with their files."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestream.testing import RowsDifferError, check_exactly_once

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=12)


@given(ROWS, ROWS)
def test_check_when_multisets_differ_then_it_counts_what_is_lost_and_what_is_too_much(
    expected: list[tuple[str, int]], found: list[tuple[str, int]]
) -> None:
    lost = Counter(expected) - Counter(found)
    more = Counter(found) - Counter(expected)
    if not lost and not more:
        check_exactly_once(expected, reversed(found))
        return

    with pytest.raises(RowsDifferError) as caught:
        check_exactly_once(expected, reversed(found))

    error = caught.value
    assert error.lost == {f"{file}: {row}": n for (file, row), n in lost.items()}
    over = error.doubled | error.unexpected
    assert over == {f"{file}: {row}": n for (file, row), n in more.items()}
    assert error.doubled.keys() <= {f"{file}: {row}" for file, row in expected}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [1, {"c": 2}]}, {"b": (1, {"c": 2}), "a": 1}),
        ({"a": float("nan")}, {"a": float("nan")}),
        ({"a": bytearray(b"x")}, {"a": bytearray(b"x")}),
        (None, None),
    ],
)
def test_rows_when_equal_in_value_then_they_pass(one: object, other: object) -> None:
    check_exactly_once([("f", one)], [("f", other)])


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), ({"a": None}, {}), ({"a": "1"}, {"a": 1}), ([[1], [2]], [[1, 2]]), (0, None)],
)
def test_rows_when_only_alike_then_they_differ(one: object, other: object) -> None:
    with pytest.raises(RowsDifferError):
        check_exactly_once([("f", one)], [("f", other)])


def test_row_when_it_moves_to_another_file_then_both_files_are_named() -> None:
    with pytest.raises(RowsDifferError) as caught:
        check_exactly_once([("a.json", 1)], [("b.json", 1)])

    assert caught.value.lost == {"a.json: 1": 1}
    assert caught.value.unexpected == {"b.json: 1": 1}


def test_message_when_much_differs_then_it_is_bounded() -> None:
    with pytest.raises(RowsDifferError) as caught:
        check_exactly_once(((f"{n}", "x" * 9_999) for n in range(5_000)), [])

    message = str(caught.value)
    assert message.startswith("lost: 5,000\n  1 x 0: 'xxx")
    assert message.endswith("...\n  and 4,990 others")
    assert len(message) < 3_000
