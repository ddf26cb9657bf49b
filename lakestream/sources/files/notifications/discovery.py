"""Discovery through a queue: messages first, listings where they are due or the queue fails."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lakestream.clock import epoch_ms
from lakestream.errors import QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.ledger_rows import RESCUED, values
from lakestream.sources.files.notifications.receiver import Receiver
from lakestream.sources.files.notifications.report import NotificationReport
from lakestream.sources.files.notifications.routing import Route
from lakestream.sources.files.notifications.state import QueueEvent, QueueLog
from lakestream.sources.files.passes import filters_of
from lakestream.storage.location import parse_location

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.discovery import Discovery
    from lakestream.sources.files.landing import Landing
    from lakestream.sources.files.ledger import Ledger
    from lakestream.sources.files.notifications.base import Queue

#: A file younger than this may have its message still under way.
_UNDER_WAY: Final = timedelta(minutes=1)
_LOGGER: Final = logging.getLogger(__name__)


class NotifiedDiscovery:
    """Looks for news on a queue, and lists the place at the first start and now and then.

    Args:
        queue: As declared.
        description: The source.
        context: Clock and checkpoint.
        landing: Where the files are.
        ledger: What is known.
        listing: Lists the place; also filters and records for the queue.

    Raises:
        ConfigError: The queue's events never mean the landing place.
    """

    def __init__(
        self,
        queue: Queue,
        description: FilesDescription,
        context: SourceContext,
        *,
        landing: Landing,
        ledger: Ledger,
        listing: Discovery,
    ) -> None:
        self._queue = queue
        self._name = queue.display
        self._identity = self._name
        self._interval = description.backfill_interval
        self._selection = _selection(description)
        self._clock = context.clock
        self._leaves_queue = context.rehearsal or context.discovery.is_narrowed
        self._ledger = ledger
        self._listing = listing
        self._log = QueueLog(context.log, context.name)
        self._last: QueueEvent | None = None
        self._actions = 0
        self._report = NotificationReport()
        self._receiver: Receiver | None = None
        route = Route.of(queue, parse_location(landing.store.uri), description.path_rewrites)
        self._open: Callable[[], Receiver] = lambda: Receiver(
            queue.open(description.storage_options),
            route,
            listing,
            landing=landing,
            ledger=ledger,
            clock=context.clock,
            parallelism=description.fetch_parallelism,
            versions=description.allow_overwrites,
        )

    def run(self, time_budget_s: float | None, *, actions: int = 0) -> bool:
        """Empty the queue into the ledger, and list the place when that is due.

        The queue is reached before the first listing begins, and emptied after it, so that no
        file falls between; later it is emptied first, so that a listing finds only what no
        message told. A rehearsal and a run that is narrowed to some files only list: they would
        take messages that are not theirs.

        Args:
            time_budget_s: Seconds; None goes on to the end.
            actions: Decisions about single files until now; new ones make a listing due, since
                nothing tells of a forgotten file.

        Returns:
            Whether all was looked through.

        Raises:
            ConfigError: The queue cannot be opened.
            QueueRefusedError: At the very first start: the queue was probably misnamed. Later
                the place is listed instead, and the report says why.
        """
        if self._leaves_queue:
            return self._listing.run(time_budget_s)
        now = self._clock.monotonic()
        end = None if time_budget_s is None else now + time_budget_s
        self._last = last = self._log.newest()
        self._actions = actions
        self._receiver = self._receiver or self._open()
        self._identity = self._queue.identity
        self._ledger.refresh()
        try:
            depth = self._receiver.depth()
            complete = self._look(self._receiver, depth, end)
            self._report.queue_size = self._receiver.depth()
        except (QueueUnavailableError, QueueRefusedError) as error:
            if last is None and isinstance(error, QueueRefusedError):
                raise
            return self._degrade(error, end)
        self._report.degraded = None
        return complete

    def take_metrics(self) -> dict[str, str]:
        """Give what came through the queue since the last call, and when the place was listed."""
        taken, last = self._report, self._last
        self._report = NotificationReport(queue_size=taken.queue_size, degraded=taken.degraded)
        found = taken.metrics()
        if last is not None and last.kind == "listed":
            found["lastBackfillStartTimeMs"] = str(epoch_ms(last.started_at))
            found["lastBackfillFinishTimeMs"] = str(epoch_ms(last.finished_at))
        return found

    def close(self) -> None:
        """Let go of the queue's connections."""
        if self._receiver is not None:
            self._receiver.close()

    def _look(self, receiver: Receiver, depth: int | None, end: float | None) -> bool:
        is_first = self._last is None or self._last.queue != self._identity
        if is_first and not self._list(end, tells=False):
            return False
        if not receiver.drain(self._report, depth=depth, end=end):
            return False
        if not is_first and self._is_due(self._last):
            return self._list(end, tells=True)
        if self._last is not None and (self._last.actions, self._last.selection) != (
            self._actions,
            self._selection,
        ):
            # No message tells again of a file that was forgotten, or that did not belong then.
            return self._list(end, tells=False)
        self._ledger.merge_due()
        return True

    def _is_due(self, last: QueueEvent | None) -> bool:
        """Tell whether the place is to be listed: by the interval, or since the queue failed."""
        if last is None or last.kind == "degraded":
            return True
        # Backwards, too: a listing that is told to come was dated by a clock that was ahead.
        passed = abs(self._clock.now() - last.started_at)
        return self._interval is not None and passed >= self._interval

    def _list(self, end: float | None, *, tells: bool) -> bool:
        """List the place; with ``tells`` what is found now should have come by the queue."""
        started_at = self._clock.now()
        before = self._ledger.last_seq
        rescued_before = started_at - _UNDER_WAY if tells else None
        if not self._listing.run(
            self._left(end), rescued_before=rescued_before, purpose=self._purpose()
        ):
            return False
        found = sum(
            values(rows, "via").count(RESCUED)
            for rows in self._ledger.rows(before, self._ledger.last_seq)
        )
        if found:
            _LOGGER.warning("%s: %d files were found by listing only", self._name, found)
        self._append(
            QueueEvent(
                "listed",
                self._identity,
                started_at,
                self._clock.now(),
                found=found,
                actions=self._actions,
                selection=self._selection,
            )
        )
        return True

    def _purpose(self) -> str:
        """Tell apart the listings that different events made due.

        What a pass looked through before such an event is not seen again when it goes on, and of
        news there a queue that is new, or failed, told nothing.
        """
        since = "" if self._last is None else self._last.finished_at.isoformat()
        return f"{self._identity} {since} {self._actions}"

    def _degrade(self, error: QueueUnavailableError | QueueRefusedError, end: float | None) -> bool:
        """List in place of the queue, and see to it that a listing follows when it is back."""
        _LOGGER.warning("%s: files are found by listing: %s", self._name, error)
        self._report.degraded = f"[{error.code}] {error.what}"
        self._report.queue_size = None
        if self._last is not None and self._last.kind != "degraded":
            now = self._clock.now()
            self._append(QueueEvent("degraded", self._identity, now, now, reason=error.code))
        return self._listing.run(self._left(end))

    def _append(self, event: QueueEvent) -> None:
        self._log.append(event)
        self._last = event

    def _left(self, end: float | None) -> float | None:
        return None if end is None else max(end - self._clock.monotonic(), 0.0)


def _selection(description: FilesDescription) -> str:
    """Give what decides of which messages the files are taken, as a text."""
    rewrites = [f"{each.prefix}={each.target}" for each in description.path_rewrites]
    return " ".join([filters_of(description), *rewrites])
