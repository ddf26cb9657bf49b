"""The schemas of a query's file sources, from outside a run. Commits nothing."""

from __future__ import annotations

from lakestream.clock import Clock
from lakestream.errors import ConfigError
from lakestream.query import overview
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.query.open_query import OpenQuery
from lakestream.sources.files.reader import FilesReader
from lakestream.sources.files.schema_view import SchemaPreview, SchemaVersion


def schema_history(definition: QueryDefinition, clock: Clock) -> list[SchemaVersion]:
    """Give the schemas that each file source has had, oldest first."""
    with overview.rehearsal(definition, clock) as (query, _):
        return [version for reader in _file_readers(query) for version in reader.columns.history()]


def schema_preview(
    definition: QueryDefinition, clock: Clock, *, hints: str | None
) -> list[SchemaPreview]:
    """Hold each file source's columns against hints and against the newest files.

    Raises:
        ConfigError: There is no file source; or hints are given and there are several, or its
            columns are declared, or a hint wants another type than is stored.
        PlanError: The hints are no DDL, or lead through a type that has no such part.
    """
    with overview.rehearsal(definition, clock) as (query, execution):
        readers = _file_readers(query)
        _check(definition, readers, hints)
        # What is inferred meanwhile is stored in the copy in memory only.
        stored = [bool(reader.columns.history()) for reader in readers]
        execution.discover()
        return [
            reader.columns.preview(hints, stored=each)
            for reader, each in zip(readers, stored, strict=True)
        ]


def _file_readers(query: OpenQuery) -> list[FilesReader]:
    return [each for each in query.readers.values() if isinstance(each, FilesReader)]


def _check(definition: QueryDefinition, readers: list[FilesReader], hints: str | None) -> None:
    if not readers:
        sources = definition.named_sources().values()
        raise ConfigError(
            "the table reads no files, so no columns are inferred for it",
            where=", ".join(description_of(each).description for each in sources),
            fix="ask for the table that reads them",
        )
    if hints is not None and len(readers) > 1:
        raise ConfigError(
            f"the table has {len(readers)} file sources, and hints are for one of them",
            where=f"streaming table {definition.name!r}",
            fix="try them with read_files(..., schema_hints=...).preview()",
        )
