"""Pytest plugin: fail the session when a leg that may not be skipped did not pass.

``pytest --required-legs FILE`` reads one leg a line, ``marker NAME`` or ``id SUBSTRING`` (of the
test's id), ``#`` starts a comment. A leg holds when at least one test belongs to it and every
test that belongs to it passed; a deselected or uncollected test was not run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

_PLUGIN: Final = "lakestream-required-legs"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of the file: which tests it speaks of."""

    kind: str
    name: str

    def has(self, nodeid: str, keywords: Iterable[str]) -> bool:
        """Tell whether a test belongs to this leg."""
        return self.name in (keywords if self.kind == "marker" else nodeid)


def parse_legs(text: str) -> list[Leg]:
    """Read the file's legs.

    Raises:
        pytest.UsageError: A line is neither ``marker NAME`` nor ``id SUBSTRING``.
    """
    legs = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in {"marker", "id"}:
            message = f"required legs, line {number}: expected `marker NAME` or `id SUBSTRING`"
            raise pytest.UsageError(message)
        legs.append(Leg(words[0], words[1]))
    return legs


@dataclass(slots=True)
class RequiredLegs:
    """Collects what became of each test."""

    legs: list[Leg]
    passed: set[Leg] = field(default_factory=set)
    broken: dict[Leg, list[str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a finished test for each leg it belongs to."""
        for leg in self.legs:
            if not leg.has(report.nodeid, report.keywords):
                continue
            if report.outcome != "passed":
                self.broken.setdefault(leg, []).append(f"{report.nodeid} {report.outcome}")
            elif report.when == "call":
                self.passed.add(leg)

    def complaints(self) -> list[str]:
        """Say, for each leg that does not hold, why."""
        found = []
        for leg in self.legs:
            what = f"{leg.kind} {leg.name}"
            if leg in self.broken:
                found.append(f"{what}: {'; '.join(self.broken[leg])}")
            elif leg not in self.passed:
                found.append(f"{what}: no test of it was run")
        return found

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a session red that passed without its required legs."""
        if self.complaints():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the legs that are missing."""
        for complaint in self.complaints():
            terminalreporter.write_line(f"REQUIRED LEG MISSING {complaint}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--required-legs", type=Path, help="file of legs that may not be skipped")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the session when the option is given; xdist's workers only see parts of it."""
    path = config.getoption("--required-legs")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(RequiredLegs(parse_legs(path.read_text())), _PLUGIN)
