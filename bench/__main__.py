"""Run the benchmarks: ``python -m bench [--works KEY ...] [--all] [--pairs N] [--growth ...]``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import growth
from bench.measure import Bar, Work
from bench.peers.environments import PeerUnavailableError
from bench.profiles import PROFILES, profile
from bench.report import FEWEST_PAIRS, Result, machine, save, table, write_documents
from bench.works import LATER, WORKS

_ROOT: Final = Path(__file__).parent.parent
_CACHE: Final = _ROOT / ".bench"
_LATEST: Final = _ROOT / "bench" / "results" / "latest.json"
_GROWTH: Final = _LATEST.with_name("growth.json")
_DOCUMENTS: Final = (_ROOT / "README.md", _ROOT / "docs" / "benchmarks.md")


def measure(work: Work, pairs: int, cache: Path) -> list[Result]:
    """Run a work's pairs in turns and gather them by step."""
    print(
        f"{work.key}: {work.ours.name} and {work.baseline.name} in turns, {pairs} pairs", flush=True
    )
    runs = list(work.pairs(pairs, cache))
    return [
        Result(work.key, step, work.baseline.name, bar, tuple(run[step] for run in runs))
        for step, bar in work.bars.items()
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure, keep the figures, print them.

    Returns:
        0 when every bar was kept, 1 when one was missed.
    """
    options = _options(arguments)
    for name, value in machine().items():
        print(f"{name}: {value}")
    if options.growth is not None:
        growth.main(_CACHE, _GROWTH, _DOCUMENTS[-1], options.growth)
        return 0
    if options.profile:
        for key in options.profile:
            print(profile(key, _CACHE), flush=True)
        return 0
    keys = options.works or [work.key for work in WORKS if options.all or not work.heavy]
    works = [work for work in WORKS if work.key in keys and work.key not in options.without]
    results, skipped = [], []
    for work in [_beside_itself(work) for work in works] if options.self else works:
        pairs = options.pairs or work.enough or FEWEST_PAIRS
        try:
            found = measure(work, pairs, _CACHE)
        except PeerUnavailableError as error:
            skipped.append(f"{work.key}: SKIPPED, {error}")
            continue
        results += found
        if not options.self and pairs >= (work.enough or FEWEST_PAIRS):
            write_documents(save(found, _LATEST), _DOCUMENTS)
    print(f"\n{table([result.as_json() for result in results])}")
    _tell_what_is_missing(works, skipped)
    return 0 if all(result.passed for result in results) else 1


def _options(arguments: Sequence[str]) -> Any:  # noqa: ANN401  argparse gives no types
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description="Speed as ratios.")
    keys = [work.key for work in WORKS]
    parser.add_argument("--works", nargs="+", choices=keys, help="only these rows")
    parser.add_argument("--all", action="store_true", help="the rows that take minutes, too")
    parser.add_argument("--without", nargs="+", choices=keys, default=[], help="not these rows")
    parser.add_argument("--pairs", type=int, help=f"runs of each ({FEWEST_PAIRS})")
    parser.add_argument(
        "--profile", nargs="+", choices=list(PROFILES), help="where the time of a row goes"
    )
    parser.add_argument(
        "--growth", nargs="*", choices=list(growth.CURVES), help="how a batch's cost grows"
    )
    parser.add_argument(
        "--self",
        action="store_true",
        help="run each baseline beside itself: how far from 1.00x is noise here",
    )
    return parser.parse_args(arguments)


def _tell_what_is_missing(works: Sequence[Work], skipped: Sequence[str]) -> None:
    for line in skipped:
        print(line)
    left_out = [work.key for work in WORKS if work not in works]
    if left_out:
        print(f"not run: {', '.join(left_out)} (--works KEY ..., or --all)")
    for step, beside, bar in LATER:
        print(f"{step}, beside {beside}: {bar}")


def _beside_itself(work: Any) -> Any:  # noqa: ANN401  any of the dataclasses that are works
    return dataclasses.replace(work, ours=work.baseline, bars=dict.fromkeys(work.bars, Bar()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
