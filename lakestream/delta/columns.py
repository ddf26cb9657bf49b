"""Do rows fit a table without a change of value? And the batches that do, as the table has them.

deltalake casts without a word: 1.7 and ``True`` become 1 in an integer column. So types are
compared here first, and must be equal. Source of the name rule: the Delta protocol, "Column
names are case-insensitive, case-preserving".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from arro3.core import Field, RecordBatch, RecordBatchReader, Schema

from lakestream.errors import PlanError, SinkSchemaError
from lakestream.plan import types as t
from lakestream.plan.arrow_types import spark_schema, to_arrow
from lakestream.plan.widening import retyped, widened


class Fit(msgspec.Struct, frozen=True):
    """How the columns of a stream go into a table.

    Args:
        schema: The stream's columns, in its order, by the table's spelling.
        merge: True when stream and table differ in columns or nested fields, so that the commit
            must add some to the table or fill some with null.
    """

    schema: t.Struct
    merge: bool


def fit(stream: t.Struct, table: t.Struct, *, where: str, widens: bool = False) -> Fit:
    """Compare the columns of a stream with a table's.

    Args:
        stream: The stream's columns.
        table: The table's.
        where: The table, for messages.
        widens: Whether a narrower column becomes the table's wider one, value for value.

    Raises:
        SinkSchemaError: A column has another type than the table's, has none (``void``), or
            comes twice when case is ignored.
    """
    check_columns(stream, where=where)
    known = {name.lower(): (name, kind) for name, kind in table.fields}
    fields: list[tuple[str, t.SparkType]] = []
    for name, given in stream.fields:
        spelled, wanted = known.get(name.lower(), (name, None))
        kind = retyped(given, wanted) if widens and wanted is not None else given
        if wanted is not None and not _storable(kind, wanted):
            raise SinkSchemaError(
                f"column {name!r} is {t.type_name(given)}, the table's is {t.type_name(wanted)}",
                where=where,
                fix=f"cast it: CAST({t.quoted(name)} AS {t.type_ddl(wanted)}), or write to a new "
                "table; the type of a table's column is never changed silently"
                + _may_widen(given, wanted, widens=widens),
            )
        fields.append((spelled, kind))
    same = sorted(fields, key=_name) == sorted(table.fields, key=_name)
    return Fit(t.Struct(tuple(fields)), merge=not same)


def _may_widen(kind: t.SparkType, wanted: t.SparkType, *, widens: bool) -> str:
    if widens or widened(wanted, kind) != kind:
        return ""
    return ', but widening="rewrite" of the table lets it become wider (docs/schema.md)'


def check_columns(schema: t.Struct, *, where: str) -> None:
    """Check that columns can be a Delta table's at all.

    Raises:
        SinkSchemaError: No column, one without a type, or two that differ in case only.
    """
    if not schema.fields:
        raise SinkSchemaError(
            "there is no column to write", where=where, fix="select at least one column"
        )
    _check_fields(schema, "column", where)


def _check_fields(schema: t.Struct, path: str, where: str) -> None:
    seen: dict[str, str] = {}
    for name, kind in schema.fields:
        if name.lower() in seen:
            raise SinkSchemaError(
                f"{path} {name!r} and {seen[name.lower()]!r} are one name to a Delta table",
                where=where,
                fix="rename one of them: case does not tell columns apart",
            )
        seen[name.lower()] = name
        _check_type(kind, f"{path} {name!r}", where)


def _check_type(kind: t.SparkType, path: str, where: str) -> None:
    match kind:
        case t.VOID:
            raise SinkSchemaError(
                f"{path} has no type: all it ever holds is NULL",
                where=where,
                fix="give it one, e.g. CAST(NULL AS STRING), or drop it",
            )
        case t.Struct():
            _check_fields(kind, f"{path}, field", where)
        case t.Array(element):
            _check_type(element, f"{path}, element", where)
        case t.Map(key, value):
            _check_type(key, f"{path}, key", where)
            _check_type(value, f"{path}, value", where)
        case _:
            return


def _storable(kind: t.SparkType, wanted: t.SparkType) -> bool:
    """Tell whether values of a type go unchanged into a column; new nested fields may come."""
    match kind, wanted:
        case t.Struct(), t.Struct():
            return all(_field_storable(name, each, wanted) for name, each in kind.fields)
        case t.Array(one), t.Array(other):
            return _storable(one, other)
        case t.Map(key, one), t.Map(wanted_key, other):
            # deltalake does not merge into the values of a map: they must be equal.
            return (key, one) == (wanted_key, other)
        case _:
            return kind == wanted


def _field_storable(name: str, kind: t.SparkType, wanted: t.Struct) -> bool:
    found = wanted.get(name)
    if found is not None:
        return _storable(kind, found)
    return name.lower() not in {each.lower() for each in wanted.names}


def _name(item: tuple[str, t.SparkType]) -> str:
    return item[0]


def conformed(stream: RecordBatchReader, schema: t.Struct) -> RecordBatchReader:
    """Give a stream under the schema's names and Arrow types, column by column in its order.

    Physical variants of one Spark type (large strings, dictionaries, unsigned integers, other
    time units) are cast; a stream that has them already is given back as it is.

    Cost: nothing, or one cast for each batch as it passes.
    """
    fields = [Field(name, to_arrow(kind), nullable=True) for name, kind in schema.fields]
    given = [stream.schema.field(index) for index in range(len(fields))]
    if all(
        have.name == want.name and have.type == want.type
        for have, want in zip(given, fields, strict=True)
    ):
        return stream
    plain = [isinstance(kind, t.Simple | t.Decimal) for _, kind in schema.fields]
    return RecordBatchReader.from_batches(Schema(fields), _cast_batches(stream, fields, plain))


def _cast_batches(
    stream: RecordBatchReader, fields: list[Field], plain: list[bool]
) -> Iterator[RecordBatch]:
    """Cast batches; nested columns always, for what ``reshape.column_as`` says of their types."""
    schema = Schema(fields)
    for batch in stream:
        arrays = [
            column if is_plain and column.type == field.type else column.cast(field.type)
            for column, field, is_plain in zip(batch.columns, fields, plain, strict=True)
        ]
        yield RecordBatch.from_arrays(arrays, schema=schema)


def stream_columns(stream: RecordBatchReader, *, where: str) -> t.Struct:
    """Give the Spark columns of an Arrow stream.

    Raises:
        SinkSchemaError: One has a type that Delta does not know.
    """
    try:
        return spark_schema(stream.schema)
    except PlanError as error:
        raise SinkSchemaError(error.what, where=error.where or where, fix=error.fix) from error
