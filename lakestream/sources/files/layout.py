"""How a source's schema is made up: data columns, partition columns, and the ones beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import ConfigError
from lakestream.formats.schema import apply_hints, check_hint, find_name, grow_by_hints
from lakestream.plan import types as t
from lakestream.sources.files.partitions import infer_partitions, infer_type, raw_values_of

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription

#: Spark's ``_metadata`` fields, then ours.
METADATA_TYPE: Final = t.Struct(
    (
        ("file_path", t.STRING),
        ("file_name", t.STRING),
        ("file_size", t.LONG),
        ("file_modification_time", t.TIMESTAMP),
        ("file_block_start", t.LONG),
        ("file_block_length", t.LONG),
        ("seq", t.LONG),
        ("discovered_at", t.TIMESTAMP),
    )
)


class Layout(msgspec.Struct, frozen=True):
    """Where the columns come from.

    Args:
        data: What is looked for in the files; may hold names that ``partitions`` has too.
        partitions: What folder names give; it wins.
    """

    data: t.Struct
    partitions: t.Struct

    def schema(self, description: FilesDescription) -> t.Struct:
        """Give the stream's columns: data, partitions, rescued, metadata.

        Raises:
            ConfigError: The rescued or metadata column has the name of another column.
        """
        columns = [
            (name, kind)
            for name, kind in self.data.fields
            if find_name(self.partitions, name) is None
        ]
        columns += self.partitions.fields
        if description.rescued_column is not None:
            self._check_free(description.rescued_column, "rescued_data_column")
            columns.append((description.rescued_column, t.STRING))
        if description.metadata_column is not None:
            self._check_free(description.metadata_column, "metadata_column")
            columns.append((description.metadata_column, METADATA_TYPE))
        return t.Struct(tuple(columns))

    def _check_free(self, name: str, option: str) -> None:
        if find_name(self.data, name) or find_name(self.partitions, name):
            raise ConfigError(
                f"the input has a column {name!r} already",
                where=f"{option}={name!r}",
                fix="give another name",
            )


def declared_layout(description: FilesDescription) -> Layout | None:
    """Give the layout when it is known without I/O, else None.

    Named partition columns have the type that the schema or a hint gives them, else string. Of
    a format with columns of its own the partition columns are inferred unless they were named.
    """
    own = description.format.fixed_schema
    data = description.schema or own
    if data is None or (description.schema is None and description.partition_columns is None):
        return None
    if description.schema_hints is not None:
        data = apply_hints(data, description.schema_hints)
    partitions = t.Struct(
        tuple((name, data.get(name) or t.STRING) for name in description.partition_columns or ())
    )
    return Layout(own or data, partitions)


def infer_layout(description: FilesDescription, data: t.Struct, keys: Iterable[str]) -> Layout:
    """Make the layout of inferred data columns and of the folders that files lie in.

    Args:
        description: Hints, and which partition columns are wanted.
        data: As inferred from samples, or the format's own.
        keys: Paths of files, below the root.
    """
    own = description.format.fixed_schema
    hinted = t.Struct(())
    if description.schema_hints is not None:
        data = apply_hints(data, description.schema_hints)
        hinted = t.Struct(t.parse_ddl(description.schema_hints))
    if description.partition_columns is None:
        found = infer_partitions(keys, infer_types=description.infer_types)
    else:
        found = _chosen(keys, description)
    typed = tuple((name, hinted.get(name) or kind) for name, kind in found.fields)
    return Layout(own or data, t.Struct(typed))


def grown_layout(description: FilesDescription, stored: Layout) -> Layout:
    """Add what the hints name and a stored layout lacks: a hint that came after the first start.

    Raises:
        ConfigError: A hint wants another type than a column has had since the first start.
    """
    if description.schema_hints is None:
        return stored
    for name, wanted in t.parse_ddl(description.schema_hints):
        if (kind := stored.partitions.get(name)) is not None:
            check_hint(name, stored=kind, wanted=wanted)
    if description.format.fixed_schema is not None:
        return stored
    return Layout(grow_by_hints(stored.data, description.schema_hints), stored.partitions)


def _chosen(keys: Iterable[str], description: FilesDescription) -> t.Struct:
    """Infer the types of the partition columns that were named."""
    names = description.partition_columns or ()
    folders = sorted({key.rpartition("/")[0] for key in keys})
    fields = []
    for name in names:
        values = {raw_values_of(f"{folder}/", names)[name] for folder in folders}
        texts = {each for each in values if each is not None}
        fields.append((name, infer_type(texts) if description.infer_types else t.STRING))
    return t.Struct(tuple(fields))
