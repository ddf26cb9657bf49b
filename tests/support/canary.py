"""The newest deltalake under our tests: can the pin go?

``make canary`` runs ``python -m support.canary``. It makes ``.canary/``, a virtual environment that
has the newest deltalake (or ``--version``) and borrows every other package from ``.venv``, runs the
race matrix, the facts of tests/delta/test_upstream.py and our own tests of the sink in it, and says
which of them hold. Ends with 0 whatever the verdict; with 2 when there is nothing to judge.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import venv
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".canary"
UPSTREAM: Final = "tests/delta/test_upstream.py"
#: The race that the pin is for.
PIN: Final = frozenset({
    "test_second_rewrite_on_a_stale_handle_is_rejected",
    "test_two_compactions_at_once_keep_every_row",
})  # fmt: skip
#: What the protocol leans on: without one of these it is not safe.
LEANS: Final = frozenset({
    "test_append_of_nothing_records_the_mark",
    "test_commit_with_retries_off_fails_on_any_news",
    "test_creation_race_without_retries_has_one_winner",
    "test_merge_that_adds_no_column_writes_no_metadata",
    "test_restore_keeps_the_mark_of_the_rows_it_takes",
    "test_stale_append_after_a_compaction_is_accepted",
    "test_stale_append_after_a_metadata_change_is_rejected",
    "test_stale_append_after_a_restore_is_rejected",
    "test_stale_append_with_another_mark_is_accepted",
    "test_stale_append_with_the_same_mark_is_rejected",
    "test_stale_merge_of_columns_with_the_same_mark_is_rejected",
})  # fmt: skip
#: What we work around: a test that fails here is a trap that is gone.
TRAPS: Final = frozenset({
    "test_append_of_another_type_is_cast_without_a_word",
    "test_equal_and_lower_marks_are_accepted_and_move_it_back",
    "test_local_path_with_an_escape_is_torn_apart",
    "test_merge_delete_and_update_of_nothing_leave_no_mark",
    "test_missing_nested_field_needs_merge",
    "test_table_made_again_takes_a_stale_handles_append",
    "test_write_by_uri_after_a_check_doubles_the_batch",
    "test_zero_byte_newest_commit_hides_rows_and_mark",
})  # fmt: skip
OURS: Final = (
    "tests/delta",
    "tests/sinks",
    "tests/pipelines",
    "tests/reliability/test_two_runners.py",
    "tests/reliability/test_sink_life.py",
    "tests/sources/test_delta_source.py",
)
_BORROWS: Final = "import site; site.addsitedir({folder!r})\n"
#: The S3 server of the tests, which they look for beside their interpreter.
_SERVER: Final = "moto_server"
_NOTHING_TO_JUDGE: Final = 2

#: Each test that ran, and whether it passed.
Results = Mapping[str, bool]


def environment(requirement: str) -> Path | None:
    """Make the environment anew and give its interpreter; None when the index does not serve it."""
    venv.create(FOLDER, clear=True, with_pip=True)
    python = FOLDER / "bin" / "python"
    pins = FOLDER / "constraints.txt"
    installed = {each.name: each.version for each in distributions()}
    del installed["deltalake"], installed["lakestream"]
    pins.write_text("".join(f"{name}=={version}\n" for name, version in installed.items()))
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--constraint", pins, requirement], check=False, cwd=FOLDER)
    if done.returncode != 0:
        return None
    # After the installation, so that pip sees none of it; behind, so that deltalake is the newest.
    place = sysconfig.get_path("purelib", vars={"base": str(FOLDER)})
    borrowed = _BORROWS.format(folder=sysconfig.get_path("purelib"))
    (Path(place) / "zz_borrowed.pth").write_text(borrowed)
    (FOLDER / "bin" / _SERVER).symlink_to(Path(sys.executable).with_name(_SERVER))
    return python


def run_tests(python: Path, paths: Sequence[str]) -> Results:
    """Run tests in the environment; give each one's outcome by file and name."""
    report = FOLDER / "report.xml"
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*command, *paths], check=False, cwd=ROOT, env=environ)
    return {
        f"{case.get('classname')}::{case.get('name')}": not len(case)
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it just now
        if case.find("skipped") is None
    }


def verdict(results: Results) -> Iterator[str]:
    """Say, line by line, what the outcomes mean; the last line is about the pin."""
    pin, leans, traps, ours = ([] for _ in range(4))
    for test, passed in sorted(results.items()):
        file, _, name = test.partition("::")
        function = name.partition("[")[0]
        is_upstream = file == UPSTREAM.removesuffix(".py").replace("/", ".")
        groups = ((PIN, pin), (LEANS, leans), (TRAPS, traps))
        found = next((into for names, into in groups if is_upstream and function in names), ours)
        found.append((name, passed))
    for title, group in (
        ("races that the pin is for", pin),
        ("what the protocol leans on", leans),
        ("our own tests of tables, sink and source", ours),
    ):
        failed = [name for name, passed in group if not passed]
        yield f"{title}: {len(group) - len(failed)} of {len(group)} hold"
        yield from (f"  RED {name}" for name in failed)
    stand = [name for name, passed in traps if passed]
    yield f"traps that we work around: {len(stand)} of {len(traps)} still stand"
    yield from (f"  gone: {name}" for name, passed in traps if not passed)
    red = [group for group in (pin, leans, ours) if not group or not all(ok for _, ok in group)]
    if red:
        yield "the pin stays"
    else:
        yield "the pin can go: raise the upper bound in pyproject.toml to this version"


def main(arguments: Sequence[str]) -> int:
    """Make the environment, run the tests in it, print the verdict."""
    parser = argparse.ArgumentParser(prog="make canary", description=__doc__)
    parser.add_argument("--version", help="of deltalake (the newest that the index has)")
    options = parser.parse_args(arguments)
    python = environment(f"deltalake=={options.version}" if options.version else "deltalake")
    if python is None:
        _say("no canary: the package index does not serve deltalake with our other packages")
        return _NOTHING_TO_JUDGE
    tell = "import deltalake; print(deltalake.__version__)"
    found = subprocess.run([python, "-c", tell], check=True, capture_output=True, text=True)
    results = run_tests(python, OURS)
    _say(f"\ndeltalake {found.stdout.strip()}")
    for line in verdict(results):
        _say(line)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
