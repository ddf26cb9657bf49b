"""obstore's exceptions as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions

from lakestream.errors import (
    AccessDeniedError,
    ConfigError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
)


@contextmanager
def mapping_errors(where: str) -> Iterator[None]:
    """Raise our error for what obstore raises inside.

    ``AlreadyExistsError`` goes through: it is an answer. A panic of the Rust library is a
    ``BaseException`` and is mapped as well.
    """
    try:
        yield
    except (LakestreamError, GeneratorExit, exceptions.AlreadyExistsError):
        raise
    except BaseException as error:
        found = mapped(error, where)
        if found is None:
            raise
        raise found from error


def mapped(error: BaseException, where: str) -> LakestreamError | None:
    """Give our error for one of obstore's, or None when it is not obstore's to raise."""
    match error:
        case FileNotFoundError():
            return ObjectNotFoundError(
                "there is no such object or bucket", where=where, fix="check the bucket's name"
            )
        case exceptions.PreconditionError() | exceptions.NotModifiedError():
            return ObjectChangedError(
                "the object is not the version that was found",
                where=where,
                fix="write each object once, under a key of its own",
            )
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return AccessDeniedError(
                "the store denies access",
                where=where,
                fix="check the credentials in storage_options and what they may do here",
            )
        case exceptions.UnknownConfigurationKeyError() | exceptions.NotSupportedError():
            return ConfigError("the store does not take these options", where=where)
        case exceptions.InvalidPathError() | ValueError():
            return StorageError(
                "a key cannot be expressed: it has control characters, '.', '..' or empty parts",
                where=where,
                fix="rename or remove the object; the cause names it",
            )
        case exceptions.BaseError() | OSError():
            return StorageUnavailableError(
                "the store does not answer as it should",
                where=where,
                fix="check bucket, region, credentials, endpoint (an http:// one needs allow_http)"
                " and network, then run again; the cause says more",
            )
        case _ if type(error).__module__ == "pyo3_runtime":
            return StorageError("the storage library failed", where=where, fix="report this")
        case _:
            return None
