"""The bar of ``lakestream run``: files, rows, megabytes a second, backlog."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lakestream.cli.output import ERR

if TYPE_CHECKING:
    from lakestream.query.progress import QueryProgress

_MEGABYTE: Final = 2**20


class ProgressBar:
    """Moves with each batch; drawn on standard error, and only where that is a terminal."""

    def __init__(self, name: str) -> None:
        self._files = self._rows = self._bytes = 0
        self._seconds = 0.0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} files"),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=ERR,
            transient=True,
            disable=not ERR.is_terminal,
        )
        self._task = self._progress.add_task(name, total=0, facts="looking for files")

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def show(self, progress: QueryProgress) -> None:
        """Take one more batch in."""
        self._files += progress.files
        self._rows += progress.num_output_rows
        self._bytes += progress.bytes
        self._seconds += progress.batch_duration_ms / 1000
        speed = self._bytes / _MEGABYTE / self._seconds if self._seconds else 0.0
        self._progress.update(
            self._task,
            completed=self._files,
            total=self._files + progress.backlog.files,
            facts=f"{self._rows:,} rows  {speed:.1f} MB/s  {progress.backlog.files:,} files wait",
        )
