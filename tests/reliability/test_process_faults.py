"""C11, D10, I3, I6, O3, X4: signals, a full disk, a listener that raises, files seen before."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import fork_server
from support.fault_pipeline import Pipeline

import lakestream as ls

TESTS = Path(__file__).parents[1]
PACKAGE = Path(ls.__file__).parent

#: Sends itself a signal where a line of the protocol begins.
SIGNALLED = """
import os, signal, sys
from pathlib import Path
from lakestream.failpoint import watched
from support.fault_pipeline import Pipeline

pipeline = Pipeline(Path(sys.argv[1]), max_files_per_trigger=1)
number = signal.Signals[sys.argv[2]]
with watched(lambda name: os.kill(os.getpid(), number) if name == sys.argv[3] else None):
    pipeline.table.run()
"""
#: Runs where no file may grow beyond some bytes, as on a disk that is full.
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from lakestream.errors import LakestreamError
from support.fault_pipeline import Pipeline

pipeline = Pipeline(Path(sys.argv[1]))
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
try:
    pipeline.table.run()
except LakestreamError as error:
    sys.exit(f"coded {error.code}")
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path, max_files_per_trigger=1)


def _child(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("line", ["discover", "read", "commit_log"])
@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_c11_run_when_signalled_at_a_line_then_the_next_run_is_exact(
    pipeline: Pipeline, signal: str, line: str
) -> None:
    for name in ("a.json", "b.json"):
        pipeline.land(name, {"id": name}, {"id": name})

    ended = fork_server.run(SIGNALLED, pipeline.folder, signal, line)

    assert ended.returncode != 0
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_d10_files_when_their_content_is_the_same_then_both_are_read(pipeline: Pipeline) -> None:
    pipeline.land("a.json", {"id": 1}, {"id": 2})
    pipeline.land("copy of a.json", {"id": 1}, {"id": 2})

    pipeline.table.run()

    assert pipeline.rows() == {(1,): 2, (2,): 2}
    assert {each.rows for each in pipeline.files().values()} == {2}


def test_o3_file_when_overwritten_after_its_commit_then_it_is_not_read_again(
    pipeline: Pipeline,
) -> None:
    pipeline.land("a.json", {"id": 1})
    pipeline.table.run()

    pipeline.land("a.json", {"id": 2}, {"id": 3})
    pipeline.land("b.json", {"id": 4})
    pipeline.table.run()

    assert pipeline.rows() == {(1,): 1, (4,): 1}


@pytest.mark.parametrize("most_bytes", [0, 500, 3_000, 20_000])
def test_i3_run_when_the_disk_is_full_then_a_coded_error_and_it_goes_on_once_there_is_room(
    pipeline: Pipeline, most_bytes: int
) -> None:
    dice = random.Random(1)  # noqa: S311 - repeatable, not secret
    pipeline.land("a.json", *({"id": f"{dice.getrandbits(256):x}"} for _ in range(2_000)))

    ended = _child(ON_A_FULL_DISK, pipeline.folder, most_bytes)

    assert "coded LS-" in ended.stderr
    pipeline.table.run()
    pipeline.assert_exactly_once()


def test_i6_listener_when_it_raises_then_its_batch_stays_and_the_next_run_goes_on(
    pipeline: Pipeline,
) -> None:
    pipeline.land("a.json", {"id": 1})
    pipeline.land("b.json", {"id": 2})

    def listen(progress: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pipeline.table.run(on_progress=listen)

    assert pipeline.batch_ids() == [0]
    pipeline.table.run()
    pipeline.assert_exactly_once()


def _unsafe(tree: ast.AST) -> Iterator[str]:
    """Give what could turn data into code: unpickling, YAML, eval and exec, JSON's object hooks."""
    modules = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.split(".")[0] in modules)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in modules:
                yield module
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield name
            case ast.keyword(arg="object_hook" | "object_pairs_hook" as name):
                yield name


def test_x4_package_when_searched_then_nothing_turns_data_into_code() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {what}"
        for path in PACKAGE.rglob("*.py")
        for what in _unsafe(ast.parse(path.read_text()))
    }

    assert found == set()
    assert sorted(_unsafe(ast.parse("import pickle\nfrom yaml import load\nexec('')"))) == [
        "exec",
        "pickle",
        "yaml",
    ]
