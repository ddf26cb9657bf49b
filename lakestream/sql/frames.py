"""Python functions over batches: which frame they want, calling them, checking what they give."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from lakestream.errors import ConfigError, UserFunctionError, near_names
from lakestream.plan import types as t
from lakestream.plan.nodes import FrameKind, MapBatches

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that a function gets at once: batches of the input are gathered up to this many.
ROWS_PER_CALL: Final = 65_536
_KINDS: Final[tuple[FrameKind, ...]] = (
    "pyarrow.Table", "pyarrow.RecordBatch", "polars.DataFrame", "pandas.DataFrame",
)  # fmt: skip
_SHORT: Final = {"pa": "pyarrow", "pl": "polars", "pd": "pandas"}


def frame_of(function: Callable[[Any], Any]) -> FrameKind:
    """Read off a function's annotation which kind of frame it takes.

    Raises:
        ConfigError: It is not callable with one argument, or does not say.
    """
    name = getattr(function, "__qualname__", type(function).__name__)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ConfigError("not a function", where=f"mapBatches({name})", fix=_SAY) from error
    annotation = parameters[0].annotation if parameters else inspect.Parameter.empty
    found = _kind(annotation, function)
    if found is None:
        shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        told = "does not say" if annotation is inspect.Parameter.empty else f"says {shown!r}"
        raise ConfigError(
            f"the function must say which frame it takes, but {told}",
            where=f"mapBatches({name})",
            fix=f"{_SAY}; {near_names(str(shown), _KINDS)}",
        )
    return found


_SAY: Final = "annotate it: def f(batch: pyarrow.Table) -> pyarrow.Table"


def _kind(annotation: object, function: Callable[[Any], Any]) -> FrameKind | None:
    if isinstance(annotation, str):
        root, _, rest = annotation.strip("'\" ").rpartition(".")
        module = getattr(function, "__globals__", {}).get(root)
        root = getattr(module, "__name__", _SHORT.get(root, root))
        if not root:
            resolved = getattr(function, "__globals__", {}).get(rest)
            return _kind(resolved, function) if isinstance(resolved, type) else None
        name = f"{root}.{rest}"
    else:
        module_name = getattr(annotation, "__module__", "")
        name = f"{module_name.partition('.')[0]}.{getattr(annotation, '__name__', '')}"
    return next((kind for kind in _KINDS if kind == name), None)


def name_of(node: MapBatches) -> str:
    """Give the function's name for messages."""
    return str(getattr(node.function, "__qualname__", type(node.function).__name__))


def output_schema(node: MapBatches, given: t.Struct) -> t.Struct:
    """Give what a function puts out: as declared, or learned by calling it on no rows.

    Raises:
        UserFunctionError: It raised on no rows, or gave no frame.
    """
    if node.schema is not None:
        return node.schema
    from lakestream.plan.arrow_types import pyarrow_schema, spark_schema

    empty = pyarrow_schema(given).empty_table()
    made = _call(node, empty)
    found = spark_schema(made.schema)
    untyped = [name for name, kind in found.fields if kind == t.VOID]
    if untyped:
        raise UserFunctionError(
            f"on no rows, column {untyped[0]!r} has no type",
            where=f"mapBatches({name_of(node)})",
            fix='say what it gives: mapBatches(f, schema="id BIGINT, ...")',
        )
    return found


def map_batches(
    node: MapBatches, batches: Iterable[pa.RecordBatch], wanted: t.Struct
) -> Iterator[pa.RecordBatch]:
    """Call the function over gathered batches, and give what it makes of them.

    Raises:
        UserFunctionError: It raised, or gave other columns than it said.
    """
    for table in _gathered(batches):
        made = conformed(_call(node, table), wanted, f"mapBatches({name_of(node)})")
        yield from made.to_batches()


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_PER_CALL):
            part = batch.slice(start, ROWS_PER_CALL)
            if held and rows + part.num_rows > ROWS_PER_CALL:
                yield pa.Table.from_batches(held).combine_chunks()
                held, rows = [], 0
            held.append(part)
            rows += part.num_rows
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _call(node: MapBatches, table: pa.Table) -> pa.Table:
    import pyarrow as pa

    where = f"mapBatches({name_of(node)}), a batch of {table.num_rows} rows"
    try:
        made = node.function(_as_frame(table, node.frame))
    except Exception as error:
        raise UserFunctionError(
            f"the function raised {type(error).__name__}",
            where=where,
            fix="its own traceback is this error's cause; no row of the batch was written",
        ) from error
    try:
        return _as_table(made)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise UserFunctionError(
            f"the function gave a {type(made).__name__}, not a frame",
            where=where,
            fix=f"return a {node.frame}",
        ) from error


def _as_frame(table: pa.Table, frame: FrameKind) -> object:
    match frame:
        case "pyarrow.Table":
            return table
        case "pyarrow.RecordBatch":
            batches = table.to_batches()
            if batches:
                return batches[0]
            import pyarrow as pa

            empty = [pa.array([], field.type) for field in table.schema]
            return pa.RecordBatch.from_arrays(empty, schema=table.schema)
        case "polars.DataFrame":
            import polars as pl

            return pl.DataFrame(table)
        case "pandas.DataFrame":
            return table.to_pandas()


def _as_table(made: object) -> pa.Table:
    import pyarrow as pa

    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(made, pandas.DataFrame):
        return pa.Table.from_pandas(made, preserve_index=False).replace_schema_metadata(None)
    if isinstance(made, pa.RecordBatch):
        return pa.Table.from_batches([made])
    return pa.table(cast("Any", made))


def conformed(table: pa.Table, wanted: t.Struct, where: str) -> pa.Table:
    """Give a frame's columns by name as the types that were declared.

    Only the way a type is held may differ (large strings, nanoseconds, a column of nulls).

    Raises:
        UserFunctionError: Columns are missing, too many, or of other types.
    """
    import pyarrow as pa

    from lakestream.plan.arrow_types import pyarrow_schema, spark_schema

    found = spark_schema(table.schema)
    missing = sorted(set(wanted.names) ^ set(found.names))
    if missing or len(found.fields) != len(wanted.fields):
        told = "not given" if missing and missing[0] in wanted.names else "not declared"
        shown = missing[0] if missing else "a name"
        raise UserFunctionError(
            f"column {shown!r} is {told}, or given twice",
            where=where,
            fix=f"give exactly {', '.join(wanted.names)}, or change schema=",
        )
    for name, kind in wanted.fields:
        if found.get(name) not in (kind, t.VOID):
            raise UserFunctionError(
                f"column {name!r} is {t.type_name(found.get(name) or t.VOID)}, "
                f"not {t.type_name(kind)}",
                where=where,
                fix="cast it in the function, or change schema=",
            )
    target = pyarrow_schema(wanted)
    columns = [_held_as(table.column(field.name), field.type) for field in target]
    return pa.Table.from_arrays(columns, schema=target)


def _held_as(column: pa.ChunkedArray[Any], kind: pa.DataType) -> pa.ChunkedArray[Any]:
    if column.type == kind:
        return column
    import pyarrow.compute as pc

    options = pc.CastOptions(kind, allow_time_truncate=True)
    compute = cast("Any", pc)  # its stubs want a second target type beside the options
    return cast("pa.ChunkedArray[Any]", compute.cast(column, options=options))
