"""``key=value`` folders that come later and are no columns yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakestream.formats.archives import outer_key
from lakestream.formats.schema import can_be_column, check_limits, find_name
from lakestream.plan import types as t
from lakestream.sources.files.layout import Layout
from lakestream.sources.files.partitions import NULL_NAME, infer_type

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription


def new_keys(
    description: FilesDescription, layout: Layout, keys: Iterable[str]
) -> dict[str, set[str]]:
    """Find the ``key=value`` folders of some files that give no column.

    Args:
        description: Who named columns, or the keys wanted, has chosen: then there is no news.
        layout: The columns as they are.
        keys: Paths of files, below the root.

    Returns:
        Name to the values seen, nulls left out, in the order of the names.
    """
    if description.schema is not None or description.partition_columns is not None:
        return {}
    found: dict[str, set[str]] = {}
    spelling: dict[str, str] = {}
    for folder in sorted({outer_key(key).rpartition("/")[0] for key in keys}):
        for part in folder.split("/"):
            name, mark, value = part.partition("=")
            name = unquote(name)
            if not mark or not name or find_name(layout.partitions, name) is not None:
                continue
            values = found.setdefault(spelling.setdefault(name.casefold(), name), set())
            if value != NULL_NAME:
                values.add(unquote(value))
    return found


def with_new_keys(
    description: FilesDescription, layout: Layout, found: Mapping[str, set[str]]
) -> Layout:
    """Add columns for new keys where new columns are added and folders gave some from the start.

    A key with the name of a column of the data, or of one that we add, stays none.

    Raises:
        SchemaRejectedError: There would be too many columns.
    """
    if description.unknown_fields != "evolve" or not layout.partitions.fields:
        return layout
    ddl = description.schema_hints
    hinted = t.Struct(()) if ddl is None else t.Struct(t.parse_ddl(ddl))
    ours = {
        each.casefold()
        for each in (description.rescued_column, description.metadata_column)
        if each is not None
    }
    added: list[tuple[str, t.SparkType]] = []
    for name, values in found.items():
        hint = find_name(hinted, name)
        is_data = hint is None and find_name(layout.data, name) is not None
        is_known = find_name(layout.partitions, name) is not None
        if is_known or is_data or name.casefold() in ours or not can_be_column(name):
            continue
        inferred = infer_type(values) if description.infer_types else t.STRING
        added.append((name, inferred if hint is None else hinted.get(hint) or inferred))
    grown = Layout(layout.data, t.Struct((*layout.partitions.fields, *added)))
    check_limits(
        t.Struct((*grown.data.fields, *grown.partitions.fields)), where=description.location
    )
    return grown
