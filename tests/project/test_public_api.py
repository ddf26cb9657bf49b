from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import lakestream

ROOT: Final = Path(__file__).parents[2]
ROW: Final = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def test_public_names_when_listed_then_sorted_and_documented() -> None:
    documented = ROW.findall((ROOT / "docs" / "api.md").read_text())

    assert lakestream.__all__ == sorted(set(lakestream.__all__))
    assert sorted(documented) == lakestream.__all__


@pytest.mark.parametrize("name", lakestream.__all__)
def test_public_name_when_used_then_documented_where_it_lives(name: str) -> None:
    found = getattr(lakestream, name)

    assert (found.__doc__ or "").strip(), name
    assert name in dir(lakestream)


def test_unknown_name_when_used_then_near_names() -> None:
    with pytest.raises(AttributeError, match="did you mean 'read_files'"):
        lakestream.read_file  # noqa: B018  the access itself is what fails
