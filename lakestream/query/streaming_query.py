"""The handle of a query that runs in the background, with PySpark's names."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypedDict

from lakestream.clock import SYSTEM_CLOCK, Clock
from lakestream.errors import QueryFailedError
from lakestream.query.definition import QueryDefinition
from lakestream.query.open_query import OpenQuery
from lakestream.query.progress import QueryProgress
from lakestream.query.run import QueryRun, RunOptions
from lakestream.triggers import Trigger

_RECENT: Final = 100
_LOOK_AGAIN_S: Final = 0.05


class QueryStatus(TypedDict):
    """What a running query is doing, as PySpark's ``StreamingQuery.status`` tells it."""

    message: str
    isDataAvailable: bool
    isTriggerActive: bool


class _BackgroundPace:
    """Lets other threads stop the run, wake it, and wait until it found nothing to do."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle_rounds = 0
        self._hurry = False
        self.stop_requested = False
        self.resting = False

    def idle(self) -> None:
        with self._changed:
            self._idle_rounds += 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self.resting = True
            self._changed.wait_for(lambda: self._hurry or self.stop_requested, timeout=seconds)
            self._hurry = self.resting = False

    def stop(self) -> None:
        with self._changed:
            self.stop_requested = True
            self._changed.notify_all()

    def await_idle(self, alive: Callable[[], bool]) -> None:
        """Wait for two idle rounds: the first may have looked before the caller's data landed."""
        with self._changed:
            wanted = self._idle_rounds + 2
            while self._idle_rounds < wanted and alive():
                self._hurry = True
                self._changed.notify_all()
                self._changed.wait(_LOOK_AGAIN_S)


class StreamingQuery:
    """A query that runs in a thread of this process.

    The thread ends when its trigger is satisfied, when ``stop`` is called or when a batch
    fails. A process that ends in the middle of a batch loses nothing: the next run redoes it.
    """

    def __init__(
        self,
        definition: QueryDefinition,
        trigger: Trigger,
        options: RunOptions | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        given = options or RunOptions()
        self._definition = definition
        self._on_progress = given.on_progress
        self._recent: deque[QueryProgress] = deque(maxlen=_RECENT)
        self._pace = _BackgroundPace()
        self._query: OpenQuery | None = None
        self._failure: BaseException | None = None
        self._run = QueryRun(
            definition,
            trigger,
            RunOptions(
                discovery=given.discovery,
                max_batches=given.max_batches,
                on_progress=self._note,
            ),
            clock=clock,
            pace=self._pace,
        )
        # Waited for in place of the thread: a join that a signal interrupts takes a running
        # thread for ended (CPython 3.11), and Dagster interrupts (test_table_run.py).
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"lakestream-{definition.name}", daemon=True
        )

    def start(self) -> StreamingQuery:
        """Begin; gives itself back."""
        self._thread.start()
        return self

    @property
    def name(self) -> str:
        """The query's name."""
        return self._definition.name

    @property
    def id(self) -> str | None:
        """The query's id, for the life of its checkpoint; None until the run has opened it."""
        return self._query.id if self._query is not None else None

    @property
    def runId(self) -> str | None:  # noqa: N802 - PySpark's name
        """This run's id; None until the run has opened the query."""
        return self._query.run_id if self._query is not None else None

    @property
    def isActive(self) -> bool:  # noqa: N802 - PySpark's name
        """Whether the thread still runs."""
        return self._thread.ident is not None and not self._ended.is_set()

    @property
    def status(self) -> QueryStatus:
        """What the query is doing now."""
        resting = self._pace.resting
        if not self.isActive:
            message = "Stopped" if self._failure is None else "Terminated with exception"
        else:
            message = "Waiting for data to arrive" if resting else "Processing new data"
        return QueryStatus(
            message=message,
            isDataAvailable=self.isActive and not resting,
            isTriggerActive=self.isActive and not resting,
        )

    @property
    def lastProgress(self) -> QueryProgress | None:  # noqa: N802 - PySpark's name
        """The newest batch of this run, or None."""
        return self._recent[-1] if self._recent else None

    @property
    def recentProgress(self) -> list[QueryProgress]:  # noqa: N802 - PySpark's name
        """The last 100 batches of this run, oldest first."""
        return list(self._recent)

    def exception(self) -> QueryFailedError | None:
        """Give the error that ended the query, or None."""
        if self._failure is None:
            return None
        failed = QueryFailedError(
            f"query {self.name!r} ended with {type(self._failure).__name__}: {self._failure}",
            fix="mend the cause and start the query again: it goes on where it stopped",
        )
        failed.__cause__ = self._failure
        return failed

    def awaitTermination(self, timeout: float | None = None) -> bool:  # noqa: N802 - as PySpark
        """Wait until the query has ended, at most ``timeout`` seconds.

        Returns:
            Whether it has ended.

        Raises:
            QueryFailedError: It ended with an error.
        """
        if self.isActive and not self._ended.wait(timeout):
            return False
        failed = self.exception()
        if failed is not None:
            raise failed from self._failure
        return True

    def processAllAvailable(self) -> None:  # noqa: N802 - PySpark's name
        """Wait until all that had landed before this call is in the table. For tests.

        Raises:
            QueryFailedError: The query ended with an error.
        """
        self._pace.await_idle(lambda: self.isActive)
        failed = self.exception()
        if failed is not None:
            raise failed from self._failure

    def stop(self) -> None:
        """Ask the query to end, and wait until the batch under way is in the table.

        From ``on_progress``, which runs in the query's own thread, it only asks.
        """
        self._pace.stop()
        if self.isActive and threading.current_thread() is not self._thread:
            self._ended.wait()

    def _work(self) -> None:
        try:
            self._run.execute(self._opened)
        except BaseException as error:  # noqa: BLE001 - handed to exception()
            self._failure = error
        finally:
            self._ended.set()

    def _opened(self, query: OpenQuery) -> None:
        self._query = query

    def _note(self, progress: QueryProgress) -> None:
        self._recent.append(progress)
        if self._on_progress is not None:
            self._on_progress(progress)
