"""Spark SQL: text and expressions to plans and DuckDB's SQL, validation, fused execution.

The package is callable, since ``ls.sql`` is also the name of a function: whichever of the two
``lakestream.sql`` is after an import, ``ls.sql("SELECT ...", orders=orders)`` works.
"""

# ruff: noqa: PLC0415 - heavy libraries are imported where they are used

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, text: str, /, **streams: Any) -> Any:  # noqa: ANN401 - typed in sql_text
        """Give the stream of a SELECT: ``lakestream.sql.sql_text.sql``."""
        from lakestream.sql.sql_text import sql

        return sql(text, **streams)


sys.modules[__name__].__class__ = _CallablePackage
