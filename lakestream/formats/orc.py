"""ORC files: read stripe by stripe, columns by name, fitted as Parquet's are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from lakestream.formats.columnar import OpenedFile, WholeFileFormat, columns_of
from lakestream.formats.lazy_pyarrow import Column, arrow_type, pyarrow
from lakestream.formats.read_types import mapped
from lakestream.plan import types as t

#: What Spark writes of a column's type, and of the only one that ORC's type does not tell.
_SPARK_TYPE: Final = b"spark.sql.catalyst.type"
_WITHOUT_ZONE: Final = b"timestamp_ntz"


@dataclass(frozen=True, slots=True)
class OrcFormat(WholeFileFormat):
    """ORC as it is, decoded by stripe.

    Its ``timestamp`` is read as Spark's, UTC, and Spark's ``timestamp_ntz``, which ORC has as an
    integer of microseconds, as that; a time that nanoseconds do not reach (before 1677,
    after 2262) fails its file, because the ORC library cannot give it.
    """

    title: ClassVar[str] = "ORC"

    def opened(self, source: Column) -> OpenedFile:
        """Open a file."""
        from lakestream.formats.orc_process import Stripes

        stripes = Stripes(source)
        return OpenedFile(_columns(stripes.schema), stripes)


def _columns(schema: Column) -> t.Struct:
    """Give the columns as Spark reads them."""
    return columns_of([each.with_type(mapped(each, _read_as)) for each in schema])


def _read_as(field: Column) -> Column:
    """Give a value's type: ORC's timestamp is an instant; one without a zone is an integer."""
    pa = pyarrow()
    if pa.types.is_timestamp(field.type):
        return arrow_type(t.TIMESTAMP)
    if pa.types.is_int64(field.type) and (field.metadata or {}).get(_SPARK_TYPE) == _WITHOUT_ZONE:
        return arrow_type(t.TIMESTAMP_NTZ)
    return field.type
