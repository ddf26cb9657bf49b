"""What a source's schema was, is, and would be: for people, beside a run. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import ConfigError
from lakestream.formats.base import UnknownFields
from lakestream.formats.infer import merge_kinds, settled
from lakestream.formats.schema import widen_drift
from lakestream.plan import types as t
from lakestream.plan.schema_diff import SchemaChange, schema_changes
from lakestream.plan.widening import widened
from lakestream.sources.files.inference import infer_columns
from lakestream.sources.files.layout import Layout, grown_layout
from lakestream.sources.files.partition_keys import new_keys, with_new_keys
from lakestream.sources.files.partitions import infer_type
from lakestream.sources.files.schema_log import Cause, StoredVersion

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription
    from lakestream.storage.base import ObjectInfo, ReadStore

_TEXTUAL: Final = frozenset({"json", "csv", "xml"})
_ADDED: Final[dict[UnknownFields, str]] = {
    "evolve": "is added by the batch that brings it",
    "rescue": "goes to the rescued data column",
    "fail": "stops the query",
    "ignore": "is left out",
}


class SchemaVersion(msgspec.Struct, frozen=True):
    """One of the schemas that a source has had.

    Args:
        source: The source's name in the query.
        number: 0, 1, 2, ...; with several sources each counts its own.
        at: When it was stored, aware UTC; None in checkpoints from before it was kept.
        cause: ``inferred`` at the first start, ``hint``, or ``files`` that brought new columns.
        columns: Data columns, then those of folders.
        changes: What is not as in the version before; empty in the first.
    """

    source: str
    number: int
    at: datetime | None
    cause: Cause | None
    columns: t.Struct
    changes: tuple[SchemaChange, ...]


class SchemaFinding(msgspec.Struct, frozen=True):
    """One field that the newest files do not have as the schema has it.

    Args:
        change: From the schema to the files.
        effect: What a batch does about it.
    """

    change: SchemaChange
    effect: str


class SchemaPreview(msgspec.Struct, frozen=True):
    """A source's columns, held against hints and against the newest files.

    Args:
        source: The source's name in the query.
        columns: What the next run starts with: data columns, then those of folders. None while
            there is no file to infer them from.
        partitions: Which of them are taken from folders.
        hinted: What the hints that were tried add to the stored columns, or to what would be
            inferred without them.
        findings: What the newest files hold otherwise; nothing before the first run.
    """

    source: str
    columns: t.Struct | None
    partitions: tuple[str, ...]
    hinted: tuple[SchemaChange, ...]
    findings: tuple[SchemaFinding, ...]


def version_history(source: str, versions: Iterable[StoredVersion]) -> list[SchemaVersion]:
    """Tell each version with what it changed."""
    found: list[SchemaVersion] = []
    before: t.Struct | None = None
    for each in versions:
        columns = _columns(Layout(each.schema.data, each.schema.partitions))
        changes = () if before is None else schema_changes(before, columns)
        found.append(SchemaVersion(source, each.number, each.at, each.cause, columns, changes))
        before = columns
    return found


def schema_preview(
    source: str,
    description: FilesDescription,
    *,
    hints: str | None,
    stored: Layout | None,
    store: ReadStore,
    files: Sequence[ObjectInfo],
) -> SchemaPreview:
    """Hold stored columns against hints and files.

    Args:
        source: The source's name in the query.
        description: As declared.
        hints: DDL to try on top of the declared hints; a path that both name takes this type.
        stored: The newest version, or None before the first.
        store: Where the files are.
        files: All that are known.

    Raises:
        ConfigError: The columns are declared, so that hints mean nothing; or a hint wants another
            type than is stored.
        PlanError: The hints are no DDL, or lead through a type that has no such part.

    Cost: the samples of one inference are read.
    """
    tried = _with_hints(description, hints)
    seen, sampler = infer_columns(tried, store, lambda: files)
    known = description.declared_layout or stored
    if known is not None:
        if seen is not None and description.partition_columns is None:
            keys = new_keys(tried, known, (f"{each}/" for each in sampler.folders))
            late = tuple((name, infer_type(values)) for name, values in keys.items())
            seen = Layout(seen.data, t.Struct((*known.partitions.fields, *late)))
        before: Layout | None = known
        after: Layout | None = known if hints is None else grown_layout(tried, known)
    else:
        before, _ = (
            (seen, None) if hints is None else infer_columns(description, store, lambda: files)
        )
        after = seen
    return SchemaPreview(
        source=source,
        columns=None if after is None else _columns(after),
        partitions=() if after is None else after.partitions.names,
        hinted=schema_changes(_columns(before), _columns(after)) if before and after else (),
        findings=tuple(_findings(description, after, seen)) if after and seen else (),
    )


def _with_hints(description: FilesDescription, hints: str | None) -> FilesDescription:
    if hints is None:
        return description
    if description.schema is not None:
        raise ConfigError(
            "the columns are declared by schema, so hints mean nothing",
            where=description.location,
            fix="change the schema itself",
        )
    merged = {path.casefold(): (path, kind) for path, kind in _parsed(description.schema_hints)}
    new = _parsed(hints)
    merged |= {path.casefold(): (path, kind) for path, kind in new}
    return msgspec.structs.replace(
        description, schema_hints=t.schema_ddl(t.Struct(tuple(merged.values())))
    )


def _parsed(hints: str | None) -> tuple[tuple[str, t.SparkType], ...]:
    return () if hints is None else t.parse_ddl(hints)


def _findings(
    description: FilesDescription, columns: Layout, seen: Layout
) -> Iterable[SchemaFinding]:
    rescued = description.rescued_column is not None
    keys = {name: set[str]() for name in seen.partitions.names}
    grown = with_new_keys(description, columns, keys)
    have = _columns(columns)
    textual = description.format.name in _TEXTUAL
    found = _as_stored(have, _columns(seen), textual=textual)
    assert isinstance(found, t.Struct)  # noqa: S101 - a struct stays one
    becoming = {each.path for each in schema_changes(have, _widened(description, have, found))}
    for change in schema_changes(have, found):
        match change.kind:
            case "added" if seen.partitions.get(change.path) is not None and (
                grown.partitions.get(change.path) is None
            ):
                effect = "is left out, and told as a folder that gives no column"
            case "added":
                effect = _ADDED[description.unknown_fields]
            case "removed":
                effect = "is null in rows of files without it"
            case "retyped":
                effect = (
                    "becomes wider by the batch that brings it"
                    if change.path in becoming
                    else f"values that do not fit are {'rescued' if rescued else 'null'}"
                )
        yield SchemaFinding(change, effect)


def _widened(description: FilesDescription, have: t.Struct, seen: t.Struct) -> t.Struct:
    return widen_drift(have, seen, description.schema_hints) if description.widens else have


def _as_stored(stored: t.SparkType, seen: t.SparkType, *, textual: bool) -> t.SparkType:
    """Give what was seen, with the stored type wherever that takes all values of the seen one.

    Args:
        stored: The type in the schema.
        seen: What was inferred from some files, which may be narrower by chance.
        textual: Whether values are read from text, by the column's type.
    """
    match stored, seen:
        case t.Struct(), t.Struct():
            old = {name.casefold(): kind for name, kind in stored.fields}
            return t.Struct(
                tuple(
                    (name, _as_stored(old.get(name.casefold(), kind), kind, textual=textual))
                    for name, kind in seen.fields
                )
            )
        case t.Array(have), t.Array(kind):
            return t.Array(_as_stored(have, kind, textual=textual))
        case t.Map(key, have), t.Map(seen_key, kind):
            return t.Map(
                _as_stored(key, seen_key, textual=textual), _as_stored(have, kind, textual=textual)
            )
        case _:
            holds = widened(seen, stored) == stored
            holds = holds or (textual and settled(merge_kinds(seen, stored)) == stored)
            return stored if holds else seen


def _columns(layout: Layout) -> t.Struct:
    """Give data columns, then those of folders, which win over data of the same name."""
    names = {each.casefold() for each in layout.partitions.names}
    data = (each for each in layout.data.fields if each[0].casefold() not in names)
    return t.Struct((*data, *layout.partitions.fields))
