"""PySpark's types, to write a schema with: ``StructType([StructField("id", LongType())])``.

Columns of files are always nullable, as in Spark, so ``nullable`` and the like change nothing.
"""

# ruff: noqa: N802, N815 - PySpark's names

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from lakestream.errors import ConfigError
from lakestream.plan import types as t

if TYPE_CHECKING:
    from collections.abc import Mapping


class DataType:
    """A type; ``struct`` and the other parts are types again."""

    _plain: ClassVar[t.SparkType]

    @property
    def plain(self) -> t.SparkType:
        """The type as lakestream holds it."""
        return self._plain

    def simpleString(self) -> str:
        """Give Spark's short name: ``bigint``, ``array<string>``."""
        return t.type_name(self.plain)

    def jsonValue(self) -> object:
        """Give the tree of Spark's JSON, as Delta tables write it."""
        return t.to_json(self.plain)


@dataclass(frozen=True)
class BooleanType(DataType):
    """True or false."""

    _plain = t.BOOLEAN


@dataclass(frozen=True)
class ByteType(DataType):
    """Whole numbers of 8 bits."""

    _plain = t.BYTE


@dataclass(frozen=True)
class ShortType(DataType):
    """Whole numbers of 16 bits."""

    _plain = t.SHORT


@dataclass(frozen=True)
class IntegerType(DataType):
    """Whole numbers of 32 bits."""

    _plain = t.INT


@dataclass(frozen=True)
class LongType(DataType):
    """Whole numbers of 64 bits."""

    _plain = t.LONG


@dataclass(frozen=True)
class FloatType(DataType):
    """Binary floating point of 32 bits."""

    _plain = t.FLOAT


@dataclass(frozen=True)
class DoubleType(DataType):
    """Binary floating point of 64 bits."""

    _plain = t.DOUBLE


@dataclass(frozen=True)
class StringType(DataType):
    """Text."""

    _plain = t.STRING


@dataclass(frozen=True)
class BinaryType(DataType):
    """Bytes."""

    _plain = t.BINARY


@dataclass(frozen=True)
class DateType(DataType):
    """Days."""

    _plain = t.DATE


@dataclass(frozen=True)
class TimestampType(DataType):
    """Moments, to the microsecond."""

    _plain = t.TIMESTAMP


@dataclass(frozen=True)
class TimestampNTZType(DataType):
    """Date and time of day without a zone."""

    _plain = t.TIMESTAMP_NTZ


@dataclass(frozen=True)
class DecimalType(DataType):
    """Exact numbers of so many digits, ``scale`` of them behind the point."""

    precision: int = 10
    scale: int = 0

    @property
    def plain(self) -> t.SparkType:
        """The type as lakestream holds it.

        Raises:
            PlanError: The digits are out of range.
        """
        return t.parse_type(f"DECIMAL({self.precision},{self.scale})")


@dataclass(frozen=True)
class ArrayType(DataType):
    """Lists."""

    elementType: DataType
    containsNull: bool = True

    @property
    def plain(self) -> t.SparkType:
        """The type as lakestream holds it."""
        return t.Array(self.elementType.plain)


@dataclass(frozen=True)
class MapType(DataType):
    """Maps."""

    keyType: DataType
    valueType: DataType
    valueContainsNull: bool = True

    @property
    def plain(self) -> t.SparkType:
        """The type as lakestream holds it."""
        return t.Map(self.keyType.plain, self.valueType.plain)


@dataclass(frozen=True)
class StructField:
    """A column or field: its name and type."""

    name: str
    dataType: DataType
    nullable: bool = True
    metadata: Mapping[str, object] | None = field(default=None, hash=False)


class StructType(DataType):
    """Fields in order; as a whole schema, the columns."""

    def __init__(self, fields: Sequence[StructField] | None = None) -> None:
        self.fields = list(fields or ())

    def add(
        self,
        field: str | StructField,
        data_type: str | DataType | None = None,
        nullable: bool = True,  # noqa: FBT001, FBT002 - PySpark's signature
        metadata: Mapping[str, object] | None = None,
    ) -> StructType:
        """Add a field, by a ``StructField`` or by its name and type; gives the struct itself.

        Raises:
            ConfigError: A name without a type.
        """
        if isinstance(field, StructField):
            self.fields.append(field)
            return self
        if data_type is None:
            raise ConfigError(
                f"field {field!r} has no type", where="StructType.add", fix="give it as the second"
            )
        kind = _typed(t.parse_type(data_type)) if isinstance(data_type, str) else data_type
        self.fields.append(StructField(field, kind, nullable, metadata))
        return self

    @property
    def names(self) -> list[str]:
        """The fields' names."""
        return [each.name for each in self.fields]

    def fieldNames(self) -> list[str]:
        """Give the fields' names."""
        return self.names

    @property
    def plain(self) -> t.SparkType:
        """The type as lakestream holds it."""
        return t.Struct(tuple((each.name, each.dataType.plain) for each in self.fields))

    def __iter__(self) -> Iterator[StructField]:
        """Go through the fields."""
        return iter(self.fields)

    def __len__(self) -> int:
        """Count the fields."""
        return len(self.fields)

    def __eq__(self, other: object) -> bool:
        """Equal when the fields are."""
        return isinstance(other, StructType) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]  # it can be added to

    def __repr__(self) -> str:
        """Show the fields."""
        return f"StructType({self.fields!r})"


_SIMPLE: Final = {
    each.plain: each
    for each in (
        BooleanType(), ByteType(), ShortType(), IntegerType(), LongType(), FloatType(),
        DoubleType(), StringType(), BinaryType(), DateType(), TimestampType(), TimestampNTZType(),
    )
}  # fmt: skip


def _typed(plain: t.SparkType) -> DataType:
    """Give a type as PySpark holds it."""
    match plain:
        case t.Decimal(precision, scale):
            return DecimalType(precision, scale)
        case t.Array(element):
            return ArrayType(_typed(element))
        case t.Map(key, value):
            return MapType(_typed(key), _typed(value))
        case t.Struct(fields):
            return StructType([StructField(name, _typed(each)) for name, each in fields])
        case _ if plain in _SIMPLE:
            return _SIMPLE[plain]
        case _:
            raise ConfigError(
                f"type {t.type_name(plain)} holds nothing",
                where="StructType.add",
                fix="give a type with values",
            )
