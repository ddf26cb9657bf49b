"""ORC files: read stripe by stripe, columns by name, fitted as Parquet's are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lakestream.formats.columnar import OpenedFile, WholeFileFormat, columns_of
from lakestream.formats.lazy_pyarrow import Column
from lakestream.plan import types as t


@dataclass(frozen=True, slots=True)
class OrcFormat(WholeFileFormat):
    """ORC as it is, decoded by stripe.

    Its ``timestamp`` is read as Spark's, UTC; a time that nanoseconds do not reach (before 1677,
    after 2262) fails its file, because the ORC library cannot give it.
    """

    title: ClassVar[str] = "ORC"

    def opened(self, source: Column) -> OpenedFile:
        """Open a file."""
        from pyarrow import orc

        file = orc.ORCFile(source)
        stripes = (file.read_stripe(number) for number in range(file.nstripes))
        return OpenedFile(_columns(file.schema), stripes)


def _columns(schema: Column) -> t.Struct:
    """Give the columns as Spark reads them: it takes ORC's timestamp for an instant."""
    return t.Struct(tuple((name, _instants(kind)) for name, kind in columns_of(schema).fields))


def _instants(kind: t.SparkType) -> t.SparkType:
    match kind:
        case t.Struct(fields):
            return t.Struct(tuple((name, _instants(each)) for name, each in fields))
        case t.Array(element):
            return t.Array(_instants(element))
        case t.Map(key, value):
            return t.Map(_instants(key), _instants(value))
        case _:
            return t.TIMESTAMP if kind == t.TIMESTAMP_NTZ else kind
