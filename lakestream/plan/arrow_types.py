"""Spark's types as Arrow types and back, through arro3 and without pyarrow."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

from arro3.core import DataType, Field, Schema

from lakestream.errors import PlanError
from lakestream.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

_TO_ARROW: Final[dict[t.SparkType, Callable[[], DataType]]] = {
    t.BOOLEAN: DataType.bool, t.BYTE: DataType.int8, t.SHORT: DataType.int16,
    t.INT: DataType.int32, t.LONG: DataType.int64, t.FLOAT: DataType.float32,
    t.DOUBLE: DataType.float64, t.STRING: DataType.utf8, t.BINARY: DataType.binary,
    t.DATE: DataType.date32, t.VOID: DataType.null,
    t.TIMESTAMP: lambda: DataType.timestamp("us", tz="UTC"),
    t.TIMESTAMP_NTZ: lambda: DataType.timestamp("us"),
}  # fmt: skip
#: Format strings of the Arrow C data interface. Unsigned integers take the next wider type
#: that holds all their values, since Spark and Delta have none.
_FROM_FORMAT: Final[dict[str, t.SparkType]] = {
    "n": t.VOID, "b": t.BOOLEAN, "c": t.BYTE, "s": t.SHORT, "i": t.INT, "l": t.LONG,
    "C": t.SHORT, "S": t.INT, "I": t.LONG, "L": t.Decimal(20, 0), "e": t.FLOAT, "f": t.FLOAT,
    "g": t.DOUBLE, "u": t.STRING, "U": t.STRING, "vu": t.STRING, "z": t.BINARY, "Z": t.BINARY,
    "vz": t.BINARY, "tdD": t.DATE, "tdm": t.DATE,
}  # fmt: skip
_LIST_FORMATS: Final = ("+l", "+L", "+vl", "+vL")


def to_arrow(kind: t.SparkType) -> DataType:
    """Give the Arrow type that holds a Spark type; times are in microseconds, UTC."""
    match kind:
        case t.Decimal(precision, scale):
            return DataType.decimal128(precision, scale)
        case t.Array(element):
            return DataType.list(Field("element", to_arrow(element), nullable=True))
        case t.Map(key, value):
            return DataType.map(
                Field("key", to_arrow(key), nullable=False),
                Field("value", to_arrow(value), nullable=True),
                False,
            )
        case t.Struct(fields):
            return DataType.struct([Field(n, to_arrow(k), nullable=True) for n, k in fields])
        case t.Simple():
            return _TO_ARROW[kind]()


def arrow_schema(schema: t.Struct) -> Schema:
    """Give the Arrow schema of a Spark schema; every column is nullable."""
    return Schema([Field(name, to_arrow(kind), nullable=True) for name, kind in schema.fields])


def pyarrow_schema(schema: t.Struct) -> pa.Schema:
    """Give a Spark schema as pyarrow's, which is imported only now."""
    import pyarrow as pa

    return pa.schema(arrow_schema(schema))  # type: ignore[arg-type] # the stubs know no C schema


def spark_schema(schema: object) -> t.Struct:
    """Give the Spark schema of anything with ``__arrow_c_schema__`` (pyarrow, polars, arro3).

    Raises:
        PlanError: A column has a type that Spark and Delta do not know.
    """
    capsule = schema.__arrow_c_schema__()  # type: ignore[attr-defined]  # object: any exporter
    pointer = capsule_pointer(capsule, b"arrow_schema")
    found = _from_c(CSchema.from_address(pointer))
    if not isinstance(found, t.Struct):
        raise PlanError("not a schema but a single type", fix="pass a schema with named columns")
    return found


def spark_type(kind: DataType) -> t.SparkType:
    """Give the Spark type that an Arrow type reads as.

    Raises:
        PlanError: Spark and Delta do not know the type.
    """
    return spark_schema(Schema([Field("value", kind)])).fields[0][1]


class CSchema(ctypes.Structure):
    """``struct ArrowSchema`` of the Arrow C data interface."""


CSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(CSchema))),
    ("dictionary", ctypes.POINTER(CSchema)),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
capsule_pointer.restype = ctypes.c_void_p
capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _from_c(node: CSchema) -> t.SparkType:
    children = [node.children[i].contents for i in range(node.n_children)]
    if node.dictionary:
        return _from_c(node.dictionary.contents)
    text = node.format.decode()
    if text in _FROM_FORMAT:
        return _FROM_FORMAT[text]
    if text.startswith("ts"):
        return t.TIMESTAMP if text.partition(":")[2] else t.TIMESTAMP_NTZ
    if text.startswith("d:"):
        precision, scale, *_ = (int(part) for part in text[2:].split(","))
        return t.Decimal(precision, scale)
    if text.startswith("w:"):
        return t.BINARY
    if text == "+s":
        return t.Struct(tuple((_name(child), _from_c(child)) for child in children))
    if text == "+m":
        key, value = (children[0].children[i].contents for i in (0, 1))
        return t.Map(_from_c(key), _from_c(value))
    if text in _LIST_FORMATS or text.startswith("+w:"):
        return t.Array(_from_c(children[0]))
    raise PlanError(
        f"Arrow type {text!r} has no place in a Delta table",
        where=f"column {_name(node)!r}",
        fix="cast it to a number, string, binary, date or timestamp first",
    )


def _name(node: CSchema) -> str:
    return node.name.decode() if node.name else ""
