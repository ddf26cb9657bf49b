"""A Pub/Sub subscription as discovery uses it, on a double and on Google's emulator."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.event_pipeline import EventPipeline
from support.gcs_events import GcsLake, attributes, message
from support.spoilt_events import read_once

import lakestream as ls
from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.base import FileEvent, Message
from lakestream.sources.files.notifications.google_login import credentials_of
from lakestream.sources.files.notifications.pubsub import OpenedSubscription, PubSubSubscription
from lakestream.storage.options import StorageOptions

NAME = "projects/tests/subscriptions/orders"


def opened(name: str, **options: str) -> OpenedSubscription:
    return PubSubSubscription(name).open(StorageOptions.of(options, where="test"))


def received(queue: OpenedSubscription, *, lease_s: float = 30) -> list[Message]:
    found: list[Message] = []
    while batch := queue.receive(wait_s=1, lease_s=lease_s):
        found += batch
    return found


@pytest.fixture
def queue(gcs_lake: GcsLake) -> Iterator[OpenedSubscription]:
    found = opened(gcs_lake.queue)
    yield found
    found.close()


def test_messages_when_received_then_hidden_until_acknowledged(
    gcs_lake: GcsLake, queue: OpenedSubscription
) -> None:
    gcs_lake.send(*(message(str(number).encode(), {"n": "x"}) for number in range(150)))
    assert queue.depth() is None
    messages = received(queue)
    assert sorted(int(each.body) for each in messages) == list(range(150))
    assert all(each.attributes == {"n": "x"} and each.sent_at is not None for each in messages)
    queue.acknowledge(messages[:148])
    assert queue.extend(messages[148:], lease_s=0) == messages[148:]
    again = received(queue)
    assert {each.id for each in again} == {each.id for each in messages[148:]}
    queue.acknowledge([*messages, *again])
    queue.acknowledge([])
    assert not received(queue)


def test_object_when_put_then_its_message_names_it(
    gcs_lake: GcsLake, queue: OpenedSubscription
) -> None:
    gcs_lake.put("in/day=1/a b+c%20é.json", b"{}")
    (found,) = [event for each in received(queue) for event in queue.events(each)]
    assert isinstance(found, FileEvent)
    assert found.key == f"{gcs_lake.folder}/in/day=1/a b+c%20é.json"


def test_queue_when_there_is_none_then_refused_and_when_down_then_unavailable(
    gcs_lake: GcsLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = opened(f"{gcs_lake.queue}-misspelt")
    with pytest.raises(QueueRefusedError, match="HTTP 404"):
        missing.depth()
    with pytest.raises(QueueRefusedError, match="HTTP 404"):
        missing.receive(wait_s=0, lease_s=30)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(QueueUnavailableError, match="did not answer"):
        opened(NAME).receive(wait_s=1, lease_s=30)


def test_d3_gcs_events_when_spoilt_and_runs_killed_then_each_file_is_read_once(
    gcs_lake: GcsLake, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pipeline = EventPipeline(tmp_path, gcs_lake, random.Random(5))  # noqa: S311 - what is spoilt
    read_once(pipeline, f"pubsub ({request.node.callspec.id})", push=100)


def test_event_of_another_bucket_when_received_then_never_asked_for(
    gcs_lake: GcsLake, tmp_path: Path
) -> None:
    pipeline = EventPipeline(tmp_path, gcs_lake, random.Random(5))  # noqa: S311 - as above
    pipeline.table().run()
    name = f"{gcs_lake.folder}/in/a.json"
    gcs_lake.send(message(b"", attributes(name, bucket="another")), queue=pipeline.queue)
    assert pipeline.table().run() == []
    assert received(opened(pipeline.queue)) == []


def test_login_when_nothing_is_given_and_nobody_is_logged_in_then_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(QueueRefusedError, match="no credentials"):
        opened(NAME).depth()


def test_credentials_when_given_by_the_options_then_taken(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = json.dumps(
        {
            "type": "service_account",
            "client_email": "a@b.c",
            "private_key": pem.decode(),
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )
    file = tmp_path / "key.json"
    file.write_text(key)
    assert credentials_of({"google_bearer_token": "abc"}).token == "abc"  # noqa: S105 - no token at all
    for options in ({"google_service_account_key": key}, {"google_service_account": str(file)},
                    {"google_application_credentials": str(file)}):  # fmt: skip
        assert credentials_of(options).service_account_email == "a@b.c"
    file.write_text('{"private_key": "s3cret"}')
    for options in ({"google_service_account_key": "s3cret"}, {"google_service_account": str(file)},
                    {"google_application_credentials": str(tmp_path / "none")}):  # fmt: skip
        with pytest.raises(ConfigError, match="cannot be read") as found:
            credentials_of(options)
        assert "s3cret" not in str(found.value)


@pytest.mark.parametrize(
    "name",
    ["", "orders", "projects/p/topics/orders", "projects/tests/subscriptions/a/b", f"{NAME}?a"],
)
def test_name_when_it_is_none_then_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not the name of a Pub/Sub subscription"):
        opened(name)


def test_name_from_the_environment_when_shown_then_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORDERS", NAME)
    found = PubSubSubscription(ls.env("ORDERS"))
    assert found.display == "pubsub[$ORDERS]"
    assert found.open(StorageOptions()) is not None


def test_library_when_missing_then_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "google.auth.transport.requests", None)
    with pytest.raises(ConfigError, match=r"lakestream\[gcp\]"):
        opened(NAME)
