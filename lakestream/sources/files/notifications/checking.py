"""What ``lakestream check`` asks a queue, without taking a message: is it there, is it fit?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.notifications.base import QueueFacts

#: Fewer deliveries than these, and a message that waits for its object goes to the dead letters.
_LEAST_DELIVERIES: Final = 5
_LEAST_RETENTION_S: Final = 86_400


class QueueFinding(msgspec.Struct, frozen=True):
    """Something about a queue that makes a stream late, or keep what it cannot read.

    Args:
        code: Stable: ``LS-QUEUE-002``.
        text: What is so; no data values and no secrets.
        fix: What to do.
    """

    code: str
    text: str
    fix: str


class QueueCheck(msgspec.Struct, frozen=True):
    """A queue that answered.

    Args:
        queue: The queue for people.
        facts: What the service told.
        findings: What is to be seen to; empty when all is well.
    """

    queue: str
    facts: QueueFacts
    findings: tuple[QueueFinding, ...]


def check_queue(files: FilesDescription) -> QueueCheck | None:
    """Ask the queue of a source about itself; None when its files are listed.

    Raises:
        ConfigError: The service's library is not installed, or the queue's name is none.
        EnvironmentNotSetError: A variable is not set.
        QueueRefusedError: There is no such queue, or the credentials do not open it.
        QueueUnavailableError: It did not answer.

    Cost: one or two requests; no message is taken.
    """
    if files.notifications is None:
        return None
    opened = files.notifications.open(files.storage_options)
    try:
        facts = opened.facts()
    finally:
        opened.close()
    return QueueCheck(files.notifications.display, facts, tuple(findings_of(facts)))


def findings_of(facts: QueueFacts) -> Iterator[QueueFinding]:
    """Judge what a service told. Pure."""
    for each in facts.broken:
        yield QueueFinding(
            "LS-QUEUE-001", f"it gives no messages: {each}", "make it anew (docs/provisioning.md)"
        )
    if facts.has_dead_letters is False:
        yield QueueFinding(
            "LS-QUEUE-002",
            "it has no dead-letter queue: a message of no known shape comes again until it expires",
            f"give it one, with {_LEAST_DELIVERIES} deliveries or more",
        )
    if facts.deliveries is not None and facts.deliveries < _LEAST_DELIVERIES:
        yield QueueFinding(
            "LS-QUEUE-003",
            f"a message is given up after {facts.deliveries} deliveries, also one that waits for"
            " its object",
            f"allow {_LEAST_DELIVERIES} or more",
        )
    if facts.retention_s is not None and facts.retention_s < _LEAST_RETENTION_S:
        kept = timedelta(seconds=facts.retention_s)
        yield QueueFinding(
            "LS-QUEUE-004",
            f"a message is kept for {kept}: after a longer pause only a listing finds its file",
            "keep messages for a day or more",
        )
    if facts.expires:
        yield QueueFinding(
            "LS-QUEUE-005",
            "it is removed by the service when nobody asks it for some time",
            "let it never expire",
        )
