"""What came through a queue, counted."""

from __future__ import annotations

import msgspec


class NotificationReport(msgspec.Struct):
    """Counts since the last report. Events are counted, and messages where it says so.

    Args:
        messages: Messages received; one that came twice counts twice.
        files: Files that were not known.
        duplicates: Events of files that were known.
        ignored: Events of something else than a new file: removals, test messages.
        foreign: Events of other buckets or prefixes, and of keys that could lead elsewhere.
        filtered: Events of files that the source's own filters leave out.
        poison: Messages of no known shape, left to the dead-letter queue.
        waiting: Messages left on the queue for later: their file is not to be seen yet.
        gone: Events whose file was removed before it was looked at.
        queue_size: Messages that waited when it was asked last; None where nobody knows.
        degraded: Why the queue was not read; None when it was.
    """

    messages: int = 0
    files: int = 0
    duplicates: int = 0
    ignored: int = 0
    foreign: int = 0
    filtered: int = 0
    poison: int = 0
    waiting: int = 0
    gone: int = 0
    queue_size: int | None = None
    degraded: str | None = None

    def metrics(self) -> dict[str, str]:
        """Give the counts as progress shows them, Auto Loader's names where it has one."""
        found = {
            "numNotificationsReceived": self.messages,
            "numNotificationsDuplicate": self.duplicates,
            "numNotificationsIgnored": self.ignored,
            "numNotificationsForeign": self.foreign,
            "numNotificationsFiltered": self.filtered,
            "numNotificationsPoison": self.poison,
            "numNotificationsWaiting": self.waiting,
            "numNotificationsGone": self.gone,
        }
        if self.queue_size is not None:
            found["approximateQueueSize"] = self.queue_size
        texts = {name: str(count) for name, count in found.items()}
        return texts | ({"notificationsDegraded": self.degraded} if self.degraded else {})
