from __future__ import annotations

import subprocess
import sys

import pytest

import lakestream


def test_names_when_listed_then_sorted_and_each_can_be_had() -> None:
    assert sorted(lakestream.__all__) == list(lakestream.__all__)
    for name in lakestream.__all__:
        assert getattr(lakestream, name) is not None


@pytest.mark.parametrize("name", ["streaming_table", "read_files", "read_delta", "sql"])
def test_function_when_its_module_was_imported_first_then_is_still_the_function(name: str) -> None:
    code = (
        f"import importlib; importlib.import_module('lakestream.{name}'); import lakestream as ls\n"
        f"import lakestream.sql.compile\n"
        f"assert callable(ls.{name}), ls.{name}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_name_when_misspelt_then_near_names() -> None:
    with pytest.raises(AttributeError, match="did you mean 'read_files'"):
        lakestream.read_file  # noqa: B018 - the access is what is tested
