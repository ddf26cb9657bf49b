"""From messages to ledger rows: receive, look up, record, and only then acknowledge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import AccessDeniedError, ObjectNotFoundError
from lakestream.failpoint import failpoint
from lakestream.sources.files.ledger_rows import Candidate, candidate_of
from lakestream.sources.files.listing import pages
from lakestream.sources.files.notifications.base import (
    FileEvent,
    FolderEvent,
    Ignored,
    Message,
    OpenedQueue,
    Poison,
)
from lakestream.sources.files.notifications.leases import Leases

if TYPE_CHECKING:
    from lakestream.clock import Clock
    from lakestream.sources.files.discovery import Discovery
    from lakestream.sources.files.landing import Landing
    from lakestream.sources.files.ledger import Ledger
    from lakestream.sources.files.notifications.report import NotificationReport
    from lakestream.sources.files.notifications.routing import Route
    from lakestream.storage.base import ObjectInfo

#: How long messages are taken for; extended while they are worked on.
LEASE_S: Final = 60.0
#: How long a receive waits for a first message. Without waiting SQS asks some of its servers only.
_WAIT_S: Final = 1.0
#: Messages recorded by one ledger entry.
_CHUNK: Final = 1_000
_LOOKUPS_IN_FLIGHT: Final = 64
#: A message about a file that is not to be seen comes again after this time, doubled each time,
_RETRY_S: Final = 60.0
#: unless it is older than this: then the file was removed.
_GONE_AFTER: Final = timedelta(hours=1)
#: Where the service does not say how many messages wait, so many are taken before news are left.
_UNKNOWN_DEPTH: Final = 10_000
#: A file that is too young for ``min_age`` is hidden for at most this long (Pub/Sub's longest).
_LONGEST_WAIT_S: Final = 600.0


class _Read(msgspec.Struct):
    """A message and what of it is still open."""

    message: Message
    keys: list[str] = msgspec.field(default_factory=list)
    folders: list[str] = msgspec.field(default_factory=list)
    happened_at: datetime | None = None
    poison: bool = False


class Receiver:
    """Empties a queue into the ledger.

    Args:
        queue: Opened.
        route: From events to keys.
        discovery: The source's filters, and how files become known.
        landing: Where the files are.
        ledger: What is known.
        clock: For leases and ages.
        parallelism: Receives at a time.
        versions: Whether a known path may have a version that is not known.
    """

    def __init__(
        self,
        queue: OpenedQueue,
        route: Route,
        discovery: Discovery,
        *,
        landing: Landing,
        ledger: Ledger,
        clock: Clock,
        parallelism: int,
        versions: bool,
    ) -> None:
        self._queue = queue
        self._route = route
        self._discovery = discovery
        self._landing = landing
        self._ledger = ledger
        self._clock = clock
        self._parallelism = parallelism
        self._versions = versions

    def depth(self) -> int | None:
        """Tell about how many messages wait."""
        return self._queue.depth()

    def close(self) -> None:
        """Let go of the queue's connections."""
        self._queue.close()

    def drain(self, report: NotificationReport, *, depth: int | None, end: float | None) -> bool:
        """Take what is on the queue, at least what was there at the start.

        Args:
            report: Counted into.
            depth: About how many messages waited a moment ago.
            end: When to stop, on the monotonic clock; None goes on to the end.

        Returns:
            Whether the queue was emptied of what was there at the start.

        Raises:
            QueueUnavailableError, QueueRefusedError: What was recorded until then stays; what was
                not acknowledged comes again.

        Cost: a receive, a delete and ten look-ups for ten messages, a ledger entry for a
        thousand. Memory is a thousand messages.
        """
        rounds = _Rounds(self._clock.now(), depth)
        with (
            Leases(self._queue, LEASE_S) as leases,
            ThreadPoolExecutor(self._parallelism, "lakestream-receive") as pool,
        ):
            while True:
                self._gather(pool, leases, rounds, report, end)
                if len(leases):
                    self._settle(leases, rounds, report)
                if rounds.ended:
                    return True
                if end is not None and self._clock.monotonic() > end:
                    return False

    def _gather(
        self,
        pool: ThreadPoolExecutor,
        leases: Leases,
        rounds: _Rounds,
        report: NotificationReport,
        end: float | None,
    ) -> None:
        """Receive until there is a chunk, the queue is empty, or it is time to record.

        Once in any case: a time budget that is always too short would never get anywhere.
        """
        now = self._clock.monotonic()
        until = now + LEASE_S / 4
        until = until if end is None else min(until, end)
        while len(leases) < _CHUNK and not rounds.ended:
            wait = _WAIT_S if end is None or end - now >= _WAIT_S else 0.0
            replies = pool.map(
                lambda _, wait_s=wait: self._queue.receive(wait_s=wait_s, lease_s=LEASE_S),
                range(self._parallelism),
            )
            messages = [each for reply in replies for each in reply]
            report.messages += len(messages)
            leases.hold(messages)
            rounds.take(messages)
            now = self._clock.monotonic()
            if now > until:
                return

    def _settle(self, leases: Leases, rounds: _Rounds, report: NotificationReport) -> None:
        """Record what the held messages tell, then acknowledge those that nothing holds back."""
        failpoint("received")
        reads = [self._read(each, report) for each in leases.held()]
        open_keys = self._look_up(reads, report)
        failpoint("recorded")
        done, later = [], []
        for read in reads:
            waits = max((open_keys.get(key, 0.0) for key in read.keys), default=0.0)
            if waits > 0:
                later.append((read.message.id, waits))
                report.waiting += 1
            elif not read.poison:
                done.append(read.message.id)
            else:
                report.poison += 1
        rounds.left |= {read.message.id for read in reads} - set(done)
        self._queue.acknowledge(leases.release(done))
        for wait in sorted({wait for _, wait in later}):
            some = leases.release(id_ for id_, each in later if each == wait)
            self._queue.extend(some, lease_s=wait)
        leases.release([each.message.id for each in reads])

    def _read(self, message: Message, report: NotificationReport) -> _Read:
        """Sort a message's events; those that are not the source's are done with."""
        read = _Read(message)
        for event in self._queue.events(message):
            if isinstance(event, Poison):
                read.poison = True
            elif isinstance(event, Ignored):
                report.ignored += 1
            else:
                self._sort(event, read, report)
        return read

    def _sort(
        self, event: FileEvent | FolderEvent, read: _Read, report: NotificationReport
    ) -> None:
        key = self._route.key_of(event)
        if key is None:
            report.foreign += 1
        elif isinstance(event, FolderEvent):
            read.folders.append(key)
        elif not self._discovery.takes_path(key):
            report.filtered += 1
        else:
            read.keys.append(key)
            read.happened_at = event.happened_at or read.message.sent_at

    def _look_up(self, reads: Sequence[_Read], report: NotificationReport) -> dict[str, float]:
        """Record the files that are not known.

        Returns:
            The keys that must wait, and for how many seconds.
        """
        named = {key: read for read in reads for key in read.keys}
        keys = list(named)
        fresh = keys if self._versions else [keys[at] for at in self._ledger.unseen(keys)]
        waiting: dict[str, float] = {}
        found: list[Candidate] = []
        for key, info in zip(fresh, self._heads(fresh), strict=True):
            if info is not None:
                found.append(candidate_of(info))
            elif self._is_long_ago(named[key].happened_at):
                report.gone += 1
            else:
                waiting[key] = _retry_in_s(named[key].message.deliveries)
        for folder in sorted({folder for read in reads for folder in read.folders}):
            for page in pages(
                self._landing.store, folder, self._ledger.unseen_on, self._discovery.takes
            ):
                found += page
        taken = [each for each in found if self._discovery.takes(each)]
        report.filtered += len(found) - len(taken)
        before = self._ledger.last_seq
        deferred = self._discovery.record(taken, via="notification")
        for key, wait_s in deferred.items():
            waiting[key] = min(max(wait_s, 1.0), _LONGEST_WAIT_S)
        recorded = self._ledger.last_seq - before
        report.files += recorded
        known = len(taken) - len(deferred) - recorded
        report.duplicates += sum(len(read.keys) for read in reads) - len(fresh) + max(known, 0)
        for read in reads:
            # Who tells of a folder tells of all in it, and may go when all of that is known.
            read.keys += [
                key
                for key in deferred
                for each in read.folders
                if not each or key.startswith(f"{each}/")
            ]
        return waiting

    def _heads(self, keys: Sequence[str]) -> Iterable[ObjectInfo | None]:
        """Look files up, many at a time; None is one that is not to be seen.

        Raises:
            AccessDeniedError: None may be looked at. Where only some are denied, they are taken
                for missing: S3 says so of missing ones unless the bucket may be listed.
        """
        if not keys:
            return []
        denied: list[AccessDeniedError] = []

        def head(key: str) -> ObjectInfo | None:
            try:
                return self._landing.store.head(key)
            except ObjectNotFoundError:
                return None
            except AccessDeniedError as error:
                denied.append(error)
                return None

        with ThreadPoolExecutor(min(_LOOKUPS_IN_FLIGHT, len(keys)), "lakestream-head") as pool:
            found = list(pool.map(head, keys))
        if len(denied) == len(keys):
            raise denied[0]
        return found

    def _is_long_ago(self, happened_at: datetime | None) -> bool:
        return happened_at is not None and happened_at < self._clock.now() - _GONE_AFTER


def _retry_in_s(deliveries: int) -> float:
    """Give the time until a message comes again: it is not to die of many deliveries soon."""
    doublings = min(max(deliveries - 1, 0), 10)
    return min(_RETRY_S * float(2**doublings), _LONGEST_WAIT_S)


class _Rounds:
    """Tells when what was on the queue at the start has been taken.

    Args:
        started_at: The start.
        depth: About how many messages waited then.
    """

    def __init__(self, started_at: datetime, depth: int | None) -> None:
        self._started_at = started_at
        self._depth = _UNKNOWN_DEPTH if depth is None else depth
        self._taken = 0
        self.left: set[str] = set()
        """Messages that were left on the queue."""
        self.ended = False

    def take(self, messages: Sequence[Message]) -> None:
        """Look at what one round of receives gave: nothing, or nothing but news, is the end.

        The clocks of service and machine may differ, so that the count must agree.
        """
        known = sum(each.id not in self.left for each in messages)
        self._taken += known
        news = sum(each.id in self.left or self._is_news(each) for each in messages)
        self.ended = known == 0 or (news == len(messages) and self._taken >= self._depth)

    def _is_news(self, message: Message) -> bool:
        return message.sent_at is not None and message.sent_at > self._started_at
