"""The soak itself, in short: it does what it says, and it goes red when a table is spoilt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.soak_cases import HISTORY_KIND, KINDS, PATTERN, STORIES, Outcome, kind_of
from support.soak_report import IN_HISTORY, Tally, save
from support.soak_state import State

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

    done = _soaked(
        tmp_path, "--cases", cases, "--kills", "10", "--per-line", "0", "--histories", "8"
    )

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
    few = ("--cases", "1", "--kills", "0", "--per-line", "0", "--histories", "0")
    done = _soaked(tmp_path, *few, "--tamper", tamper)

    assert done.returncode == 1
    counts = _table(done)
    assert counts["one line"][4:] == wrong
    assert counts["all"][4:] == [2 * each for each in wrong]
    assert len(list(tmp_path.glob("lakestream-soak-*/worker-*/*/table"))) == 2


def test_soak_when_its_volume_is_not_reached_then_it_goes_red(tmp_path: Path) -> None:
    done = _soaked(tmp_path, "--cases", "1", "--histories", "0")

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

    assert {kind for kind, _ in seen} == set(STORIES)
    for kind in STORIES:
        ordinals = [ordinal for each, ordinal in seen if each == kind]
        assert ordinals == list(range(len(ordinals)))


def test_state_when_a_soak_was_cut_off_then_it_goes_on_from_its_counts(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = State.load(path, seed=7)
    for outcome in (
        Outcome(4, "one line", {"killed at plan": 1}, 2, 16, 0, 0, ""),
        Outcome(3, HISTORY_KIND, {f"{IN_HISTORY}drop": 5}, 40, 90, 0, 1, "doubled", cases=9),
    ):
        state.tally.add(outcome)
        state.count(outcome)

    again = State.load(path, seed=None)

    assert (again.seed, again.first, again.lots) == (7, 5, {3})
    assert again.tally.text() == state.tally.text()
    assert (again.tally.red, again.tally.total.cases) == (True, 10)


def test_save_when_only_histories_were_played_then_the_other_counts_stay(tmp_path: Path) -> None:
    path = tmp_path / "soak.json"
    kills = Outcome(0, "one line", {"killed at plan": 1}, 2, 16, 0, 0, "")
    played = Outcome(0, HISTORY_KIND, {f"{IN_HISTORY}drop": 5}, 40, 90, 0, 0, "", cases=9)
    for day, outcomes in (("1", [kills, played]), ("2", [played, played])):
        tally = Tally(0, 0)
        for outcome in outcomes:
            tally.add(outcome)
        save(tally, {"day": day}, path)

    kept = json.loads(path.read_text())

    assert (kept["day"], kept["histories"], kept["kills"]) == ("1", {"day": "2"}, 1)
    assert kept["total"]["cases"] == 1 + 18
    assert kept["faults"] == {f"{IN_HISTORY}drop": 10, "killed at plan": 1}
