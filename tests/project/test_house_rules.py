"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "lakestream"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
MOST_LINES: Final = 600
MOST_FUNCTION_LINES: Final = 60
MOST_NESTING: Final = 3
MARKS: Final = "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"])
PRIVATE: Final = re.compile(r"/(root|home|work)/[a-z]|[a-z0-9.-]+\.internal\b", re.IGNORECASE)
SUPPRESSION: Final = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z-, ]+\])(.*)")
BARE: Final = re.compile(r"#\s*(?:noqa(?!: [A-Z])|type: ignore(?!\[))")
#: A ``with`` does not branch, so it does not count.
BLOCKS: Final = ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar | ast.Match
Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def own_files() -> list[Path]:
    """Give the text files of the repository, ignored ones aside."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607  the git of the machine
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.split("\n")
    paths = (ROOT / name for name in listed if name and name != "requirements.lock")
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def matches(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Give ``file:line`` for each line of the files that the pattern is found in."""
    return [
        f"{named(path)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def code_lines(function: Function) -> int:
    """Count a function's lines without signature and docstring, which contracts make long."""
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        if len(function.body) == 1:
            return 0
        first = function.body[1]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def nesting(node: ast.AST) -> int:
    """Give the deepest nesting of blocks in a function; ``elif`` and inner functions add none."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        adds = isinstance(child, BLOCKS) and not (is_elif and len(node.orelse) == 1)
        deepest = max(deepest, nesting(child) + adds)
    return deepest


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_when_counted_then_under_the_wall(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_functions_when_counted_then_short_and_flat(path: Path) -> None:
    found = [
        (function.name, function.lineno, code_lines(function), nesting(function))
        for function in functions(path)
    ]

    assert [each for each in found if each[2] > MOST_FUNCTION_LINES or each[3] > MOST_NESTING] == []


def test_nesting_when_blocks_stand_in_blocks_then_counted() -> None:
    source = """
def f():
    for a in b:
        if a:
            pass
        elif c:
            with d:
                while d:
                    pass
        else:
            if e:
                pass
"""
    assert nesting(ast.parse(source).body[0]) == 3


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("a note instead of the work", re.compile(rf"\b({MARKS})\b")),
        ("a path or host of one machine", PRIVATE),
        ("a suppression without its code", BARE),
    ],
)
def test_files_when_searched_then_free_of(rule: str, pattern: re.Pattern[str]) -> None:
    assert matches(pattern, [path for path in own_files() if path != Path(__file__)]) == [], rule


def test_suppressions_when_read_then_each_gives_its_reason() -> None:
    code = [path for path in own_files() if path.suffix == ".py"]
    bare = [
        f"{named(path)}:{number}"
        for path in code
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for found in SUPPRESSION.finditer(line)
        # An assert says in its message what cannot be.
        if "noqa: S101" not in line and len(re.findall(r"\w+", found[1])) < 2
    ]

    assert bare == []


def test_test_files_when_named_then_unique_and_plain_folders() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]

    assert sorted(names) == sorted(set(names))
    packages = chain((ROOT / "tests").glob("__init__.py"), (ROOT / "tests").glob("*/__init__.py"))
    assert [named(path) for path in packages] == ["tests/support/__init__.py"]
