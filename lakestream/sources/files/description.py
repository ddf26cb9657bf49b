"""What ``read_files`` declared: frozen, hashable, without I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from lakestream.formats.base import Format, ParseMode, UnknownFields
from lakestream.plan import types as t
from lakestream.sources.base import ReadLimit, SourceContext, SourceReader
from lakestream.sources.files.bad_limits import BadLimits
from lakestream.sources.files.clean_policy import CleanPolicy
from lakestream.sources.files.glob import Glob, Style, compile_glob, split_glob
from lakestream.sources.files.layout import Layout, declared_layout
from lakestream.sources.files.listing_policy import ListingPolicy
from lakestream.sources.files.members import Archives
from lakestream.sources.files.notifications.base import Queue
from lakestream.sources.files.notifications.routing import Rewrite
from lakestream.sources.files.order import OrderBy
from lakestream.sources.files.patterns import PathPatterns
from lakestream.sources.files.sample_limits import SampleLimits
from lakestream.storage.location import Location, PathLike, display, parse_location, resolve
from lakestream.storage.options import StorageOptions

Evolution = Literal[
    "add_new_columns",
    "add_new_columns_with_type_widening",
    "rescue",
    "fail_on_new_columns",
    "none",
]


class FilesDescription(msgspec.Struct, frozen=True):
    """A file source as declared. Build it with ``describe_files``, which checks everything.

    Args:
        path: Folder, file or glob; may hold an ``ls.env``.
        format: The format with its options.
        schema: Declared columns, or None to infer.
        schema_hints: DDL over what is inferred.
        sample: How much inference looks at.
        infer_types: False reads inferred columns of textual formats as strings.
        evolution: What an unknown column does.
        rescued_column: Name of the rescued data column, or None.
        include_existing: False ignores what is there before the first start.
        partition_columns: Hive columns; None infers them when the schema is inferred.
        name_filter: Glob on the file's name.
        patterns: What belongs to it, and what does not, by the path below the root.
        strict_globs: Whether a star in the path stays within a folder.
        listing: When a listing may begin behind what was there before.
        order_by: How the new files of a discovery are sorted; None is oldest first, by parts.
        listing_parallelism: Folders listed at the same time.
        modified_after: Exclusive.
        modified_before: Exclusive.
        min_age: Younger files wait for a later discovery.
        max_file_age: Older files are neither taken nor remembered; None remembers all.
        recursive: False enters only Hive folders.
        limit: Declared read limit; None adapts.
        metadata_column: Name of the metadata struct, or None.
        mode: What a malformed record does.
        bad_limits: How many of them a batch may have.
        corrupt_column: Name under which malformed records become rows, where the schema has it.
        case_sensitive: Whether names that differ in case are other names.
        allow_overwrites: Whether each version of a file is read, not only each path once.
        clean: What becomes of files after their commit.
        archives: Which files are archives, and what of them is read.
        ignore_missing: Whether files gone or changed are left out and recorded.
        asset_key: The Dagster asset of the location.
        storage_options: For the landing place.
        filesystem: An fsspec filesystem to read through, or None.
        notifications: The queue that tells of new files, or None: they are listed.
        backfill_interval: Between listings beside a queue; None is never again.
        fetch_parallelism: Receives at a time.
        path_rewrites: Where buckets that the queue names are to be found.
    """

    path: PathLike
    format: Format
    schema: t.Struct | None
    schema_hints: str | None
    infer_types: bool
    evolution: Evolution
    rescued_column: str | None
    include_existing: bool
    partition_columns: tuple[str, ...] | None
    name_filter: Glob | None
    modified_after: datetime | None
    modified_before: datetime | None
    min_age: timedelta
    max_file_age: timedelta | None
    recursive: bool
    limit: ReadLimit | None
    metadata_column: str | None
    mode: ParseMode
    bad_limits: BadLimits
    corrupt_column: str
    case_sensitive: bool
    allow_overwrites: bool
    clean: CleanPolicy
    archives: Archives
    ignore_missing: bool
    asset_key: tuple[str, ...] | None
    storage_options: StorageOptions
    filesystem: object | None = None
    notifications: Queue | None = None
    backfill_interval: timedelta | None = None
    fetch_parallelism: int = 1
    path_rewrites: tuple[Rewrite, ...] = ()
    sample: SampleLimits = SampleLimits()
    patterns: PathPatterns = PathPatterns()
    strict_globs: bool = True
    order_by: OrderBy | None = None
    listing_parallelism: int = 1
    listing: ListingPolicy = ListingPolicy()

    def __repr__(self) -> str:
        """Give the place without the secrets that a URI may hold."""
        return f"FilesDescription({self.location!r}, format={self.format.name!r})"

    @property
    def kind(self) -> str:
        """``files``."""
        return "files"

    @property
    def location(self) -> str:
        """The path for people and lineage; an ``ls.env`` shows as its name."""
        return display(self.path)

    @property
    def description(self) -> str:
        """The source for people, without secrets."""
        return f"files[{self.location}, {self.format.name}]"

    @property
    def declared_schema(self) -> t.Struct | None:
        """The stream's columns when they are known without I/O."""
        layout = self.declared_layout
        return None if layout is None else layout.schema(self)

    @property
    def declared_layout(self) -> Layout | None:
        """The data and partition columns when they are known without I/O, else None."""
        return declared_layout(self)

    @property
    def unknown_fields(self) -> UnknownFields:
        """What a format does with a field that the schema does not have."""
        match self.evolution:
            case "add_new_columns" | "add_new_columns_with_type_widening":
                return "evolve"
            case "fail_on_new_columns":
                return "fail"
            case "rescue":
                return "rescue"
            case "none":
                return "rescue" if self.rescued_column is not None else "ignore"

    @property
    def widens(self) -> bool:
        """Whether a column becomes wider when a file has values that are too wide for it."""
        return self.evolution == "add_new_columns_with_type_widening"

    def split_path(self) -> tuple[str, Glob | None]:
        """Give the literal root, resolved now, and the glob below it.

        Raises:
            EnvironmentNotSetError: An ``ls.env`` in the path is not set.
            ConfigError: The glob is none.
        """
        root, pattern = split_glob(resolve(self.path))
        style: Style = "strict" if self.strict_globs else "lax"
        return root, None if pattern is None else compile_glob(pattern, option="path", style=style)

    def selection(self) -> str:
        """Give what chooses files by their paths, as a text.

        Another text than last time means that files which were passed over may belong now: a
        place that was looked through only in part, or is told of by a queue, is to be listed whole.

        Raises:
            EnvironmentNotSetError: An ``ls.env`` in the path is not set.
        """
        _, pattern = self.split_path()
        name = self.name_filter
        parts = (
            None if pattern is None else (pattern.text, pattern.style),
            None if name is None else name.text,
            self.patterns.texts(),
            self.recursive,
        )
        return json.dumps(parts)

    def fingerprint(self) -> Mapping[str, str]:
        """Give the root's URI and the format: known files are remembered relative to the root.

        A checkpoint keeps it, so it shows no credentials; those may change.
        """
        root, _ = self.split_path()
        return {"path": str(parse_location(root)), "format": self.format.name}

    def takes_files_of(self, table: Location) -> bool:
        """Tell whether the data files of a table at this place would be input of this source.

        Raises:
            EnvironmentNotSetError: An ``ls.env`` in the path is not set.
        """
        from lakestream.sources.files.paths import PathFilter

        if self.filesystem is not None:
            return False
        path, pattern = self.split_path()
        root = parse_location(path).uri.rstrip("/") + "/"
        found = PathFilter(
            pattern=pattern,
            recursive=self.recursive,
            name=self.name_filter,
            patterns=self.patterns,
        )
        # What leaves out a file of the table might leave in those of its partitions.
        below = ("part-00000.parquet", "day=1/part-00000.parquet")
        files = [f"{table.uri}/{each}" for each in (below if self.patterns.exclude else below[:1])]
        return any(
            file.startswith(root) and found.takes_path(file.removeprefix(root)) for file in files
        )

    def open(self, context: SourceContext) -> SourceReader:
        """Open a reader. Without any file yet its schema may be unknown."""
        from lakestream.sources.files.reader import FilesReader

        return FilesReader(self, context)
