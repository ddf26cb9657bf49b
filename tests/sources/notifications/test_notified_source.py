"""The file source fed by a real SQS server: what is recorded, acknowledged and left."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.aws_events import WIRINGS, EventLake, Wiring
from support.files_source import FilesPipe

import lakestream as ls
from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import AccessDeniedError, QueueRefusedError
from lakestream.sources.base import DiscoveryFilter
from lakestream.sources.files.ledger_rows import values
from lakestream.sources.files.notifications import receiver
from lakestream.sources.files.notifications.base import Message
from lakestream.sources.files.notifications.sqs import OpenedSqsQueue, SqsQueue
from lakestream.sources.files.reader import FilesReader
from lakestream.testing import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.fault_script import ALWAYS
from lakestream.testing.http_exchange import Exchange
from lakestream.testing.http_faults import HttpFault, answers, loses_reply, resets


@dataclass
class ShiftedClock:
    """The real clock, moved."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return SYSTEM_CLOCK.now() + self.by

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic()

    def sleep(self, seconds: float) -> None:
        SYSTEM_CLOCK.sleep(seconds)


class Notified(FilesPipe):
    """A file source over a bucket whose events come to a queue."""

    def __init__(self, root: Path, lake: EventLake, **options: Any) -> None:
        self.lake = lake
        self.queue = SqsQueue(lake.queue)
        super().__init__(
            root,
            options={
                "format": "json",
                "schema": "id BIGINT",
                "storage_options": lake.options,
                "notifications": self.queue,
                **options,
            },
            path=lake.landing,
        )

    def put(self, name: str, number: int = 0) -> None:
        self.lake.put(f"in/{name}", f'{{"id": {number}}}\n'.encode())

    def discover(self, **options: Any) -> FilesReader:
        reader = self.open(**options)
        reader.discover()
        return reader


def known(reader: FilesReader) -> dict[str, str]:
    """Give each known key and how it became known; each must be there once."""
    found: Counter[tuple[str, str]] = Counter()
    for batch in reader.known_files():
        found.update(zip(values(batch, "key"), values(batch, "via"), strict=True))
    assert set(found.values()) <= {1}
    assert len({key for key, _ in found}) == len(found)
    return dict(found.keys())


def metrics(reader: FilesReader) -> dict[str, int | str]:
    start = reader.initial()
    found = reader.metrics(start, reader.latest(start))
    return {name: int(text) if text.isdigit() else text for name, text in found.items()}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test server knows at once whether there is a message."""
    monkeypatch.setattr(receiver, "_WAIT_S", 0.0)


@pytest.fixture
def lake(moto_server: Any) -> EventLake:
    return EventLake(moto_server.endpoint, moto_server.options)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_files_when_announced_then_each_is_read_once(
    moto_server: Any, tmp_path: Path, wiring: Wiring
) -> None:
    lake = EventLake(moto_server.endpoint, moto_server.options, wiring=wiring)
    pipe = Notified(tmp_path, lake)
    pipe.put("old.json", 0)
    assert known(pipe.discover()) == {"old.json": "listing"}
    for number in range(1, 13):
        pipe.put(f"day={number % 3}/a b+{number}.json", number)
    reader = pipe.open()
    assert sorted(row["id"] for row in pipe.all_rows(reader)) == list(range(13))
    assert Counter(known(reader).values()) == {"listing": 1, "notification": 12}
    assert lake.counts() == (0, 0)
    counts = metrics(reader)
    assert counts["numFilesFoundByNotification"] == 12
    assert counts["numFilesFoundByBackfill"] == 0
    assert counts["approximateQueueSize"] == 0
    assert int(counts["numNotificationsReceived"]) >= 12  # some ways tell twice


def test_d1_notification_when_it_comes_again_then_its_file_is_not_read_again(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    pipe.put("a.json", 1)
    bodies = [lake.event("in/a.json")] * 3
    lake.send(*bodies)
    reader = pipe.open()
    assert len(pipe.all_rows(reader)) == 1
    lake.send(*bodies)  # days later
    assert known(pipe.discover()) == {"a.json": "notification"}
    assert lake.counts() == (0, 0)


@pytest.mark.parametrize("versions", [False, True])
def test_d1_file_when_listed_and_announced_then_it_is_one(
    lake: EventLake, tmp_path: Path, *, versions: bool
) -> None:
    pipe = Notified(tmp_path, lake, allow_overwrites=versions)
    pipe.put("a.json", 1)
    assert pipe.discover(notifications=None).backlog(pipe.open().initial()).files == 1
    reader = pipe.discover()
    assert known(reader) == {"a.json": "listing"}
    assert metrics(reader)["numNotificationsDuplicate"] == 1
    assert lake.counts() == (0, 0)


def test_overwritten_file_when_announced_then_its_new_version_is_read(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, allow_overwrites=True)
    pipe.discover()
    pipe.put("a.json", 1)
    assert len(pipe.all_rows(pipe.open())) == 1
    pipe.put("a.json", 22)
    reader = pipe.open()
    reader.discover()
    assert sum(batch.num_rows for batch in reader.known_files()) == 2
    lake.send(lake.event("in/a.json"))
    reader.discover()
    assert sum(batch.num_rows for batch in reader.known_files()) == 2


def test_d2_lost_notification_when_a_listing_is_due_then_found_and_reported(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, backfill_interval="1 hour")
    pipe.discover()
    for number in range(4):
        pipe.put(f"{number}.json", number)
    kept = lake.take()[0]
    lake.send(kept)
    soon = pipe.discover(clock=ShiftedClock(timedelta(minutes=59)))
    assert list(known(soon).values()) == ["notification"]
    late = pipe.discover(clock=ShiftedClock(timedelta(minutes=61)))
    assert Counter(known(late).values()) == {"notification": 1, "backfill": 3}
    counts = metrics(late)
    assert counts["numFilesFoundByBackfill"] == 3
    assert int(counts["lastBackfillFinishTimeMs"]) >= int(counts["lastBackfillStartTimeMs"]) > 0
    assert 60 * 60_000 < int(counts["discoveryLagMsMax"]) < 62 * 60_000
    pipe.put("5.json", 5)
    lake.take()
    again = pipe.discover(clock=ShiftedClock(timedelta(minutes=62)))
    assert "5.json" not in known(again)  # listed a minute ago


def test_d2_lost_notification_when_the_clock_was_ahead_then_found_all_the_same(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, backfill_interval="1 hour")
    pipe.discover(clock=ShiftedClock(timedelta(days=365)))
    lake.put("in/a.json", b'{"id": 1}\n')
    lake.take()
    clock = ShiftedClock(timedelta(minutes=2))
    assert known(pipe.discover(clock=clock)) == {"a.json": "backfill"}
    lake.put("in/b.json", b'{"id": 1}\n')
    lake.take()
    assert "b.json" not in known(pipe.discover())  # two minutes are no hour, also backwards


def test_d2_lost_notification_when_backfill_is_off_then_not_looked_for(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, backfill_interval=None)
    pipe.discover()
    pipe.put("a.json", 1)
    lake.take()
    assert known(pipe.discover(clock=ShiftedClock(timedelta(days=400)))) == {}


def test_d3_notifications_when_out_of_order_and_late_then_all_files_come(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    for number in range(30):
        pipe.put(f"{number:02d}.json", number)
    bodies = lake.take()
    lake.send(*reversed(bodies[:20]))
    assert len(known(pipe.discover())) == 20
    lake.send(*reversed(bodies[20:]))
    rows = pipe.all_rows(pipe.open())
    assert sorted(row["id"] for row in rows) == list(range(30))


def test_d4_messages_of_others_when_received_then_acknowledged_counted_and_never_fetched(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, path_glob_filter="*.json")
    pipe.discover()
    lake.send(
        lake.event("in/a.json", bucket="another-bucket"),
        lake.event("elsewhere/a.json"),
        lake.event("in/../in/a.json"),
        lake.event("in/a.csv"),
        lake.event("in/_hidden/a.json"),
        lake.event("in/a.json", name="ObjectRemoved:Delete"),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    )
    reader = pipe.discover()
    assert known(reader) == {}
    counts = metrics(reader)
    assert counts["numNotificationsForeign"] == 3
    assert counts["numNotificationsFiltered"] == 2
    assert counts["numNotificationsIgnored"] == 2
    assert lake.counts() == (0, 0)


def test_x5_message_when_it_leads_to_another_place_then_only_the_declared_root_is_asked(
    lake: EventLake, tmp_path: Path
) -> None:
    other = EventLake(lake.endpoint, lake.options, wiring=None)
    other.put("in/secret.json", b'{"id": 666}')
    lake.put("secret.json", b'{"id": 666}')
    lake.take()
    lake.send(
        lake.event("in/secret.json", bucket=other.bucket),
        lake.event("secret.json"),
        lake.event("in/../secret.json"),
        lake.event(f"in/../../{other.bucket}/in/secret.json"),
        lake.event("latest/meta-data", bucket="169.254.169.254"),
        lake.event("etc/passwd", bucket="file://"),
        lake.event(f"{lake.endpoint}/{other.bucket}/in/secret.json", bucket=""),
        lake.event("in/http://169.254.169.254/latest"),
    )
    with HttpFaultProxy(lake.endpoint) as proxy:
        pipe = Notified(tmp_path, lake, storage_options={**lake.options, "endpoint": proxy.url})
        pipe.options["storage_options"].pop("aws_endpoint")
        assert pipe.all_rows(pipe.open()) == []
        calls = proxy.plan.calls
    assert calls
    assert all(f"/{lake.bucket}" in each and "secret" not in each for each in calls)


def test_x5_message_when_it_leads_out_of_a_mounted_folder_then_nothing_is_read(
    lake: EventLake, tmp_path: Path
) -> None:
    mount = tmp_path / "mount" / "orders"
    mount.mkdir(parents=True)
    (mount.parent / "secret.json").write_text('{"id": 666}')
    pipe = Notified(tmp_path, lake, path_rewrites={lake.bucket: str(mount.parent)})
    pipe.path = str(mount)
    pipe.discover()
    lake.send(
        lake.event("secret.json"),
        lake.event("orders/../secret.json"),
        lake.event(f"orders/{mount.parent}/secret.json"),
        lake.event("orders/\0/../../secret.json"),
    )
    reader = pipe.open()
    assert pipe.all_rows(reader) == []
    assert lake.counts() == (0, 0)


def test_d4_poison_when_received_then_left_to_the_dead_letter_queue_and_the_rest_goes_on(
    lake: EventLake, tmp_path: Path
) -> None:
    dead = lake.make_queue(f"{lake.bucket}-dead")
    policy = {"deadLetterTargetArn": lake.arn(dead), "maxReceiveCount": "2"}
    lake.sqs.set_queue_attributes(
        QueueUrl=lake.queue, Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    lake.send("no json", "{}")
    pipe.put("good.json", 1)
    half = json.loads(lake.event("in/half.json"))
    pipe.put("half.json", 2)
    lake.take()
    half["Records"].append({"eventName": None})
    lake.send("no json", "{}", lake.event("in/good.json"), json.dumps(half))
    reader = pipe.discover()
    assert set(known(reader)) == {"good.json", "half.json"}
    assert metrics(reader)["numNotificationsPoison"] == 3
    assert lake.counts() == (0, 3)
    for _ in range(2):
        for each in lake.sqs.receive_message(QueueUrl=lake.queue, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            lake.sqs.change_message_visibility(
                QueueUrl=lake.queue, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
            )


def test_file_when_not_to_be_seen_yet_then_its_message_waits_and_when_removed_goes(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    now = SYSTEM_CLOCK.now().isoformat()
    early = lake.event("in/early.json").replace("2026-11-20T09:00:00.000Z", now)
    removed = lake.event("in/removed.json")
    lake.send(early, removed)
    reader = pipe.discover()
    assert known(reader) == {}
    counts = metrics(reader)
    assert (counts["numNotificationsWaiting"], counts["numNotificationsGone"]) == (1, 1)
    assert lake.counts() == (0, 1)


@pytest.mark.parametrize(
    ("deliveries", "seconds"), [(0, 60), (1, 60), (3, 240), (9, 600), (9999, 600)]
)
def test_message_when_its_file_is_not_seen_again_then_it_waits_longer(
    deliveries: int, seconds: float
) -> None:
    assert receiver._retry_in_s(deliveries) == seconds


def test_file_when_too_young_then_its_message_waits(lake: EventLake, tmp_path: Path) -> None:
    pipe = Notified(tmp_path, lake, min_age="10 minutes")
    pipe.discover()
    pipe.put("a.json", 1)
    reader = pipe.discover()
    assert known(reader) == {}
    assert metrics(reader)["numNotificationsWaiting"] == 1
    assert lake.counts() == (0, 1)


def test_queue_when_misnamed_then_the_first_start_says_so(lake: EventLake, tmp_path: Path) -> None:
    pipe = Notified(tmp_path, lake, notifications=SqsQueue(f"{lake.queue}-misspelt"))
    with pytest.raises(QueueRefusedError, match="check the queue's URL"):
        pipe.discover()


def test_d6_queue_when_gone_then_files_are_listed_with_a_warning_until_it_is_back(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    lake.sqs.delete_queue(QueueUrl=lake.queue)
    pipe.put("a.json", 1)
    reader = pipe.discover()
    assert known(reader) == {"a.json": "listing"}
    assert "LS-SRC-013" in str(metrics(reader)["notificationsDegraded"])
    pipe.put("lost.json", 2)  # no queue is there to be told
    lake.queue = lake.make_queue(lake.bucket)
    lake.wire("sqs")
    pipe.put("b.json", 3)
    reader = pipe.discover(clock=ShiftedClock(timedelta(minutes=2)))
    assert known(reader) == {"a.json": "listing", "lost.json": "backfill", "b.json": "notification"}
    assert "notificationsDegraded" not in metrics(reader)


def test_d6_queue_when_it_does_not_answer_then_files_are_listed_from_the_first_start(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, notifications=SqsQueue("http://127.0.0.1:9/1/q"))
    pipe.put("a.json", 1)
    reader = pipe.discover()
    assert known(reader) == {"a.json": "listing"}
    assert "LS-SRC-012" in str(metrics(reader)["notificationsDegraded"])
    assert known(pipe.discover(notifications=pipe.queue)) == {"a.json": "listing"}


def at(action: str, fault: HttpFault) -> HttpFault:
    """Let a fault befall one of the queue's operations only."""

    async def befall(exchange: Exchange) -> None:
        headers = {name.lower(): value for name, value in exchange.request.headers.items()}
        if headers.get("x-amz-target", "").endswith(f".{action}"):
            await fault.befall(exchange)
        else:
            await exchange.answer(await exchange.forward())

    return HttpFault(f"{action} {fault.name}", befall)


@pytest.mark.parametrize(
    "fault",
    [
        at("GetQueueAttributes", answers(503)),
        at("ReceiveMessage", answers(429)),
        at("ReceiveMessage", resets()),
        at("DeleteMessageBatch", answers(403)),
        at("DeleteMessageBatch", loses_reply()),
    ],
    ids=lambda fault: fault.name,
)
def test_d6_queue_when_an_operation_fails_then_the_file_comes_and_a_warning_says_why(
    lake: EventLake, tmp_path: Path, fault: HttpFault
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    pipe.put("a.json", 1)
    with HttpFaultProxy(lake.endpoint) as proxy:
        proxy.plan = HttpFaultPlan().on("POST", "*", fault, times=ALWAYS)
        through = SqsQueue(lake.queue.replace(lake.endpoint, proxy.url))
        reader = pipe.open(notifications=through)
        assert [row["id"] for row in pipe.all_rows(reader)] == [1]
        assert "LS-SRC-01" in str(metrics(reader)["notificationsDegraded"])
        proxy.plan = HttpFaultPlan()
        reader.discover()
        assert "notificationsDegraded" not in metrics(reader)
    assert len(known(reader)) == 1


def test_discovery_when_its_time_is_up_then_it_goes_on_at_the_next(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    for number in range(15):
        pipe.put(f"{number}.json", number)
    reader = pipe.open()
    reader.discover(time_budget_s=0.0)
    assert not reader.backlog(reader.initial()).complete
    assert 0 < len(known(reader)) < 15
    for _ in range(15):
        reader.discover(time_budget_s=0.0)
    assert len(known(reader)) == 15


def test_first_listing_when_its_time_is_up_then_the_next_process_goes_on_with_it(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Notified(tmp_path, lake)
    for name in "abcde":
        pipe.put(name)
    lake.take()  # these messages are lost
    for module in ("object_store", "pages"):
        monkeypatch.setattr(f"lakestream.storage.{module}.PAGE_ROWS", 2)
    seen = []
    for _ in range(4):
        reader = pipe.open()
        reader.discover(time_budget_s=0.0)
        backlog = reader.backlog(reader.initial())
        seen.append((len(known(reader)), backlog.complete, backlog.listed_to))

    assert seen == [(2, False, "b"), (4, False, "d"), (5, False, "e"), (5, True, None)]
    assert set(known(reader).values()) == {"listing"}


def test_listing_when_the_queue_failed_since_it_was_cut_then_it_begins_anew(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what landed behind the cut meanwhile the queue may have told nothing."""
    pipe = Notified(tmp_path, lake)
    pipe.put("b")
    pipe.discover()
    late = ShiftedClock(timedelta(days=2))
    for name in "cdef":
        pipe.put(name)
    lake.take()  # these messages are lost
    for module in ("object_store", "pages"):
        monkeypatch.setattr(f"lakestream.storage.{module}.PAGE_ROWS", 2)
    reader = pipe.open(clock=late)
    reader.discover(time_budget_s=0.0)
    assert reader.backlog(reader.initial()).listed_to == "c"
    pipe.put("a")
    lake.take()  # these messages are lost
    with HttpFaultProxy(lake.endpoint) as proxy:
        proxy.plan = HttpFaultPlan().on("POST", "*", answers(500, "InternalError"), times=ALWAYS)
        through = SqsQueue(lake.queue.replace(lake.endpoint, proxy.url))
        reader = pipe.open(clock=late, notifications=through)
        reader.discover(time_budget_s=0.0)

    assert "a" in known(reader)


@pytest.mark.parametrize(("depth", "rounds"), [(0, 1), (25, 3), (None, 1_000)])
def test_drain_when_messages_never_end_then_it_takes_what_was_there_at_the_start(
    depth: int | None, rounds: int
) -> None:
    now = SYSTEM_CLOCK.now()
    seen = receiver._Rounds(now, depth)
    news = now + timedelta(seconds=1)
    for number in range(rounds):
        assert not seen.ended
        seen.take([Message(f"{number}.{at}", "", b"", sent_at=news) for at in range(10)])
    assert seen.ended


def test_drain_when_only_messages_come_back_that_it_left_then_it_ends() -> None:
    now = SYSTEM_CLOCK.now()
    seen = receiver._Rounds(now, 2)
    poison = Message("poison", "", b"", sent_at=now - timedelta(days=1))
    seen.take([poison])
    assert not seen.ended
    seen.left.add("poison")
    seen.take([poison])
    assert seen.ended


def test_existing_files_when_not_wanted_then_only_announced_ones_are_read(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, include_existing_files=False)
    pipe.put("old.json", 1)
    assert known(pipe.discover()) == {"old.json": "existing"}
    pipe.put("new.json", 2)
    reader = pipe.open()
    assert [row["id"] for row in pipe.all_rows(reader)] == [2]
    assert lake.counts() == (0, 0)


@pytest.mark.parametrize("how", ["rehearsal", "narrowed"])
def test_queue_when_a_run_may_not_take_all_then_left_alone(
    lake: EventLake, tmp_path: Path, how: str
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    pipe.put("a.json", 1)
    if how == "rehearsal":
        reader = pipe.discover(rehearse=True)
        assert known(reader) == {"a.json": "listing"}
    else:
        reader = pipe.discover(discovery=DiscoveryFilter(path_glob="b*"))
        assert known(reader) == {}
    assert lake.counts() == (1, 0)
    assert set(known(pipe.discover())) == {"a.json"}


def test_modes_when_switched_at_each_start_then_each_file_comes_once(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    for number in range(8):
        pipe.put(f"{number}.json", number)
        reader = pipe.open(notifications=pipe.queue if number % 2 else None)
        rows = pipe.all_rows(reader)
        assert sorted(row["id"] for row in rows) == list(range(number + 1))
    known(reader)


def test_file_when_left_out_at_first_then_found_as_soon_as_it_belongs(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake, backfill_interval=None)
    pipe.discover(exclude_patterns="b*")
    for name in ("a.json", "b.json"):
        pipe.put(name)
    assert list(known(pipe.discover(exclude_patterns="b*"))) == ["a.json"]
    assert lake.counts() == (0, 0)

    found = known(pipe.discover())

    assert found == {"a.json": "notification", "b.json": "listing"}


def test_bucket_that_is_mounted_when_rewritten_then_read_from_the_folder(
    lake: EventLake, tmp_path: Path
) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    pipe = Notified(tmp_path, lake, path_rewrites={f"{lake.bucket}/in": str(mount)})
    pipe.path = str(mount)
    pipe.discover()
    (mount / "a.json").write_text('{"id": 1}\n')
    long_ago = SYSTEM_CLOCK.now().timestamp() - 60
    os.utime(mount / "a.json", (long_ago, long_ago))
    pipe.put("a.json", 1)
    reader = pipe.open()
    assert len(pipe.all_rows(reader)) == 1
    assert known(reader) == {"a.json": "notification"}


def test_many_messages_when_received_by_several_then_all_are_recorded_in_one_entry(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: a fourth of this is when it would be time to record.
    monkeypatch.setattr("lakestream.sources.files.notifications.receiver.LEASE_S", 600.0)
    pipe = Notified(tmp_path, lake, fetch_parallelism=3)
    pipe.discover()
    for number in range(45):
        pipe.put(f"{number}.json", number)
    reader = pipe.discover()
    assert len(known(reader)) == 45
    assert pipe.log is not None
    assert len(pipe.log.list("sources/files-landing/files")) == 1
    assert lake.counts() == (0, 0)


def test_objects_when_none_may_be_looked_at_then_the_messages_stay(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    pipe.put("a.json", 1)
    reader = pipe.open()

    def head(key: str) -> None:
        raise AccessDeniedError("denied", where=key)

    monkeypatch.setattr(reader._landing.store, "head", head)
    with pytest.raises(AccessDeniedError):
        reader.discover()
    assert lake.counts() == (0, 1)


def test_d4_key_that_the_store_cannot_be_asked_for_when_told_then_nobodys_and_the_rest_goes_on(
    lake: EventLake, tmp_path: Path
) -> None:
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    pipe.put("a.json", 1)
    lake.send(lake.event("in/a\nb.json"), lake.event("in/a\x7fb.json"))
    reader = pipe.discover()
    assert known(reader) == {"a.json": "notification"}
    assert metrics(reader)["numNotificationsForeign"] == 2
    assert lake.counts() == (0, 0)


def test_d4_name_that_is_too_long_for_a_mounted_folder_when_told_then_as_one_that_is_not_there(
    lake: EventLake, tmp_path: Path
) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    pipe = Notified(tmp_path, lake, path_rewrites={f"{lake.bucket}/in": str(mount)})
    pipe.path = str(mount)
    pipe.discover()
    lake.send(lake.event(f"in/{'a' * 300}.json"), lake.event("in/x\n.json"))
    (mount / "x\n.json").write_text('{"id": 1}\n')
    long_ago = SYSTEM_CLOCK.now().timestamp() - 60
    os.utime(mount / "x\n.json", (long_ago, long_ago))
    reader = pipe.discover()
    assert known(reader) == {"x\n.json": "notification"}
    counts = metrics(reader)
    assert int(counts["numNotificationsWaiting"]) + int(counts["numNotificationsGone"]) == 1


@pytest.mark.parametrize(
    "narrow",
    [
        {"modified_after": "2100-01-01"},
        {"modified_before": "2001-01-01"},
        {"path_rewrites": {"another": "s3://another"}},
    ],
)
def test_file_when_left_out_by_its_time_at_first_then_found_as_soon_as_it_belongs(
    lake: EventLake, tmp_path: Path, narrow: dict[str, Any]
) -> None:
    narrow = (
        {"path_rewrites": {f"{lake.bucket}/in": "s3://another"}}
        if "path_rewrites" in narrow
        else narrow
    )
    pipe = Notified(tmp_path, lake, backfill_interval=None)
    pipe.discover(**narrow)
    pipe.put("a.json")
    assert known(pipe.discover(**narrow)) == {}
    assert lake.counts() == (0, 0)
    assert known(pipe.discover()) == {"a.json": "listing"}


def test_queue_when_there_is_no_time_limit_then_each_receive_asks_all_servers(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not wait may be told of nothing by a queue that is not empty."""
    monkeypatch.setattr(receiver, "_WAIT_S", 1.0)
    monkeypatch.setattr(receiver, "LEASE_S", 2.0)  # it is always soon time to record
    waits: list[float] = []
    real = OpenedSqsQueue.receive

    def receive(self: OpenedSqsQueue, *, wait_s: float, lease_s: float) -> Sequence[Message]:
        waits.append(wait_s)
        return real(self, wait_s=wait_s, lease_s=lease_s)

    monkeypatch.setattr(OpenedSqsQueue, "receive", receive)
    pipe = Notified(tmp_path, lake)
    pipe.discover()
    assert set(waits) == {1.0}
    waits.clear()
    pipe.open().discover(time_budget_s=0.5)
    assert set(waits) == {0.0}


def test_queue_when_its_variable_names_another_one_then_a_first_start_lists_the_place(
    lake: EventLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Notified(tmp_path, lake, notifications=SqsQueue(ls.env("QUEUE")), backfill_interval=None)
    monkeypatch.setenv("QUEUE", lake.queue)
    pipe.discover()
    pipe.put("a.json")  # of which the other queue is not told
    monkeypatch.setenv("QUEUE", lake.make_queue(f"{lake.bucket}-other"))
    assert known(pipe.discover()) == {"a.json": "listing"}
    assert "-other" not in str(pipe.log.get("sources/files-landing/notifications/1"))
