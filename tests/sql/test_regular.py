"""Java's regular expressions: what is translated, and what is refused."""

import pytest
from test_golden import answer

from lakestream.errors import QueryError, UnsupportedOperationError
from lakestream.sql.regular import translate_regular


@pytest.mark.parametrize(
    "pattern",
    ["a(?=b)", "(?<!a)b", r"(a)\1", "a*+", "[a[b]]", "[a-z&&b]", r"a\Z", r"\h", "(?m)^a", "a(?s).",
     r"[\S]", "[[:alpha:]]", r"\Qa\E"],
)  # fmt: skip
def test_pattern_when_re2_has_it_not_or_reads_it_otherwise_then_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedOperationError):
        translate_regular(pattern, "a test")


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [("(a)(?:b)(?<c>d)", 2), (r"\(a\)", 0), ("[(]", 0), (r"(\p{L}+)", 1), ("((a)|(b))", 3)],
)
def test_pattern_when_it_has_groups_then_they_are_counted(pattern: str, groups: int) -> None:
    assert translate_regular(pattern, "a test").groups == groups


def test_pattern_when_it_ends_a_line_then_a_test_sees_the_end_as_java_does() -> None:
    regular = translate_regular("a$", "a test")

    assert regular.pattern == r"a\z"
    assert regular.test.startswith("a(?:")
    assert regular.has_end
    assert not translate_regular(r"a\$", "a test").has_end


@pytest.mark.parametrize("pattern", ["", "x*", "a|", "(a)?", r"\p{L}*"])
def test_pattern_when_it_may_match_nothing_then_it_is_known(pattern: str) -> None:
    assert translate_regular(pattern, "a test").matches_nothing
    assert not translate_regular(f"(?:{pattern})z", "a test").matches_nothing


def test_cut_when_text_ends_with_a_line_break_and_pattern_with_a_line_end_then_error() -> None:
    with pytest.raises(QueryError):
        answer("regexp_replace(concat(s, '\\n'), 'd$', '')")

    assert answer("regexp_replace(s, 'd$', '')")[1][0] == "Hello Worl"


def test_lambdas_when_a_name_hides_another_then_the_inner_one_counts() -> None:
    text = "transform(xs, x -> transform(array(x * 10), x -> transform(array(1), y -> x + y)))"

    assert answer(text)[1][0] == [[[31]], [[11]], [[21]]]
