"""How a stream's resources are called, and which tags they carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lakestream.digest import sha256
from lakestream.errors import ConfigError, UnsupportedOptionError
from lakestream.provisioning.base import Target
from lakestream.storage.location import parse_location

if TYPE_CHECKING:
    from lakestream.query.definition import QueryDefinition
    from lakestream.sources.files.description import FilesDescription

#: The tag by which a resource is known as a stream's; its value is the stream's id.
STREAM_TAG: Final = "lakestream-stream"
TABLE_TAG: Final = "lakestream-table"
_OURS: Final = frozenset({STREAM_TAG, TABLE_TAG})
#: Digits of a stream's id: one in 2**48 that a second stream is taken for the first.
_ID_DIGITS: Final = 12
#: With ``lakestream-``, the id and ``-poison`` within Azure's 63 characters.
_STEM: Final = 30
_TAG_KEY: Final = re.compile(r"[A-Za-z0-9_.:/+@-]{1,128}")
_TAG_VALUE: Final = re.compile(r"[A-Za-z0-9 _.:/=+@-]{0,256}")
_MOST_TAGS: Final = 40


def target_of(
    definition: QueryDefinition, files: FilesDescription, resource_tags: Mapping[str, str]
) -> Target:
    """Say what a query's file source needs.

    The name stands before the query's first start, when its id in the checkpoint is not there
    yet, and stays when the query is reset: it is made of the places of checkpoint and files.

    Raises:
        EnvironmentNotSetError: A path stands for a variable that is not set.
        ConfigError: A tag that clouds do not take.
        UnsupportedOptionError: The files are in no cloud, or a filesystem object reads them.
    """
    path, _ = files.split_path()
    place = parse_location(path)
    if files.filesystem is not None or place.scheme not in {"s3", "az", "abfss", "gs"}:
        raise UnsupportedOptionError(
            f"queues are made for S3, Azure and Google, and the files are in {place.scheme}://",
            where=f"query {definition.name!r}",
            fix="let them be listed: other places tell nobody of new files",
        )
    checkpoint = definition.checkpoint_location.uri
    digest = sha256(f"{checkpoint}\n{place.uri}".encode()).hexdigest()[:_ID_DIGITS]
    stem = re.sub(r"[^a-z0-9]+", "-", definition.name.lower())[:_STEM].strip("-") or "table"
    bucket, prefix = bucket_and_prefix(place.uri)
    return Target(
        id=digest,
        name=f"lakestream-{stem}-{digest}",
        uri=place.uri,
        bucket=bucket,
        prefix=prefix,
        tags={
            **checked_tags(resource_tags),
            STREAM_TAG: digest,
            TABLE_TAG: re.sub(r"[^A-Za-z0-9 _.:/=+@-]", "_", definition.name)[:256],
        },
    )


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/in`` or ``abfss://container@account/in``; the prefix ends in ``/``.

    The path may name one file; that its prefix then matches nothing is for the stream's listing.
    """
    authority, _, key = uri.partition("://")[2].partition("/")
    key = key.strip("/")
    return authority.partition("@")[0], f"{key}/" if key else ""


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Check ``resource_tags`` by what all three clouds take.

    Raises:
        ConfigError: Too many, a key or value with other characters, or a key of ours.
    """
    for key, value in tags.items():
        if key in _OURS:
            raise ConfigError(
                f"tag {key} is set by lakestream", where="resource_tags", fix="leave it out"
            )
        if not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value):
            raise ConfigError(
                f"not a tag that clouds take: {key!r}",
                where="resource_tags",
                fix="use letters, digits and _ . : / = + @ -, in keys of up to 128 and values of up"
                " to 256 characters",
            )
    if len(tags) > _MOST_TAGS:
        raise ConfigError(
            f"{len(tags)} tags", where="resource_tags", fix=f"give up to {_MOST_TAGS}"
        )
    return dict(tags)
