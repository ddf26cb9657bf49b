"""C12, I3: no memory, no file handles, no room on the disk; then there is some again."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fault_pipeline import Pipeline

TESTS = Path(__file__).parents[1]
#: Lets a resource end where a line of the protocol begins, in a process that has run before.
JAILED = """
import os, resource, sys
from pathlib import Path
from lakestream.errors import LakestreamError
from lakestream.failpoint import watched
from support.fault_pipeline import Pipeline

folder, kind, line = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
first = Pipeline(folder / "first")
first.land("a.json", {"id": "1"})
first.table.run()
pipeline = Pipeline(folder, max_files_per_trigger=1)

def close(name):
    if name != line:
        return
    if kind == "files":
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
    else:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

try:
    with watched(close):
        pipeline.table.run()
except LakestreamError as error:
    sys.exit(f"coded {error.code}")
"""
#: Has a table on a disk of its own that gets full, then room; needs a mount namespace.
ON_A_SMALL_DISK = """
import subprocess, sys
from pathlib import Path
from lakestream.errors import LakestreamError
from support.fault_pipeline import Pipeline

folder, small, large = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
pipeline = Pipeline(folder, max_files_per_trigger=1)
disk = pipeline.table_folder
disk.mkdir()

def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)

mount(small)
codes = []
for again in range(2):
    try:
        pipeline.again().run()
    except LakestreamError as error:
        codes.append(error.code)
mount("remount," + large)
pipeline.again().run()
pipeline.assert_exactly_once()
assert len(codes) == 2, codes
print(*codes)
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path, max_files_per_trigger=1)
    dice = random.Random(1)  # noqa: S311 - repeatable, not secret
    made.land("a.json", *({"id": f"{dice.getrandbits(256):x}"} for _ in range(20_000)))
    made.land("b.json", {"id": "b"}, {"id": "b"})
    return made


def _child(
    script: str, *arguments: object, inside: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*inside, sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("line", ["discover", "plan", "read", "sink_commit", "commit_log"])
def test_i3_run_when_file_handles_end_at_a_line_then_a_coded_error_and_the_next_run_is_exact(
    pipeline: Pipeline, line: str
) -> None:
    ended = _child(JAILED, pipeline.folder, "files", line)

    assert "coded LS-" in ended.stderr
    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize("line", ["discover", "read", "sink_commit"])
def test_c12_run_when_memory_ends_at_a_line_then_it_ends_and_the_next_run_is_exact(
    pipeline: Pipeline, line: str
) -> None:
    ended = _child(JAILED, pipeline.folder, "memory", line)

    assert ended.returncode != 0
    pipeline.table.run()
    pipeline.assert_exactly_once()


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("size=16k", "size=32m"),
        ("size=64k", "size=32m"),
        ("size=512k", "size=32m"),
        ("nr_inodes=4", "nr_inodes=10k"),
        ("nr_inodes=20", "nr_inodes=10k"),
        ("ro", "rw"),
    ],
)
def test_i3_run_when_its_disk_takes_no_more_then_a_coded_error_and_it_goes_on_once_it_does(
    pipeline: Pipeline, small: str, large: str
) -> None:
    inside = ("unshare", "--mount")
    probe = [*inside, "mount", "-t", "tmpfs", "tmpfs", str(pipeline.landing)]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode != 0:
        pytest.skip("a disk of one's own needs the right to mount (root)")

    ended = _child(ON_A_SMALL_DISK, pipeline.folder, small, large, inside=inside)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("LS-") == 2
