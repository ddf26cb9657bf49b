"""``make breakage``: the protocol broken on purpose, and the tests that go red.

Run as ``python -m support.breakage``: puts each entry of ``tests/reliability/breakage.toml`` to
the tests of the protocol and writes which went red to ``breakage.json`` beside it.
``--named`` runs only the tests that the entries name, prints the document and writes nothing.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from support import mutant_code
from support.forked_tests import Collected, Verdict, collect
from support.mutant_run import tell
from support.mutation import ROOT

LIST: Final = ROOT / "tests" / "reliability" / "breakage.toml"
RESULTS: Final = ROOT / "tests" / "reliability" / "breakage.json"
#: The tests that all breakages are put to, besides those that the entries name.
TESTS: Final = (
    "tests/query/test_micro_batch.py",
    "tests/reliability/test_checkpoint_damage.py",
    "tests/reliability/test_plans_kept.py",
    "tests/reliability/test_sink_life.py",
    "tests/sinks/test_delta_sink.py",
    "tests/sources/test_file_ledger.py",
)


@dataclass(frozen=True)
class Edit:
    """A text of a module and what is put in its place."""

    path: str
    functions: tuple[str, ...]
    old: str
    new: str

    def tree(self) -> ast.Module:
        """Give the module as it is then.

        Raises:
            LookupError: The text is not there, or more than once.
        """
        source = (ROOT / self.path).read_text()
        if source.count(self.old) != 1:
            raise LookupError(f"{self.path} has {source.count(self.old)} times: {self.old}")
        return ast.parse(source.replace(self.old, self.new))


@dataclass(frozen=True)
class Breakage:
    """An entry of the list; the keys are explained there."""

    name: str
    line: int
    harm: str
    caught_by: tuple[str, ...]
    edits: tuple[Edit, ...]

    def put(self) -> None:
        """Break the code of this process."""
        for edit in self.edits:
            mutant_code.put(edit.path, edit.tree(), set(edit.functions))


def breakages() -> list[Breakage]:
    """Read the list."""
    return [
        Breakage(
            read["name"],
            read["line"],
            read["harm"],
            tuple(read["caught_by"]),
            tuple(
                Edit(each["path"], tuple(each["functions"]), each["old"], each["new"])
                for each in read["edit"]
            ),
        )
        for read in tomllib.loads(LIST.read_text())["breakage"]
    ]


def _named(collected: Collected) -> dict[str, Any]:
    sound = collected.run(list(collected.items), stop_at_first=False)
    return {
        "sound": _document(sound),
        "broken": {
            each.name: _document(
                collected.run(each.caught_by, prepare=each.put, stop_at_first=False)
            )
            for each in breakages()
        },
    }


def _all(collected: Collected) -> Iterator[tuple[str, dict[str, Any]]]:
    tests = list(collected.items)
    for each in breakages():
        verdict = collected.run(tests, prepare=each.put, stop_at_first=False, cpu_s=300, wall_s=900)
        tell(f"{each.name}: {len(verdict.red)} of {verdict.ran} red {verdict.ended}")
        for name in verdict.red:
            tell(f"    {name}")
        yield each.name, _document(verdict)


def _keep_all(collected: Collected) -> None:
    everything = dict(_all(collected))
    RESULTS.write_text(json.dumps(everything, indent=1) + "\n")


def _document(verdict: Verdict) -> dict[str, Any]:
    return {"ran": verdict.ran, "red": list(verdict.red), "ended": verdict.ended}


def main() -> None:
    """Break the protocol, entry by entry."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--named", action="store_true")
    named = {name for each in breakages() for name in each.caught_by}
    if parser.parse_args().named:
        found: dict[str, Any] = {}
        collect(sorted(named), lambda collected: found.update(_named(collected)))
        sys.stdout.write("\n" + json.dumps(found))
    else:
        others = {name for name in named if name.partition("::")[0] not in TESTS}
        collect([*TESTS, *sorted(others)], _keep_all)


if __name__ == "__main__":
    main()
