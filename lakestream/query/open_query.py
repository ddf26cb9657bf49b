"""Opening a query: its checkpoint, its sources and its sink, put together for one run."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import msgspec

from lakestream.checkpoint import metadata as query_metadata
from lakestream.checkpoint.commit_log import CommitLog
from lakestream.checkpoint.metadata import FORMAT_VERSION, QueryMetadata
from lakestream.checkpoint.offset_log import OffsetLog
from lakestream.clock import Clock
from lakestream.errors import (
    CheckpointCorruptError,
    CheckpointLostError,
    CheckpointMismatchError,
    ConfigError,
    FencedError,
    near_names,
)
from lakestream.plan.types import Struct
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.sinks.delta import DeltaSink
from lakestream.sources.base import EVERYTHING, DiscoveryFilter, SourceContext, SourceReader
from lakestream.sources.files.description import FilesDescription
from lakestream.storage import stores
from lakestream.storage.base import LogStore
from lakestream.storage.location import display
from lakestream.storage.rehearsal import RehearsalLogStore


class OpenQuery(msgspec.Struct, eq=False):
    """A query with everything open that a run needs.

    ``id`` is the query's id for the life of its checkpoint. ``metadata`` is None until the query
    has its table: both are made when the first batch is planned, because only then is the schema
    known for sure, and ``id`` may still change to that of a run which was quicker.
    """

    definition: QueryDefinition
    run_id: str
    clock: Clock
    log: LogStore
    offsets: OffsetLog
    commits: CommitLog
    readers: Mapping[str, SourceReader]
    id: str
    metadata: QueryMetadata | None
    sink: DeltaSink

    def establish(self, schema: Struct) -> QueryMetadata:
        """First start: create the table, then put ``metadata``; a loser adopts the winner's ids.

        Raises:
            SinkSchemaError: A table that is there already has other types or partitions.
        """
        if self.metadata is None:
            table_id = self.sink.prepare(schema)
            self.metadata = query_metadata.create(
                self.log,
                QueryMetadata(
                    id=self.id,
                    name=self.definition.name,
                    format_version=FORMAT_VERSION,
                    table_id=table_id,
                    sources=fingerprints(self.definition),
                ),
            )
            self._take_ids_of(self.metadata)
        return self.metadata

    def adopt(self, planned: int) -> None:
        """Take over the ids of a run whose first start happened since this query was opened.

        Args:
            planned: A batch that is planned, which comes after ``metadata``.

        Raises:
            CheckpointCorruptError: There is no ``metadata``.
            CheckpointMismatchError: That run was of another query.
        """
        if self.metadata is not None:
            return
        self.metadata = query_metadata.load(self.log)
        if self.metadata is None:
            raise CheckpointCorruptError(
                f"batch {planned} is planned, but the query has no metadata",
                where=self.log.uri,
                fix="restore the checkpoint folder from a backup, or reset the table",
            )
        check_identity(self.definition, self.metadata, self.log)
        self._take_ids_of(self.metadata)

    def check_not_reset(self) -> None:
        """Tell a checkpoint that began anew since this query was opened from a damaged one.

        Raises:
            FencedError: It is another query's now.
        """
        found = query_metadata.load(self.log)
        if self.metadata is not None and (found is None or found.id != self.id):
            raise FencedError(
                "the query was reset since this run began",
                where=self.log.uri,
                fix="run again: it starts where the checkpoint is now",
            )

    def _take_ids_of(self, metadata: QueryMetadata) -> None:
        self.id = metadata.id
        self.sink = open_sink(self.definition, self.id)

    def close(self) -> None:
        """Let go of the sources' connections and threads."""
        for reader in self.readers.values():
            reader.close()


def open_query(
    definition: QueryDefinition,
    *,
    clock: Clock,
    discovery: DiscoveryFilter = EVERYTHING,
    rehearse: bool = False,
) -> OpenQuery:
    """Open a query for a run.

    Args:
        definition: The query.
        clock: For discovery times and batch timestamps.
        discovery: What the run's discovery is narrowed to.
        rehearse: Put a copy in memory over the checkpoint, so that nothing is written.

    Raises:
        UnsafeLogStoreError: The checkpoint's store does not honour put-if-absent.
        CheckpointMismatchError: The checkpoint belongs to another query, or a source changed
            in a way that its progress does not fit any more.
        CheckpointLostError: The table carries this query's mark and the checkpoint is gone.
        ConfigError: The table lies where its own source would read it, or its columns may not
            become wider and those of a source may.

    Cost: a handful of requests; on the first start of a file source also what inference reads.
    """
    _refuse_circle(definition)
    _refuse_narrow_table(definition)
    log: LogStore = stores.open_log_store(
        definition.checkpoint_location.uri, definition.storage_options
    )
    if rehearse:
        log = RehearsalLogStore(log)
    else:
        stores.probe_log_store(log)
    metadata = query_metadata.load(log)
    if metadata is None:
        metadata = _refuse_lost_checkpoint(definition, log)
    if metadata is not None:
        check_identity(definition, metadata, log)
    query_id = metadata.id if metadata is not None else str(uuid.uuid4())
    return OpenQuery(
        definition=definition,
        run_id=str(uuid.uuid4()),
        clock=clock,
        log=log,
        offsets=OffsetLog(log),
        commits=CommitLog(log),
        readers=open_readers(definition, log, clock, discovery, rehearse=rehearse),
        id=query_id,
        metadata=metadata,
        sink=open_sink(definition, query_id),
    )


def open_readers(
    definition: QueryDefinition,
    log: LogStore,
    clock: Clock,
    discovery: DiscoveryFilter,
    *,
    rehearse: bool,
) -> dict[str, SourceReader]:
    """Open a reader for each source, in the order of the offset log's lines."""
    return {
        name: description_of(source).open(
            SourceContext(name=name, log=log, clock=clock, discovery=discovery, rehearsal=rehearse)
        )
        for name, source in definition.named_sources().items()
    }


def open_sink(definition: QueryDefinition, query_id: str) -> DeltaSink:
    """Describe the query's table as a sink; nothing is read yet."""
    return DeltaSink(
        definition.path,
        definition.storage_options,
        partition_by=definition.partition_by,
        query_id=query_id,
        query_name=definition.name,
        widens=definition.widens,
    )


def fingerprints(definition: QueryDefinition) -> dict[str, dict[str, str]]:
    """Give what may not change between two runs, by source."""
    return {
        name: dict(description_of(source).fingerprint())
        for name, source in definition.named_sources().items()
    }


def check_identity(definition: QueryDefinition, metadata: QueryMetadata, log: LogStore) -> None:
    """Refuse a checkpoint that was made by another query or for other input.

    Raises:
        CheckpointMismatchError: Saying which part differs.
    """
    if metadata.name != definition.name:
        raise CheckpointMismatchError(
            f"the checkpoint belongs to query {metadata.name!r}, this one is {definition.name!r}",
            where=log.uri,
            fix="give each query a checkpoint of its own, or the old name with name=",
        )
    for name, now in fingerprints(definition).items():
        before = metadata.sources.get(name)
        if before is None:
            raise CheckpointMismatchError(
                f"source {name!r} is new to this checkpoint",
                where=log.uri,
                fix=f"{near_names(name, metadata.sources)} A query keeps its sources: use another "
                "table, or reset this one",
            )
        # Older checkpoints have a URL's credentials in them.
        was = {key: display(value) for key, value in before.items()}
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key):
                raise CheckpointMismatchError(
                    f"{key} of source {name!r} was {was.get(key)!r} and is {now.get(key)!r}",
                    where=log.uri,
                    fix="change it back, or reset the table to start over with other input",
                )


def _refuse_circle(definition: QueryDefinition) -> None:
    """Refuse a table inside of its own landing folder: each batch would be the next one's input."""
    table = definition.table_location
    for source in definition.named_sources().values():
        description = description_of(source)
        if isinstance(description, FilesDescription) and description.takes_files_of(table):
            raise ConfigError(
                "the table lies in the folder that it reads: its own files would be its input",
                where=f"{display(definition.path)}, read by {description.description}",
                fix="put the table elsewhere, or narrow the source: path_glob_filter='*.json'",
            )


def _refuse_narrow_table(definition: QueryDefinition) -> None:
    """Refuse a source whose columns become wider above a table whose columns may not."""
    for source in definition.named_sources().values():
        description = description_of(source)
        if isinstance(description, FilesDescription) and description.widens:
            if definition.widens:
                continue
            raise ConfigError(
                "the columns of the source become wider, those of its table may not: deltalake "
                "cannot change the type of a column, so that the table must be written anew",
                where=f"schema_evolution='add_new_columns_with_type_widening', "
                f"{description.description}",
                fix='allow that with widening="rewrite" of the streaming table (docs/schema.md '
                "tells the cost), or use add_new_columns: values that do not fit are rescued",
            )


def _refuse_lost_checkpoint(definition: QueryDefinition, log: LogStore) -> QueryMetadata | None:
    """Tell a first start from a checkpoint that is gone.

    Another runner's first start may have put ``metadata`` between our two looks, so the mark
    only counts when ``metadata``, read again, is still missing.
    """
    mark = open_sink(definition, "").name_mark()
    if mark is None:
        return None
    metadata = query_metadata.load(log)
    if metadata is None:
        raise CheckpointLostError(
            f"the table holds batches up to {mark} of query {definition.name!r}, "
            "but its checkpoint is gone",
            where=log.uri,
            fix="restore the checkpoint folder; or run `lakestream reset`, which forgets the "
            "progress, so that all input is read again",
        )
    return metadata
