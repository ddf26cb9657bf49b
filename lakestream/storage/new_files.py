"""Big files that are written once, under a name that nobody else has."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lakestream.errors import StorageError
from lakestream.storage import local_files
from lakestream.storage.location import PathLike, parse_location
from lakestream.storage.options import StorageOptions

_SPOOLED: Final = "lakestream-"


@contextmanager
def new_file(path: PathLike, options: StorageOptions | None, key: str) -> Iterator[Path]:
    """Give a local file to write; it is the object ``key`` when the block has ended well.

    Not atomic: a process that dies leaves a part of it behind on a local disk. So the name must
    be one that nothing refers to before the block has ended.

    Args:
        path: The root: a folder or a URI of a cloud's store.
        options: Storage options.
        key: Below the root.

    Raises:
        StorageUnavailableError, AccessDeniedError: It is not there, or not whole.

    Cost: on a local disk nothing beyond the writing; else one file in the temporary folder, and
    a request, or one for each part of a large file.
    """
    location = parse_location(path)
    if not local_files.is_inside(key):
        raise StorageError("not a key below the root", where=repr(key))
    if location.is_local:
        file = Path(location.local_path) / key
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise local_files.mapped(error, str(file.parent)) from error
        try:
            yield file
        except BaseException:
            with contextlib.suppress(OSError):
                file.unlink()
            raise
        return
    from lakestream.storage.object_store import ObjectStore

    store = ObjectStore(location, (options or StorageOptions()).at(location))
    try:
        descriptor, name = tempfile.mkstemp(prefix=_SPOOLED)
    except OSError as error:
        raise local_files.mapped(error, tempfile.gettempdir()) from error
    os.close(descriptor)
    try:
        yield Path(name)
        store.upload(key, Path(name))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - as tempfile gave it
