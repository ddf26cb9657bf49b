"""What the ledger costs at ten million files: filling, merging, loading, questions, memory."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bench.process import run

_STEPS: Final = Path(__file__).parent / "scripts" / "ledger_steps.py"
_LEDGERS: Final = (("ordered", 1_000_000), ("random", 1_000_000), ("ordered", 10_000_000))

HEAD: Final = (
    "known files, names",
    "ledger",
    "append / merge",
    "MiB",
    "load",
    "1,000 new, at once / again",
    "1,000 known",
    "a whole listing",
    "MiB",
    "a plain set",
    "MiB",
)


def ledgers(cache: Path) -> Iterator[dict[str, Any]]:
    """Yield what each step costs in a process of its own; CPU by what is asked, peaks whole."""
    home = cache / "growth-ledger"
    for names, count in _LEDGERS:
        shutil.rmtree(home, ignore_errors=True)
        row: dict[str, Any] = {"names": names, "files": count}
        for step in ("fill", "ask", "set"):
            used, printed = run([sys.executable, _STEPS, step, home, str(count), names])
            row |= json.loads(printed)
            row[f"{step}_mib"] = used.peak_mib
        row["bytes"] = sum(path.stat().st_size for path in _to_be_loaded(home))
        yield row
    shutil.rmtree(home)


def _to_be_loaded(home: Path) -> Iterator[Path]:
    """Give the entries that a reader fetches: merged ones, and single ones behind them."""
    folder = home / "sources" / "readings" / "files"
    merged = [path for path in folder.glob("[1-9]*/*") if path.is_file()]
    yield from merged
    after = max((int(path.name.partition("-")[2]) for path in merged), default=-1)
    yield from (path for path in folder.glob("0/*") if int(path.name) > after)


def told(row: dict[str, Any]) -> list[str]:
    """Lay a row out under ``HEAD``."""
    return [
        f"{row['files']:,} {row['names']}",
        f"{row['bytes'] / 1e6:.0f} MB",
        f"{_s(row, 'append')} / {_s(row, 'merge')}",
        f"{row['fill_mib']:.0f}",
        _s(row, "load"),
        f"{_ms(row, 'new_first')} / {_ms(row, 'new')}",
        _ms(row, "known"),
        _s(row, "listing"),
        f"{row['ask_mib']:.0f}",
        _s(row, "set"),
        f"{row['set_mib']:.0f}",
    ]


def table(found: Sequence[dict[str, Any]]) -> tuple[Sequence[str], list[list[str]]]:
    """Give the kept rows as a head and cells."""
    return HEAD, [told(row) for row in found]


def _s(row: dict[str, Any], what: str) -> str:
    return f"{row[f'{what}_cpu_s']:.1f} s"


def _ms(row: dict[str, Any], what: str) -> str:
    return f"{1_000 * row[f'{what}_cpu_s']:.1f} ms"
