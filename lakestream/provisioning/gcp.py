"""Google Cloud Storage's events to a Pub/Sub subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lakestream.errors import ProvisioningRefusedError
from lakestream.provisioning.base import Site, Target
from lakestream.provisioning.gcp_bucket import ConfigurationPart
from lakestream.provisioning.gcp_pubsub import (
    GrantPart,
    SubscriptionPart,
    TopicPart,
    settings_of,
)
from lakestream.provisioning.gcp_session import Google, mapped

if TYPE_CHECKING:
    from lakestream.clock import Clock

_PUBLISHER: Final = "roles/pubsub.publisher"
_SUBSCRIBER: Final = "roles/pubsub.subscriber"
_MAKING: Final = (
    "pubsub.subscriptions.create", "pubsub.subscriptions.delete", "pubsub.subscriptions.get",
    "pubsub.subscriptions.getIamPolicy", "pubsub.subscriptions.setIamPolicy",
    "pubsub.subscriptions.update", "pubsub.topics.attachSubscription", "pubsub.topics.create",
    "pubsub.topics.delete", "pubsub.topics.get", "pubsub.topics.getIamPolicy",
    "pubsub.topics.setIamPolicy", "pubsub.topics.update",
)  # fmt: skip
_LOOKING: Final = "resourcemanager.projects.get"


def gcp_site(target: Target, google: Google, project: str, clock: Clock) -> Site:
    """Give the parts of a stream of Google: who may publish comes before who publishes.

    Args:
        target: Whose.
        google: Who is asked.
        project: The id of the project of topics and subscriptions; the bucket may be another's.
        clock: Waits.

    Raises:
        ProvisioningRefusedError, ProvisioningUnavailableError: Bucket or project cannot be asked.

    Cost: three requests.
    """
    owner = str(_read(google, "storage", f"b/{quote(target.bucket, safe='')}", "projectNumber",
                      permission="storage.buckets.get", where=target.uri))  # fmt: skip
    storage_agent = _read(google, "storage", f"projects/{owner}/serviceAccount", "email_address",
                          permission=_LOOKING, where=f"projects/{owner}")  # fmt: skip
    number = _read(google, "manager", f"projects/{project}", "name",
                   permission=_LOOKING, where=f"projects/{project}").rpartition("/")[2]  # fmt: skip
    pubsub_agent = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    topic, dead_topic = (f"projects/{project}/topics/{target.name}{end}" for end in ("", "-dead"))
    events, dead = (f"projects/{project}/subscriptions/{target.name}{end}" for end in ("", "-dead"))
    told = [topic, f"projects/{number}/topics/{target.name}"]
    dead_letters = GrantPart(google, events, _SUBSCRIBER, pubsub_agent)
    return Site(
        parts=(
            TopicPart(google, dead_topic, target.tags),
            # A topic keeps nothing: without a subscription, dead letters would be gone.
            SubscriptionPart(google, dead, settings_of(dead_topic, None), target.tags),
            TopicPart(google, topic, target.tags),
            SubscriptionPart(
                google, events, settings_of(topic, dead_topic), target.tags, [dead_letters]
            ),
            GrantPart(google, dead_topic, _PUBLISHER, pubsub_agent),
            dead_letters,
            GrantPart(google, topic, _PUBLISHER, f"serviceAccount:{storage_agent}"),
            ConfigurationPart(google, target, told, clock),
        ),
        declare=f'ls.PubSubSubscription("{events}")',
        policies=_policies(target, project, owner, is_one=owner == number, events=events),
    )


def _policies(
    target: Target, project: str, owner: str, *, is_one: bool, events: str
) -> dict[str, object]:
    """Give what roles must hold, and where: a custom role for who sets up, roles for a run."""
    bucket = f"projects/_/buckets/{target.bucket}"
    setup: list[dict[str, Any]] = [
        {"resource": f"projects/{project}", "includedPermissions": [*_MAKING, _LOOKING]},
        {
            "resource": bucket,
            "includedPermissions": ["storage.buckets.get", "storage.buckets.update"],
        },
    ]
    if not is_one:
        setup.append({"resource": f"projects/{owner}", "includedPermissions": [_LOOKING]})
    return {
        "setup": setup,
        "stream": [
            {"role": _SUBSCRIBER, "resource": events},
            {"role": "roles/pubsub.viewer", "resource": events},
            {"role": "roles/storage.objectViewer", "resource": bucket},
        ],
    }


def _read(
    google: Google, service: str, path: str, field: str, *, permission: str, where: str
) -> str:
    with mapped(permission, where):
        found = google.get(service, path)
    if found is None or not found.get(field):
        raise ProvisioningRefusedError(
            "there is no such bucket or project, or it does not say whose it is",
            where=where,
            fix=f"check its name, and that the credentials have {permission}",
        )
    return str(found[field])
