"""``spark.readStream`` and ``spark.read``: PySpark's builders of what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Never, Self

from lakestream.errors import ConfigError, UnsupportedOperationError, near_names
from lakestream.plan import types as t
from lakestream.read_delta import read_delta, table
from lakestream.spark.arguments import OptionTable
from lakestream.spark.delta_options import OWN, ROWS
from lakestream.spark.files_options import FORMATS
from lakestream.spark.files_reader import auto_loader, is_format, spark_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestream.storage.location import PathLike
    from lakestream.stream import Stream

#: What to do instead of PySpark's methods that a reader does not have.
_NO_CATALOG: Final = 'there is no catalogue of names; give the path: .format("delta").load(path)'
_ONLY_DELTA: Final = 'use spark.readStream for files, or format("delta") for a table'
_INSTEAD: Final = {
    **dict.fromkeys(("csv", "json", "orc", "parquet", "text", "xml"), _ONLY_DELTA),
    "table": _NO_CATALOG,
    "jdbc": "lakestream reads files and Delta tables",
    "changes": "the change feed of a table is not built yet",
}


class _Reader:
    """What both readers share; each method gives the reader itself, as in PySpark."""

    _entry: str

    def __init__(self) -> None:
        self._format: str | None = None
        self._schema: t.Struct | None = None
        self._options: dict[str, object] = {}

    def format(self, source: str) -> Self:
        """Name the format: ``cloudFiles``, ``json``, ``csv``, ``delta``, ..."""
        self._format = source
        return self

    def schema(self, schema: object) -> Self:
        """Declare the columns.

        Args:
            schema: DDL text, a ``StructType`` of ours or PySpark's, a ``pyarrow.Schema`` or
                anything with ``__arrow_c_schema__``.

        Raises:
            ConfigError, PlanError: It is none of these.
        """
        self._schema = _struct(schema, self._where)
        return self

    def option(self, key: str, value: object) -> Self:
        """Set an option, by Spark's name in any case; None takes it back.

        It is checked by ``load``, together with the others.
        """
        lowered = key.lower()
        self._options = {k: v for k, v in self._options.items() if k.lower() != lowered}
        if value is not None:
            self._options[key] = value
        return self

    def options(self, **options: object) -> Self:
        """Set several options; names with a dot go as ``options(**{"cloudFiles.format": ...})``."""
        for key, value in options.items():
            self.option(key, value)
        return self

    @property
    def _where(self) -> str:
        shown = "" if self._format is None else f".format({self._format!r})"
        return f"spark.{self._entry}{shown}"

    def _path(self, path: PathLike | None) -> tuple[PathLike, dict[str, object]]:
        """Give the path, from the call or the option, and the other options."""
        rest = {k: v for k, v in self._options.items() if k.lower() != "path"}
        given: Any = next((v for k, v in self._options.items() if k.lower() == "path"), None)
        if path is not None and given is not None:
            raise ConfigError(
                "the path is given twice", where=self._where, fix="give it to load, or as an option"
            )
        if path is None and given is None:
            raise ConfigError("there is no path", where=self._where, fix="give it to load")
        return (given if path is None else path), rest

    def __getattr__(self, name: str) -> Never:
        """Refuse a method that the reader does not have, and say what to do instead.

        Raises:
            UnsupportedOperationError: PySpark has it.
            AttributeError: Nobody has it.
        """
        if name in _INSTEAD:
            raise UnsupportedOperationError(
                f"{name} is not supported", where=f"spark.{self._entry}", fix=_INSTEAD[name]
            )
        public = [each for each in dir(self) if not each.startswith("_")]
        raise AttributeError(f"spark.{self._entry} has no {name!r}; {near_names(name, public)}")


class DataStreamReader(_Reader):
    """Builds a stream of files or of a Delta table, with Spark's options."""

    _entry = "readStream"

    def load(self, path: PathLike | None = None) -> Stream:
        """Build the stream; options are checked here, and nothing is read.

        Args:
            path: A folder, a file, a glob or a table; also as option ``path``.

        Raises:
            UnknownOptionError: An option that the source does not know.
            UnsupportedOptionError: An option of Spark that lakestream does not have.
            ConfigError: A value of the wrong kind, or options that exclude each other.
        """
        name = (self._format or "").lower()
        if name not in ("cloudfiles", "delta") and not is_format(name):
            raise ConfigError(
                "no format is given" if self._format is None else f"no source {self._format!r}",
                where=self._where,
                fix=near_names(name, ["cloudFiles", "delta", *FORMATS]),
            )
        found, options = self._path(path)
        if name == "cloudfiles":
            return auto_loader(found, self._schema, options, where=self._where)
        if name == "delta":
            if self._schema is not None:
                raise ConfigError(
                    "a Delta table has its own columns", where=self._where, fix="leave schema out"
                )
            arguments: Any = OptionTable(ROWS, OWN, where=self._where).arguments(options)
            return read_delta(found, **arguments)
        return spark_files(found, name, self._schema, options, where=self._where)

    def json(self, path: PathLike, schema: object = None, **options: object) -> Stream:
        """Build a stream of JSON files: ``format("json")`` with a schema and options."""
        return self._files("json", path, schema, options)

    def csv(self, path: PathLike, schema: object = None, **options: object) -> Stream:
        """Build a stream of CSV files: ``format("csv")`` with a schema and options."""
        return self._files("csv", path, schema, options)

    def parquet(self, path: PathLike, **options: object) -> Stream:
        """Build a stream of Parquet files: ``format("parquet")`` with options."""
        return self._files("parquet", path, None, options)

    def orc(self, path: PathLike, **options: object) -> Stream:
        """Build a stream of ORC files: ``format("orc")`` with options."""
        return self._files("orc", path, None, options)

    def xml(self, path: PathLike, schema: object = None, **options: object) -> Stream:
        """Build a stream of XML files: ``format("xml")`` with ``rowTag`` and other options."""
        return self._files("xml", path, schema, options)

    def text(self, path: PathLike, **options: object) -> Stream:
        """Build a stream of lines: ``format("text")`` with options."""
        return self._files("text", path, None, options)

    def _files(
        self, name: str, path: PathLike, schema: object, options: Mapping[str, object]
    ) -> Stream:
        self.format(name).options(**options)
        return (self if schema is None else self.schema(schema)).load(path)


class DataFrameReader(_Reader):
    """Builds a static Delta table that a stream can be joined with."""

    _entry = "read"

    def load(self, path: PathLike | None = None) -> Stream:
        """Stand for a Delta table as it is at each batch.

        Args:
            path: The table; also as option ``path``.

        Raises:
            UnsupportedOperationError: Another format: files are read as streams.
            UnknownOptionError: An option that the source does not know.
        """
        if (self._format or "").lower() != "delta":
            raise UnsupportedOperationError(
                "only Delta tables are read at once",
                where=self._where,
                fix=_ONLY_DELTA,
            )
        found, options = self._path(path)
        arguments: Any = OptionTable((), OWN, where=self._where).arguments(options)
        return table(found, **arguments)


def _struct(schema: object, where: str) -> t.Struct:
    """Read DDL, PySpark's StructType (by its JSON), or an Arrow schema."""
    if isinstance(schema, str):
        return t.schema_of_ddl(schema)
    as_json = getattr(schema, "jsonValue", None)
    if callable(as_json):
        found = t.from_json(as_json())
        if isinstance(found, t.Struct):
            return t.schema_of_ddl(t.schema_ddl(found))  # names each column once
    elif hasattr(schema, "__arrow_c_schema__"):
        from lakestream.plan.arrow_types import spark_schema

        return spark_schema(schema)
    raise ConfigError(
        f"schema cannot be a {type(schema).__name__}",
        where=where,
        fix='give DDL text, "id BIGINT, name STRING", or a StructType',
    )
