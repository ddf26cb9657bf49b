"""Avro schemas as Arrow columns, the way Spark reads them.

| Avro | column |
|---|---|
| boolean, int, long, float, double, string, bytes | the same |
| enum, uuid | string |
| fixed, duration | binary |
| decimal of up to 38 digits | decimal; of more digits binary |
| date | date |
| timestamp-millis, timestamp-micros | timestamp |
| local-timestamp-millis, local-timestamp-micros | timestamp_ntz |
| time-millis, time-micros, timestamp-nanos | int, bigint: the number as it stands |
| record, array, map | struct, array, map |
| union with null | the other type |
| union of int and long; of float and double | bigint; double |
| any other union | struct of member0, member1, ...: one of them has the value |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from lakestream.errors import ConfigError
from lakestream.formats.lazy_pyarrow import Column, pyarrow
from lakestream.limits import MAX_COLUMNS, MAX_DEPTH
from lakestream.plan import types as t

_Convert = Callable[[Any], Any]
_MERGED: Final = {frozenset({"int", "long"}): "long", frozenset({"float", "double"}): "double"}
#: The fewest bytes that a value takes.
_BYTES: Final = {"null": 0, "float": 4, "double": 8}


class AvroSchemaError(ValueError):
    """A schema that cannot be read, or that no table can have."""


class AvroColumns(msgspec.Struct, frozen=True):
    """A record's schema, ready to read with.

    Args:
        parsed: For the Avro library: without the logical types that are read as plain numbers.
        arrow: pyarrow's schema of the columns.
        converts: By column, what makes the library's values pyarrow's; None where they are.
        record_bytes: The fewest bytes that a record takes.
    """

    parsed: Any
    arrow: Column
    converts: Mapping[str, _Convert | None]
    record_bytes: int


def read_schema(text: bytes | str) -> AvroColumns:
    """Read an Avro schema.

    Raises:
        AvroSchemaError: It is none, not of a record, refers to itself, has an array of items
            without bytes, or is over a limit.
        ConfigError: The Avro library is not installed.
    """
    fastavro = avro_library()
    unreadable = (
        fastavro.schema.SchemaParseException, ValueError, LookupError, TypeError, AttributeError,
        RecursionError,
    )  # fmt: skip
    try:
        given = _without_logic(json.loads(text), 0)
        parsed = fastavro.parse_schema(given)
    except AvroSchemaError:
        raise
    except unreadable as error:
        raise AvroSchemaError("its schema is not an Avro schema") from error
    return _Reading().record(parsed)


def avro_library() -> Any:  # noqa: ANN401 - it has no types
    """Give the module ``fastavro``.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import fastavro
    except ImportError as error:
        raise ConfigError(
            "reading Avro needs the package fastavro",
            where="format='avro'",
            fix='pip install "lakestream[avro]"',
        ) from error
    fastavro.read.LOGICAL_READERS.update(_NARROW_READERS)
    return fastavro


#: What stays for the library to read: its values are what a column wants. The others would be
#: made Python's times, one by one, and those do not reach as far as a column's.
_KEPT_LOGIC: Final = "decimal"


#: The logical type of a union's int that stands beside long, or float beside double: the library
#: gives values of both as one Python type, and does not tell of which branch they are.
_NARROW: Final = "lakestream-narrow"
_WIDER: Final = {"int": "long", "float": "double"}
#: The keys of a schema's objects that hold a type, which may be a union.
_WITH_TYPE: Final = ("type", "items", "values")


class _Int(int):
    """A value of such an int."""


class _Float(float):
    """A value of such a float."""


def _narrow_int(value: int, _written: Any, wanted: Any = None) -> int | float:  # noqa: ANN401 - the library's
    return float(value) if wanted and _type_name(wanted) in ("float", "double") else _Int(value)


def _narrow_float(value: float, _written: Any, _wanted: Any = None) -> float:  # noqa: ANN401 - the library's
    return _Float(value)


_NARROW_READERS: Final = {f"int-{_NARROW}": _narrow_int, f"float-{_NARROW}": _narrow_float}


def _told_apart(union: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Mark the narrower of two number types of a union; give anything else as it is."""
    if not isinstance(union, list):
        return union
    names = [each.get("type") if isinstance(each, dict) else each for each in union]
    return [
        {**(each if isinstance(each, dict) else {"type": each}), "logicalType": _NARROW}
        if isinstance(name, str) and _WIDER.get(name) in names
        else each
        for each, name in zip(union, names, strict=True)
    ]


def _without_logic(schema: Any, depth: int) -> Any:  # noqa: ANN401 - JSON of any shape
    """Mark logical types as ours, so that the library gives numbers for them."""
    if depth > 4 * MAX_DEPTH:
        raise AvroSchemaError("its schema is nested too deep")
    match schema:
        case dict():
            found = {key: _without_logic(each, depth + 1) for key, each in schema.items()}
            logic = found.get("logicalType")
            if isinstance(logic, str) and (logic != _KEPT_LOGIC or not _fits(schema)):
                found["lakestream.logic"] = found.pop("logicalType")
            unions = {key: _told_apart(found[key]) for key in _WITH_TYPE if key in found}
            return found | unions
        case list():
            return [_without_logic(each, depth + 1) for each in schema]
        case _:
            return schema


def _fits(schema: Mapping[str, Any]) -> bool:
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    return (
        isinstance(precision, int)
        and isinstance(scale, int)
        and 0 < precision <= t.MAX_PRECISION
        and 0 <= scale <= precision
    )


class _Kind(msgspec.Struct, frozen=True):
    """One type: pyarrow's, how values become its, and the fewest bytes of a value."""

    arrow: Column
    convert: _Convert | None
    size: int


class _Reading:
    """One pass over a parsed schema; named types are known from where they stand first."""

    def __init__(self) -> None:
        self._named: dict[str, Mapping[str, Any]] = {}
        self._open: set[str] = set()
        self._columns = 0

    def record(self, parsed: Any) -> AvroColumns:  # noqa: ANN401 - the library's
        if not isinstance(parsed, dict) or parsed.get("type") not in ("record", "error"):
            raise AvroSchemaError("its schema is not a record's")
        pa, kinds = pyarrow(), self._fields(parsed, 1)
        return AvroColumns(
            parsed=parsed,
            arrow=pa.schema([(name, each.arrow) for name, each in kinds.items()]),
            converts={name: each.convert for name, each in kinds.items()},
            record_bytes=sum(each.size for each in kinds.values()),
        )

    def _fields(self, schema: Mapping[str, Any], depth: int) -> dict[str, _Kind]:
        name = schema["name"]
        self._named[name] = schema
        self._open.add(name)
        found: dict[str, _Kind] = {}
        for field in schema["fields"]:
            self._columns += 1
            if self._columns > MAX_COLUMNS:
                raise AvroSchemaError(f"its schema has more than {MAX_COLUMNS} fields")
            found[field["name"]] = self._kind(field["type"], depth)
        self._open.discard(name)
        return found

    def _kind(self, schema: Any, depth: int) -> _Kind:  # noqa: ANN401 - the library's
        if depth > MAX_DEPTH:
            raise AvroSchemaError("its schema is nested too deep")
        match schema:
            case list():
                return self._union(schema, depth)
            case str() if schema in self._open:
                raise AvroSchemaError(f"its type {schema} holds itself")
            case str() if schema in self._named:
                return self._kind(self._named[schema], depth)
            case str():
                return _Kind(_plain(schema), None, _BYTES.get(schema, 1))
        return self._complex(schema, depth)

    def _complex(self, schema: Mapping[str, Any], depth: int) -> _Kind:
        match schema["type"]:
            case "record" | "error":
                return self._struct(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "map":
                value = self._kind(schema["values"], depth + 1)
                arrow = pyarrow().map_(pyarrow().string(), value.arrow)
                return _Kind(arrow, _map_converter(value.convert), 1)
            case "enum":
                self._named[schema["name"]] = schema
                return _Kind(pyarrow().string(), None, 1)
            case "fixed":
                self._named[schema["name"]] = schema
                return _Kind(_logical(schema, pyarrow().binary()), None, schema["size"])
            case str() as plain if plain in _PLAIN:
                return _Kind(_logical(schema, _plain(plain)), None, _BYTES.get(plain, 1))
            case inner:
                return self._kind(inner, depth)

    def _struct(self, schema: Mapping[str, Any], depth: int) -> _Kind:
        if schema["name"] in self._open:
            raise AvroSchemaError(f"its type {schema['name']} holds itself")
        kinds = self._fields(schema, depth + 1)
        arrow = pyarrow().struct([(name, each.arrow) for name, each in kinds.items()])
        converts = {name: each.convert for name, each in kinds.items() if each.convert}
        size = sum(each.size for each in kinds.values())
        return _Kind(arrow, _struct_converter(converts) if converts else None, size)

    def _array(self, schema: Mapping[str, Any], depth: int) -> _Kind:
        item = self._kind(schema["items"], depth + 1)
        if item.size == 0:
            raise AvroSchemaError("its schema has an array of items that take no bytes")
        return _Kind(pyarrow().list_(item.arrow), _list_converter(item.convert), 1)

    def _union(self, branches: Sequence[Any], depth: int) -> _Kind:
        rest = [each for each in branches if _type_name(each) != "null"]
        if not rest:
            return _Kind(pyarrow().null(), None, 1)
        merged = _MERGED.get(frozenset(map(_type_name, rest)))
        if merged is not None and not any(map(_has_logic, rest)):
            return _Kind(_plain(merged), None, 1)
        if len(rest) == 1:
            kind = self._kind(rest[0], depth)
            named = _name(rest[0]) is not None
            return _Kind(kind.arrow, _unnamed(kind.convert) if named else kind.convert, 1)
        members = [self._kind(each, depth + 1) for each in rest]
        self._columns += len(members)
        arrow = pyarrow().struct([(f"member{n}", each.arrow) for n, each in enumerate(members)])
        return _Kind(arrow, _member_converter(rest, members), 1)


_PLAIN: Final = {
    "null": "null", "boolean": "bool_", "int": "int32", "long": "int64", "float": "float32",
    "double": "float64", "bytes": "binary", "string": "string",
}  # fmt: skip
_TIMES: Final = {
    ("int", "date"): ("date32", ()),
    ("long", "timestamp-millis"): ("timestamp", ("ms", "UTC")),
    ("long", "timestamp-micros"): ("timestamp", ("us", "UTC")),
    ("long", "local-timestamp-millis"): ("timestamp", ("ms",)),
    ("long", "local-timestamp-micros"): ("timestamp", ("us",)),
}


def _plain(name: str) -> Column:
    if name not in _PLAIN:
        raise AvroSchemaError(f"its schema has an unknown type: {name[:80]}")
    return getattr(pyarrow(), _PLAIN[name])()


def _logical(schema: Mapping[str, Any], plain: Column) -> Column:
    """Give the type that a logical type makes of a plain one."""
    if schema.get("logicalType") == _KEPT_LOGIC and schema["type"] in ("bytes", "fixed"):
        return pyarrow().decimal128(schema["precision"], schema.get("scale", 0))
    found = _TIMES.get((schema["type"], schema.get("lakestream.logic", "")))
    return plain if found is None else getattr(pyarrow(), found[0])(*found[1])


def _type_name(branch: Any) -> str:  # noqa: ANN401 - the library's
    return branch if isinstance(branch, str) else str(branch["type"])


def _has_logic(branch: Any) -> bool:  # noqa: ANN401 - the library's
    return isinstance(branch, dict) and "lakestream.logic" in branch


def _name(branch: Any) -> str | None:  # noqa: ANN401 - the library's
    """Give the name of a named type: the library gives values of such with it in unions."""
    if isinstance(branch, dict):
        return branch.get("name")
    return None if branch in _PLAIN else branch


def _struct_converter(converts: Mapping[str, _Convert]) -> _Convert:
    def convert(value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return {**value, **{name: each(value[name]) for name, each in converts.items()}}

    return convert


def _list_converter(inner: _Convert | None) -> _Convert | None:
    if inner is None:
        return None
    return lambda value: None if value is None else [inner(each) for each in value]


def _map_converter(inner: _Convert | None) -> _Convert:
    def convert(value: dict[str, Any] | None) -> list[tuple[str, Any]] | None:
        if value is None:
            return None
        if inner is None:
            return list(value.items())
        return [(key, inner(each)) for key, each in value.items()]

    return convert


def _unnamed(inner: _Convert | None) -> _Convert:
    def convert(value: Any) -> Any:  # noqa: ANN401 - any column's
        if isinstance(value, tuple):
            value = value[1]
        return value if inner is None or value is None else inner(value)

    return convert


#: The Python type of the library's values, by the type of a branch without a name.
_PYTHON: Final[dict[str, type]] = {
    "boolean": bool, "int": int, "long": int, "float": float, "double": float,
    "bytes": bytes, "string": str, "array": list, "map": dict,
}  # fmt: skip


def _python_type(branch: Any) -> type | None:  # noqa: ANN401 - the library's
    match branch:
        case {"logicalType": "lakestream-narrow", "type": kind}:
            return _Int if kind == "int" else _Float
        case {"logicalType": "decimal"}:
            from decimal import Decimal

            return Decimal
        case _:
            return _PYTHON.get(_type_name(branch))


def _member_converter(branches: Sequence[Any], members: Sequence[_Kind]) -> _Convert:
    """Make a struct of a union's value: the member of its branch has it.

    A union has at most one branch of each type without a name (Avro specification, "Unions"), and
    values of the others come with their names.
    """
    named = {_name(each): at for at, each in enumerate(branches)}
    plain: dict[type | None, int] = {}
    for at, branch in enumerate(branches):
        if _name(branch) is None:
            plain.setdefault(_python_type(branch), at)
    names = [f"member{at}" for at in range(len(branches))]

    def convert(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any branch's
        if value is None:
            return None
        if isinstance(value, tuple):
            at, value = named[value[0]], value[1]
        else:
            at = next(plain[kind] for kind in type(value).__mro__ if kind in plain)
        inner = members[at].convert
        return {names[at]: value if inner is None else inner(value)}

    return convert
