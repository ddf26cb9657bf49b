"""Topics and subscriptions on a double and Google's emulator; bucket and rights on the double."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from support import google_double, pubsub_emulator
from support.google_double import PUBSUB_AGENT, STORAGE_AGENT, GoogleDouble

from lakestream.clock import Clock
from lakestream.errors import (
    ConfigError,
    ForeignResourceError,
    NotificationOverlapError,
    ProvisioningRefusedError,
    ProvisioningUnavailableError,
)
from lakestream.provisioning.base import NotificationPlan, Site, Target
from lakestream.provisioning.gcp import gcp_site
from lakestream.provisioning.gcp_pubsub import labels_of
from lakestream.provisioning.gcp_session import Google, open_google
from lakestream.sources.files.notifications.base import FileEvent
from lakestream.sources.files.notifications.pubsub import PubSubSubscription
from lakestream.storage.options import StorageOptions
from lakestream.testing import ManualClock

NOBODY = StorageOptions.of({"google_skip_signature": "true", "allow_http": "true"}, where="test")
OTHERS = "projects/others/topics/news"


class Routed(Google):
    """Asks the emulator, and the double where the emulator does nothing: who may use what."""

    def __init__(self, emulator: str, double: GoogleDouble) -> None:
        super().__init__(
            requests.Session(), pubsub=emulator, storage=double.url, manager=double.url
        )
        self._urls["policies"] = f"{double.url}/v1"

    def _send(self, method: str, service: str, path: str, *rest: Any) -> Any:
        is_policy = path.endswith("IamPolicy")
        return super()._send(method, "policies" if is_policy else service, path, *rest)


@pytest.fixture
def double() -> Iterator[GoogleDouble]:
    with google_double.serving() as found:
        yield found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(sleeping_advances=True)


@pytest.fixture
def target() -> Target:
    digits = uuid.uuid4().hex[:12]
    tags = {"team": "a", "Cost Center": "7/x", "lakestream-stream": digits}
    return Target(digits, f"lakestream-orders-{digits}", "gs://landing/in", "landing", "in/", tags)


def google_of(double: GoogleDouble) -> Google:
    return Google(
        requests.Session(), pubsub=f"{double.url}/v1", storage=double.url, manager=double.url
    )


@pytest.fixture
def site(target: Target, double: GoogleDouble, clock: Clock) -> Site:
    return gcp_site(target, google_of(double), "corp", clock)


def actions(plan: NotificationPlan) -> list[str]:
    return [each.action for each in plan.resources]


def drifted(plan: NotificationPlan) -> list[tuple[str, str]]:
    return [(each.kind, each.detail) for each in plan.resources if each.detail]


def test_google_when_applied_twice_then_made_once_and_destroyed_whole(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    double.add(OTHERS, event_types=["OBJECT_FINALIZE"])
    assert actions(site.plan(target)) == ["create"] * 8
    assert {method for method, _ in double.asked} == {"GET"}
    site.apply(target)
    assert site.plan(target).is_done
    double.asked.clear()
    assert actions(site.apply(target)) == ["keep"] * 8
    assert {method for method, _ in double.asked} == {"GET"}
    assert [each.name.rpartition("/")[2] for each in site.list()] == [
        f"{target.name}-dead", f"{target.name}-dead", target.name, target.name, target.name,
    ]  # fmt: skip
    assert len(site.destroy()) == 5
    assert (site.list(), site.destroy()) == ([], [])
    assert (double.pubsub.topics, double.pubsub.described) == ({}, {})
    assert [each["topic"] for each in double.configurations.values()] == [
        f"//pubsub.googleapis.com/{OTHERS}"
    ]


def test_google_when_made_then_asked_as_its_services_document_it(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    site.apply(target)
    topic, events = (f"projects/corp/{each}/{target.name}" for each in ("topics", "subscriptions"))
    labels = {"team": "a", "cost_center": "7_x", "lakestream-stream": target.id}
    assert double.pubsub.described[events] == {
        "name": events,
        "topic": topic,
        "ackDeadlineSeconds": 60,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {},
        "deadLetterPolicy": {"deadLetterTopic": f"{topic}-dead", "maxDeliveryAttempts": 5},
        "labels": labels,
    }
    assert double.pubsub.topics[topic] == {"name": topic, "labels": labels}
    assert double.members(topic) == {"roles/pubsub.publisher": [STORAGE_AGENT]}
    assert double.members(f"{topic}-dead") == {"roles/pubsub.publisher": [PUBSUB_AGENT]}
    assert double.members(events) == {"roles/pubsub.subscriber": [PUBSUB_AGENT]}
    (configuration,) = double.configurations.values()
    assert configuration | {"id": "1", "etag": "1"} == {
        "kind": "storage#notification",
        "id": "1",
        "etag": "1",
        "topic": f"//pubsub.googleapis.com/{topic}",
        "event_types": ["OBJECT_FINALIZE"],
        "payload_format": "NONE",
        "custom_attributes": {"lakestream-stream": target.id},
        "object_name_prefix": "in/",
    }


def test_google_when_an_object_lands_then_the_declared_subscription_tells_of_it(
    site: Site, target: Target, double: GoogleDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.apply(target)
    double.put_object("in/a b.json")
    double.put_object("elsewhere/c.json")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", double.url.removeprefix("http://"))
    queue = PubSubSubscription(site.declare.split('"')[1]).open(NOBODY)
    (message,) = queue.receive(wait_s=0, lease_s=30)
    (read,) = queue.events(message)
    queue.close()
    assert isinstance(read, FileEvent)
    assert (read.bucket, read.key) == ("landing", "in/a b.json")


def test_google_when_the_grant_is_not_known_at_once_then_waited_for(
    site: Site, target: Target, double: GoogleDouble, clock: ManualClock
) -> None:
    double.unknown_for = 3
    before = clock.now()
    site.apply(target)
    assert (clock.now() - before).total_seconds() == 1 + 2 + 4
    assert len(double.configurations) == 1


def test_google_when_changed_by_hand_then_mended(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    site.apply(target)
    topic, events = (f"projects/corp/{each}/{target.name}" for each in ("topics", "subscriptions"))
    double.pubsub.described[events] |= {
        "ackDeadlineSeconds": 10, "expirationPolicy": {"ttl": "1s"}, "filter": "",
        "pushConfig": {"pushEndpoint": "https://x"}, "enableExactlyOnceDelivery": True,
    }  # fmt: skip
    double.pubsub.topics[topic]["labels"]["team"] = "b"
    double.pubsub.topics[topic]["labels"]["theirs"] = "c"
    double.pubsub.policies[topic]["bindings"] = [
        {"role": "roles/pubsub.publisher", "members": ["user:a"]}
    ]
    (number,) = double.configurations
    double.configurations[number]["object_name_prefix"] = "elsewhere/"
    plan = site.plan(target)
    settings = "ackDeadlineSeconds, expirationPolicy, enableExactlyOnceDelivery, pushConfig"
    assert drifted(plan) == [
        ("pubsub topic", "labels"),
        ("pubsub subscription", settings),
        ("gcs bucket notification", "configuration"),
    ]
    site.apply(target)
    assert site.plan(target).is_done
    assert double.pubsub.topics[topic]["labels"] == {
        "team": "a", "theirs": "c", "cost_center": "7_x", "lakestream-stream": target.id,
    }  # fmt: skip
    assert double.members(topic) == {"roles/pubsub.publisher": ["user:a", STORAGE_AGENT]}
    assert number not in double.configurations
    assert len(double.configurations) == 1


def test_google_when_the_topic_was_removed_then_made_anew_with_its_subscription(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    site.apply(target)
    topic = f"projects/corp/topics/{target.name}"
    double.pubsub.answer("DELETE", f"/v1/{topic}", {})
    assert ("pubsub subscription", "topic") in drifted(site.plan(target))
    site.apply(target)
    assert site.plan(target).is_done
    assert double.pubsub.described[f"projects/corp/subscriptions/{target.name}"]["topic"] == topic


def test_google_when_configured_twice_by_a_lost_answer_then_one_is_left(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    site.apply(target)
    (first,) = double.configurations.values()
    double.configurations["99"] = {**first, "id": "99"}
    site.apply(target)
    assert list(double.configurations) == [first["id"]]


def test_google_when_a_failure_ends_it_then_the_next_call_goes_on(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    double.fails["/storage/v1/b/landing/notificationConfigs"] = 500
    with pytest.raises(ProvisioningUnavailableError, match="HTTP 500"):
        site.apply(target)
    double.fails = {f"/v1/projects/corp/subscriptions/{target.name}:setIamPolicy": 409}
    with pytest.raises(ProvisioningUnavailableError, match="keep changing"):
        site.apply(target)
    double.fails.clear()
    assert actions(site.apply(target)) == ["keep"] * 5 + ["create"] * 3


def test_google_when_resources_are_not_ours_then_left_alone(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    topic = f"projects/corp/topics/{target.name}"
    double.pubsub.answer("PUT", f"/v1/{topic}", {"labels": {"lakestream-stream": "another"}})
    double.add(topic, event_types=["OBJECT_FINALIZE"], custom_attributes={})
    plan = site.plan(target)
    assert plan.conflicts == (
        f"there is a pubsub topic {topic} that is not this stream's",
        f"there is a gcs bucket notification landing/{target.name} that is not this stream's",
    )
    with pytest.raises(ForeignResourceError, match="pubsub topic"):
        site.apply(target)
    assert site.destroy() == []
    assert (list(double.pubsub.topics), len(double.configurations)) == ([topic], 1)


@pytest.mark.parametrize("given", [{}, {"object_name_prefix": "in/orders/", "event_types": []}])
def test_google_when_the_bucket_tells_ten_others_then_refused_before_anything_is_made(
    site: Site, target: Target, double: GoogleDouble, given: dict[str, Any]
) -> None:
    for _ in range(9):
        double.add(OTHERS, **given)
    assert site.plan(target).conflicts == ()
    double.add(OTHERS, **given)
    with pytest.raises(NotificationOverlapError, match=f"10 times.*{OTHERS}"):
        site.apply(target)
    assert double.pubsub.topics == {}


@pytest.mark.parametrize("given", [{"event_types": ["OBJECT_DELETE"]}, {"object_name_prefix": "o"}])
def test_google_when_the_bucket_tells_ten_others_of_something_else_then_taken(
    site: Site, target: Target, double: GoogleDouble, given: dict[str, Any]
) -> None:
    for _ in range(10):
        double.add(OTHERS, **given)
    assert site.plan(target).conflicts == ()


def test_google_when_the_bucket_has_a_hundred_notifications_then_refused(
    site: Site, target: Target, double: GoogleDouble
) -> None:
    for number in range(100):
        double.add(OTHERS, event_types=["OBJECT_DELETE"], object_name_prefix=f"{number}/")
    with pytest.raises(NotificationOverlapError, match="takes 100"):
        site.apply(target)


def test_policies_when_planned_then_the_least_and_by_project(site: Site, target: Target) -> None:
    policies: Any = site.plan(target).policies
    events = f"projects/corp/subscriptions/{target.name}"
    assert policies["stream"] == [
        {"role": "roles/pubsub.subscriber", "resource": events},
        {"role": "roles/pubsub.viewer", "resource": events},
        {"role": "roles/storage.objectViewer", "resource": "projects/_/buckets/landing"},
    ]
    assert [each["resource"] for each in policies["setup"]] == [
        "projects/corp", "projects/_/buckets/landing", "projects/77",
    ]  # fmt: skip
    assert not any(
        "*" in name for each in policies["setup"] for name in each["includedPermissions"]
    )


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/", 403, "Google refused pubsub.topics.get.*HTTP 403"),
        ("/v1/", 429, "cannot do pubsub.topics.get now.*HTTP 429"),
        ("/storage/v1/b/landing/n", 403, "refused storage.buckets.get"),
    ],
)
def test_google_when_it_refuses_or_is_busy_then_told_apart(
    site: Site, target: Target, double: GoogleDouble, *, path: str, status: int, said: str
) -> None:
    double.fails[path] = status
    error = ProvisioningRefusedError if status == 403 else ProvisioningUnavailableError
    with pytest.raises(error, match=said):
        site.plan(target)


def test_google_when_there_is_no_such_bucket_or_no_answer_then_told(
    target: Target, double: GoogleDouble, clock: Clock
) -> None:
    double.bucket = "another"
    with pytest.raises(ProvisioningRefusedError, match="no such bucket"):
        gcp_site(target, google_of(double), "corp", clock)
    nowhere = Google(requests.Session(), pubsub="http://127.0.0.1:1", storage="http://127.0.0.1:1")
    with pytest.raises(ProvisioningUnavailableError, match="did not answer"):
        gcp_site(target, nowhere, "corp", clock)


def test_google_when_the_options_name_an_endpoint_without_tls_then_only_if_that_is_allowed() -> (
    None
):
    where = {"google_base_url": "http://127.0.0.1:1", "google_skip_signature": "true"}
    with pytest.raises(ConfigError, match="without TLS"):
        open_google(StorageOptions.of(where, where="test"), "gs://landing")
    open_google(StorageOptions.of({**where, "allow_http": "true"}, where="test"), "gs://landing")


def test_labels_when_two_tags_are_one_then_refused() -> None:
    assert labels_of({"A.b": "X Y", "7": "é"}) == {"a_b": "x_y", "tag_7": "_"}
    with pytest.raises(ConfigError, match="'a_b'"):
        labels_of({"a.b": "1", "A_B": "2"})


def test_emulator_when_provisioned_then_it_takes_what_is_made_and_gives_it_up_again(
    target: Target, double: GoogleDouble, clock: Clock, tmp_path: Any
) -> None:
    command = pubsub_emulator.program()
    if command is None:
        pytest.skip("Google's Pub/Sub emulator, of the Google Cloud SDK, is not here")
    with pubsub_emulator.serving(command, tmp_path / "log") as host:
        site = gcp_site(target, Routed(f"http://{host}/v1", double), "corp", clock)
        kept = site.parts[:4]
        assert [part.find() for part in kept] == [None] * 4
        for part in kept:
            part.make()
        found = [part.find() for part in kept]
        assert all(each is not None and each.is_ours and not each.drift for each in found)
        for part in reversed(kept):
            part.remove()
            part.remove()
        assert [part.find() for part in kept] == [None] * 4
