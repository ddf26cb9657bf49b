"""pyarrow, imported when a format first needs it.

Importing it costs 0.3 CPU s, which nobody pays who reads JSON lines, text or binary files. Its
stubs cannot follow columns whose type is only known when running, so its values are ``Any``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from arro3.core import Field

from lakestream.plan import types as t
from lakestream.plan.arrow_types import to_arrow

#: A pyarrow array.
Column: TypeAlias = Any


def pyarrow() -> Any:  # noqa: ANN401 - see above
    """Give the module ``pyarrow``."""
    import pyarrow as pa

    return pa


def compute() -> Any:  # noqa: ANN401 - see above
    """Give the module ``pyarrow.compute``."""
    import pyarrow.compute as pc

    return pc


def arrow_type(kind: t.SparkType) -> Any:  # noqa: ANN401 - see above
    """Give pyarrow's type for a Spark type."""
    return pyarrow().field(Field("value", to_arrow(kind))).type


def null_column(length: int, kind: t.SparkType) -> Column:
    """Give ``length`` nulls of a type as pyarrow's array."""
    return pyarrow().nulls(length, arrow_type(kind))
