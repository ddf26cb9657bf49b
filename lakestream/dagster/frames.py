"""A streaming table as the kind of frame that somebody annotated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from lakestream.errors import ConfigError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from lakestream.streaming_table import StreamingTable

Columns = Sequence[str] | None


def frame_of(table: StreamingTable, kind: object, *, columns: Columns, where: str) -> object:
    """Read a table's newest version as ``kind``; None, ``Any`` and ``object`` are a reader.

    Args:
        table: The table.
        kind: A class of pyarrow, polars, pandas or duckdb.
        columns: Which columns; None is all.
        where: For the error's text.

    Raises:
        ConfigError: ``kind`` is something else.

    Cost: memory is the columns that are read, but for readers and lazy frames, which are flat.
    """
    if kind is None or kind is Any or kind is object:
        return table.read(columns)
    load = _LOADERS.get(_spelling(kind))
    if load is None:
        raise ConfigError(
            f"a streaming table cannot be loaded as {getattr(kind, '__name__', kind)}",
            where=where,
            fix=f"annotate the input as one of {', '.join(_LOADERS)}",
        )
    return load(table, columns)


def _spelling(kind: object) -> str:
    """Name a class by its library, wherever inside it is defined, without importing it."""
    library = getattr(kind, "__module__", "").partition(".")[0].removeprefix("_")
    return f"{library}.{getattr(kind, '__name__', '')}"


def _reader(table: StreamingTable, columns: Columns) -> pa.RecordBatchReader:
    return table.read(columns)


def _arrow(table: StreamingTable, columns: Columns) -> pa.Table:
    return table.read(columns).read_all()


def _pandas(table: StreamingTable, columns: Columns) -> pd.DataFrame:
    return table.read(columns).read_pandas()


def _polars(table: StreamingTable, columns: Columns) -> pl.DataFrame:
    import polars as pl

    found = pl.from_arrow(_arrow(table, columns))
    assert isinstance(found, pl.DataFrame)  # noqa: S101 - a table never gives a Series
    return found


def _polars_lazy(table: StreamingTable, columns: Columns) -> pl.LazyFrame:
    import polars as pl
    from polars.io.plugins import register_io_source

    empty = pl.from_arrow(table.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)  # noqa: S101 - a table never gives a Series
    schema = (empty.select(columns) if columns is not None else empty).schema

    def batches(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG001 - a hint; batches come as they are stored
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for batch in table.read(with_columns if with_columns is not None else columns):
            frame = pl.DataFrame(batch)
            frame = frame.filter(predicate) if predicate is not None else frame
            frame = frame.head(left) if left is not None else frame
            yield frame
            left = left - frame.height if left is not None else None
            if left == 0:
                return

    return register_io_source(batches, schema=schema)


def _duckdb(table: StreamingTable, columns: Columns) -> duckdb.DuckDBPyRelation:
    from lakestream.sql.user_relation import relation_of

    return relation_of(_arrow(table, columns))


_LOADERS: Final[dict[str, Callable[[StreamingTable, Columns], object]]] = {
    "pyarrow.RecordBatchReader": _reader,
    "pyarrow.Table": _arrow,
    "polars.DataFrame": _polars,
    "polars.LazyFrame": _polars_lazy,
    "pandas.DataFrame": _pandas,
    "duckdb.DuckDBPyRelation": _duckdb,
}
