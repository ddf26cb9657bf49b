from __future__ import annotations

from pathlib import Path

import pytest
from support.required_legs import Leg, parse_legs

pytest_plugins = ["pytester"]

SUITE = """
import pytest

@pytest.mark.moto
def test_bucket(): {body}

def test_other(): pass
"""


CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
pytest_plugins = ["support.required_legs"]
"""


@pytest.fixture(autouse=True)
def _few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each session within this one would import them all anew."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, body: str, legs: str, *args: str) -> pytest.RunResult:
    pytester.makeini("[pytest]\nmarkers = moto")
    pytester.makepyfile(test_suite=SUITE.format(body=body))
    file = pytester.path / "required.txt"
    file.write_text(legs)
    pytester.makeconftest(CONFTEST)
    return pytester.runpytest_inprocess("-p", "xdist", "--required-legs", str(file), *args)


@pytest.mark.parametrize(
    "legs", ["marker moto", "id test_bucket", "id test_suite.py::test_b  # why"]
)
def test_session_when_required_leg_passed_then_green(pytester: pytest.Pytester, legs: str) -> None:
    assert run(pytester, "pass", legs).ret == 0


@pytest.mark.parametrize("args", [(), ("-n", "1")])
def test_session_when_required_leg_skipped_then_red(
    pytester: pytest.Pytester, args: tuple[str, ...]
) -> None:
    result = run(pytester, "pytest.skip('no server')", "marker moto", *args)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*REQUIRED LEG MISSING marker moto: *test_bucket skipped*"])


@pytest.mark.parametrize(
    ("legs", "args"),
    [("id test_nowhere", ()), ("marker moto", ("-k", "other")), ("marker mot", ())],
)
def test_session_when_required_leg_not_run_then_red(
    pytester: pytest.Pytester, legs: str, args: tuple[str, ...]
) -> None:
    result = run(pytester, "pass", legs, *args)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*REQUIRED LEG MISSING*no test of it was run"])


def test_legs_when_file_has_comments_then_only_lines_count() -> None:
    assert parse_legs("# head\n\nmarker moto # server\nid a::b\n") == [
        Leg("marker", "moto"),
        Leg("id", "a::b"),
    ]


def test_legs_when_line_is_unreadable_then_usage_error() -> None:
    with pytest.raises(pytest.UsageError, match="line 2"):
        parse_legs("marker moto\nmoto\n")
