"""Columns of a Parquet file fitted to the wanted types.

A column of the wanted type is taken as it is. One whose every value the wanted type holds is
cast: a wider integer, float to double, the widening table of ``plan.widening``, any string,
binary, list or dictionary layout, timestamps of any unit (nanoseconds are cut off) and
timestamps without a zone as UTC. Any other column is null and its values rescued: that hangs on
the types alone, so equal values fare equally whatever stands beside them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final, cast

import msgspec

from lakestream.errors import NewColumnsError, PlanError
from lakestream.formats.base import DecodePlan
from lakestream.formats.lazy_pyarrow import Column, arrow_type, compute, null_column, pyarrow
from lakestream.formats.rescue import Rescued
from lakestream.plan import types as t
from lakestream.plan.arrow_types import spark_schema
from lakestream.plan.widening import widened

_JSON: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass(slots=True)
class Fitted:
    """A column of the wanted type.

    Args:
        column: The pyarrow array.
        rescued: What did not fit, by row.
        drift: The type of what the wanted one does not have, or None.
    """

    column: Column
    rescued: dict[int, Rescued] = field(default_factory=dict)
    drift: t.SparkType | None = None


def file_kind(arrow: Column) -> t.SparkType:
    """Give the Spark type that a pyarrow type reads as; types that Spark has not, as text."""
    pa = pyarrow()
    if isinstance(arrow, pa.BaseExtensionType):
        return file_kind(arrow.storage_type)
    if pa.types.is_struct(arrow):
        return t.Struct(tuple((each.name, file_kind(each.type)) for each in arrow))
    if pa.types.is_map(arrow):
        return t.Map(file_kind(arrow.key_type), file_kind(arrow.item_type))
    if _is_list(arrow):
        return t.Array(file_kind(arrow.value_type))
    try:
        kind = spark_schema(pa.schema([("value", arrow)])).fields[0][1]
    except PlanError:
        return t.STRING
    return t.STRING if isinstance(kind, t.Decimal) and not _storable(kind) else kind


def _storable(kind: t.Decimal) -> bool:
    return kind.precision <= t.MAX_PRECISION and 0 <= kind.scale <= kind.precision


def _is_list(arrow: Column) -> bool:
    kinds = pyarrow().types
    return bool(
        kinds.is_list(arrow)
        or kinds.is_large_list(arrow)
        or kinds.is_fixed_size_list(arrow)
        or kinds.is_list_view(arrow)
        or kinds.is_large_list_view(arrow)
    )


class Fitter:
    """Fits columns under one plan's rules for names and unknown fields.

    Args:
        plan: The rules.
        where: The file, for messages.
    """

    def __init__(self, plan: DecodePlan, where: str) -> None:
        self._plan = plan
        self._where = where

    def fit(self, column: Column, kind: t.SparkType) -> Fitted:
        """Fit a column to a type.

        Raises:
            NewColumnsError: ``unknown="fail"``, and a nested field is new.
            ArrowInvalid: The column is damaged.
        """
        pa = pyarrow()
        if isinstance(column.type, pa.BaseExtensionType):
            return self.fit(column.storage, kind)
        if pa.types.is_dictionary(column.type):
            return self.fit(column.dictionary_decode(), kind)
        source = file_kind(column.type)
        match source, kind:
            case t.VOID, _:
                return Fitted(null_column(len(column), kind))
            case t.Struct(), t.Struct():
                return self._struct(column, kind)
            case t.Array(), t.Array(element):
                return self._list(column, element)
            case t.Map(key, _), t.Map(wanted, value) if _holds(wanted, key):
                return self._map(column, t.Map(wanted, value))
        if _holds(kind, source):
            return Fitted(_cast(column, kind))
        return self._misfit(column, source, kind)

    def _misfit(self, column: Column, source: t.SparkType, kind: t.SparkType) -> Fitted:
        drift = widened(kind, source) if self._plan.widen else None
        texts = self.texts(column)
        return Fitted(null_column(len(column), kind), dict(texts), drift)

    def texts(self, column: Column) -> Mapping[int, bytes]:
        """Give the JSON text of every value that is not null."""
        if self._plan.rescued_column is None:
            return {}
        plain = Fitter(DecodePlan(t.Struct(()), None, None, "permissive", "ignore"), self._where)
        values = _python(plain.fit(column, file_kind(column.type)).column)
        return {
            row: _JSON.encode(_jsonable(value))
            for row, value in enumerate(values)
            if value is not None
        }

    def _struct(self, column: Column, kind: t.Struct) -> Fitted:
        pa = pyarrow()
        children = column.flatten()
        names = [each.name for each in column.type]
        found = Fitted(None)
        arrays: list[Column] = []
        used: set[int] = set()
        parts: dict[int, dict[str, Rescued]] = {}
        drift: list[tuple[str, t.SparkType]] = []
        for name, wanted in kind.fields:
            at = self._position(name, names, used)
            if at is None:
                arrays.append(null_column(len(column), wanted))
                continue
            used.add(at)
            child = self.fit(children[at], wanted)
            arrays.append(child.column)
            _gather(parts, names[at], child.rescued)
            if child.drift is not None:
                drift.append((name, child.drift))
        for at, name in enumerate(names):
            if at not in used and self._plan.unknown != "ignore":
                drift += self._unknown(name, children[at], kind, parts)
        found.column = pa.StructArray.from_arrays(
            arrays, fields=list(arrow_type(kind)), mask=column.is_null()
        )
        found.rescued = dict(parts)
        found.drift = t.Struct(tuple(drift)) if drift else None
        return found

    def _position(self, name: str, names: list[str], used: set[int]) -> int | None:
        for at, each in enumerate(names):
            if at not in used and each == name:
                return at
        if self._plan.case_sensitive:
            return None
        folded = name.lower()
        return next(
            (at for at, each in enumerate(names) if at not in used and each.lower() == folded), None
        )

    def _unknown(
        self, name: str, column: Column, kind: t.Struct, parts: dict[int, dict[str, Rescued]]
    ) -> list[tuple[str, t.SparkType]]:
        _gather(parts, name, self.texts(column))
        if name.lower() in {each.lower() for each in kind.names}:
            return []
        if self._plan.unknown == "fail":
            raise NewColumnsError(
                f"the file has a nested field that the schema does not have: {name}",
                where=self._where,
                fix="add it to schema or schema_hints, or choose another schema_evolution",
            )
        return [(name, file_kind(column.type))] if self._plan.unknown == "evolve" else []

    def _list(self, column: Column, element: t.SparkType) -> Fitted:
        pa = pyarrow()
        if not pa.types.is_list(column.type):
            column = column.cast(pa.list_(column.type.value_type))
        column = _from_zero(column)
        inner = self.fit(column.values, element)
        fitted = pa.ListArray.from_arrays(
            column.offsets, inner.column, type=arrow_type(t.Array(element)), mask=column.is_null()
        )
        drift = None if inner.drift is None else t.Array(inner.drift)
        return Fitted(fitted, self._of_rows(column, inner.rescued), drift)

    def _map(self, column: Column, kind: t.Map) -> Fitted:
        pa = pyarrow()
        column = _from_zero(column)
        items = self.fit(column.items, kind.value)
        fitted = pa.MapArray.from_arrays(
            column.offsets,
            self.fit(column.keys, kind.key).column,
            items.column,
            type=arrow_type(kind),
            mask=column.is_null(),
        )
        drift = None if items.drift is None else t.Map(kind.key, items.drift)
        return Fitted(fitted, self._of_rows(column, items.rescued), drift)

    def _of_rows(self, column: Column, inner: Mapping[int, Rescued]) -> dict[int, Rescued]:
        """Rescue the whole list or map of every row in which something did not fit."""
        if not inner:
            return {}
        offsets = column.offsets.to_pylist()
        rows = {bisect_right(offsets, at) - 1 for at in inner}
        return {row: text for row, text in self.texts(column).items() if row in rows}


def _gather(
    parts: dict[int, dict[str, Rescued]], name: str, rescued: Mapping[int, Rescued]
) -> None:
    for row, value in rescued.items():
        parts.setdefault(row, {})[name] = value


def _from_zero(column: Column) -> Column:
    """Give a list or map array that is no slice: offsets and nulls can be taken from it."""
    if column.offset == 0 and (len(column) == 0 or column.offsets[0].as_py() == 0):
        return column
    return column.take(pyarrow().array(range(len(column))))


def _holds(kind: t.SparkType, source: t.SparkType) -> bool:
    """Tell whether a type has every value of another."""
    if (source, kind) == (t.TIMESTAMP_NTZ, t.TIMESTAMP):
        return True
    return kind == source or widened(source, kind) == kind


def _cast(column: Column, kind: t.SparkType) -> Column:
    pa, target = pyarrow(), arrow_type(kind)
    if column.type == target:
        return column
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = compute().cast(column, pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_timestamp(column.type) and column.type.tz is None and kind == t.TIMESTAMP:
        column = column.cast(arrow_type(t.TIMESTAMP_NTZ))
    return column.cast(target)


def _python(column: Column) -> list[object]:
    """Give a column's values as Python has them.

    Times beyond its years are text, structs with a name twice are pairs as maps are.
    """
    try:
        return cast("list[object]", column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(each) for each in column]


def _value(scalar: Column) -> object:
    kinds, kind = pyarrow().types, scalar.type
    if not scalar.is_valid:
        return None
    if kinds.is_struct(kind):
        fields = [(each.name, _value(scalar[at])) for at, each in enumerate(kind)]
        return dict(fields) if len(dict(fields)) == len(fields) else fields
    if kinds.is_map(kind):
        return [(_value(each[0]), _value(each[1])) for each in scalar.values]
    if kinds.is_list(kind):
        return [_value(each) for each in scalar.values]
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return scalar.cast(pyarrow().string()).as_py()


def _jsonable(value: object) -> object:
    """Make what JSON has no form for text: NaN and the infinities."""
    match value:
        case float() if not isfinite(value):
            return str(value)
        case dict():
            return {key: _jsonable(each) for key, each in value.items()}
        case list() | tuple():
            return [_jsonable(each) for each in value]
        case _:
            return value
