"""Spark's types as plain values, with their DDL and StructType JSON spellings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from lakestream.errors import PlanError
from lakestream.lazy_pattern import lazy_pattern


class Simple(msgspec.Struct, frozen=True):
    """A type without parts, by Spark's catalog name: ``bigint``, ``string``, ``timestamp``."""

    name: str


class Decimal(msgspec.Struct, frozen=True):
    """An exact number: ``precision`` digits, ``scale`` of them behind the point."""

    precision: int
    scale: int


class Array(msgspec.Struct, frozen=True):
    """A list of nullable elements."""

    element: SparkType


class Map(msgspec.Struct, frozen=True):
    """A map to nullable values."""

    key: SparkType
    value: SparkType


class Struct(msgspec.Struct, frozen=True):
    """Named nullable fields in order; as a whole schema, the columns."""

    fields: tuple[tuple[str, SparkType], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The field names in order."""
        return tuple(name for name, _ in self.fields)

    def get(self, name: str) -> SparkType | None:
        """Give the type of a field, or None."""
        return next((kind for each, kind in self.fields if each == name), None)


SparkType = Simple | Decimal | Array | Map | Struct

BOOLEAN: Final = Simple("boolean")
BYTE: Final = Simple("tinyint")
SHORT: Final = Simple("smallint")
INT: Final = Simple("int")
LONG: Final = Simple("bigint")
FLOAT: Final = Simple("float")
DOUBLE: Final = Simple("double")
STRING: Final = Simple("string")
BINARY: Final = Simple("binary")
DATE: Final = Simple("date")
TIMESTAMP: Final = Simple("timestamp")
TIMESTAMP_NTZ: Final = Simple("timestamp_ntz")
VOID: Final = Simple("void")
MAX_PRECISION: Final = 38

_BY_WORD: Final = {
    "boolean": BOOLEAN, "bool": BOOLEAN, "byte": BYTE, "tinyint": BYTE, "short": SHORT,
    "smallint": SHORT, "int": INT, "integer": INT, "long": LONG, "bigint": LONG, "float": FLOAT,
    "real": FLOAT, "double": DOUBLE, "string": STRING, "binary": BINARY, "date": DATE,
    "timestamp": TIMESTAMP, "timestamp_ltz": TIMESTAMP, "timestamp_ntz": TIMESTAMP_NTZ,
    "void": VOID,
}  # fmt: skip
#: StructType JSON has its own names for a few.
_JSON_NAMES: Final = {"bigint": "long", "int": "integer", "smallint": "short", "tinyint": "byte"}
_DDL_TOKEN: Final = lazy_pattern(r"\s*(?:`((?:[^`]|``)*)`|([\w.$-]+)|([<>(),:]))")


class _Tokens:
    """The words of a DDL text, one ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = list(self._split(text.rstrip()))
        self._at = 0

    def _split(self, text: str) -> Iterator[tuple[str, bool]]:
        position = 0
        while position < len(text):
            match = _DDL_TOKEN.match(text, position)
            if match is None:
                raise self.error(f"cannot read {text[position : position + 20]!r}")
            quoted, word, mark = match.groups()
            yield (quoted.replace("``", "`"), True) if quoted is not None else (word or mark, False)
            position = match.end()

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._found)

    def sees(self, mark: str) -> bool:
        return not self.at_end and self._found[self._at] == (mark, False)

    def take(self) -> str:
        if self.at_end:
            raise self.error("it ends too early")
        self._at += 1
        return self._found[self._at - 1][0]

    def skip(self, mark: str) -> None:
        if not self.sees(mark):
            found = "the end" if self.at_end else repr(self._found[self._at][0])
            raise self.error(f"wanted {mark!r}, found {found}")
        self._at += 1

    def name(self) -> str:
        if any(self.sees(mark) for mark in "<>(),:"):
            raise self.error("a column name is missing")
        found = self.take()
        if self.sees(":"):
            self.skip(":")
        return found

    def error(self, what: str) -> PlanError:
        return PlanError(
            f"not a schema: {what}",
            where=repr(self.text),
            fix='write it as "id BIGINT, price DECIMAL(10,2), tags ARRAY<STRING>"',
        )


def parse_ddl(text: str) -> tuple[tuple[str, SparkType], ...]:
    """Read ``"a INT, b.c STRING, d STRUCT<x: INT>"`` as names (dots kept) and types, in order.

    Names with other characters stand in backquotes.

    Raises:
        PlanError: It is no DDL column list.
    """
    tokens = _Tokens(text)
    found: list[tuple[str, SparkType]] = []
    while not tokens.at_end:
        if found:
            tokens.skip(",")
        found.append((tokens.name(), _type(tokens)))
    if not found:
        raise tokens.error("it is empty")
    return tuple(found)


def schema_of_ddl(text: str) -> Struct:
    """Read a DDL column list as a schema.

    Raises:
        PlanError: It is none, or names a column twice.
    """
    found = Struct(parse_ddl(text))
    if len(set(found.names)) < len(found.names):
        twice = next(name for name in found.names if found.names.count(name) > 1)
        raise PlanError(
            f"column {twice!r} is declared twice", where=repr(text), fix="name each column once"
        )
    return found


def parse_type(text: str) -> SparkType:
    """Read one type: ``"DECIMAL(10,2)"``, ``"ARRAY<STRING>"``.

    Raises:
        PlanError: It is none.
    """
    tokens = _Tokens(text)
    found = _type(tokens)
    if not tokens.at_end:
        raise tokens.error("there is something after the type")
    return found


def _type(tokens: _Tokens) -> SparkType:
    word = tokens.take().lower()
    match word:
        case "decimal" | "dec" | "numeric":
            return _decimal(tokens)
        case "array":
            tokens.skip("<")
            element = _type(tokens)
            tokens.skip(">")
            return Array(element)
        case "map":
            tokens.skip("<")
            key = _type(tokens)
            tokens.skip(",")
            value = _type(tokens)
            tokens.skip(">")
            return Map(key, value)
        case "struct":
            return _struct(tokens)
        case _ if word in _BY_WORD:
            return _BY_WORD[word]
        case "variant":
            raise PlanError(
                "there is no type VARIANT: deltalake does not write it",
                where=repr(tokens.text),
                fix="keep the value as a STRING of JSON and take it apart with get_json_object or"
                " from_json, or read it as a MAP<STRING, STRING>",
            )
        case _:
            raise tokens.error(f"there is no type {word!r}")


def _decimal(tokens: _Tokens) -> Decimal:
    precision, scale = 10, 0
    if tokens.sees("("):
        tokens.skip("(")
        precision = _number(tokens)
        if tokens.sees(","):
            tokens.skip(",")
            scale = _number(tokens)
        tokens.skip(")")
    if not (1 <= precision <= MAX_PRECISION and 0 <= scale <= precision):
        raise tokens.error(f"DECIMAL({precision},{scale}) is out of range")
    return Decimal(precision, scale)


def _number(tokens: _Tokens) -> int:
    word = tokens.take()
    if not word.isdecimal():
        raise tokens.error(f"wanted a number, found {word!r}")
    return int(word)


def _struct(tokens: _Tokens) -> Struct:
    tokens.skip("<")
    fields: list[tuple[str, SparkType]] = []
    while not tokens.sees(">"):
        if fields:
            tokens.skip(",")
        fields.append((tokens.name(), _type(tokens)))
    tokens.skip(">")
    return Struct(tuple(fields))


def type_name(kind: SparkType) -> str:
    """Give Spark's ``simpleString``: ``bigint``, ``decimal(10,2)``, ``array<string>``."""
    match kind:
        case Simple(name):
            return name
        case Decimal(precision, scale):
            return f"decimal({precision},{scale})"
        case Array(element):
            return f"array<{type_name(element)}>"
        case Map(key, value):
            return f"map<{type_name(key)},{type_name(value)}>"
        case Struct(fields):
            inner = ",".join(f"{name}:{type_name(each)}" for name, each in fields)
            return f"struct<{inner}>"


def type_ddl(kind: SparkType) -> str:
    """Give a type as DDL that ``parse_type`` reads back, whatever its field names."""
    match kind:
        case Array(element):
            return f"ARRAY<{type_ddl(element)}>"
        case Map(key, value):
            return f"MAP<{type_ddl(key)}, {type_ddl(value)}>"
        case Struct(fields):
            return (
                f"STRUCT<{', '.join(f'{quoted(name)}: {type_ddl(each)}' for name, each in fields)}>"
            )
        case _:
            return type_name(kind).upper()


def schema_ddl(schema: Struct) -> str:
    """Give a schema as a DDL column list that ``schema_of_ddl`` reads back."""
    return ", ".join(f"{quoted(name)} {type_ddl(kind)}" for name, kind in schema.fields)


def quoted(name: str) -> str:
    """Give a name in backquotes, as Spark SQL quotes identifiers."""
    return "`" + name.replace("`", "``") + "`"


def to_json(kind: SparkType) -> object:
    """Give a type as the tree of Spark's StructType JSON (Delta's ``schemaString``)."""
    match kind:
        case Simple(name):
            return _JSON_NAMES.get(name, name)
        case Decimal():
            return type_name(kind)
        case Array(element):
            return {"type": "array", "elementType": to_json(element), "containsNull": True}
        case Map(key, value):
            return {
                "type": "map",
                "keyType": to_json(key),
                "valueType": to_json(value),
                "valueContainsNull": True,
            }
        case Struct(fields):
            return {
                "type": "struct",
                "fields": [
                    {"name": name, "type": to_json(each), "nullable": True, "metadata": {}}
                    for name, each in fields
                ],
            }


def from_json(tree: object) -> SparkType:
    """Read what ``to_json`` gave, or a Delta ``schemaString``'s tree.

    Raises:
        PlanError: It is neither.
    """
    match tree:
        case str():
            return parse_type(tree)
        case {"type": "array", "elementType": element}:
            return Array(from_json(element))
        case {"type": "map", "keyType": key, "valueType": value}:
            return Map(from_json(key), from_json(value))
        case {"type": "struct", "fields": list() as fields}:
            return Struct(tuple((each["name"], from_json(each["type"])) for each in fields))
        case _:
            raise PlanError("not a StructType JSON", fix="write it with lakestream or Spark")
