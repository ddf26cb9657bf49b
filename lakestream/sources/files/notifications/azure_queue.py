"""Notifications of Azure through a storage queue that Event Grid writes to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.azure_account import account_url, credential_of
from lakestream.sources.files.notifications.base import (
    Event,
    Message,
    Poison,
    QueueFacts,
    identity_of,
)
from lakestream.sources.files.notifications.event_grid import events_of
from lakestream.storage.location import EnvPath, display, resolve

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

    from lakestream.storage.options import StorageOptions

#: The service's greatest batch of receiving; what is deleted or extended is so one by one.
_BATCH: Final = 32
_AT_A_TIME: Final = 16
_LONGEST_LEASE_S: Final = 604_800
#: A message of no known shape that came so often goes to the queue for such.
_DELIVERIES: Final = 5
_BUSY: Final = frozenset({408, 429})
_REFUSING: Final = range(400, 500)
#: Behind a queue in a message: it is not this one, but the one beside it that failed.
_POISON: Final = ", its poison_queue"
#: What the service says of a message that was deleted, or whose lease ended and went to another.
_LEASE_ENDED: Final = frozenset({"MessageNotFound", "PopReceiptMismatch"})
_NAME: Final = re.compile(r"(?=.{3,63}\Z)[a-z0-9](?:-?[a-z0-9])*")


class AzureStorageQueue(msgspec.Struct, frozen=True):
    """An Azure storage queue that Event Grid writes a storage account's events to.

    Args:
        queue: The queue's URL, or its name in the account of ``storage_options``; ``ls.env`` may
            stand for it, and must where the URL holds a SAS. Who asks is said by the files'
            ``storage_options``: key, SAS, client secret, or Azure's usual chain.
        poison_queue: Name of the queue, beside this one, that messages of no known shape are moved
            to after five deliveries; without it they come again until they expire.
        connection_string: In place of URL and credentials: ``ls.env(NAME)``, since it is a secret.

    Raises:
        ConfigError: A secret stands in the code.
    """

    queue: str | EnvPath
    poison_queue: str | None = None
    connection_string: EnvPath | None = None

    def __post_init__(self) -> None:
        """Refuse what would show a secret to whoever reads code, logs or the checkpoint."""
        is_secret = isinstance(self.queue, str) and "?" in self.queue
        if is_secret or not isinstance(self.connection_string, EnvPath | None):
            raise ConfigError(
                "a connection string, or a URL with a SAS, is a secret",
                where="ls.AzureStorageQueue",
                fix="put it into an environment variable and give ls.env(NAME)",
            )

    @property
    def display(self) -> str:
        """The queue for people."""
        return f"azure_queue[{display(self.queue)}]"

    @property
    def identity(self) -> str:
        """The queue, told apart from another one that its variable stood for."""
        return identity_of(self.display, self.queue, self.connection_string)

    @property
    def schemes(self) -> frozenset[str]:
        """``az`` and ``abfss``."""
        return frozenset({"az", "abfss"})

    def open(self, options: StorageOptions) -> OpenedAzureQueue:
        """Connect to the queue.

        Raises:
            ConfigError: azure-storage-queue is not installed, the queue is none, or no account is
                named.
            EnvironmentNotSetError: A variable is not set.

        Cost: no request.
        """
        make = self._maker(options)
        poison = None if self.poison_queue is None else make(_name(self.poison_queue, self.display))
        return OpenedAzureQueue(make(None), poison, self.display)

    def _maker(self, options: StorageOptions) -> Callable[[str | None], QueueClient]:
        """Give what makes the client of the queue, or of another one beside it."""
        try:
            from azure.storage.queue import LinearRetry, QueueClient
        except ImportError as error:
            raise ConfigError(
                "notifications through Azure's storage queues need azure-storage-queue",
                where="read_files(notifications=ls.AzureStorageQueue(...))",
                fix="pip install 'lakestream[azure]'",
            ) from error
        client: dict[str, Any] = {
            "retry_policy": LinearRetry(backoff=1, retry_total=2, random_jitter_range=1),
            "connection_timeout": 5,
            "read_timeout": 30,
        }
        if self.connection_string is not None:
            text, own = resolve(self.connection_string), _name(resolve(self.queue), self.display)

            def by_string(name: str | None) -> QueueClient:
                try:
                    return QueueClient.from_connection_string(text, name or own, **client)
                except ValueError:  # its text may show the key
                    raise ConfigError(
                        f"{self.connection_string} holds no connection string",
                        where=self.display,
                        fix="copy it from the storage account's access keys",
                    ) from None

            return by_string
        account_url, own, sas = self._address(options)
        credential = sas or credential_of(options)
        return lambda name: QueueClient(account_url, name or own, credential=credential, **client)

    def _address(self, options: StorageOptions) -> tuple[str, str, str | None]:
        """Give the account's URL, the queue's name, and the SAS that the queue's URL holds."""
        text = resolve(self.queue)
        if "://" not in text:
            return account_url(options, self.display), _name(text, self.display), None
        parts = urlsplit(text)
        account, _, name = parts.path.strip("/").rpartition("/")
        if parts.scheme not in {"https", "http"} or not parts.netloc or "@" in parts.netloc:
            raise _no_queue(self.display)
        if parts.scheme == "http" and not options.allows_http:
            raise ConfigError(
                "the queue is asked without TLS",
                where=self.display,
                fix="write https://, or allow_http=True in storage_options",
            )
        sas = parts.query if "sig" in parse_qs(parts.query) else None
        base = f"{parts.scheme}://{parts.netloc}" + (f"/{account}" if account else "")
        return base, _name(name, self.display), sas


class OpenedAzureQueue:
    """Implements ``OpenedQueue``; the client is thread-safe.

    Args:
        client: Of the queue.
        poison: Of the queue for messages of no known shape.
        where: The queue for messages.
    """

    def __init__(self, client: QueueClient, poison: QueueClient | None, where: str) -> None:
        self._client = client
        self._poison = poison
        self._where = where

    def receive(self, *, wait_s: float, lease_s: float) -> Sequence[Message]:  # noqa: ARG002 - the service cannot wait
        """Take up to 32 messages. Cost: one request, and two for each that is moved away."""
        with self._mapped():
            page = next(
                self._client.receive_messages(
                    messages_per_page=_BATCH, visibility_timeout=max(_seconds(lease_s), 1)
                ).by_page(),
                (),
            )
            messages = [_message(each) for each in page]
        if self._poison is None:
            return messages
        spoilt = {
            each.id: each
            for each in messages
            if each.deliveries > _DELIVERIES
            and any(isinstance(event, Poison) for event in self.events(each))
        }
        for each in spoilt.values():
            with self._mapped(_POISON):
                self._poison.send_message(each.body.decode(errors="replace"), time_to_live=-1)
        self.acknowledge(list(spoilt.values()))
        return [each for each in messages if each.id not in spoilt]

    def events(self, message: Message) -> Sequence[Event]:
        """Read Event Grid's events in a message."""
        return events_of(message.body)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Delete messages. Cost: a request for each, some at a time."""

        def delete(message: Message) -> Message:
            self._client.delete_message(message.id, message.receipt)
            return message

        self._each(messages, delete)

    def extend(self, messages: Sequence[Message], *, lease_s: float) -> Sequence[Message]:
        """Change the visibility of messages. Cost: a request for each, some at a time."""

        def update(message: Message) -> Message:
            changed = self._client.update_message(
                message.id, message.receipt, visibility_timeout=_seconds(lease_s)
            )
            return msgspec.structs.replace(message, receipt=str(changed.pop_receipt))

        return self._each(messages, update)

    def depth(self) -> int | None:
        """Tell about how many messages are on the queue, hidden ones too. Cost: one request."""
        with self._mapped():
            return self._client.get_queue_properties().approximate_message_count

    def facts(self) -> QueueFacts:
        """Tell what is on the queue, hidden or not. Cost: one request, and one for the poison's."""
        with self._mapped():
            count = self._client.get_queue_properties().approximate_message_count
        if self._poison is not None:
            with self._mapped(_POISON):
                self._poison.get_queue_properties()
        has_poison = self._poison is not None
        return QueueFacts(
            waiting=count,
            deliveries=_DELIVERIES if has_poison else None,
            has_dead_letters=has_poison,
        )

    def close(self) -> None:
        """Close the clients' connections."""
        self._client.close()
        if self._poison is not None:
            self._poison.close()

    def _each(
        self, messages: Sequence[Message], act: Callable[[Message], Message]
    ) -> list[Message]:
        """Do something to each message; give those whose lease had not ended."""
        from azure.core.exceptions import HttpResponseError

        def one(message: Message) -> Message | None:
            try:
                with self._mapped():
                    return act(message)
            except (QueueRefusedError, QueueUnavailableError) as error:
                cause = error.__cause__
                if isinstance(cause, HttpResponseError) and _code(cause) in _LEASE_ENDED:
                    return None
                raise

        if not messages:
            return []
        with ThreadPoolExecutor(min(_AT_A_TIME, len(messages)), "lakestream-queue") as pool:
            return [each for each in pool.map(one, messages) if each is not None]

    @contextmanager
    def _mapped(self, which: str = "") -> Iterator[None]:
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        try:
            yield
        except HttpResponseError as error:
            status = error.status_code
            is_refused = (
                isinstance(error, ClientAuthenticationError)
                if status is None
                else status in _REFUSING and status not in _BUSY
            )
            raise self._failure(_code(error), which, is_refused=is_refused) from error
        except AzureError as error:
            raise QueueUnavailableError(
                f"the notification queue did not answer ({type(error).__name__})",
                where=self._where + which,
                fix="files are found by listing until it does",
            ) from error

    def _failure(
        self, code: str, which: str, *, is_refused: bool
    ) -> QueueRefusedError | QueueUnavailableError:
        if is_refused:
            return QueueRefusedError(
                f"the notification queue refused ({code})",
                where=self._where + which,
                fix="check the queue's name and account, and that the credentials may read and"
                " process its messages (Storage Queue Data Message Processor, and Reader for its"
                " length)",
            )
        return QueueUnavailableError(
            f"the notification queue is busy or broken ({code})",
            where=self._where + which,
            fix="files are found by listing until it answers",
        )


def _name(text: str, where: str) -> str:
    if not _NAME.fullmatch(text):
        raise _no_queue(where)
    return text


def _no_queue(where: str) -> ConfigError:
    return ConfigError(
        "not the name or URL of a storage queue",
        where=where,
        fix="write https://<account>.queue.core.windows.net/<queue>",
    )


def _code(error: Any) -> str:  # noqa: ANN401 - the library adds the code at run time
    code = getattr(error, "error_code", None)
    text = str(getattr(code, "value", code) or "")
    return text if text.isalnum() else f"HTTP {error.status_code}"


def _message(found: QueueMessage) -> Message:
    return Message(
        id=found.id,
        receipt=str(found.pop_receipt),
        body=str(found.content).encode(errors="replace"),
        sent_at=found.inserted_on,
        deliveries=found.dequeue_count or 0,
    )


def _seconds(lease_s: float) -> int:
    return min(max(round(lease_s), 0), _LONGEST_LEASE_S)
