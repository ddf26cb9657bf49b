"""The folders that a leg works in: what has landed, and what it had loaded before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.correctness.judge import Verdict, judge
from bench.correctness.legs import Leg
from bench.correctness.process import Ending, Timeline, Watch, run, run_watched

_SECOND_NS: Final = 10**9
HOUR_NS: Final = 3_600 * _SECOND_NS
#: The newest of the files that land first; in the past, so that later ones are not in the future.
NEWEST_NS: Final = 1_790_000_000 * _SECOND_NS
LATER_NS: Final = NEWEST_NS + HOUR_NS
#: A run that fails after a kill is begun again so often, and one that left rows out, too.
_MOST_RUNS: Final = 3


class LegFailedError(Exception):
    """A leg does not even load its files without faults; carries what it printed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A landing folder, and a home with the leg's table and state that can be put back.

    Paths stay the same from run to run, because tables and checkpoints may hold them; what has
    landed stays untouched, because its inodes and times may be known.
    """

    leg: Leg
    folder: Path

    @property
    def landing(self) -> Path:
        """Where files land."""
        return self.folder / "landing"

    @property
    def home(self) -> Path:
        """Everything that the leg writes."""
        return self.folder / "home"

    @property
    def command(self) -> Sequence[str | Path]:
        """Give the command line that loads what is new."""
        return self.leg.command(self.landing, self.home)

    def land(
        self, files: Iterable[Path], newest_ns: int = NEWEST_NS, apart_ns: int = _SECOND_NS
    ) -> list[Path]:
        """Put copies of files there, each whole at once and a little newer than the one before.

        Args:
            files: What lands.
            newest_ns: The modification time of the last of them.
            apart_ns: How much newer each is.

        Returns:
            The files as they landed.
        """
        self.landing.mkdir(parents=True, exist_ok=True)
        sources = sorted(files)
        for age, source in enumerate(reversed(sources)):
            arriving = self.folder / "arriving"
            shutil.copyfile(source, arriving)
            at_ns = newest_ns - age * apart_ns
            os.utime(arriving, ns=(at_ns, at_ns))
            arriving.rename(self.landing / source.name)
        return [self.landing / source.name for source in sources]

    def clear(self) -> None:
        """Begin with nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.home.mkdir(parents=True)

    def keep(self) -> None:
        """Remember the home as it is."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.home, self._kept)

    def put_back(self) -> None:
        """Make the home what it was when it was kept."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self._kept, self.home)

    def watch(self) -> Watch:
        """Begin to watch the home."""
        return Watch(self.home, self.leg.mark(self.home))

    def load_cleanly(self) -> Timeline:
        """Load what is new without faults.

        Raises:
            LegFailedError: It failed, or rows are missing or too many.
        """
        ending, timeline = run_watched(self.command, self.watch())
        verdict = self.verdict()
        if ending.code != 0 or not verdict.clean:
            message = f"{self.leg.name} without faults: {verdict}\n{ending.output}"
            raise LegFailedError(message)
        return timeline

    def recover(self) -> Verdict:
        """Run to completion: again after a failure, and again while rows are missing.

        Returns:
            What the leg has written then; its problem is the last run's failure, if it failed.
        """
        for _ in range(_MOST_RUNS):
            ending = run(self.command)
            verdict = self.verdict()
            if ending.code == 0 and not verdict.lost:
                return verdict
        failure = "" if ending.code == 0 else f"ended with {ending.code}: {_last_line(ending)}"
        return replace(verdict, problem=(failure or verdict.problem).replace(f"{self.folder}/", ""))

    def verdict(self) -> Verdict:
        """Hold what the leg has written against what has landed."""
        return judge(self.landing.iterdir(), self.leg.output, self.leg.table(self.home))

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"


def _last_line(ending: Ending) -> str:
    return "".join(ending.output.strip().splitlines()[-1:])


def loaded(leg: Leg, folder: Path, files: Path) -> Scene:
    """Give a scene whose files have been loaded, and kept so."""
    scene = Scene(leg, folder)
    scene.clear()
    scene.land(files.iterdir())
    scene.load_cleanly()
    scene.keep()
    return scene
