"""How streaming tables and their sources become Dagster assets: keys, kinds, groups, texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import dagster as dg

from lakestream.dagster.names import IO_MANAGER_KEY, TABLE_METADATA_KEY

if TYPE_CHECKING:
    from lakestream.plan.description import Description
    from lakestream.streaming_table import StreamingTable

#: Dagster's icons by the scheme of a location.
_STORAGE_KINDS: Final = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure",
    "abfss": "azure", "adl": "azure",
}  # fmt: skip
_SEPARATORS: Final = re.compile(r"[:/\\]+")
_NOT_IN_KEYS: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class LakestreamTranslator:
    """Gives the asset spec of a table and of a source; subclass it to change either.

    Lineage is not the translator's: ``build_assets`` adds to each spec the dependencies that
    the table's plan has, under the keys that the translator gave.

    Example:
        >>> class Ours(LakestreamTranslator):
        ...     def get_asset_spec(self, table):
        ...         return super().get_asset_spec(table).replace_attributes(group_name="ours")
    """

    def get_asset_spec(self, table: StreamingTable) -> dg.AssetSpec:
        """Give a table's asset: its own key, else its name below its key prefix.

        No I/O: what only the table itself can tell (schema, counts) comes with each
        materialization.
        """
        face = table.face
        return dg.AssetSpec(
            key=[*table.asset_key],
            deps=[*face.deps],  # type: ignore[list-item]  # Dagster checks them, by its own rules
            description=table.description,
            group_name=face.group,
            owners=[*face.owners],
            tags=dict(face.tags or {}),
            kinds={"deltalake", *_storage_kind(table.path), *face.kinds},
            metadata={
                "dagster/table_name": table.name,
                "dagster/uri": table.path,
                TABLE_METADATA_KEY: table,
            },
        ).with_io_manager_key(IO_MANAGER_KEY)

    def get_source_spec(self, source: Description) -> dg.AssetSpec:
        """Give the external asset of a source or static table: its ``asset_key``, or its location.

        The graph shows only the last part of a key, so that part also names the source's kind:
        ``s3://landing/orders`` is ``s3/landing/orders_files``, beside a table ``orders``.
        """
        kind = "deltalake" if source.kind == "delta" else "file"
        return dg.AssetSpec(
            key=[*source.asset_key] if source.asset_key else location_key(source),
            description=source.description,
            group_name="sources",
            kinds={kind, *_storage_kind(source.location)},
            metadata={"dagster/uri": source.location},
        )


def location_key(source: Description) -> list[str]:
    """Make an asset key of a source's location, the same in every code location."""
    location = source.location.replace("$", "")  # ls.env shows as $NAME
    cleaned = (_NOT_IN_KEYS.sub("_", part) for part in _SEPARATORS.split(location))
    parts = [part for part in cleaned if part.strip("_.")] or ["root"]
    return [*parts[:-1], f"{parts[-1]}_{source.kind}"]


def _storage_kind(location: str) -> set[str]:
    kind = _STORAGE_KINDS.get(location.partition("://")[0].lower())
    return {kind} if kind else set()
