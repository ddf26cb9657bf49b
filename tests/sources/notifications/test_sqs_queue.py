from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support.aws_events import WIRINGS, EventLake, Wiring

import lakestream as ls
from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.base import FileEvent, Message
from lakestream.sources.files.notifications.leases import Leases
from lakestream.sources.files.notifications.sqs import OpenedSqsQueue, SqsQueue
from lakestream.storage.options import StorageOptions


def open_queue(lake: EventLake, url: str | None = None, **changes: str) -> OpenedSqsQueue:
    options = StorageOptions.of({**lake.options, **changes}, where="test")
    return SqsQueue(url or lake.queue).open(options)


def received(queue: OpenedSqsQueue, *, lease_s: float = 30) -> list[Message]:
    found: list[Message] = []
    while batch := queue.receive(wait_s=0, lease_s=lease_s):
        found += batch
    return found


@pytest.fixture
def lake(moto_server: Any) -> EventLake:
    return EventLake(moto_server.endpoint, moto_server.options, wiring=None)


@pytest.fixture
def queue(lake: EventLake) -> Iterator[OpenedSqsQueue]:
    opened = open_queue(lake)
    yield opened
    opened.close()


@pytest.mark.parametrize("wiring", WIRINGS)
def test_object_when_put_then_its_message_names_it(moto_server: Any, wiring: Wiring) -> None:
    lake = EventLake(moto_server.endpoint, moto_server.options, wiring=wiring)
    key = "in/day=2026-11-20/a b+c%20é.json"
    lake.put(key, b"{}")
    queue = open_queue(lake)
    events = [each for message in received(queue) for each in queue.events(message)]
    (file,) = [each for each in events if isinstance(each, FileEvent)]
    assert (file.bucket, file.key) == (lake.bucket, key)
    assert file.happened_at is not None
    assert file.happened_at.tzinfo is not None


def test_messages_when_received_then_hidden_until_acknowledged(
    lake: EventLake, queue: OpenedSqsQueue
) -> None:
    lake.send(*(str(number) for number in range(25)))
    assert queue.depth() == 25
    messages = received(queue)
    assert sorted(int(each.body) for each in messages) == list(range(25))
    assert lake.counts() == (0, 25)
    assert all(each.deliveries == 1 and each.sent_at is not None for each in messages)
    queue.acknowledge(messages[:23])
    assert lake.counts() == (0, 2)
    assert {each.id for each in queue.extend(messages[23:], lease_s=0)} == {
        each.id for each in messages[23:]
    }
    again = received(queue)
    assert {each.id for each in again} == {each.id for each in messages[23:]}
    assert all(each.deliveries == 2 for each in again)
    queue.acknowledge(messages)  # acknowledged already, or by an older receipt
    queue.acknowledge([])


def test_lease_when_work_takes_longer_then_messages_stay_hidden(
    lake: EventLake, queue: OpenedSqsQueue
) -> None:
    lake.send("a", "b")
    with Leases(queue, 2) as leases:
        leases.hold(received(queue, lease_s=2))
        assert len(leases) == 2
        assert not queue.receive(wait_s=4, lease_s=30)  # longer than the lease
        first, _ = leases.held()
        (released,) = leases.release([first.id])
        queue.acknowledge([released])
        assert leases.release([first.id]) == []
    assert lake.counts()[1] == 1


def test_queue_when_there_is_none_then_refused_and_when_down_then_unavailable(
    lake: EventLake,
) -> None:
    with pytest.raises(QueueRefusedError, match="refused"):
        open_queue(lake, f"{lake.queue}-misspelt").depth()
    with pytest.raises(QueueUnavailableError, match="did not answer"):
        open_queue(lake, "http://127.0.0.1:9/1/q").receive(wait_s=0, lease_s=30)


def test_credentials_when_there_are_none_then_refused(
    lake: EventLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    opened = SqsQueue(lake.queue).open(StorageOptions.of({"allow_http": True}, where="test"))
    with pytest.raises(QueueRefusedError, match="no credentials"):
        opened.depth()


@pytest.mark.parametrize(
    "url", ["", "queue", "arn:aws:sqs:eu-west-1:1:q", "https://host", "ftp://h/q"]
)
def test_url_when_it_is_none_then_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not the URL of an SQS queue"):
        SqsQueue(url).open(StorageOptions())


def test_url_without_tls_when_not_allowed_then_refused() -> None:
    with pytest.raises(ConfigError, match="without TLS"):
        SqsQueue("http://host/1/q").open(StorageOptions())


def test_url_from_the_environment_when_shown_then_by_name(
    lake: EventLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = SqsQueue(ls.env("ORDERS_QUEUE"))
    monkeypatch.setenv("ORDERS_QUEUE", lake.queue)
    assert queue.display == "sqs[$ORDERS_QUEUE]"
    assert queue.open(StorageOptions.of(lake.options, where="test")).depth() == 0


@pytest.mark.parametrize(
    ("url", "region"),
    [("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"),
     ("https://us-gov-west-1.queue.amazonaws.com/1/q", "us-gov-west-1"),
     ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
     ("https://sqs.corp.example/1/q", "ap-south-1")],
)  # fmt: skip
def test_region_when_the_url_names_it_then_taken_from_there(url: str, region: str) -> None:
    options = StorageOptions.of({"aws_region": "ap-south-1"}, where="test")
    opened = SqsQueue(url).open(options)
    assert opened._client.meta.region_name == region


def test_boto3_when_missing_then_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"lakestream\[aws\]"):
        SqsQueue("https://sqs.eu-west-1.amazonaws.com/1/q").open(StorageOptions())
