"""Run the benchmarks: ``python -m bench [--works KEY ...] [--pairs N] [--self]``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.report import Result, machine, save, table
from bench.works import WORKS, Bar, Work

_ROOT: Final = Path(__file__).parent.parent
_CACHE: Final = _ROOT / ".bench"
_LATEST: Final = _ROOT / "bench" / "results" / "latest.json"
_FEWEST_PAIRS: Final = 5


def measure(work: Work, pairs: int, cache: Path) -> list[Result]:
    """Run a work's pairs in turns and gather them by step."""
    print(
        f"{work.key}: {work.ours.name} and {work.baseline.name} in turns, {pairs} pairs", flush=True
    )
    runs = list(work.pairs(pairs, cache))
    return [
        Result(step, work.baseline.name, bar, tuple(run[step] for run in runs))
        for step, bar in work.bars.items()
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure, print, keep the figures of a whole run.

    Returns:
        0 when every bar was kept, 1 when one was missed.
    """
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="Speed as ratios.")
    keys = [work.key for work in WORKS]
    parser.add_argument("--works", nargs="+", choices=keys, default=keys, help="only these rows")
    parser.add_argument("--pairs", type=int, default=_FEWEST_PAIRS, help="runs of each (5)")
    parser.add_argument(
        "--self",
        action="store_true",
        help="run each baseline beside itself: how far from 1.00x is noise here",
    )
    options = parser.parse_args(arguments)
    works = [work for work in WORKS if work.key in options.works]
    if options.self:
        works = [_beside_itself(work) for work in works]
    for name, value in machine().items():
        print(f"{name}: {value}")
    results = [result for work in works for result in measure(work, options.pairs, _CACHE)]
    print(f"\n{table(results)}")
    if not options.self and len(works) == len(WORKS) and options.pairs >= _FEWEST_PAIRS:
        save(results, _LATEST)
    return 0 if all(result.passed for result in results) else 1


def _beside_itself(work: Work) -> Work:
    return dataclasses.replace(work, ours=work.baseline, bars=dict.fromkeys(work.bars, Bar()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
