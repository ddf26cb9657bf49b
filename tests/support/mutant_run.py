"""``make mutants``: put each mutant of ``support.mutation`` to the tests and keep what survives.

Run as ``python -m support.mutant_run``. A mutant is put to the tests that run its line, those
first that have caught a neighbour, then the quick ones; the first red test ends it. Results go to
``.mutants/results.json`` at once, so that a run which was broken off goes on; ``--again`` puts the
survivors to the tests once more, ``--seconds`` says for how long at most. At its end the figures
go to ``tests/reliability/mutants.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from support import mutant_code
from support.forked_tests import Collected, collect
from support.mutation import MODULES, ROOT, Mutant, mutants_of, mutated

TESTS: Final = (
    "tests/checkpoint",
    "tests/query",
    "tests/sources/test_file_*.py",
    "tests/sources/test_ledger_*.py",
    "tests/sinks",
    "tests/reliability",
)
FOLDER: Final = ROOT / ".mutants"
#: By module: how many there were at which commit, how many were found, which were not.
FIGURES: Final = ROOT / "tests" / "reliability" / "mutants.json"
#: Tests that run processes of their own, which the mutant is not in; and long ones of other parts.
_LEFT_OUT: Final = (
    "test_breakage",
    "test_content_faults",
    "test_file_source_s3",
    "test_hostile_names",
    "test_kill_sweep",
    "test_model_machine",
    "test_network_faults",
    "test_power_loss",
    "test_process_faults",
    "test_schema_poison",
    "test_secrets",
    "test_soak",
    "test_two_runners",
)
_SLOWEST_S: Final = 20.0
_KILLED: Final = "killed: "
_ENDED: Final = {"timeout", "crash"}


class Results:
    """What became of each mutant, by module and name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, dict[str, str]] = defaultdict(dict)
        if path.exists():
            self.found.update(json.loads(path.read_text()))

    def keep(self, mutant: Mutant, result: str) -> None:
        """Keep a result on disk."""
        self.found[mutant.path][mutant.name] = result
        self._path.write_text(json.dumps(self.found, indent=1))


class Order:
    """Which tests a mutant is put to, in which order."""

    def __init__(self, traced: dict[str, Any]) -> None:
        self._seconds = {name: each["seconds"] for name, each in traced.items()}
        self._by_line: dict[str, set[str]] = defaultdict(set)
        for name, each in traced.items():
            if not each["red"] and each["seconds"] < _SLOWEST_S:
                for line in each["lines"]:
                    self._by_line[line].add(name)
        self._hits: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def caught(self, mutant: Mutant, result: str) -> None:
        """Remember a test that caught a mutant: it may catch the next."""
        for place in _places(mutant):
            self._hits[place][result.removeprefix(_KILLED)] += 1

    def tests(self, mutant: Mutant, budget_s: float) -> list[str]:
        """Give the tests for a mutant that take no longer than ``budget_s`` together."""
        covering: set[str] = set()
        if not mutant.is_constant:
            for line in range(mutant.first, mutant.last + 1):
                covering |= self._by_line[f"{mutant.path}:{line}"]
        else:
            covering = {
                name
                for line, names in self._by_line.items()
                if line.startswith(mutant.path)
                for name in names
            }
        near, far = (self._hits[place] for place in _places(mutant))
        ordered = sorted(covering, key=lambda name: (-near[name], -far[name], self._seconds[name]))
        return list(_within(ordered, self._seconds, budget_s))

    def seconds(self, tests: list[str]) -> float:
        """Give how long tests took when they were traced."""
        return sum(self._seconds[name] for name in tests)


def _places(mutant: Mutant) -> tuple[str, str]:
    return f"{mutant.path}:{mutant.function}", mutant.path


def _within(names: list[str], seconds: dict[str, float], budget_s: float) -> Iterator[str]:
    left = budget_s
    for name in names:
        left -= seconds[name]
        if left < 0:
            return
        yield name


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def test_files() -> list[str]:
    """Give the files of the tests that mutants are put to."""
    found = {
        file
        for pattern in TESTS
        for place in ROOT.glob(pattern)
        for file in ([place] if place.is_file() else place.glob("test_*.py"))
        if file.stem not in _LEFT_OUT
    }
    return sorted(str(file.relative_to(ROOT)) for file in found)


def judge(collected: Collected, order: Order, mutant: Mutant, budget_s: float) -> str:
    """Put a mutant to its tests; give what became of it."""
    tests = order.tests(mutant, budget_s)
    if not tests:
        return "no test runs it"
    tree = mutated((ROOT / mutant.path).read_text(), mutant.index)
    expected = order.seconds(tests)
    verdict = collected.run(
        tests,
        prepare=lambda: mutant_code.put(mutant.path, tree, {mutant.function}),
        cpu_s=int(8 + 2 * expected),
        wall_s=60 + 20 * expected,
    )
    if verdict.ended:
        return f"{_KILLED}{verdict.ended}"
    if verdict.red:
        return f"{_KILLED}{verdict.red[0]}"
    return f"survived {verdict.ran} tests"


def traced(collected: Collected) -> dict[str, Any]:
    """Give the tests' times and lines; those of files that have not changed since are kept."""
    path = FOLDER / "traced.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    sources = _digest(MODULES)
    if kept.get("sources") != sources:
        kept = {"sources": sources, "files": {}}
    by_file: dict[str, list[str]] = defaultdict(list)
    for name in collected.items:
        by_file[name.partition("::")[0]].append(name)
    for file, names in by_file.items():
        digest = _digest([file])
        if kept["files"].get(file, {}).get("digest") != digest:
            kept["files"][file] = {"digest": digest, "tests": collected.trace(names, MODULES)}
            path.write_text(json.dumps(kept))
    found = {
        name: each
        for file in by_file
        for name, each in kept["files"][file]["tests"].items()
        if name in collected.items
    }
    red = [name for name, each in found.items() if each["red"]]
    if red:
        tell(f"red without a mutant, and left out: {red}")
    return found


def _digest(files: Iterable[str]) -> str:
    return hashlib.sha256(b"".join((ROOT / each).read_bytes() for each in files)).hexdigest()


def keep_figures(found: dict[str, dict[str, str]], paths: Iterable[str]) -> None:
    """Keep what became of the modules' mutants beside the tests, for the page."""
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],  # noqa: S607 - the git of the machine
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    for path in paths:
        results = {each.name: found[path][each.name] for each in mutants_of(path)}
        alive = [name for name, result in results.items() if not result.startswith(_KILLED)]
        figures[path] = {
            "commit": commit,
            "mutants": len(results),
            "found": len(results) - len(alive),
            "ended": sum(each.removeprefix(_KILLED) in _ENDED for each in results.values()),
            "survived": alive,
            "open": 0,
        }
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Put all mutants to the tests."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--modules", nargs="*", default=list(MODULES))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    results = Results(FOLDER / "results.json")
    wanted = [mutant for path in arguments.modules for mutant in mutants_of(path)]

    def work(collected: Collected) -> None:
        order = Order(traced(collected))
        started = time.monotonic()
        for mutant in wanted:
            order.caught(mutant, results.found[mutant.path].get(mutant.name, ""))
        for number, mutant in enumerate(wanted):
            before = results.found[mutant.path].get(mutant.name)
            if before is not None and (before.startswith(_KILLED) or not arguments.again):
                continue
            share = 0.25 if mutant.is_constant else 1.0
            result = judge(collected, order, mutant, share * arguments.seconds)
            results.keep(mutant, result)
            order.caught(mutant, result)
            if not result.startswith(_KILLED) or number % 50 == 0:
                at = f"{number + 1}/{len(wanted)} {time.monotonic() - started:.0f} s"
                tell(f"{at} {mutant.path} {mutant.name}: {result}")

    collect(test_files(), work)
    keep_figures(results.found, arguments.modules)


if __name__ == "__main__":
    main()
