"""Inferring a source's columns from its newest files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.errors import (
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    SchemaInferenceError,
)
from lakestream.formats.base import InputFile
from lakestream.formats.schema import check_limits
from lakestream.plan import types as t
from lakestream.sources.files.fetch import changed
from lakestream.sources.files.layout import Layout, infer_layout
from lakestream.sources.files.sampling import Sampler

if TYPE_CHECKING:
    from lakestream.sources.files.description import FilesDescription
    from lakestream.storage.base import ObjectInfo, ReadStore


#: Behind so many files that are lost no others are looked for.
_MOST_LOST: Final = 10_000


def infer_columns(
    description: FilesDescription, store: ReadStore, files: Callable[[], Iterable[ObjectInfo]]
) -> tuple[Layout | None, Sampler]:
    """Infer data and partition columns; None when there is no file with content.

    Files that had some and are lost now count as none if they may be left out.

    Args:
        description: The source.
        store: Where its files are.
        files: Gives those that are known; asked again where the newest ones are lost.

    Returns:
        The layout, and the sampler with the bytes that it has fetched.

    Raises:
        SourceChangedError: All files that were chosen are lost, and may not be left out.
        SchemaInferenceError: The samples are not of the format, or no columns can be made of them.
        SchemaRejectedError: There are too many columns, or too deep ones.
    """
    limits = description.sample
    lost: set[ObjectInfo] = set()
    while True:
        sampler = Sampler(store, description.format, limits, description.archives)
        chosen = sampler.choose(files(), lost)
        data = description.format.fixed_schema
        if not sampler.folders or not (sampler.has_content or data):
            return None, sampler
        data = data or _data_columns(description, store, sampler, chosen)
        if data is not None:
            break
        lost.update(chosen)
        if len(lost) > _MOST_LOST:
            return None, sampler
        limits = msgspec.structs.replace(limits, files=limits.files * 2)
    layout = infer_layout(description, data, (f"{each}/" for each in sampler.folders))
    check_limits(layout.data, where=description.location)
    return layout, sampler


def _data_columns(
    description: FilesDescription, store: ReadStore, sampler: Sampler, chosen: list[ObjectInfo]
) -> t.Struct | None:
    """Infer data columns from the chosen files; None where all of these are lost."""
    try:
        data = _inferred(description, sampler, chosen)
    except SchemaInferenceError as error:
        if chosen and _are_lost(chosen, description, store):
            return None
        where = error.where or description.location
        raise SchemaInferenceError(error.what, where=where, fix=error.fix) from error
    return without_ours(description, data)


def _inferred(
    description: FilesDescription, sampler: Sampler, chosen: list[ObjectInfo]
) -> t.Struct:
    """Infer from the files' beginnings, and from longer ones if no record ends in them.

    Raises:
        SchemaInferenceError, SchemaRejectedError.
    """
    infer, types = description.format.infer, description.infer_types
    try:
        return infer(sampler.samples(chosen), infer_types=types)
    except SchemaInferenceError:
        longer = sampler.lengthen(chosen)
        if not longer:
            raise
        return infer(sampler.samples(longer), infer_types=types)


def _are_lost(
    chosen: Sequence[ObjectInfo], description: FilesDescription, store: ReadStore
) -> bool:
    """Tell whether all these files are gone or overwritten, and may be left out.

    Raises:
        SourceChangedError: They may not. The batch that reads them would say it, but needs columns.
    """
    changes: list[tuple[ObjectInfo, LakestreamError]] = []
    for info in chosen:
        try:
            store.get(info, end=1)
        except (ObjectNotFoundError, ObjectChangedError) as error:
            changes.append((info, error))
        else:
            return False
    for info, change in changes:
        superseded = description.allow_overwrites and isinstance(change, ObjectChangedError)
        if not (description.ignore_missing or superseded):
            raise changed(InputFile(0, info, store.uri_of(info.key)), change) from change
    return True


def without_ours(description: FilesDescription, data: t.Struct) -> t.Struct:
    """Leave out fields that are named like the columns we add: their values are rescued."""
    if description.rescued_column is None:
        return data
    added = (description.rescued_column, description.metadata_column)
    ours = {name.lower() for name in added if name is not None}
    return t.Struct(tuple(each for each in data.fields if each[0].lower() not in ours))
