"""How a batch's cost grows with the files known, the commits made, the bytes in it.

``make bench ARGS=--growth`` measures these curves and the ledger of ten million files, keeps them
in ``bench/results/growth.json`` and writes the tables in docs/benchmarks.md: about 40 minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import growth_ledger
from bench.data import Bulk, Dataset
from bench.process import Usage, run
from bench.report import machine

_SCRIPTS: Final = Path(__file__).parent / "scripts"
_GROWING: Final = _SCRIPTS / "growing_query.py"
_ONCE: Final = _SCRIPTS / "one_batch.py"
_KNOWN: Final = (1_000, 10_000, 100_000, 1_000_000)
_COMMITS: Final = (100, 1_000, 10_000)
#: Halves of a gigabyte.
_HALVES: Final = (1, 2, 5, 10)
_NEW: Final = 20
_ROUNDS: Final = 7
#: Fresh processes, whose median counts.
_FRESH: Final = 3
#: Batches at the end of a running query, whose median counts.
_LAST: Final = 1_000
#: A folder of files that are known, as a writer makes one an hour.
_FOLDER_FILES: Final = 1_000
#: ext4 gives an inode 65,000 names.
_LINKS: Final = 50_000
_BEGIN: Final = "<!-- figures of bench/results/growth.json, written by make bench ARGS=--growth -->"
_END: Final = "<!-- end of growth -->"

_KNOWN_HEAD: Final = (
    "known files",
    "first start",
    "20 new, fresh process",
    "its CPU",
    "MiB",
    "20 new, running",
    "discovery in it",
    "MiB",
)
_COMMITS_HEAD: Final = (
    "commits",
    "a batch, running",
    "MiB",
    "a batch, fresh process",
    "its CPU",
    "MiB",
)
_BYTES_HEAD: Final = ("one batch", "wall", "CPU", "MiB")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one measurement."""

    home: Path

    def fresh(self) -> Place:
        """Empty them."""
        shutil.rmtree(self.home, ignore_errors=True)
        for folder in (self.spare, self.landing):
            folder.mkdir(parents=True)
        return self

    @property
    def spare(self) -> Path:
        """Files that have still to land."""
        return self.home / "spare"

    @property
    def landing(self) -> Path:
        """Where they land."""
        return self.home / "landing"

    @property
    def table(self) -> Path:
        """Where their rows go."""
        return self.home / "table"

    def run(self, files: Sequence[Path], at_once: int) -> tuple[Usage, dict[str, Any]]:
        """Let files land so many at a time beside a query that runs on, in a process of its own."""
        for path in files:
            shutil.copyfile(path, self.spare / path.name)
        folders = (self.spare, self.landing, self.table)
        used, printed = run([sys.executable, _GROWING, *folders, str(at_once)])
        return used, json.loads(printed)


def known_files(cache: Path) -> Iterator[Row]:
    """Yield the cost of 20 new files beside so many that are known."""
    files = sorted(Dataset(_NEW * (_ROUNDS + _FRESH), 100).into(cache).iterdir())
    place = Place(cache / "growth")
    for known in _KNOWN:
        place.fresh()
        _fill(place, known)
        start, _ = place.run((), _NEW)
        groups = [files[at : at + _NEW] for at in range(0, _FRESH * _NEW, _NEW)]
        singles = [place.run(group, _NEW)[0] for group in groups]
        _, told = place.run(files[_FRESH * _NEW :], _NEW)
        yield {
            "known": known,
            "first_s": start.wall_s,
            "fresh_s": median(each.wall_s for each in singles),
            "fresh_cpu_s": median(each.cpu_s for each in singles),
            "fresh_mib": median(each.peak_mib for each in singles),
            "batch_s": median(told["batches"][1:]),
            "discover_s": median(each["discover"][0] for each in told["lines"][1:]),
            "running_mib": told["peak_mib"],
        }
    shutil.rmtree(place.home)


def commits(cache: Path) -> Iterator[Row]:
    """Yield the cost of a batch of one file of 100 rows after so many batches, by line."""
    files = iter(sorted(Dataset(_COMMITS[-1] + _FRESH, 100).into(cache).iterdir()))
    place = Place(cache / "growth").fresh()
    place.run((), 1)  # what lands before the first start would be ignored
    done = 0
    for count in _COMMITS:
        wanted = list(islice(files, count - done))
        _, told = place.run(wanted, 1)
        last = min(len(wanted) - 1, _LAST)
        fresh = [place.run([next(files)], 1)[0] for _ in range(_FRESH)]
        done = count + _FRESH
        yield {
            "commits": count,
            "batches": last,
            "batch_s": median(told["batches"][-last:]),
            "lines_s": _by_line(told["lines"][-last:], 0),
            "lines_cpu_s": _by_line(told["lines"][-last:], 1),
            "running_mib": told["peak_mib"],
            "fresh_s": median(each.wall_s for each in fresh),
            "fresh_cpu_s": median(each.cpu_s for each in fresh),
            "fresh_mib": median(each.peak_mib for each in fresh),
        }
    shutil.rmtree(place.home)


def one_batch(cache: Path) -> Iterator[Row]:
    """Yield the cost of one batch of so many bytes of NDJSON."""
    source = Bulk(files=5, size_bytes=500_000_000).into(cache)
    for halves in _HALVES:
        place = Place(cache / "growth").fresh()
        for copy in range(halves):
            for path in source.iterdir():
                os.link(path, place.landing / f"{copy}-{path.name}")
        size = sum(path.stat().st_size for path in place.landing.iterdir())
        used, _ = run([sys.executable, _ONCE, place.landing, place.table])
        yield {
            "gb": round(size / 1e9, 2),
            "wall_s": used.wall_s,
            "cpu_s": used.cpu_s,
            "peak_mib": used.peak_mib,
        }
        shutil.rmtree(place.home)


def _fill(place: Place, count: int) -> None:
    """Make names of a few small files: only names are looked at."""
    for number in range(count):
        if number % _LINKS == 0:
            source = place.home / f"link-{number}"
            source.write_text('{"id": -1}\n')
        folder = place.landing / f"{number // _FOLDER_FILES:05}"
        if number % _FOLDER_FILES == 0:
            folder.mkdir()
        os.link(source, folder / f"part-{number:09}-c000.json")


def _by_line(lines: Sequence[Mapping[str, Sequence[float]]], which: int) -> dict[str, float]:
    return {name: median(each[name][which] for each in lines if name in each) for name in lines[-1]}


CURVES: Final[Mapping[str, Callable[[Path], Iterator[Row]]]] = {
    "known": known_files,
    "commits": commits,
    "bytes": one_batch,
    "ledger": growth_ledger.ledgers,
}


def main(cache: Path, results: Path, document: Path, only: Sequence[str] = ()) -> None:
    """Measure curves, keep them, write the tables."""
    kept: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    for name in only or CURVES:
        kept.setdefault("machines", {})[name], kept[name] = machine(), []
        for row in CURVES[name](cache):
            print(json.dumps(row), flush=True)
            kept[name].append(row)
            results.write_text(json.dumps(kept, indent=2) + "\n")
    text = document.read_text()
    before, _, rest = text.partition(_BEGIN)
    document.write_text(f"{before}{_BEGIN}\n\n{tables(kept)}\n\n{_END}{rest.partition(_END)[2]}")


def tables(kept: Mapping[str, Any]) -> str:
    """Lay the kept figures out in Markdown, a table a curve, and say how busy the machine was."""
    told = ["\n".join(_table(*shown)) for shown in _shown(kept)]
    return "\n\n".join([*told, _busy(kept["machines"])])


def _busy(machines: Mapping[str, Mapping[str, Any]]) -> str:
    loads = [f"{each['load_average']:.1f} ({name})" for name, each in machines.items()]
    (cores,) = {each["cores"] for each in machines.values()}
    text = f"Taken on {cores} cores at load averages of {', '.join(loads)}."
    if all(each["load_average"] <= cores for each in machines.values()):
        return text
    return (
        f"{text}\nWhere that is more than the cores, other work ran beside: wall times are several"
        " times those of a\nquiet machine. Memory, CPU, and how one row follows from another, are"
        " what to read there."
    )


def _shown(kept: Mapping[str, Sequence[Row]]) -> Iterator[tuple[Sequence[str], list[list[str]]]]:
    if found := kept.get("known"):
        yield (
            _KNOWN_HEAD,
            [
                [
                    f"{row['known']:,}",
                    _s(row["first_s"]),
                    _s(row["fresh_s"]),
                    _s(row["fresh_cpu_s"]),
                    f"{row['fresh_mib']:.0f}",
                    _ms(row["batch_s"]),
                    _ms(row["discover_s"]),
                    f"{row['running_mib']:.0f}",
                ]
                for row in found
            ],
        )
    if found := kept.get("commits"):
        yield (
            _COMMITS_HEAD,
            [
                [
                    f"{row['commits']:,}",
                    _ms(row["batch_s"]),
                    f"{row['running_mib']:.0f}",
                    _s(row["fresh_s"]),
                    _s(row["fresh_cpu_s"]),
                    f"{row['fresh_mib']:.0f}",
                ]
                for row in found
            ],
        )
        yield (
            ("wall / CPU of a batch by line", *(f"to {row['commits']:,}" for row in found)),
            [[name, *(_wall_and_cpu(row, name) for row in found)] for name in found[0]["lines_s"]],
        )
    if found := kept.get("bytes"):
        yield (
            _BYTES_HEAD,
            [
                [f"{row['gb']:g} GB", _s(row["wall_s"]), _s(row["cpu_s"]), f"{row['peak_mib']:.0f}"]
                for row in found
            ],
        )

    if found := kept.get("ledger"):
        yield growth_ledger.table(found)


def _wall_and_cpu(row: Row, line: str) -> str:
    return f"{_ms(row['lines_s'][line])} / {_ms(row['lines_cpu_s'][line])}"


def _table(head: Sequence[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _ms(seconds: float) -> str:
    return f"{1_000 * seconds:.1f} ms"
