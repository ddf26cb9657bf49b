"""requirements.lock must say what pyproject.toml asks for, and name no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
PIN: Final = re.compile(r"^(?P<name>[a-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^ \\]+)", re.MULTILINE)
DIRECT: Final = "lakestream (pyproject.toml)"


def lock_text() -> str:
    return (ROOT / "requirements.lock").read_text()


def asked_for() -> dict[str, Requirement]:
    """Give pyproject's requirements, those of the extras that ``dev`` stands for included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    found: dict[str, Requirement] = {}
    pending = [*project["dependencies"], *extras["dev"]]
    while pending:
        requirement = Requirement(pending.pop())
        if requirement.name == "lakestream":
            pending += [line for extra in requirement.extras for line in extras[extra]]
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


def pinned() -> dict[str, Version]:
    return {found["name"]: Version(found["version"]) for found in PIN.finditer(lock_text())}


def asked_for_by_the_lock() -> set[str]:
    """Give the packages that the lock says stand in pyproject itself."""
    blocks = re.split(r"^(?=[a-z0-9])", lock_text(), flags=re.MULTILINE)
    return {block.partition("==")[0].partition("[")[0] for block in blocks if DIRECT in block}


def test_lock_when_compared_with_pyproject_then_fresh() -> None:
    pins, asked = pinned(), asked_for()

    assert asked_for_by_the_lock() == set(asked)
    assert [name for name, each in asked.items() if pins[name] not in each.specifier] == []


def test_lock_when_read_then_names_no_index_and_hashes_all() -> None:
    text = lock_text()

    assert re.findall(r"https?://|--\S*index\S*|--find-links|@ file", text) == []
    assert len(re.findall(r"==[^ \\]+(?: ;[^\\]*)? \\\n    --hash=sha256:", text)) == len(pinned())


def test_lock_when_deltalake_is_pinned_then_below_the_doubling_compaction() -> None:
    assert pinned()["deltalake"] <= Version("1.6.3")
