"""deltalake's exceptions as ours, mapped at the one seam where it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from lakestream.errors import (
    CommitConflictError,
    LakestreamError,
    SinkReplacedError,
    SinkSchemaError,
    StorageUnavailableError,
)


class Otherwise(msgspec.Struct, frozen=True):
    """What an exception means that deltalake's own classes do not tell apart.

    Its ``DeltaError`` covers damage, unknown table features, a full disk and more; only the
    caller knows which of them can be meant, and what to do.
    """

    kind: type[LakestreamError]
    what: str
    fix: str


def is_panic(error: BaseException) -> bool:
    """Tell whether this is a Rust panic, which pyo3 raises as a ``BaseException``."""
    return type(error).__name__ == "PanicException"


def translate(error: BaseException, *, where: str, otherwise: Otherwise) -> LakestreamError:
    """Give the lakestream error for what a call into deltalake raised, by class alone."""
    from deltalake.exceptions import (
        CommitFailedError,
        SchemaMismatchError,
        TableNotFoundError,
    )

    match error:
        case LakestreamError():
            return error
        case CommitFailedError():
            return CommitConflictError(
                "another writer changed the table while this commit was made",
                where=where,
                fix="nothing was written; the batch is tried again on the table as it is now",
            )
        case SchemaMismatchError():
            return SinkSchemaError(
                "the rows do not fit the table's columns",
                where=where,
                fix="compare the stream's schema with the table's and cast the columns that differ",
            )
        case TableNotFoundError():
            return SinkReplacedError(
                "the table is gone",
                where=where,
                fix="bring it back, or reset the query to write a new one",
            )
        case OSError():
            return StorageUnavailableError(
                "the table's storage did not answer",
                where=where,
                fix="check the network, the credentials and the free space, then run again",
            )
        case _:
            return otherwise.kind(otherwise.what, where=where, fix=otherwise.fix)


@contextmanager
def translated(*, where: str, otherwise: Otherwise) -> Iterator[None]:
    """Raise deltalake's exceptions as ours, with the original as the cause.

    ``KeyboardInterrupt`` and the like pass through; a Rust panic does not.
    """
    try:
        yield
    except LakestreamError:
        raise
    except Exception as error:
        raise translate(error, where=where, otherwise=otherwise) from error
    except BaseException as error:
        if not is_panic(error):
            raise
        raise translate(error, where=where, otherwise=otherwise) from error
