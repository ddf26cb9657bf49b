"""Local files as objects: keys, version tags and errors, shared by both local stores."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from lakestream.errors import (
    AccessDeniedError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
)

#: File names are bytes, keys are Unicode. A byte that is not UTF-8 becomes the character at
#: this offset plus the byte; a name that really has such a character gets its bytes so, too.
#: Each name has one key and each key one name (tests/storage/test_local_keys.py).
_BYTE_AS_CHAR: Final = 0x10FF00
#: As texts, since names beyond ASCII are rare and compiling costs a millisecond of each start.
_MARKED: Final = "[\U0010ff80-\U0010ffff]"
_TO_MARK: Final = "[\udc80-\udcff\U0010ff80-\U0010ffff]"
_NOWHERE: Final = frozenset({"", ".", ".."})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY: Final = frozenset({
    errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ESTALE,
    errno.ETIMEDOUT, errno.ENOMEM,
})  # fmt: skip


def key_of_name(name: str) -> str:
    """Give the key of a relative path as Python's ``os`` functions give it."""
    if name.isascii():
        return name
    return re.sub(_TO_MARK, _mark, name)


def name_of_key(key: str) -> str:
    """Give back the relative path, for Python's ``os`` functions."""
    if key.isascii() or not re.search(_MARKED, key):
        return key
    raw = b"".join(
        bytes((ord(char) - _BYTE_AS_CHAR,)) if re.match(_MARKED, char) else char.encode()
        for char in key
    )
    return raw.decode("utf-8", "surrogateescape")


def _mark(match: re.Match[str]) -> str:
    raw = match[0].encode("utf-8", "surrogateescape")
    return "".join(chr(_BYTE_AS_CHAR + byte) for byte in raw)


def etag_of(stat: os.stat_result) -> str:
    """Give the entity tag that object_store gives a local file: inode, mtime in us, size."""
    return f'"{stat.st_ino:x}-{stat.st_mtime_ns // 1000:x}-{stat.st_size:x}"'


def is_inside(key: str) -> bool:
    """Tell whether a key names something below the root, by its text."""
    return "\0" not in key and _NOWHERE.isdisjoint(key.split("/"))


def mapped(error: OSError, where: str) -> StorageError:
    """Give our error for what the operating system says."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ObjectNotFoundError("there is no such file", where=where)
    if isinstance(error, PermissionError):
        return AccessDeniedError(
            "the operating system denies access", where=where, fix="check owner and mode"
        )
    if error.errno in _FULL:
        return StorageUnavailableError(
            "the disk or its quota is full", where=where, fix="make room, then run again"
        )
    if error.errno in _BUSY:
        return StorageUnavailableError(
            f"the operating system is busy ({_name(error)})", where=where, fix="run again"
        )
    return StorageError(
        f"the operating system reports {_name(error)}", where=where, fix="check the disk"
    )


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "an unknown error")
