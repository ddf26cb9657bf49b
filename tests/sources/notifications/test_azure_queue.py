"""An Azure storage queue as discovery uses it, on azurite's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from support.azure_events import AzureLake, event
from support.azurite import ACCOUNT, KEY, AzuriteServer

import lakestream as ls
from lakestream.errors import ConfigError, QueueRefusedError, QueueUnavailableError
from lakestream.sources.files.notifications.azure_queue import AzureStorageQueue, OpenedAzureQueue
from lakestream.sources.files.notifications.base import Message
from lakestream.sources.files.notifications.leases import Leases
from lakestream.storage.options import StorageOptions


def opened(queue: AzureStorageQueue, **options: str) -> OpenedAzureQueue:
    return queue.open(StorageOptions.of(options, where="test"))


def received(queue: OpenedAzureQueue, *, lease_s: float = 30) -> list[Message]:
    found: list[Message] = []
    while batch := queue.receive(wait_s=0, lease_s=lease_s):
        found += batch
    return found


@pytest.fixture
def lake(azurite_server: AzuriteServer) -> AzureLake:
    return AzureLake(azurite_server)


@pytest.fixture
def queue(lake: AzureLake) -> Iterator[OpenedAzureQueue]:
    found = opened(AzureStorageQueue(lake.queue), **lake.options)
    yield found
    found.close()


def test_messages_when_received_then_hidden_until_acknowledged(
    lake: AzureLake, queue: OpenedAzureQueue
) -> None:
    lake.send(*(f"<{number}>" for number in range(40)))
    assert queue.depth() == 40
    first = queue.receive(wait_s=0, lease_s=30)
    assert len(first) == 32
    messages = [*first, *received(queue)]
    assert sorted(int(each.body[1:-1]) for each in messages) == list(range(40))
    assert all(each.deliveries == 1 and each.sent_at is not None for each in messages)
    assert not received(queue)
    queue.acknowledge(messages[:38])
    assert queue.depth() == 2
    kept = queue.extend(messages[38:], lease_s=0)
    assert [each.id for each in kept] == [each.id for each in messages[38:]]
    again = received(queue)
    assert {each.id: each.body for each in again} == {each.id: each.body for each in messages[38:]}
    queue.acknowledge(messages)  # acknowledged already, or by an older receipt
    assert queue.extend(messages, lease_s=5) == []
    queue.acknowledge([])
    assert queue.depth() == 2


def test_lease_when_work_takes_longer_then_messages_stay_hidden_and_receipts_are_new(
    lake: AzureLake, queue: OpenedAzureQueue
) -> None:
    lake.send("a", "b")
    with Leases(queue, 2) as leases:
        before = received(queue, lease_s=2)
        leases.hold(before)
        while {each.receipt for each in leases.held()} & {each.receipt for each in before}:
            assert not queue.receive(wait_s=0, lease_s=30)
        queue.acknowledge(leases.release([each.id for each in leases.held()]))
    assert queue.depth() == 0


def test_message_of_no_known_shape_when_it_came_five_times_then_moved_away(lake: AzureLake) -> None:
    poison = lake.make_queue(f"{lake.bucket}-poison")
    queue = opened(
        AzureStorageQueue(lake.queue, poison_queue=f"{lake.bucket}-poison"), **lake.options
    )
    good = json.dumps(event("in/a.json"))
    lake.send("no event", good)
    for _ in range(5):
        messages = received(queue)
        assert len(messages) == 2
        queue.extend(messages, lease_s=0)
    (left,) = received(queue)
    assert left.body == good.encode()
    assert queue.depth() == 1
    (moved,) = received(opened(AzureStorageQueue(poison), **lake.options))
    assert moved.body == b"no event"


def test_queue_when_there_is_none_then_refused_and_when_down_then_unavailable(
    lake: AzureLake,
) -> None:
    missing = opened(AzureStorageQueue(f"{lake.queue}-misspelt"), **lake.options)
    with pytest.raises(QueueRefusedError, match="QueueNotFound"):
        missing.depth()
    with pytest.raises(QueueRefusedError, match="QueueNotFound"):
        missing.receive(wait_s=0, lease_s=30)
    down = opened(AzureStorageQueue("http://127.0.0.1:9/devstoreaccount1/que"), **lake.options)
    with pytest.raises(QueueUnavailableError, match="did not answer"):
        down.receive(wait_s=0, lease_s=30)


def test_credentials_when_given_by_the_options_then_taken(
    lake: AzureLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.storage.queue import AccountSasPermissions, ResourceTypes, generate_account_sas

    sas = generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(object=True, service=True, container=True),
        AccountSasPermissions(read=True, process=True, update=True, delete=True, list=True),
        expiry="2036-01-01",
    )  # fmt: skip
    lake.send("a")
    plain = AzureStorageQueue(lake.queue)
    by_key = opened(plain, account_name=ACCOUNT, account_key=KEY, allow_http="true")
    assert by_key.depth() == 1
    assert opened(plain, sas_key=sas, allow_http="true").depth() == 1
    monkeypatch.setenv("QUEUE", f"{lake.queue}?{sas}")
    assert opened(AzureStorageQueue(ls.env("QUEUE")), allow_http="true").depth() == 1
    monkeypatch.setenv("STRING", lake.server.connection_string)
    named = AzureStorageQueue(lake.bucket, connection_string=ls.env("STRING"))
    assert opened(named).depth() == 1
    monkeypatch.setenv("AZURITE_QUEUE_STORAGE_URL", lake.server.queue_endpoint.rpartition("/")[0])
    assert opened(AzureStorageQueue(lake.bucket), **lake.options).depth() == 1
    wrong = opened(plain, account_name=ACCOUNT, account_key="a2V5", allow_http="true")
    with pytest.raises(QueueRefusedError, match="refused"):
        wrong.depth()
    monkeypatch.setenv("STRING", f"AccountKey={KEY}")
    with pytest.raises(ConfigError, match="holds no connection string") as found:
        opened(named)
    assert str(found.value).startswith("[LS-CONF-001] $STRING holds")
    assert KEY not in str(found.value)
    assert found.value.__cause__ is None


def test_account_when_named_then_its_queue_and_when_not_then_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = opened(AzureStorageQueue("orders"), account_name="corplake", account_key=KEY)
    assert found._client.url == "https://corplake.queue.core.windows.net/orders"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match="needs the storage account"):
        opened(AzureStorageQueue("orders"), account_key=KEY)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "corplake")
    found = opened(AzureStorageQueue("orders"), account_key=KEY)
    assert found._client.url == "https://corplake.queue.core.windows.net/orders"


def test_login_when_nothing_is_given_then_azures_usual_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    for name in ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_KEY"):
        monkeypatch.delenv(name, raising=False)
    queue = AzureStorageQueue("https://corplake.queue.core.windows.net/orders")
    assert isinstance(opened(queue)._client.credential, DefaultAzureCredential)
    secret = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}
    assert isinstance(opened(queue, **secret)._client.credential, ClientSecretCredential)
    token = opened(queue, token="abc")._client.credential  # noqa: S106 - no token at all
    assert token.get_token("https://storage.azure.com/.default").token == "abc"  # noqa: S105 - as above


@pytest.mark.parametrize(
    "name",
    ["", "ab", "Orders", "-orders", "a--b", "a" * 64, "a/b", "https://", "ftp://h/que",
     "https://corplake.queue.core.windows.net", "https://user:secret@host/queue"],
)  # fmt: skip
def test_name_when_it_is_none_then_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not the name or URL of a storage queue") as found:
        opened(AzureStorageQueue(name), account_name="corplake", account_key=KEY)
    assert "secret" not in str(found.value)


def test_url_without_tls_when_not_allowed_then_refused() -> None:
    with pytest.raises(ConfigError, match="without TLS"):
        opened(AzureStorageQueue("http://host/queue"), account_key=KEY)


@pytest.mark.parametrize(
    "arguments",
    [{"queue": "https://h/q?sig=abc"}, {"queue": "q", "connection_string": "AccountKey=abc"}],
)
def test_secret_when_written_into_the_code_then_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="is a secret") as found:
        AzureStorageQueue(**arguments)  # type: ignore[arg-type] # what is refused
    assert "abc" not in str(found.value)


def test_library_when_missing_then_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "azure.storage.queue", None)
    with pytest.raises(ConfigError, match=r"lakestream\[azure\]"):
        opened(AzureStorageQueue("orders"))
