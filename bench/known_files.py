"""Discovery in a bucket where nearly all is known: list, hold against the ledger, record."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure import Bar, Pair
from bench.process import ScriptFailedError, Usage, run

_SERVER: Final = Path(__file__).with_name("listing_server.py")


@dataclass(frozen=True, slots=True)
class Lister:
    """A script that lists a bucket and prints how many files it knows then."""

    name: str
    script: Path

    def run(self, endpoint: str, checkpoint: Path, files: int) -> Usage:
        """Run it once.

        Raises:
            ScriptFailedError: It does not know each file once.
        """
        usage, printed = run([sys.executable, self.script, endpoint, checkpoint])
        if int(printed) != files:
            message = f"{self.name} knows {printed.strip()} files of {files}"
            raise ScriptFailedError(message)
        return usage


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """A ledger of ``known`` files meets a bucket that has ``new`` ones among them."""

    key: str
    known: int
    new: int
    ours: Lister
    baseline: Lister
    bars: dict[str, Bar]
    heavy: bool = True
    enough: int | None = None

    def pairs(self, count: int, cache: Path) -> Iterator[dict[str, Pair]]:
        """Measure in turns; each run of ours starts from the same ledger."""
        (step,) = self.bars
        kept, checkpoint = cache / f"ledger-{self.known}", cache / "ledger"
        shutil.rmtree(kept, ignore_errors=True)
        with bucket(self.known, 0) as endpoint:
            self.ours.run(endpoint, kept, self.known)
        with bucket(self.known, self.new) as endpoint:
            for _ in range(count):
                shutil.rmtree(checkpoint, ignore_errors=True)
                shutil.copytree(kept, checkpoint)
                ours, baseline = (
                    side.run(endpoint, checkpoint, self.known + self.new)
                    for side in (self.ours, self.baseline)
                )
                yield {step: Pair(ours, baseline)}


@contextmanager
def bucket(known: int, new: int) -> Iterator[str]:
    """Serve a bucket's listing while the context lasts; gives its endpoint."""
    server = subprocess.Popen(
        [sys.executable, _SERVER, str(known), str(new)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None, "it is piped"  # noqa: S101  cannot be otherwise
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.communicate()
