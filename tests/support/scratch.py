"""A plugin: tests make their folders in memory where there is plenty of it, else on the disk.

A suite of thousands of runs that sync each file waits for the disk most of its time, and learns
nothing from it: that a file is synced, and when, is watched at the calls themselves. What was set
as TMPDIR stays, and the nightly volume is for the disk.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from support.volume import NIGHTLY

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there
#: Several times what a run of all tests holds at once.
_NEEDED_BYTES: Final = 4 * 2**30


def pytest_configure() -> None:
    """Set TMPDIR before the first folder is made, so that children find it, too."""
    if not os.environ.get("TMPDIR") and not NIGHTLY and _has_room():
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None


def pytest_report_header() -> str:
    """Say where the folders are."""
    return f"folders of tests: {tempfile.gettempdir()} (TMPDIR puts them elsewhere)"


def _has_room() -> bool:
    try:
        (free_kib,) = re.findall(
            r"^MemAvailable: +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE
        )
        free = min(int(free_kib) * 1024, shutil.disk_usage(IN_MEMORY).free)
    except (OSError, ValueError):
        return False
    return free >= _NEEDED_BYTES and os.access(IN_MEMORY, os.W_OK)
