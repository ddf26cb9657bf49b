"""Where the time of a row goes: by line of the protocol, by thread, by function."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.data import Bulk, Dataset, Input
from bench.known_files import bucket
from bench.process import run

_HERE: Final = Path(__file__).parent
_WRAPPER: Final = _HERE / "profiled.py"
_LAKESTREAM: Final = _HERE / "scripts" / "lakestream_script.py"
_RUNNING: Final = _HERE / "scripts" / "running_query.py"
_DISCOVER: Final = _HERE / "scripts" / "discover_script.py"


def profile(key: str, cache: Path) -> str:
    """Run a row's work once under each of two lenses, and give what they show."""
    return f"--- {key}\n{PROFILES[key](cache)}"


def _seen(script: Path, *arguments: Path | str, fresh: Callable[[], None]) -> str:
    told = []
    for lens in ("lines", "functions"):
        fresh()
        _, printed = run([sys.executable, _WRAPPER, lens, script, *map(str, arguments)])
        told.append(printed)
    return "\n".join(told)


@dataclass(frozen=True, slots=True)
class _Load:
    """A first load; then what comes ``after`` it, when that is what is looked at."""

    dataset: Input
    added: Input | None = None
    again: bool = False

    def __call__(self, cache: Path) -> str:
        landing, home = cache / "landing", cache / "home"

        def fresh() -> None:
            for folder in (landing, home):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            _link(self.dataset.into(cache), landing)
            if self.again:
                run([sys.executable, _LAKESTREAM, landing, home / "table"])
            if self.added is not None:
                _link(self.added.into(cache), landing)

        return _seen(_LAKESTREAM, landing, home / "table", fresh=fresh)


def _running(cache: Path) -> str:
    home = cache / "home"
    folders = [home / name for name in ("spare", "landing", "table")]

    def fresh() -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(Dataset(1_000, 100).into(cache), folders[0])
        folders[1].mkdir()

    return _seen(_RUNNING, *folders, fresh=fresh)


def _known(cache: Path) -> str:
    checkpoint, kept = cache / "ledger", cache / "ledger-kept"
    shutil.rmtree(kept, ignore_errors=True)
    with bucket(1_000_000, 0) as endpoint:
        run([sys.executable, _DISCOVER, endpoint, kept])

    def fresh() -> None:
        shutil.rmtree(checkpoint, ignore_errors=True)
        shutil.copytree(kept, checkpoint)

    with bucket(1_000_000, 1_000) as endpoint:
        return _seen(_DISCOVER, endpoint, checkpoint, fresh=fresh)


def _link(files: Path, landing: Path) -> None:
    for path in files.iterdir():
        (landing / path.name).hardlink_to(path)


_SMALL: Final = Dataset(2_000, 200)
PROFILES: Final[dict[str, Callable[[Path], str]]] = {
    "first": _Load(_SMALL),
    "next": _Load(_SMALL, added=Dataset(20, 200, 400_000), again=True),
    "nothing": _Load(_SMALL, again=True),
    "tiny": _Load(Dataset(20_000, 20)),
    "bulk": _Load(Bulk(10, 10**9)),
    "running": _running,
    "known": _known,
}
