"""What discovery asks of a queue service: messages under a lease, and what they tell.

A queue's description (``ls.SqsQueue``) is frozen, hashable and without I/O; ``open`` gives the
connection of one run. Reading a message is pure, so that hostile ones can be tried by the million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from lakestream.digest import sha256
from lakestream.lazy_pattern import lazy_pattern
from lakestream.storage.location import EnvPath, resolve
from lakestream.storage.options import StorageOptions

#: What a connection string tells without its secrets.
_ACCOUNT: Final = lazy_pattern(r"(?i)\b(?:AccountName|QueueEndpoint)=([^;?]+)")


class Message(msgspec.Struct, frozen=True):
    """A received message, hidden from other receivers until its lease ends.

    Args:
        id: The service's id of the message; the same when it is delivered again.
        receipt: What acknowledges or extends this delivery.
        body: The payload as the service carries it, not decoded further.
        attributes: The service's attributes that say something about the payload.
        sent_at: When the service took it, aware UTC; None where it does not say.
        deliveries: How often it was delivered, this time included; 0 where it does not say.
    """

    id: str
    receipt: str
    body: bytes
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    sent_at: datetime | None = None
    deliveries: int = 0


class FileEvent(msgspec.Struct, frozen=True):
    """A message says that an object is there. Which version is there is for the store to say.

    Args:
        bucket: S3 or GCS bucket, Azure container.
        key: The whole key in the bucket, decoded.
        happened_at: When, aware UTC; None where the message does not say.
        account: Azure storage account; None elsewhere.
    """

    bucket: str
    key: str
    happened_at: datetime | None = None
    account: str | None = None


class FolderEvent(msgspec.Struct, frozen=True):
    """A message says that a whole folder is there now (a renamed directory): it is listed.

    The fields are those of ``FileEvent``; ``key`` is the folder's.
    """

    bucket: str
    key: str
    happened_at: datetime | None = None
    account: str | None = None


class Ignored(msgspec.Struct, frozen=True):
    """A message, or a part of it, that is understood and tells of no new file.

    Args:
        reason: What it is (``ObjectRemoved:Delete``); no data values.
    """

    reason: str


class Poison(msgspec.Struct, frozen=True):
    """A message, or a part of it, of no known shape: counted, left to the dead-letter queue.

    What else the message tells is recorded all the same; the message is not acknowledged.

    Args:
        reason: What is wrong with it, without its content.
    """

    reason: str


Event = FileEvent | FolderEvent | Ignored | Poison


class QueueFacts(msgspec.Struct, frozen=True):
    """What a service tells of a queue; None is what it does not tell.

    Args:
        waiting: About how many messages wait; with ``taken`` where the service counts them so.
        taken: About how many are hidden because somebody received them.
        lease_s: For how long a message is hidden where the receiver does not say.
        retention_s: For how long a message is kept.
        deliveries: After how many a message goes to the dead-letter queue.
        has_dead_letters: Whether there is a dead-letter queue.
        expires: Whether the service removes a queue that nobody asks.
        broken: Why it gives no messages, if it gives none.
    """

    waiting: int | None = None
    taken: int | None = None
    lease_s: int | None = None
    retention_s: int | None = None
    deliveries: int | None = None
    has_dead_letters: bool | None = None
    expires: bool | None = None
    broken: tuple[str, ...] = ()


class OpenedQueue(Protocol):
    """A queue opened for one run. ``receive`` may be called by several threads at once.

    Every method maps the service's failures:

    Raises:
        QueueUnavailableError: No answer, throttled, or a failure on the service's side.
        QueueRefusedError: There is no such queue, or the credentials do not open it.
    """

    def receive(self, *, wait_s: float, lease_s: float) -> Sequence[Message]:
        """Take the service's greatest batch of messages, hidden from others for ``lease_s``.

        Args:
            wait_s: How long the service may wait for a first message; it comes back at once when
                there is one. Services that cannot wait answer at once.
            lease_s: Seconds until unacknowledged messages are delivered again.
        """
        ...

    def events(self, message: Message) -> Sequence[Event]:
        """Read what a message tells. Pure; never raises, whatever the message holds.

        Keys are given as they are: whether they are the source's own, or hostile, is looked at
        by ``routing``.
        """
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Take messages off the queue, any number of them.

        One whose lease ended meanwhile is passed over: it comes again, and is known by then.
        """
        ...

    def extend(self, messages: Sequence[Message], *, lease_s: float) -> Sequence[Message]:
        """Hide messages for ``lease_s`` seconds from now; 0 gives them back at once.

        Returns:
            The messages, with their new receipts where the service gives new ones; those whose
            lease had ended already are left out.
        """
        ...

    def depth(self) -> int | None:
        """Tell about how many messages wait to be received; None where the service cannot say.

        The first call of a run: it also tells whether the queue can be reached.
        """
        ...

    def facts(self) -> QueueFacts:
        """Tell how the queue is made and what waits in it; takes no message."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Queue(Protocol):
    """A queue as declared: frozen, hashable, without I/O and without secrets."""

    @property
    def display(self) -> str:
        """The queue for people."""
        ...

    @property
    def identity(self) -> str:
        """What tells it from others: ``display``, and which one a variable stands for.

        Raises:
            EnvironmentNotSetError: A variable is not set.
        """
        ...

    @property
    def schemes(self) -> frozenset[str]:
        """The schemes of landing places whose events come through this service."""
        ...

    def open(self, options: StorageOptions) -> OpenedQueue:
        """Connect, with the landing place's credentials, region and endpoint.

        Raises:
            ConfigError: The service's client library is not installed.
            EnvironmentNotSetError: An option stands for a variable that is not set.

        Cost: no request.
        """
        ...


def identity_of(shown: str, *paths: str | EnvPath | None) -> str:
    """Give a queue's identity: what a variable stands for is told by a digest, secrets left out.

    Args:
        shown: The queue for people.
        paths: A URL or name, or the variable of one; of a connection string the account counts.

    Raises:
        EnvironmentNotSetError: A variable is not set.
    """
    texts = [resolve(each) for each in paths if isinstance(each, EnvPath)]
    if not texts:
        return shown
    open_parts = [_ACCOUNT.findall(each) or each.partition("?")[0] for each in texts]
    return f"{shown} {sha256(repr(open_parts).encode()).hexdigest()[:12]}"
