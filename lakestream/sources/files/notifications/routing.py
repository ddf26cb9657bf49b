"""Which object below the landing place an event means, if it means any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from lakestream.errors import ConfigError
from lakestream.lazy_pattern import lazy_pattern
from lakestream.limits import MAX_KEY_BYTES
from lakestream.sources.files.notifications.base import FileEvent, FolderEvent, Queue
from lakestream.storage.location import Location, display, parse_location

#: What the clients of object stores take into no key.
_CONTROL: Final = lazy_pattern(r"[\x00-\x1f\x7f]")


class Rewrite(msgspec.Struct, frozen=True):
    """One ``path_rewrites`` entry.

    Args:
        prefix: ``bucket`` or ``bucket/folder``, without slashes at its ends.
        target: What stands in its place: a folder or URI.
    """

    prefix: str
    target: str


def rewrites_of(mapping: Mapping[str, str] | None) -> tuple[Rewrite, ...]:
    """Check ``path_rewrites``; the longest prefix comes first.

    Raises:
        ConfigError: It is no mapping of texts, or an entry is empty.
    """
    found = []
    for prefix, target in ({} if mapping is None else mapping).items():
        if not isinstance(prefix, str) or not isinstance(target, str):
            raise ConfigError(
                "path_rewrites must map texts to texts",
                where="read_files",
                fix='write {"bucket/folder": "/mnt/folder"}',
            )
        short = prefix.strip("/")
        if not short or "://" in short or not target.strip():
            raise ConfigError(
                "an entry of path_rewrites is no bucket/folder and its place",
                where=f"path_rewrites[{display(prefix)!r}]",
                fix='write {"bucket/folder": "/mnt/folder"}, the bucket without s3://',
            )
        found.append(Rewrite(short, target))
    return tuple(sorted(found, key=lambda each: (-len(each.prefix), each.prefix)))


class Route:
    """From events to keys below the landing place.

    Args:
        landing: The root of the landing store.
        rewrites: Longest prefix first.

    Raises:
        ConfigError: A rewrite leads to no usable place.
    """

    def __init__(self, landing: Location, rewrites: tuple[Rewrite, ...]) -> None:
        self._root = landing.uri.rstrip("/") + "/"
        self._bucket = landing.bucket
        self._account = landing.account
        self._prefix = f"{landing.prefix}/" if landing.prefix else ""
        self._is_local = landing.is_local
        self._rewrites = [(each.prefix, parse_location(each.target).uri) for each in rewrites]

    @classmethod
    def of(cls, queue: Queue, landing: Location, rewrites: tuple[Rewrite, ...]) -> Route:
        """Make the way from a queue's events to a landing place.

        Raises:
            ConfigError: The queue's events cannot mean the place, or a rewrite leads nowhere.
        """
        if landing.scheme not in queue.schemes and not rewrites:
            raise ConfigError(
                f"{queue.display} tells of nothing in {landing}",
                where="read_files(notifications=...)",
                fix="use the queue of the store that the files land in, or path_rewrites, which"
                " say where its buckets are to be found",
            )
        return cls(landing, rewrites)

    def key_of(self, event: FileEvent | FolderEvent) -> str | None:
        """Give the key below the landing root; None when the object is not the source's.

        A folder that holds the landing place is the landing place: its key is "".

        A key that could lead elsewhere (``..``, empty segments, NUL, no UTF-8, over-long) is
        nobody's: it is never asked for. So is one with control characters, which our clients of
        stores refuse; on a local disk it is a name like others.
        """
        if not _is_harmless(event.key) or (not self._is_local and _CONTROL.search(event.key)):
            return None
        is_folder = isinstance(event, FolderEvent)
        key = f"{event.key.rstrip('/')}/" if is_folder else event.key
        place = f"{event.bucket}/{key}"
        for prefix, target in self._rewrites:
            if place.startswith(f"{prefix}/"):
                return _below(
                    self._root, f"{target.rstrip('/')}/{place[len(prefix) + 1 :]}", is_folder
                )
        if self._is_local or event.bucket != self._bucket:
            return None
        if event.account and self._account and event.account != self._account:
            return None
        return _below(self._prefix, key, is_folder)


def _below(root: str, key: str, is_folder: bool) -> str | None:  # noqa: FBT001 - as it is asked
    """Give what follows the root, which ends with a slash; a folder above it stands for it."""
    if key.startswith(root):
        return key[len(root) :].rstrip("/") if is_folder else key[len(root) :]
    return "" if is_folder and root.startswith(key) else None


def _is_harmless(key: str) -> bool:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return False
    segments = key.rstrip("/").split("/")
    return size <= MAX_KEY_BYTES and "\0" not in key and not {"", ".", ".."} & set(segments)
