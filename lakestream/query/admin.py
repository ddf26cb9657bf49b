"""Forgetting a query's progress, on purpose."""

from __future__ import annotations

import uuid

import msgspec

from lakestream.checkpoint import epochs
from lakestream.checkpoint import metadata as query_metadata
from lakestream.checkpoint.commit_log import CommitLog
from lakestream.checkpoint.metadata import FORMAT_VERSION, QueryMetadata
from lakestream.clock import Clock
from lakestream.errors import CheckpointError, LakestreamError
from lakestream.query.definition import QueryDefinition
from lakestream.query.open_query import fingerprints, open_query, open_sink
from lakestream.storage import stores
from lakestream.storage.base import LogStore


class ResetReport(msgspec.Struct, frozen=True):
    """What a reset forgets.

    Args:
        checkpoint: The checkpoint's folder.
        batches: Committed batches.
        files: Files that are known, read or not; None when checkpoint and source cannot tell.
        rows: Rows in the table, which stay unless it is truncated.
    """

    checkpoint: str
    batches: int
    files: int | None
    rows: int


def reset_report(definition: QueryDefinition, clock: Clock) -> ResetReport:
    """Tell what ``reset`` would forget; writes nothing, and reads a damaged checkpoint too."""
    log = _log(definition)
    newest = CommitLog(log).newest()
    return ResetReport(
        checkpoint=log.uri,
        batches=0 if newest is None else newest + 1,
        files=_known_files(definition, clock),
        rows=open_sink(definition, "").row_count() or 0,
    )


def reset(definition: QueryDefinition, clock: Clock, *, truncate: bool) -> ResetReport:
    """Forget all progress under a new query id; with ``truncate`` the table's rows go too.

    The order makes a crash harmless: while ``metadata`` is missing and the table carries the
    query's mark, every run refuses to start, so a reset that was cut off is seen and repeated.
    A run that is under way stops: its id is retired in the table before anything is forgotten,
    so that no batch of its can land behind the reset; epochs stay, so that it finds itself
    overtaken.
    """
    report = reset_report(definition, clock)
    log = _log(definition)
    sink = open_sink(definition, "")
    if truncate:
        sink.check_truncate()  # too late when all is forgotten: the rows would come again
    epochs.claim(log, str(uuid.uuid4()), clock)
    retired = _stored_id(log)
    if retired is not None:
        sink.retire(retired)
    log.delete([query_metadata.KEY])
    log.delete([key for key in log.list("") if not key.startswith(f"{epochs.FOLDER}/")])
    if truncate:
        sink.truncate()
    table_id = sink.table_id()
    if table_id is not None:
        query_metadata.create(
            log,
            QueryMetadata(
                id=str(uuid.uuid4()),
                name=definition.name,
                format_version=FORMAT_VERSION,
                table_id=table_id,
                sources=fingerprints(definition),
            ),
        )
    return report


def _log(definition: QueryDefinition) -> LogStore:
    return stores.open_log_store(definition.checkpoint_location.uri, definition.storage_options)


def _stored_id(log: LogStore) -> str | None:
    """Give the query's id; None when there is none, or none that can be read."""
    try:
        metadata = query_metadata.load(log)
    except CheckpointError:
        return None
    return None if metadata is None else metadata.id


def _known_files(definition: QueryDefinition, clock: Clock) -> int | None:
    # What makes a reset necessary, in the checkpoint or in a source, may not stop it.
    try:
        query = open_query(definition, clock=clock, rehearse=True)
        try:
            return sum(reader.backlog(reader.initial()).files for reader in query.readers.values())
        finally:
            query.close()
    except LakestreamError:
        return None
