"""What provisioning says and does, whichever the cloud: parts that are found, made and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from lakestream.errors import ForeignResourceError, NotificationOverlapError

Action = Literal["create", "update", "keep"]


class Target(msgspec.Struct, frozen=True):
    """What a stream needs events of, and how its resources are called.

    Args:
        id: Twelve digits that stand for the stream: of its checkpoint's and its files' places.
        name: Of resources: ``lakestream-<table>-<id>``.
        uri: The place that files land in, for people.
        bucket: Bucket or container.
        prefix: What the keys begin with; empty is the whole bucket.
        tags: What each resource carries, ours included.
    """

    id: str
    name: str
    uri: str
    bucket: str
    prefix: str
    tags: Mapping[str, str]


class Resource(msgspec.Struct, frozen=True):
    """A resource of a cloud, and what becomes of it.

    Args:
        kind: The service's word: ``sqs queue``.
        name: What names it there.
        action: ``create`` it, ``update`` what has drifted, or ``keep`` it as it is.
        detail: What has drifted.
    """

    kind: str
    name: str
    action: Action = "keep"
    detail: str = ""


class NotificationPlan(msgspec.Struct, frozen=True):
    """What ``apply`` would do, or has done.

    Args:
        stream: The stream's id in names and tags.
        place: The place whose new files are told.
        resources: What is there when it is done, in the order in which it is made.
        conflicts: Why it is refused; empty when it may be done.
        declare: What to write as ``notifications=``.
        policies: The least that is needed: ``setup`` for who runs plan, apply, list and destroy,
            ``stream`` for who runs the stream; in the cloud's own JSON.
    """

    stream: str
    place: str
    resources: tuple[Resource, ...]
    conflicts: tuple[str, ...]
    declare: str
    policies: Mapping[str, object]

    @property
    def is_done(self) -> bool:
        """Whether all is there already, as it should be."""
        return not self.conflicts and all(each.action == "keep" for each in self.resources)


class Found(msgspec.Struct, frozen=True):
    """A part that is there.

    Args:
        is_there: Whether the part itself is; else only what stands in its way.
        is_ours: Whether it carries the stream's tag.
        is_shared: It belongs to nobody: it is switched on for us, and never removed.
        drift: What of it is not as it should be.
        overlaps: What already tells of the same keys where only one may.
    """

    is_there: bool = True
    is_ours: bool = True
    is_shared: bool = False
    drift: tuple[str, ...] = ()
    overlaps: tuple[str, ...] = ()


class Part(Protocol):
    """One resource of a stream. Every method maps the service's failures.

    Raises:
        ProvisioningRefusedError: The credentials may not, or the bucket is not there.
        ProvisioningUnavailableError: No answer, throttled, or a failure on the service's side.
    """

    @property
    def kind(self) -> str:
        """The service's word."""
        ...

    @property
    def name(self) -> str:
        """What names it there."""
        ...

    def find(self) -> Found | None:
        """Look; change nothing."""
        ...

    def make(self) -> None:
        """Make it, or mend what has drifted; made twice is made once."""
        ...

    def remove(self) -> None:
        """Remove it; one that is gone already is no failure."""
        ...


class Site(msgspec.Struct, frozen=True):
    """All parts of one stream, in the order in which they are made.

    Args:
        parts: Removed in the opposite order.
        declare: What to write as ``notifications=``.
        policies: As in ``NotificationPlan``.
    """

    parts: tuple[Part, ...]
    declare: str
    policies: Mapping[str, object]

    def plan(self, target: Target) -> NotificationPlan:
        """Look at what is there; change nothing."""
        return self._told(target, [part.find() for part in self.parts])

    def apply(self, target: Target) -> NotificationPlan:
        """Make what is missing and mend what has drifted; what is right is left alone.

        Returns:
            What was done.

        Raises:
            NotificationOverlapError, ForeignResourceError: The plan has conflicts; nothing is made.

        Atomic: no. What was made before a failure stays, and the next call goes on.
        """
        found = [part.find() for part in self.parts]
        plan = self._told(target, found)
        if plan.conflicts:
            overlaps = any(each.overlaps for each in found if each is not None)
            kind = NotificationOverlapError if overlaps else ForeignResourceError
            raise kind(
                "; ".join(plan.conflicts),
                where=target.uri,
                fix="read a place beside it, remove the other one, or use a way of the cloud that"
                " allows several (docs/provisioning.md)"
                if overlaps
                else "remove or rename the other resource: it is not this stream's",
            )
        for part, resource in zip(self.parts, plan.resources, strict=True):
            if resource.action != "keep":
                part.make()
        return plan

    def list(self) -> Sequence[Resource]:
        """Give what is there and carries the stream's tag."""
        return [Resource(part.kind, part.name) for part in self._ours()]

    def destroy(self) -> Sequence[Resource]:
        """Remove what is there and carries the stream's tag; give what was removed.

        Atomic: no. The next call goes on where a failure ended it.
        """
        removed = []
        for part in reversed(self._ours()):
            part.remove()
            removed.append(Resource(part.kind, part.name))
        return removed

    def _ours(self) -> Sequence[Part]:
        looked = [(part, part.find()) for part in self.parts]
        return [
            part
            for part, found in looked
            if found is not None and found.is_there and found.is_ours and not found.is_shared
        ]

    def _told(self, target: Target, found: Sequence[Found | None]) -> NotificationPlan:
        resources: list[Resource] = []
        conflicts: list[str] = []
        for part, each in zip(self.parts, found, strict=True):
            is_there = each is not None and each.is_there
            drift = each.drift if each is not None and is_there else ()
            action: Action = "create" if not is_there else "update" if drift else "keep"
            resources.append(Resource(part.kind, part.name, action, ", ".join(drift)))
            if each is not None:
                conflicts += each.overlaps
            if each is not None and is_there and not each.is_ours and not each.is_shared:
                conflicts.append(f"there is a {part.kind} {part.name} that is not this stream's")
        return NotificationPlan(
            stream=target.id,
            place=target.uri,
            resources=tuple(resources),
            conflicts=tuple(conflicts),
            declare=self.declare,
            policies=self.policies,
        )
