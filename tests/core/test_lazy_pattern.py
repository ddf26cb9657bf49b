"""Patterns that are compiled at their first use."""

import re

import pytest

from lakestream.lazy_pattern import lazy_pattern


def test_lazy_pattern_when_used_then_it_is_the_compiled_one_and_compiled_once(monkeypatch):
    compiled = []
    compile_now = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or compile_now(*given))
    pattern = lazy_pattern(r"(a+)-(\d)", re.IGNORECASE)
    assert compiled == []
    assert pattern.fullmatch("AA-1")[1] == "AA"
    assert [pattern.fullmatch(each) is not None for each in ("a-2", "a-")] == [True, False]
    assert compiled == [(r"(a+)-(\d)", re.IGNORECASE)]


def test_lazy_pattern_when_it_is_none_then_the_first_use_says_so():
    with pytest.raises(re.error):
        lazy_pattern("(").match("")
