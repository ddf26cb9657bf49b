"""Notifications of S3 through Amazon SQS (or a server that speaks its protocol)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.base import Event, Message, QueueFacts, identity_of
from lakestream.sources.files.notifications.messages_s3 import events_of
from lakestream.storage.location import EnvPath, display, resolve

if TYPE_CHECKING:
    from lakestream.storage.options import StorageOptions

#: The service's greatest batch, of receiving as of deleting.
_BATCH: Final = 10
_LONGEST_WAIT_S: Final = 20
_LONGEST_LEASE_S: Final = 43_200
_THROTTLED: Final = frozenset({
    "OverLimit", "RequestThrottled", "RequestThrottledException", "SlowDown", "Throttling",
    "ThrottlingException", "TooManyRequestsException", "KmsThrottled",
    "KMS.ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable",
})  # fmt: skip
_REFUSING: Final = range(400, 500)
_BUSY: Final = frozenset({408, 429})
_REGION: Final = re.compile(r"(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.(?:queue\.)?(?:api\.)?amazonaws")


class SqsQueue(msgspec.Struct, frozen=True):
    """An Amazon SQS queue that S3's events come through: raw, from SNS, or from EventBridge.

    Args:
        url: The queue's URL; ``ls.env`` may stand for it. Region, credentials and ``allow_http``
            come from the ``storage_options`` of the files; the region of the URL comes first.
    """

    url: str | EnvPath

    @property
    def display(self) -> str:
        """The queue for people."""
        return f"sqs[{display(self.url)}]"

    @property
    def identity(self) -> str:
        """The queue, told apart from another one that its variable stood for."""
        return identity_of(self.display, self.url)

    @property
    def schemes(self) -> frozenset[str]:
        """``s3``."""
        return frozenset({"s3"})

    def open(self, options: StorageOptions) -> OpenedSqsQueue:
        """Connect to the queue.

        Raises:
            ConfigError: boto3 is not installed, or the URL is none.
            EnvironmentNotSetError: A variable is not set.

        Cost: no request.
        """
        url = resolve(self.url)
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.netloc or not parts.path.strip("/"):
            raise ConfigError(
                "not the URL of an SQS queue",
                where=self.display,
                fix="write https://sqs.<region>.amazonaws.com/<account>/<queue>",
            )
        if parts.scheme == "http" and not options.allows_http:
            raise ConfigError(
                "the queue is asked without TLS",
                where=self.display,
                fix="write https://, or allow_http=True in storage_options",
            )
        named = _REGION.search(parts.netloc)
        arguments = options.for_boto3() | ({"region_name": named[1]} if named else {})
        return OpenedSqsQueue(
            _client(f"{parts.scheme}://{parts.netloc}", arguments), url, self.display
        )


class OpenedSqsQueue:
    """Implements ``OpenedQueue``; the client is thread-safe.

    Args:
        client: boto3's.
        url: The queue's URL.
        where: The queue for messages.
    """

    def __init__(self, client: Any, url: str, where: str) -> None:  # noqa: ANN401 - boto3 makes its classes at run time
        self._client = client
        self._url = url
        self._where = where

    def receive(self, *, wait_s: float, lease_s: float) -> Sequence[Message]:
        """Take up to ten messages. Cost: one request."""
        with self._mapped():
            reply = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=min(round(wait_s), _LONGEST_WAIT_S),
                VisibilityTimeout=_seconds(lease_s),
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        return [_message(each) for each in reply.get("Messages", ())]

    def events(self, message: Message) -> Sequence[Event]:
        """Read S3's events in a message."""
        return events_of(message.body)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Delete messages. Cost: one request for ten."""
        for batch in _tens(messages):
            entries = [
                {"Id": str(at), "ReceiptHandle": each.receipt} for at, each in enumerate(batch)
            ]
            with self._mapped():
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def extend(self, messages: Sequence[Message], *, lease_s: float) -> Sequence[Message]:
        """Change the visibility of messages. Cost: one request for ten."""
        kept: list[Message] = []
        for batch in _tens(messages):
            entries = [
                {
                    "Id": str(at),
                    "ReceiptHandle": each.receipt,
                    "VisibilityTimeout": _seconds(lease_s),
                }
                for at, each in enumerate(batch)
            ]
            with self._mapped():
                reply = self._client.change_message_visibility_batch(
                    QueueUrl=self._url, Entries=entries
                )
            kept += [batch[int(each["Id"])] for each in reply.get("Successful", ())]
        return kept

    def depth(self) -> int | None:
        """Tell about how many messages wait. Cost: one request."""
        with self._mapped():
            reply = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(reply["Attributes"]["ApproximateNumberOfMessages"])

    def facts(self) -> QueueFacts:
        """Tell how the queue is made and what waits in it. Cost: one request."""
        with self._mapped():
            told = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])
        found = told["Attributes"]
        redrive = json.loads(found.get("RedrivePolicy", "{}"))
        return QueueFacts(
            waiting=int(found["ApproximateNumberOfMessages"]),
            taken=int(found["ApproximateNumberOfMessagesNotVisible"]),
            lease_s=int(found["VisibilityTimeout"]),
            retention_s=int(found["MessageRetentionPeriod"]),
            deliveries=int(redrive["maxReceiveCount"]) if redrive else None,
            has_dead_letters=bool(redrive),
        )

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        from botocore.exceptions import (  # type: ignore[import-untyped] # it has none
            BotoCoreError,
            ClientError,
            CredentialRetrievalError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        try:
            yield
        except ClientError as error:
            raise self._of_reply(error.response) from error
        except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
            raise QueueRefusedError(
                "there are no credentials for the notification queue",
                where=self._where,
                fix="give them in storage_options, or by one of AWS's usual ways",
            ) from error
        except BotoCoreError as error:
            raise QueueUnavailableError(
                f"the notification queue did not answer ({type(error).__name__})",
                where=self._where,
                fix="files are found by listing until it does",
            ) from error

    def _of_reply(
        self,
        response: Any,  # noqa: ANN401 - a tree of JSON
    ) -> QueueRefusedError | QueueUnavailableError:
        """Tell a refusal from a service that is busy or broken."""
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        shown = code if code.replace(".", "").replace("_", "").isalnum() else f"HTTP {status}"
        if status in _REFUSING and status not in _BUSY and code not in _THROTTLED:
            return QueueRefusedError(
                f"the notification queue refused ({shown})",
                where=self._where,
                fix="check the queue's URL and region, and that the credentials may"
                " sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and"
                " sqs:GetQueueAttributes",
            )
        return QueueUnavailableError(
            f"the notification queue is busy or broken ({shown})",
            where=self._where,
            fix="files are found by listing until it answers",
        )


def _client(endpoint: str, arguments: dict[str, str]) -> Any:  # noqa: ANN401 - as above
    try:
        import boto3  # type: ignore[import-untyped] # it has none
        from botocore.config import Config  # type: ignore[import-untyped] # it has none
    except ImportError as error:
        raise ConfigError(
            "notifications through SQS need boto3",
            where="read_files(notifications=ls.SqsQueue(...))",
            fix="pip install 'lakestream[aws]'",
        ) from error
    session = boto3.session.Session()
    # Servers that speak the protocol have no region, but boto3 wants a name.
    region = arguments.get("region_name") or session.region_name or "us-east-1"
    return session.client(
        "sqs",
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=5,
            read_timeout=_LONGEST_WAIT_S + 10,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=64,
        ),
        **(arguments | {"region_name": region}),
    )


def _message(reply: Any) -> Message:  # noqa: ANN401 - a tree of JSON
    attributes = reply.get("Attributes", {})
    sent = attributes.get("SentTimestamp")
    return Message(
        id=reply["MessageId"],
        receipt=reply["ReceiptHandle"],
        body=reply["Body"].encode(errors="replace"),
        sent_at=None if sent is None else datetime.fromtimestamp(int(sent) / 1000, UTC),
        deliveries=int(attributes.get("ApproximateReceiveCount", 0)),
    )


def _seconds(lease_s: float) -> int:
    return min(max(round(lease_s), 0), _LONGEST_LEASE_S)


def _tens(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), _BATCH):
        yield messages[start : start + _BATCH]
