"""The columns of a file source: declared, inferred or stored, hinted, grown by what lands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestream.errors import SchemaInferenceError
from lakestream.formats.schema import merge_drift, widen_drift
from lakestream.sources.files.inference import infer_columns, without_ours
from lakestream.sources.files.layout import Layout, grown_layout
from lakestream.sources.files.partition_keys import new_keys, with_new_keys
from lakestream.sources.files.schema_log import SchemaLog, StoredSchema
from lakestream.sources.files.schema_view import (
    SchemaPreview,
    SchemaVersion,
    schema_preview,
    version_history,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakestream.formats.base import Fit
    from lakestream.plan import types as t
    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.ledger_rows import LedgerFile
    from lakestream.storage.base import ObjectInfo, ReadStore


class SourceColumns:
    """Finds the layout and makes each change of it durable before a batch is read by it.

    Args:
        description: What was declared.
        context: The run's checkpoint and clock.
        store: Where the files are.
        files: Gives the known files to infer from, oldest first.
    """

    def __init__(
        self,
        description: FilesDescription,
        context: SourceContext,
        store: ReadStore,
        files: Callable[[], Iterable[ObjectInfo]],
    ) -> None:
        self._description = description
        self._name = context.name
        self._store = store
        self._files = files
        options = {"format": description.format.name, **description.format.options()}
        folder = f"sources/{context.name}/schemas"
        self._log = SchemaLog(context.log, folder, options, context.clock)
        self._layout: Layout | None = description.declared_layout
        self.kept: dict[ObjectInfo, bytes] = {}
        """Bytes that inference has fetched, for the first batch."""
        self.fits: dict[ObjectInfo, Fit] = {}
        """Files whose every record inference has held against the schema."""

    def known(self) -> Layout:
        """Give the layout.

        Raises:
            SchemaInferenceError: None was given and there is no file yet to infer one from.
        """
        layout = self.resolve()
        if layout is None:
            raise SchemaInferenceError(
                "there is no file with content yet to infer the columns from",
                where=self._description.location,
                fix='land a file, or declare the columns: schema="id BIGINT, ..."',
            )
        return layout

    def resolve(self) -> Layout | None:
        """Find the layout: declared, else stored, else inferred and then stored."""
        if self._layout is None:
            stored = self._log.newest()
            found = self._inferred() if stored is None else self._hinted(stored)
            self._layout = None if found is None else Layout(found.data, found.partitions)
        return self._layout

    def let_go(self) -> None:
        """Forget what inference has kept for the first batch."""
        self.kept.clear()
        self.fits.clear()

    def with_new_keys(self, layout: Layout, files: Iterable[LedgerFile]) -> Layout:
        """Make columns of a batch's new ``key=`` folders durable, before it is read."""
        described = self._description
        keys = new_keys(described, layout, (each.info.key for each in files))
        if with_new_keys(described, layout, keys) == layout:
            return layout

        def change(newest: StoredSchema | None) -> StoredSchema:
            now = layout if newest is None else Layout(newest.data, newest.partitions)
            grown = with_new_keys(described, now, keys)
            return StoredSchema(grown.data, grown.partitions)

        return self._changed(change)

    def grows(self, layout: Layout, drift: t.Struct) -> bool:
        """Tell whether new fields would change the columns."""
        return self._grown(layout.data, drift) != layout.data

    def evolve(self, layout: Layout, drift: t.Struct) -> None:
        """Make new columns durable, on top of what others made durable meanwhile."""

        def change(newest: StoredSchema | None) -> StoredSchema:
            now = layout if newest is None else newest
            return StoredSchema(self._grown(now.data, drift), now.partitions)

        self._changed(change)

    def history(self) -> list[SchemaVersion]:
        """Give the schemas that the source has had, oldest first; none when it is declared."""
        return version_history(self._name, self._log.history())

    def preview(self, hints: str | None, *, stored: bool) -> SchemaPreview:
        """Hold the columns against hints and against the newest known files; changes nothing.

        Args:
            hints: DDL to try.
            stored: Whether the newest stored version counts, rather than what is inferred now.
        """
        newest = self._log.newest() if stored else None
        return schema_preview(
            self._name,
            self._description,
            hints=hints,
            stored=None if newest is None else Layout(newest.data, newest.partitions),
            store=self._store,
            files=list(self._files()),
        )

    def _changed(self, change: Callable[[StoredSchema | None], StoredSchema]) -> Layout:
        stored = self._log.evolve(change, cause="files")
        self._layout = Layout(stored.data, stored.partitions)
        return self._layout

    def _hinted(self, stored: StoredSchema) -> StoredSchema:
        """Make columns durable that hints have named since the schema was stored."""

        def change(newest: StoredSchema | None) -> StoredSchema:
            now = newest or stored
            layout = grown_layout(self._description, Layout(now.data, now.partitions))
            return StoredSchema(layout.data, layout.partitions)

        return stored if change(stored) == stored else self._log.evolve(change, cause="hint")

    def _inferred(self) -> StoredSchema | None:
        """Infer from the newest files; None when there is no file with content."""
        layout, sampler = infer_columns(self._description, self._store, self._files)
        if layout is None:
            return None
        self.kept, self.fits = sampler.kept, sampler.fits
        found = StoredSchema(layout.data, layout.partitions)
        return self._log.evolve(lambda newest: newest or found, cause="inferred")

    def _grown(self, data: t.Struct, drift: t.Struct) -> t.Struct:
        described = self._description
        news = without_ours(described, drift)
        if described.widens:
            return widen_drift(data, news, described.schema_hints)
        return merge_drift(data, news, widen=False)
