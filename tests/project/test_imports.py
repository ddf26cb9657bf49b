from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from lakestream.digest import sha256

ROOT = Path(__file__).parents[2]
HEAVY = (
    "arro3",
    "dagster",
    "deltalake",
    "duckdb",
    "fsspec",
    "msgspec",
    "numpy",
    "obstore",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "sqlglot",
    "typer",
)


def loaded_by(code: str) -> set[str]:
    """Give the top-level modules that a fresh interpreter has after running ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_lakestream_when_imported_then_loads_no_heavy_library() -> None:
    assert loaded_by("import lakestream") & set(HEAVY) == set()


@pytest.mark.parametrize("library", HEAVY)
def test_heavy_library_when_imported_then_the_probe_sees_it(library: str) -> None:
    assert library in loaded_by(f"import {library}")


def test_layers_when_linted_then_arrows_point_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], check=False, capture_output=True, text=True, cwd=ROOT
    )

    assert done.returncode == 0, done.stdout + done.stderr


PIPELINE = """
import sys
from pathlib import Path
import lakestream as ls

landing, table = {folder!r} + "/landing", {folder!r} + "/table"
Path(landing).mkdir()
Path(landing, "a.json").write_text('{{"a": 1}}\\n')

@ls.streaming_table(table)
def rows():
    return ls.read_files(landing, format="json")

assert sum(each.num_input_rows for each in rows.run()) == 1
"""


def test_pipeline_when_it_transforms_nothing_then_loads_no_engine(tmp_path: Path) -> None:
    engines = {"dagster", "duckdb", "fsspec", "numpy", "pandas", "polars", "pyarrow", "sqlglot"}

    assert loaded_by(PIPELINE.format(folder=str(tmp_path))) & engines == set()


def test_pipeline_when_it_runs_then_loads_no_openssl(tmp_path: Path) -> None:
    slow = {"_hashlib", "hashlib", "hmac", "random", "secrets"}

    assert loaded_by(PIPELINE.format(folder=str(tmp_path))) & slow == set()


def test_digest_when_taken_then_it_is_sha256() -> None:
    assert sha256(b"lake").hexdigest() == hashlib.sha256(b"lake").hexdigest()
