"""The soak itself, in short: it does what it says, and it goes red when a table is spoilt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.soak_cases import KINDS, PATTERN, Outcome, kind_of
from support.soak_report import Tally

TESTS = Path(__file__).parents[1]


def _soaked(temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "support.soak", "--minutes", "2", "--seed", "1", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.stdout, done.stderr
    return done


def _table(done: subprocess.CompletedProcess[str]) -> dict[str, list[int]]:
    """Give the table's counts by kind: cases, faults, runs, rows, lost, doubled, unrecovered."""
    head, *lines = done.stdout.split("\n\n")[1].splitlines()
    assert head.split("  ")[0].strip() == "kind"
    return {
        " ".join(words[:-7]): [int(word.replace(",", "")) for word in words[-7:]]
        for words in (line.split() for line in lines)
    }


@pytest.mark.kill_sweep
def test_soak_when_each_kind_of_case_ran_then_nothing_is_wrong_or_left(tmp_path: Path) -> None:
    cases = str(-(-len(PATTERN) // 2))

    done = _soaked(tmp_path, "--cases", cases, "--kills", "10", "--per-line", "0")

    assert done.returncode == 0, done.stdout + done.stderr
    counts = _table(done)
    assert set(counts) == {*KINDS, "all"}
    assert all(ran >= 1 and runs and rows for ran, _, runs, rows, *_ in counts.values())
    assert counts["all"][4:] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kill_sweep
@pytest.mark.parametrize(("tamper", "wrong"), [("lose", [1, 0, 0]), ("double", [0, 1, 0])])
def test_soak_when_a_table_is_spoilt_then_it_goes_red_and_keeps_the_folder(
    tmp_path: Path, tamper: str, wrong: list[int]
) -> None:
    done = _soaked(tmp_path, "--cases", "1", "--kills", "0", "--per-line", "0", "--tamper", tamper)

    assert done.returncode == 1
    counts = _table(done)
    assert counts["one line"][4:] == wrong
    assert counts["all"][4:] == [2 * each for each in wrong]
    assert len(list(tmp_path.glob("lakestream-soak-*/worker-*/*/table"))) == 2


def test_soak_when_its_volume_is_not_reached_then_it_goes_red(tmp_path: Path) -> None:
    done = _soaked(tmp_path, "--cases", "1")

    assert done.returncode == 1
    assert "kills of at least 1,000" in done.stdout
    assert "kills at sink_commit of at least 50" in done.stdout


def test_tally_when_a_case_was_not_recovered_then_red() -> None:
    tally = Tally(least_kills=1, least_per_line=0)
    fine = Outcome(0, "any time", {"killed at a random time": 1}, 2, 16, 0, 0, "")
    tally.add(fine)
    assert (tally.red, tally.missing()) == (False, [])

    tally.add(Outcome(1, "any time", {}, 2, 0, 0, 0, "the last run failed"))

    assert tally.red
    assert tally.kinds["any time"].unrecovered == 1
    assert "WRONG case 1 (any time): the last run failed" in tally.text()


def test_cases_when_numbered_then_each_kind_counts_its_own() -> None:
    seen = [kind_of(number) for number in range(2 * len(PATTERN))]

    assert {kind for kind, _ in seen} == set(KINDS)
    for kind in KINDS:
        ordinals = [ordinal for each, ordinal in seen if each == kind]
        assert ordinals == list(range(len(ordinals)))
