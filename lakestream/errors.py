"""Every error that lakestream raises on purpose.

Two axes beside the class: *transient* (the same call may succeed later) or terminal, and whose
fault it is (the user can mend it, or the system around us must). A message is built in one
place and always says what happened, where, and what to do. Codes are stable; classes may move.

    LakestreamError
    ├── ConfigError                LS-CONF-*   what was declared cannot work
    │   ├── UnknownOptionError     LS-CONF-002
    │   ├── EnvironmentNotSetError LS-CONF-003
    │   └── UnsupportedOptionError LS-CONF-004
    ├── PlanError                  LS-PLAN-*   a stream or SQL text that cannot be planned
    │   ├── UnknownColumnError     LS-PLAN-002
    │   ├── UnknownFunctionError   LS-PLAN-003
    │   └── UnsupportedOperationError LS-PLAN-004
    ├── StorageError               LS-STORE-*  a folder, bucket or object
    │   ├── ObjectNotFoundError    LS-STORE-002
    │   ├── ObjectChangedError     LS-STORE-003
    │   ├── AccessDeniedError      LS-STORE-004
    │   ├── UnsafeLogStoreError    LS-STORE-005
    │   └── StorageUnavailableError LS-STORE-006  transient
    ├── SourceError                LS-SRC-*    discovering and reading input
    │   ├── SourceChangedError     LS-SRC-002
    │   ├── SchemaInferenceError   LS-SRC-003
    │   ├── NewColumnsError        LS-SRC-004
    │   ├── BadRecordError         LS-SRC-005
    │   ├── BadFileError           LS-SRC-006
    │   ├── SchemaRejectedError    LS-SRC-007
    │   ├── DeltaChangeError       LS-SRC-008
    │   ├── DataLossError          LS-SRC-009
    │   ├── SourceNotFoundError    LS-SRC-010
    │   ├── TableFeatureError      LS-SRC-011
    │   ├── QueueUnavailableError  LS-SRC-012  transient
    │   └── QueueRefusedError      LS-SRC-013
    ├── CheckpointError            LS-CKPT-*   the query's own files
    │   ├── CheckpointCorruptError LS-CKPT-002
    │   ├── CheckpointMismatchError LS-CKPT-003
    │   ├── CheckpointLostError    LS-CKPT-004
    │   ├── CheckpointVersionError LS-CKPT-005
    │   └── FencedError            LS-CKPT-006
    ├── SinkError                  LS-SINK-*   the table written to
    │   ├── PlanMismatchError      LS-SINK-002
    │   ├── SinkBehindError        LS-SINK-003
    │   ├── SinkReplacedError      LS-SINK-004
    │   ├── SinkRestoredError      LS-SINK-005
    │   ├── SinkDamagedError       LS-SINK-006
    │   ├── SinkSchemaError        LS-SINK-007
    │   ├── CommitConflictError    LS-SINK-008  transient
    │   └── ExpectationFailedError LS-SINK-009
    ├── ProvisioningError          LS-PROV-*   making or removing a stream's queue
    │   ├── NotificationOverlapError LS-PROV-002
    │   ├── ForeignResourceError   LS-PROV-003
    │   ├── ProvisioningRefusedError LS-PROV-004
    │   └── ProvisioningUnavailableError LS-PROV-005  transient
    └── QueryError                 LS-QUERY-*  a running query
        ├── UserFunctionError      LS-QUERY-002
        └── QueryFailedError       LS-QUERY-003
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, Final

_NAMES_SHOWN: Final = 20


class LakestreamError(Exception):
    """The root: an error with a stable code, a place and a way out.

    Args:
        what: What happened, one sentence, without secrets or data values.
        where: The table, file, option or step it happened at.
        fix: What the reader can do about it.
    """

    code: ClassVar[str] = "LS-000"
    transient: ClassVar[bool] = False
    users_fault: ClassVar[bool] = True

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        """Give the whole message on one to three lines."""
        lines = [f"[{self.code}] {self.what}"]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  to do: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the parts of the message, so that errors cross process borders whole."""
        return (_rebuild, (type(self), self.what, self.where, self.fix), dict(self.__dict__))


def _rebuild(
    kind: type[LakestreamError], what: str, where: str | None, fix: str | None
) -> LakestreamError:
    return kind(what, where=where, fix=fix)


def near_names(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Give the known names closest to a misspelt one, as the tail of a sentence.

    Returns:
        ``"did you mean 'a' or 'b'?"``, or the list of known names when none is close.
    """
    import difflib

    names = sorted(set(known))
    folded = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), folded, n=most, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(folded[each]) for each in close) + "?"
    if not names:
        return "there are none"
    shown, hidden = names[:_NAMES_SHOWN], names[_NAMES_SHOWN:]
    return f"there are: {', '.join(shown)}" + (f" and {len(hidden)} more" if hidden else "")


class ConfigError(LakestreamError):
    """What was declared cannot work: a wrong value, or two options that exclude each other."""

    code = "LS-CONF-001"


class UnknownOptionError(ConfigError):
    """An option name that nothing here knows."""

    code = "LS-CONF-002"

    @classmethod
    def from_names(cls, name: str, known: Iterable[str], *, where: str) -> UnknownOptionError:
        """Build the error for one unknown name among the known ones."""
        return cls(f"unknown option {name!r}", where=where, fix=near_names(name, known))


class EnvironmentNotSetError(ConfigError):
    """``ls.env(NAME)`` stands for an environment variable that is not set."""

    code = "LS-CONF-003"


class UnsupportedOptionError(ConfigError):
    """An option or format of Spark that lakestream does not have; the message says why."""

    code = "LS-CONF-004"


class PlanError(LakestreamError):
    """A stream or SQL text that cannot be planned."""

    code = "LS-PLAN-001"


class UnknownColumnError(PlanError):
    """A column that the input of an operation does not have."""

    code = "LS-PLAN-002"

    @classmethod
    def from_names(cls, name: str, known: Iterable[str], *, where: str) -> UnknownColumnError:
        """Build the error for one unknown column among the known ones."""
        fix = near_names(name, known)
        if name.casefold() == "_metadata":  # Spark has it without asking
            fix = 'ask for it: ls.read_files(..., metadata_column="_metadata")'
        return cls(f"unknown column {name!r}", where=where, fix=fix)


class UnknownFunctionError(PlanError):
    """A function that Spark SQL, or lakestream's part of it, does not have."""

    code = "LS-PLAN-003"


class UnsupportedOperationError(PlanError):
    """An operation that cannot run on a stream, or not in this output mode."""

    code = "LS-PLAN-004"


class StorageError(LakestreamError):
    """A folder, bucket or object could not be used."""

    code = "LS-STORE-001"
    users_fault = False


class ObjectNotFoundError(StorageError):
    """An object that was asked for is not there."""

    code = "LS-STORE-002"


class ObjectChangedError(StorageError):
    """An object is no longer the version that was asked for."""

    code = "LS-STORE-003"


class AccessDeniedError(StorageError):
    """The credentials at hand may not do this."""

    code = "LS-STORE-004"
    users_fault = True


class UnsafeLogStoreError(StorageError):
    """A store that does not honour put-if-absent cannot hold a checkpoint."""

    code = "LS-STORE-005"
    users_fault = True


class StorageUnavailableError(StorageError):
    """The store did not answer, throttled us, or is full; the same call may succeed later."""

    code = "LS-STORE-006"
    transient = True


class SourceError(LakestreamError):
    """Input could not be discovered or read."""

    code = "LS-SRC-001"


class SourceChangedError(SourceError):
    """A file of a planned batch is gone or has other content, so the plan cannot be redone."""

    code = "LS-SRC-002"


class SchemaInferenceError(SourceError):
    """No schema was given and none could be inferred."""

    code = "LS-SRC-003"


class NewColumnsError(SourceError):
    """``fail_on_new_columns`` met a column that the schema does not have."""

    code = "LS-SRC-004"


class BadRecordError(SourceError):
    """``mode="failfast"`` met a record that does not parse."""

    code = "LS-SRC-005"


class BadFileError(SourceError):
    """A file that cannot be read as its format: truncated, corrupt or over a limit."""

    code = "LS-SRC-006"


class SchemaRejectedError(SourceError):
    """Input whose schema is over a limit: too many columns, or nested too deep."""

    code = "LS-SRC-007"


class DeltaChangeError(SourceError):
    """A Delta source met a delete or an update that its options do not allow."""

    code = "LS-SRC-008"


class DataLossError(SourceError):
    """Versions or files that the query still needed were cleaned away."""

    code = "LS-SRC-009"


class SourceNotFoundError(SourceError):
    """There is nothing at a source's path yet, so not even a schema is known."""

    code = "LS-SRC-010"


class TableFeatureError(SourceError):
    """A Delta table uses a feature that lakestream does not read, or not write."""

    code = "LS-SRC-011"


class QueueUnavailableError(SourceError):
    """A notification queue did not answer, throttles, or failed on its own side."""

    code = "LS-SRC-012"
    transient = True
    users_fault = False


class QueueRefusedError(SourceError):
    """There is no such notification queue, or the credentials do not open it."""

    code = "LS-SRC-013"


class CheckpointError(LakestreamError):
    """The query's checkpoint cannot be used."""

    code = "LS-CKPT-001"
    users_fault = False


class CheckpointCorruptError(CheckpointError):
    """A checkpoint entry is missing or cannot be read, and nothing later explains it."""

    code = "LS-CKPT-002"


class CheckpointMismatchError(CheckpointError):
    """A checkpoint that belongs to another query, source or table."""

    code = "LS-CKPT-003"
    users_fault = True


class CheckpointLostError(CheckpointError):
    """The table carries this query's mark, but the checkpoint is gone."""

    code = "LS-CKPT-004"
    users_fault = True


class CheckpointVersionError(CheckpointError):
    """A checkpoint written by a newer lakestream than this one."""

    code = "LS-CKPT-005"
    users_fault = True


class FencedError(CheckpointError):
    """A newer run of the same query has taken over; this one stops."""

    code = "LS-CKPT-006"


class SinkError(LakestreamError):
    """The table cannot be written to."""

    code = "LS-SINK-001"


class PlanMismatchError(SinkError):
    """The table already holds this batch id, but of another plan."""

    code = "LS-SINK-002"
    users_fault = False


class SinkBehindError(SinkError):
    """The table's mark is older than the checkpoint's last commit: commits were lost."""

    code = "LS-SINK-003"
    users_fault = False


class SinkReplacedError(SinkError):
    """The table at this path is not the one that the checkpoint wrote to."""

    code = "LS-SINK-004"


class SinkRestoredError(SinkError):
    """The table was restored to an older version since our last commit."""

    code = "LS-SINK-005"


class SinkDamagedError(SinkError):
    """Files of a committed batch are missing, or the table's log cannot be read."""

    code = "LS-SINK-006"
    users_fault = False


class SinkSchemaError(SinkError):
    """Columns whose types the table cannot take without changing values."""

    code = "LS-SINK-007"


class CommitConflictError(SinkError):
    """Other writers won every attempt at this commit; the next run tries again."""

    code = "LS-SINK-008"
    transient = True
    users_fault = False


class ExpectationFailedError(SinkError):
    """Rows broke an expectation declared with ``on_fail="fail"``; the batch was not committed.

    Attributes:
        failed_rows: How many rows of the batch broke it, by expectation.
    """

    code = "LS-SINK-009"
    failed_rows: Mapping[str, int] = MappingProxyType({})


class ProvisioningError(LakestreamError):
    """The resources that tell a stream of new files cannot be made or removed."""

    code = "LS-PROV-001"


class NotificationOverlapError(ProvisioningError):
    """The bucket tells somebody else of the same keys, and the cloud allows one only."""

    code = "LS-PROV-002"


class ForeignResourceError(ProvisioningError):
    """A resource has the name that a stream's would have, and is not the stream's."""

    code = "LS-PROV-003"


class ProvisioningRefusedError(ProvisioningError):
    """There is no such bucket, or the credentials may not do it."""

    code = "LS-PROV-004"


class ProvisioningUnavailableError(ProvisioningError):
    """A cloud did not answer, throttles, or failed on its own side. What was made stays."""

    code = "LS-PROV-005"
    transient = True
    users_fault = False


class QueryError(LakestreamError):
    """A query that cannot go on."""

    code = "LS-QUERY-001"


class UserFunctionError(QueryError):
    """A function given to ``mapBatches`` raised, or returned something else than it says."""

    code = "LS-QUERY-002"


class QueryFailedError(QueryError):
    """The background query ended with an error, which is this one's cause."""

    code = "LS-QUERY-003"
