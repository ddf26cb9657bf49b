"""``NotificationSetup``: from a streaming table to the resources that tell it of new files."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, get_args

from lakestream.clock import SYSTEM_CLOCK
from lakestream.errors import ConfigError, near_names
from lakestream.provisioning.aws_documents import Via
from lakestream.provisioning.base import NotificationPlan, Resource, Site, Target
from lakestream.provisioning.naming import target_of
from lakestream.sources.files.description import FilesDescription

if TYPE_CHECKING:
    from lakestream.streaming_table import StreamingTable


#: Letters of an id or a name: what goes into a path leads nowhere else.
_GROUP: Final = re.compile(r"[\w().-]{0,89}[\w()-]")
_PROJECT: Final = re.compile(r"[a-z][a-z0-9:.-]{3,99}")


class NotificationSetup:
    """The queue that tells a streaming table of new files, and all that fills it.

    Credentials, region and endpoint come from the ``storage_options`` of the files, or by the
    cloud's usual chain. ``plan`` and ``list`` change nothing.

    Args:
        table: The table; it need not have run.
        via: In AWS, the way of the events: ``sqs`` (straight), ``sns`` or ``eventbridge``.
        subscription_id: In Azure, the subscription of the storage account.
        resource_group: In Azure, its resource group.
        project: In Google Cloud, the project that topics and subscriptions are made in.
        resource_tags: Tags of each resource, beside ``lakestream-stream`` and
            ``lakestream-table``.

    Raises:
        ConfigError: The table reads no files, a tag that clouds do not take, in Azure no
            subscription and resource group, or in Google Cloud no project.
        UnsupportedOptionError: The files are in no cloud.
        EnvironmentNotSetError: A path stands for a variable that is not set.
    """

    def __init__(
        self,
        table: StreamingTable,
        *,
        via: Via = "sqs",
        subscription_id: str | None = None,
        resource_group: str | None = None,
        project: str | None = None,
        resource_tags: Mapping[str, str] | None = None,
    ) -> None:
        if via not in get_args(Via):
            raise ConfigError(
                f"there is no way {via!r}", where="via", fix=near_names(via, get_args(Via))
            )
        self._via: Final = via
        self._files: Final = _files_of(table)
        self._target: Final[Target] = target_of(
            table.definition, self._files, dict(resource_tags or {})
        )
        self._group: Final = _group(self._target, subscription_id, resource_group)
        self._project: Final = _project(self._target, project)

    @property
    def name(self) -> str:
        """What the resources are called: of the places of checkpoint and files, for good."""
        return self._target.name

    def plan(self) -> NotificationPlan:
        """Tell what ``apply`` would make, what stands in its way, and what rights are needed.

        Raises:
            ProvisioningRefusedError: The credentials may not look, or the bucket is not there.
            ProvisioningUnavailableError: The cloud did not answer, or is busy.
        """
        return self._site.plan(self._target)

    def apply(self) -> NotificationPlan:
        """Make what is missing and mend what has drifted; a second time it does nothing.

        Returns:
            What was done.

        Raises:
            NotificationOverlapError: The bucket tells somebody else of the same keys.
            ForeignResourceError: A resource of that name is not the stream's.
            ProvisioningRefusedError, ProvisioningUnavailableError: As ``plan``.

        Atomic: no. What was made before a failure stays, and the next call goes on.
        """
        return self._site.apply(self._target)

    def list(self) -> Sequence[Resource]:
        """Give what is there and carries the stream's tag.

        Raises:
            ProvisioningRefusedError, ProvisioningUnavailableError: As ``plan``.
        """
        return self._site.list()

    def destroy(self) -> Sequence[Resource]:
        """Remove what carries the stream's tag, with the messages that wait; give what it was.

        Files of lost messages are found by the stream's next listing.

        Raises:
            ProvisioningRefusedError, ProvisioningUnavailableError: As ``plan``.

        Atomic: no. The next call goes on where a failure ended it.
        """
        return self._site.destroy()

    @functools.cached_property
    def _site(self) -> Site:
        options = self._files.storage_options
        if self._group is not None:
            from lakestream.provisioning.azure import azure_site
            from lakestream.provisioning.azure_session import open_arm

            return azure_site(self._target, options, open_arm(options), self._group)
        if self._project is not None:
            from lakestream.provisioning.gcp import gcp_site
            from lakestream.provisioning.gcp_session import open_google

            google = open_google(options, self._target.uri)
            return gcp_site(self._target, google, self._project, SYSTEM_CLOCK)
        from lakestream.provisioning.aws import aws_site

        return aws_site(self._target, options, self._via, SYSTEM_CLOCK)


def _files_of(table: StreamingTable) -> FilesDescription:
    for each in table.sources:
        if isinstance(each, FilesDescription):
            return each
    raise ConfigError(
        "the table reads no files",
        where=f"streaming table {table.name!r}",
        fix="name the table that reads them: only files are told of by queues",
    )


def _group(target: Target, subscription_id: str | None, resource_group: str | None) -> str | None:
    """Give the resource group's id; None outside Azure."""
    if not target.uri.startswith(("az://", "abfss://")):
        return None
    for name, value in (("subscription_id", subscription_id), ("resource_group", resource_group)):
        if not value or not _GROUP.fullmatch(value):
            raise ConfigError(
                f"Azure needs the {name} of the storage account",
                where=target.uri,
                fix="give subscription_id and resource_group (--subscription, --resource-group)",
            )
    return f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"


def _project(target: Target, project: str | None) -> str | None:
    """Give the project's id; None outside Google Cloud."""
    if not target.uri.startswith("gs://"):
        return None
    if not project or not _PROJECT.fullmatch(project):
        raise ConfigError(
            "Google Cloud needs the id of the project that the subscription is made in",
            where=target.uri,
            fix="give project (--project)",
        )
    return project
