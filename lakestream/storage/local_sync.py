"""Bringing what was written to a local disk, so that a power cut leaves it there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import Final

#: On macOS ``fsync`` stops at the drive's own cache; this goes through it. None elsewhere, where
#: ``fsync`` does.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
_UNKNOWN_TO_FILE_SYSTEM: Final = frozenset({errno.ENOTSUP, errno.ENOTTY, errno.EINVAL})


def sync_descriptor(descriptor: int) -> None:
    """Bring an open file or folder to the disk.

    Raises:
        OSError: The disk failed. What was written is not to be trusted, and not to be synced
            again: the kernel may have dropped it, and a second sync would succeed.
    """
    if _FULL_SYNC is not None:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        except OSError as error:
            if error.errno not in _UNKNOWN_TO_FILE_SYSTEM:
                raise
        else:
            return
    os.fsync(descriptor)


def sync(path: str | os.PathLike[str]) -> None:
    """Bring the data of a file, or the names in a folder, to the disk.

    Raises:
        OSError: It is gone, or the disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_above(path: str) -> None:
    """Sync every folder above ``path``: the name of each may be new.

    Raises:
        OSError: The disk failed. A folder that may not be opened is left out.
    """
    while path != (parent := os.path.dirname(path)):
        with contextlib.suppress(PermissionError):
            sync(parent)
        path = parent
