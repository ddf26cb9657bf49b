"""Spark's option texts as typed values. Each raises ``ValueError`` that says what is wanted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from lakestream.sources.files.notifications.azure_queue import AzureStorageQueue
    from lakestream.sources.files.notifications.pubsub import PubSubSubscription
    from lakestream.sources.files.notifications.sqs import SqsQueue
    from lakestream.storage.location import EnvPath


def text(value: str) -> str:
    """Take it as it stands."""
    return value


def switch(value: str) -> bool:
    """Read ``true`` or ``false``, whatever the case."""
    found = {"true": True, "false": False}.get(value.strip().lower())
    if found is None:
        raise ValueError("true or false")
    return found


def switch_or_auto(value: str) -> bool | Literal["auto"]:
    """Read ``true``, ``false`` or ``auto``, whatever the case."""
    found = {"true": True, "false": False}.get(value.strip().lower(), value.strip().lower())
    if found not in (True, False, "auto"):
        raise ValueError("true, false or auto")
    return cast('bool | Literal["auto"]', found)


def number(value: str) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        raise ValueError("a whole number")
    return int(value)


def fraction(value: str) -> float:
    """Read a number with a point."""
    if not re.fullmatch(r"\s*\d{0,9}\.?\d{1,9}\s*", value):
        raise ValueError("a number")
    return float(value)


def size(value: str) -> int | str:
    """Read bytes, ``"10g"`` among them; the option itself checks the text."""
    return int(value) if re.fullmatch(r"\d{1,18}", value) else value


def character(value: str) -> str | None:
    r"""Read a character; Spark writes ``\u0000`` where there is to be none."""
    return None if value in {"", "\0", "\\0", "\\u0000"} else value


def snake_case(value: str) -> str:
    """Read a choice that Spark writes ``addNewColumns`` and lakestream ``add_new_columns``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value.strip()).lower()


def lower(value: str) -> str:
    """Read a choice that lakestream writes in lower case."""
    return value.strip().lower()


def mapping(value: str) -> dict[str, str]:
    """Read a JSON object of texts."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("a JSON object of texts")
    return found


def sqs_queue(value: str | EnvPath) -> SqsQueue:
    """Take it as the URL of an SQS queue."""
    from lakestream.sources.files.notifications.sqs import SqsQueue

    return SqsQueue(value)


def azure_queue(value: str | EnvPath) -> AzureStorageQueue:
    """Take it as the name or URL of an Azure storage queue."""
    from lakestream.sources.files.notifications.azure_queue import AzureStorageQueue

    return AzureStorageQueue(value)


def subscription(value: str) -> PubSubSubscription:
    """Take it as the name of a Pub/Sub subscription."""
    from lakestream.sources.files.notifications.pubsub import PubSubSubscription

    return PubSubSubscription(value)
