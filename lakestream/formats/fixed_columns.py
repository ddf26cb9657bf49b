"""Batches of the formats whose schema is fixed by nature, without pyarrow where possible."""

from __future__ import annotations

from collections.abc import Mapping

from arro3.core import Array, DataType, RecordBatch, Schema

from lakestream.formats.base import DecodePlan
from lakestream.formats.lazy_pyarrow import null_column
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema, to_arrow


def null_array(kind: t.SparkType, length: int) -> Array:
    """Give ``length`` nulls of a type."""
    if kind == t.STRING:
        return Array([None] * length, DataType.utf8())
    return Array.from_arrow(null_column(length, kind))


def output_schema(plan: DecodePlan) -> Schema:
    """Give the Arrow schema of the batches of a plan: its columns, then the rescued column."""
    fields = plan.schema.fields
    if plan.rescued_column is not None:
        fields = (*fields, (plan.rescued_column, t.STRING))
    return arrow_schema(t.Struct(fields))


def fixed_batch(columns: Mapping[str, Array], length: int, plan: DecodePlan) -> RecordBatch:
    """Arrange a format's own columns as the plan wants them; what it has not is null."""
    folded = {} if plan.case_sensitive else {name.lower(): each for name, each in columns.items()}
    arrays: list[Array] = []
    for name, kind in plan.schema.fields:
        found = columns.get(name, folded.get(name.lower()))
        if found is None:
            found = null_array(kind, length)
        elif found.type != to_arrow(kind):
            found = found.cast(to_arrow(kind))
        arrays.append(found)
    if plan.rescued_column is not None:
        arrays.append(null_array(t.STRING, length))
    return RecordBatch.from_arrays(arrays, schema=output_schema(plan))
