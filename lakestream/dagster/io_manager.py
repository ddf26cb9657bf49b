"""Hands streaming tables to plain Dagster assets, as the frames that these annotate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import dagster as dg

from lakestream.dagster.frames import frame_of
from lakestream.dagster.names import TABLE_METADATA_KEY
from lakestream.errors import ConfigError
from lakestream.streaming_table import StreamingTable

if TYPE_CHECKING:
    from dagster import InputContext, OutputContext


class LakeIOManager(dg.IOManager):
    """Loads a streaming table at its newest version into the annotated kind of frame.

    ``pyarrow.Table``, ``pyarrow.RecordBatchReader`` (flat memory), ``polars.DataFrame``,
    ``polars.LazyFrame`` (reads only the columns that are used), ``pandas.DataFrame``,
    ``duckdb.DuckDBPyRelation`` or ``StreamingTable`` itself; without an annotation it is what
    ``table.read()`` gives. ``AssetIn(metadata={"columns": [...]})`` narrows the columns.

    ``build_definitions`` binds it for the assets of ``build_assets``; what a plain asset
    returns goes to that asset's own IO manager.
    """

    def load_input(self, context: InputContext) -> object:
        """Read the upstream table.

        Raises:
            ConfigError: Upstream is no streaming table of this code location, or the annotation
                is no kind of frame that is known here.
        """
        table = _upstream_table(context)
        kind = context.dagster_type.typing_type
        if isinstance(kind, type) and issubclass(StreamingTable, kind) and kind is not object:
            return table
        return frame_of(table, kind, columns=_columns(context), where=_where(context))

    def handle_output(self, context: OutputContext, obj: Any) -> NoReturn:  # noqa: ANN401, ARG002 - Dagster's signature
        """Refuse: streaming tables write themselves, and other assets have their own manager.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "LakeIOManager only reads streaming tables",
            where=f"output of asset {context.asset_key.to_user_string()}",
            fix="give the asset the IO manager that should store what it returns",
        )


def _upstream_table(context: InputContext) -> StreamingTable:
    upstream = context.upstream_output
    found = upstream.definition_metadata.get(TABLE_METADATA_KEY) if upstream is not None else None
    if not isinstance(found, StreamingTable):
        raise ConfigError(
            "what is upstream is no streaming table of this code location",
            where=_where(context),
            fix="list the table in build_definitions here, or read it with ls.read_delta",
        )
    return found


def _columns(context: InputContext) -> Sequence[str] | None:
    columns = context.definition_metadata.get("columns")
    if columns is None or isinstance(columns, Sequence):
        return columns
    raise ConfigError(
        "metadata 'columns' is no list of column names",
        where=_where(context),
        fix='write AssetIn(metadata={"columns": ["a", "b"]})',
    )


def _where(context: InputContext) -> str:
    return f"input {context.name!r} of {context.asset_key.to_user_string()}"
