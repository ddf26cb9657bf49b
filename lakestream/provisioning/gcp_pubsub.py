"""Topics, subscriptions and who may use them, by Pub/Sub's REST interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakestream.errors import ConfigError, ProvisioningUnavailableError
from lakestream.provisioning.base import Found
from lakestream.provisioning.gcp_session import Google, mapped, status_of
from lakestream.provisioning.naming import STREAM_TAG

_DAY_S: Final = 86_400
#: What lakestream leases anyway; others who look at the subscription by hand get the same.
_DEADLINE_S: Final = 60
_RETENTION_S: Final = 7 * _DAY_S
_DELIVERIES: Final = 5
#: A subscription keeps these for good: only another one can be otherwise.
_LASTING: Final = ("topic", "filter", "detached")
_LABEL: Final = 63
_CONFLICT: Final = 409
_POLICY_VERSION: Final = 3
_TRIES: Final = 5


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Give tags as labels take them: small letters, digits, ``_`` and ``-``, up to 63.

    Raises:
        ConfigError: Two tags are one label.
    """
    labels: dict[str, str] = {}
    for key, value in tags.items():
        name = re.sub(r"[^a-z0-9_-]", "_", key.lower())
        name = (name if name[:1].isalpha() else f"tag_{name}")[:_LABEL]
        if name in labels:
            raise ConfigError(
                f"two tags are one label of Google Cloud: {name!r}",
                where="resource_tags",
                fix="use keys that differ in small letters, digits, _ and -, in 63 characters",
            )
        labels[name] = re.sub(r"[^a-z0-9_-]", "_", value.lower())[:_LABEL]
    return labels


def settings_of(topic: str, dead_topic: str | None) -> dict[str, Any]:
    """Give what a subscription of ours is like; messages never end with it.

    Args:
        topic: Full name.
        dead_topic: Where a message goes that nobody acknowledges; None is nowhere.
    """
    dead: dict[str, Any] = {
        "deadLetterPolicy": {"deadLetterTopic": dead_topic, "maxDeliveryAttempts": _DELIVERIES}
    }
    return {
        "topic": topic,
        "ackDeadlineSeconds": _DEADLINE_S,
        "messageRetentionDuration": f"{_RETENTION_S}s",
        "expirationPolicy": {},
        **(dead if dead_topic is not None else {}),
    }


class TopicPart:
    """A topic of the stream.

    Args:
        google: Where.
        path: ``projects/<project>/topics/<name>``.
        tags: The stream's.
    """

    kind: Final = "pubsub topic"

    def __init__(self, google: Google, path: str, tags: Mapping[str, str]) -> None:
        self._google = google
        self._labels = labels_of(tags)
        self.name: Final = path

    def find(self) -> Found | None:
        """Look at the topic. Cost: one request."""
        with mapped("pubsub.topics.get", self.name):
            found = self._google.get("pubsub", self.name)
        return None if found is None else _found(found, self._labels, ())

    def make(self) -> None:
        """Make the topic, or set its labels. Cost: up to three requests."""
        with mapped("pubsub.topics.create", self.name):
            found = self._google.get("pubsub", self.name)
            if found is None:
                _put(self._google, self.name, {"labels": self._labels})
                return
        with mapped("pubsub.topics.update", self.name):
            topic = {"name": self.name, "labels": {**found.get("labels", {}), **self._labels}}
            self._google.patch("pubsub", self.name, {"topic": topic, "updateMask": "labels"})

    def remove(self) -> None:
        """Delete the topic. Cost: one request."""
        with mapped("pubsub.topics.delete", self.name):
            self._google.delete("pubsub", self.name)


class SubscriptionPart:
    """A subscription of the stream, which keeps what its topic is told.

    Args:
        google: Where.
        path: ``projects/<project>/subscriptions/<name>``.
        settings: What it is like.
        tags: The stream's.
        grants: On it; they end with it where it is made anew.
    """

    kind: Final = "pubsub subscription"

    def __init__(
        self,
        google: Google,
        path: str,
        settings: Mapping[str, Any],
        tags: Mapping[str, str],
        grants: Sequence[GrantPart] = (),
    ) -> None:
        self._google = google
        self._wanted = settings
        self._grants = grants
        self._labels = labels_of(tags)
        self.name: Final = path

    def find(self) -> Found | None:
        """Look at the subscription. Cost: one request."""
        with mapped("pubsub.subscriptions.get", self.name):
            found = self._google.get("pubsub", self.name)
        return None if found is None else _found(found, self._labels, self._drift(found))

    def make(self) -> None:
        """Make the subscription, or set what has drifted. Cost: up to five requests.

        One that has another topic, or a filter, is made anew: what waits in it is dropped.
        """
        with mapped("pubsub.subscriptions.get", self.name):
            found = self._google.get("pubsub", self.name)
        if found is None:
            self._create()
            return
        drift = self._drift(found)
        if set(drift) & set(_LASTING):
            self.remove()
            self._create()
            for grant in self._grants:
                grant.make()
            return
        wanted = {name: self._wanted.get(name) for name in drift}
        labels = {**found.get("labels", {}), **self._labels}
        body = {
            "subscription": {"name": self.name, **wanted, "labels": labels},
            "updateMask": ",".join([*drift, "labels"]),
        }
        with mapped("pubsub.subscriptions.update", self.name):
            self._google.patch("pubsub", self.name, body)

    def remove(self) -> None:
        """Delete the subscription and what waits in it. Cost: one request."""
        with mapped("pubsub.subscriptions.delete", self.name):
            self._google.delete("pubsub", self.name)

    def _create(self) -> None:
        with mapped("pubsub.subscriptions.create", self.name):
            _put(self._google, self.name, {**self._wanted, "labels": self._labels})

    def _drift(self, found: Mapping[str, Any]) -> list[str]:
        unwanted = ("deadLetterPolicy", "detached", "enableExactlyOnceDelivery", "filter",
                    "pushConfig")  # fmt: skip
        return [
            *(name for name, value in self._wanted.items() if found.get(name) != value),
            *(name for name in unwanted if name not in self._wanted and found.get(name)),
        ]


class GrantPart:
    """One role of one service agent on a topic or subscription; it goes with that.

    Args:
        google: Where.
        path: Of the topic or subscription.
        role: ``roles/pubsub.publisher`` or ``roles/pubsub.subscriber``.
        member: ``serviceAccount:<address>``.
    """

    def __init__(self, google: Google, path: str, role: str, member: str) -> None:
        self._google = google
        self._path = path
        self._role = role
        self._member = member
        self._permission = f"pubsub.{path.split('/')[2]}"
        self.kind: Final = "pubsub grant"
        self.name: Final = f"{role} on {path}"

    def find(self) -> Found | None:
        """Look at the policy. Cost: one request."""
        policy = self._read()
        return Found(is_shared=True) if policy is not None and self._holds(policy) else None

    def make(self) -> None:
        """Add the member to the role; others stay. Cost: two requests; more in a race."""
        for _ in range(_TRIES):
            policy = self._read() or {}
            if self._holds(policy) or self._write(policy):
                return
        raise ProvisioningUnavailableError(
            "others keep changing who may use it", where=self.name, fix="try again"
        )

    def remove(self) -> None:
        """Leave it: it ends with what it is on."""

    def _read(self) -> dict[str, Any] | None:
        query = {"options.requestedPolicyVersion": str(_POLICY_VERSION)}
        with mapped(f"{self._permission}.getIamPolicy", self._path):
            return self._google.get("pubsub", f"{self._path}:getIamPolicy", **query)

    def _holds(self, policy: Mapping[str, Any]) -> bool:
        return any(
            self._member in each.get("members", ())
            for each in policy.get("bindings", ())
            if each.get("role") == self._role and not each.get("condition")
        )

    def _write(self, policy: Mapping[str, Any]) -> bool:
        """Write a policy that was read; False when it has changed since."""
        from requests import HTTPError

        binding = {"role": self._role, "members": [self._member]}
        changed = {
            **policy,
            "version": _POLICY_VERSION,
            "bindings": [*policy.get("bindings", ()), binding],
        }
        with mapped(f"{self._permission}.setIamPolicy", self._path):
            try:
                self._google.post("pubsub", f"{self._path}:setIamPolicy", {"policy": changed})
            except HTTPError as error:
                if status_of(error) != _CONFLICT:
                    raise
                return False
        return True


def _put(google: Google, path: str, body: Mapping[str, object]) -> None:
    """Make a topic or subscription; one that a lost answer has made already is as good."""
    from requests import HTTPError

    try:
        google.put("pubsub", path, body)
    except HTTPError as error:
        if status_of(error) != _CONFLICT:
            raise


def _found(found: Mapping[str, Any], labels: Mapping[str, str], drift: Sequence[str]) -> Found:
    carried = found.get("labels", {})
    missing = labels.items() - carried.items()
    return Found(
        is_ours=carried.get(STREAM_TAG) == labels[STREAM_TAG],
        drift=(*drift, *(["labels"] if missing else [])),
    )
