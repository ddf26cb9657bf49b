"""The growth curves on a small scale, and the tables as they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import growth, growth_ledger

ROOT = Path(__file__).parents[2]


def test_curves_when_measured_small_then_each_row_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "_KNOWN", (30,))
    monkeypatch.setattr(growth, "_COMMITS", (3, 6))
    monkeypatch.setattr(growth, "_ROUNDS", 2)
    monkeypatch.setattr(growth, "_FRESH", 1)
    monkeypatch.setattr(growth_ledger, "_LEDGERS", (("ordered", 2_000), ("random", 3_000)))
    results, document = tmp_path / "growth.json", tmp_path / "page.md"
    document.write_text(f"before\n{growth._BEGIN}\n{growth._END}\nafter\n")

    growth.main(tmp_path, results, document, ["known", "commits", "ledger"])

    kept = json.loads(results.read_text())
    assert [row["known"] for row in kept["known"]] == [30]
    assert [row["commits"] for row in kept["commits"]] == [3, 6]
    assert set(kept["commits"][-1]["lines_s"]) > {"discover", "plan", "sink_commit", "committed"}
    assert [row["files"] for row in kept["ledger"]] == [2_000, 3_000]
    assert all(row["bytes"] > 10 * row["files"] for row in kept["ledger"])
    assert all(row["listing_cpu_s"] > 0 for row in kept["ledger"])
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert growth.tables(kept) in text


def test_page_when_it_shows_growth_then_as_kept() -> None:
    kept = json.loads((ROOT / "bench" / "results" / "growth.json").read_text())

    assert growth.tables(kept) in (ROOT / "docs" / "benchmarks.md").read_text()
