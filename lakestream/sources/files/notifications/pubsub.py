"""Notifications of Google Cloud Storage through a Pub/Sub subscription, by its REST interface.

Google's own client brings gRPC, protobuf and OpenTelemetry for what are four requests here.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.base import Event, Message, QueueFacts, identity_of
from lakestream.sources.files.notifications.gcs_events import events_of
from lakestream.sources.files.notifications.google_login import (
    credentials_of,
    service_url,
    session_of,
)
from lakestream.sources.files.notifications.messages_s3 import moment
from lakestream.storage.location import EnvPath, display, resolve

if TYPE_CHECKING:
    from lakestream.storage.options import StorageOptions

#: The service gives a hundred messages a pull, whatever is asked.
_PULL: Final = {"maxMessages": 100, "returnImmediately": True}
_PAUSE_S: Final = 0.25
#: Acknowledged or extended by one request, which may hold half a megabyte.
_ACKS: Final = 1_000
_LONGEST_LEASE_S: Final = 600
_NAME: Final = re.compile(
    r"projects/[a-z0-9:.-]{4,100}/subscriptions/[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
)
_TIMEOUT_S: Final = 30.0
_DENIED: Final = 403
_CONSUME: Final = "pubsub.subscriptions.consume"
_REFUSING: Final = range(400, 500)
#: 409 is ABORTED, 499 CANCELLED: of the moment.
_BUSY: Final = frozenset({408, 409, 429, 499})


class PubSubSubscription(msgspec.Struct, frozen=True):
    """A Pub/Sub subscription to the topic that a bucket's notifications go to.

    Args:
        subscription: ``projects/<project>/subscriptions/<name>``; ``ls.env`` may stand for it.
            Credentials come from the files' ``storage_options``, or Google's usual chain.
    """

    subscription: str | EnvPath

    @property
    def display(self) -> str:
        """The queue for people."""
        return f"pubsub[{display(self.subscription)}]"

    @property
    def identity(self) -> str:
        """The queue, told apart from another one that its variable stood for."""
        return identity_of(self.display, self.subscription)

    @property
    def schemes(self) -> frozenset[str]:
        """``gs``."""
        return frozenset({"gs"})

    def open(self, options: StorageOptions) -> OpenedSubscription:
        """Connect to the subscription.

        Raises:
            ConfigError: google-auth is not installed, or the name is none.
            EnvironmentNotSetError: A variable is not set.

        Cost: no request.
        """
        name = resolve(self.subscription)
        if not _NAME.fullmatch(name):
            raise ConfigError(
                "not the name of a Pub/Sub subscription",
                where=self.display,
                fix="write projects/<project>/subscriptions/<name>",
            )
        try:
            import google.auth.transport.requests as _  # noqa: F401 - whether it is there
        except ImportError as error:
            raise ConfigError(
                "notifications through Pub/Sub need google-auth",
                where="read_files(notifications=ls.PubSubSubscription(...))",
                fix="pip install 'lakestream[gcp]'",
            ) from error
        base, is_emulated = service_url()
        google = {"google_skip_signature": "true"} if is_emulated else options.for_google()
        return OpenedSubscription(f"{base}/{name}", google, self.display)


class OpenedSubscription:
    """Implements ``OpenedQueue``; each thread has a session of its own.

    Args:
        url: Of the subscription.
        google: Options that say who asks.
        where: The queue for messages.
    """

    def __init__(self, url: str, google: Mapping[str, str], where: str) -> None:
        self._url = url
        self._google = google
        self._where = where
        self._lock = threading.Lock()
        self._credentials: Any = None
        self._sessions: dict[int, Any] = {}

    def receive(self, *, wait_s: float, lease_s: float) -> Sequence[Message]:
        """Take up to a hundred messages. Cost: two requests; a pull each quarter second else.

        A pull that the service lets wait cannot be left: what it was given after that would be
        nobody's until its deadline. So none waits, and it is asked again.
        """
        pauses = round(wait_s / _PAUSE_S)
        reply = self._post("pull", _PULL)
        while not reply.get("receivedMessages") and pauses > 0:
            SYSTEM_CLOCK.sleep(_PAUSE_S)
            pauses -= 1
            reply = self._post("pull", _PULL)
        messages = [_message(each) for each in reply.get("receivedMessages", ())]
        return self.extend(messages, lease_s=lease_s)

    def events(self, message: Message) -> Sequence[Event]:
        """Read the event that a message is."""
        return events_of(message.body, message.attributes)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages. Cost: one request for a thousand."""
        for ids in _acks(messages):
            self._post("acknowledge", {"ackIds": ids})

    def extend(self, messages: Sequence[Message], *, lease_s: float) -> Sequence[Message]:
        """Change the messages' deadlines. Cost: one request for a thousand.

        The service does not tell which leases had ended.
        """
        seconds = min(max(round(lease_s), 0), _LONGEST_LEASE_S)
        for ids in _acks(messages):
            self._post("modifyAckDeadline", {"ackIds": ids, "ackDeadlineSeconds": seconds})
        return messages

    def depth(self) -> int | None:
        """Tell nothing: only Cloud Monitoring counts. Cost: one request, for the subscription.

        Whoever may only receive may not look at the subscription; that is no failure.
        """
        with self._mapped():
            reply = self._session().get(self._url, timeout=_TIMEOUT_S)
            if reply.status_code != _DENIED:
                self._refuse(reply)
        return None

    def facts(self) -> QueueFacts:
        """Tell how the subscription is made; its messages only Cloud Monitoring counts.

        Whoever may only receive may not look at it, and is told whether it may receive.

        Cost: one or two requests.
        """
        with self._mapped():
            reply = self._session().get(self._url, timeout=_TIMEOUT_S)
            if reply.status_code != _DENIED:
                self._refuse(reply)
                return _facts(reply.json())
        allowed = self._post("testIamPermissions", {"permissions": [_CONSUME]})
        if _CONSUME not in allowed.get("permissions", ()):
            self._refuse(reply)
        return QueueFacts()

    def close(self) -> None:
        """Close the sessions' connections."""
        with self._lock:
            for each in self._sessions.values():
                each.close()
            self._sessions.clear()

    def _post(self, verb: str, body: Mapping[str, object]) -> dict[str, Any]:
        with self._mapped():
            reply = self._session().post(f"{self._url}:{verb}", json=body, timeout=_TIMEOUT_S)
            self._refuse(reply)
            found = reply.json()
        return found if isinstance(found, dict) else {}

    def _session(self) -> Any:  # noqa: ANN401 - google-auth's, which says no types
        """Give this thread's session; logins are shared."""
        with self._lock:
            if self._credentials is None:
                self._credentials = credentials_of(self._google)
            mine = threading.get_ident()
            if mine not in self._sessions:
                self._sessions[mine] = session_of(self._credentials)
            return self._sessions[mine]

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        try:
            yield
        except (RequestException, TransportError) as error:
            raise QueueUnavailableError(
                f"the notification queue did not answer ({type(error).__name__})",
                where=self._where,
                fix="files are found by listing until it does",
            ) from error
        except GoogleAuthError as error:
            raise QueueRefusedError(
                f"there are no credentials for the notification queue ({type(error).__name__})",
                where=self._where,
                fix="give them in storage_options, or log in (gcloud auth application-default)",
            ) from error

    def _refuse(self, reply: Any) -> None:  # noqa: ANN401 - as above
        """Tell a refusal from a service that is busy or broken."""
        status = int(reply.status_code)
        if status < _REFUSING.start:
            return
        if status in _REFUSING and status not in _BUSY:
            raise QueueRefusedError(
                f"the notification queue refused (HTTP {status})",
                where=self._where,
                fix="check the subscription's name and project, and that the credentials have the"
                " role Pub/Sub Subscriber on it",
            )
        raise QueueUnavailableError(
            f"the notification queue is busy or broken (HTTP {status})",
            where=self._where,
            fix="files are found by listing until it answers",
        )


def _facts(found: Any) -> QueueFacts:  # noqa: ANN401 - a tree of JSON
    dead = found.get("deadLetterPolicy") or {}
    broken = {
        "its topic was removed": found.get("topic") == "_deleted-topic_",
        "it is detached from its topic": found.get("detached"),
        "it pushes them elsewhere": any(
            found.get(name) for name in ("pushConfig", "bigqueryConfig", "cloudStorageConfig")
        ),
    }
    retention = found.get("messageRetentionDuration")
    return QueueFacts(
        lease_s=found.get("ackDeadlineSeconds"),
        retention_s=None if retention is None else int(float(retention.removesuffix("s"))),
        deliveries=dead.get("maxDeliveryAttempts"),
        has_dead_letters=bool(dead),
        expires=found.get("expirationPolicy") != {},
        broken=tuple(reason for reason, is_so in broken.items() if is_so),
    )


def _message(reply: Any) -> Message:  # noqa: ANN401 - a tree of JSON
    message = reply["message"]
    return Message(
        id=message["messageId"],
        receipt=reply["ackId"],
        body=b64decode(message.get("data", "")),
        attributes=message.get("attributes", {}),
        sent_at=moment(message.get("publishTime")),
        deliveries=int(reply.get("deliveryAttempt", 0)),
    )


def _acks(messages: Sequence[Message]) -> Iterator[list[str]]:
    for start in range(0, len(messages), _ACKS):
        yield [each.receipt for each in messages[start : start + _ACKS]]
