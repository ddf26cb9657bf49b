"""Drops the demo's files into the landing folder, a day at a time, while somebody reads it."""

from __future__ import annotations

import shutil
import threading
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from definitions.flights import LandingFile, landing_files, package_data

if TYPE_CHECKING:
    from collections.abc import Iterable


class Feeder:
    """Lands the demo's files: the first days at once, the others in a thread of its own.

    Args:
        landing: The landing folder, made here.
        first_days: Days that land at once, with the airlines.
        pause_s: Between two days after that.
    """

    def __init__(self, landing: Path, *, first_days: int, pause_s: float) -> None:
        self._folder = landing / "flights"
        self._files = landing_files()
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self.dropped = 0
        self._folder.mkdir(parents=True)
        (landing / "airlines").mkdir()
        shutil.copyfile(package_data("airlines.csv"), landing / "airlines" / "airlines.csv")
        self._drop(islice(self._files, first_days))

    def start(self) -> None:
        """Begin with the other days."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether no file will land any more."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def stop(self) -> None:
        """End after the file under way."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _feed(self) -> None:
        for file in self._files:
            if self._stop.wait(self._pause_s):
                return
            self._drop([file])

    def _drop(self, files: Iterable[LandingFile]) -> None:
        for file in files:
            drop(self._folder, file)
            self.dropped += 1


def drop(folder: Path, file: LandingFile) -> None:
    """Land a file whole: nobody sees a part of it."""
    hidden = folder.parent / f".{file.name}.part"
    hidden.write_bytes(file.data)
    hidden.replace(folder / file.name)
