"""``Stream``: the streaming DataFrame. Lazy, immutable, with PySpark's method names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Never

from lakestream.errors import ConfigError, PlanError, UnknownColumnError, near_names
from lakestream.plan import types as t
from lakestream.plan.column import Column, column, named
from lakestream.plan.nodes import (
    Alias,
    Drop,
    Filter,
    Join,
    JoinType,
    MapBatches,
    Node,
    Project,
    Rename,
    Source,
    StaticTable,
    WithColumns,
    is_streaming,
    walk,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

    from lakestream.plan.description import Description
    from lakestream.stream_writer import DataStreamWriter

_HOW: Final[Mapping[str, JoinType]] = {
    "inner": "inner", "left": "left", "leftouter": "left", "right": "right",
    "rightouter": "right", "leftsemi": "left_semi", "semi": "left_semi", "leftanti": "left_anti",
    "anti": "left_anti",
}  # fmt: skip
#: What to do instead of PySpark's DataFrame methods that a stream does not have. They are no
#: columns either, even when the columns are not known yet.
_INSTEAD: Final[Mapping[str, str]] = {
    name: instead
    for instead, names in {
        "it needs state across rows, which this version of lakestream does not keep": """
            agg cube distinct dropDuplicates dropDuplicatesWithinWatermark groupBy groupby rollup
            withWatermark""",
        "this version of lakestream has one stream a table; ls.table(...) can be joined": """
            crossJoin exceptAll intersect union unionAll unionByName""",
        "a stream does not end; look at preview(n), or at read() of the streaming table": """
            cache collect count head limit orderBy persist repartition sample show sort
            sortWithinPartitions take tail toDF toPandas""",
        "give a Python function to mapBatches": """
            foreach foreachBatch foreachPartition mapInArrow mapInPandas""",
        "give the stream to ls.sql(text, name=stream)": """
            createOrReplaceTempView createTempView""",
        "return the stream from a function under @ls.streaming_table(path)": """
            write""",
    }.items()
    for name in names.split()
}


class Stream:
    """Rows to come, described but not read.

    Every method gives a new stream. Columns are named by ``F.col("price")``, ``stream.price`` or
    ``stream["price"]``; expressions may also be Spark SQL texts where PySpark takes them. A
    misspelt column is an error here when the schema is declared, and else when a run starts,
    before any data is read.
    """

    __slots__ = ("__weakref__", "_plan", "_schema")

    def __init__(self, plan: Node) -> None:
        self._plan = plan
        self._schema: t.Struct | None = _schema_of(plan)

    @classmethod
    def from_source(cls, description: Description) -> Stream:
        """Give the stream of a source."""
        return cls(Source(description))

    @classmethod
    def from_static(cls, description: Description) -> Stream:
        """Give a static table, to be joined with a stream."""
        return cls(StaticTable(description))

    # --- what it is ---------------------------------------------------------------------------
    @property
    def plan(self) -> Node:
        """The logical plan."""
        return self._plan

    @property
    def isStreaming(self) -> bool:  # noqa: N802 - PySpark's name
        """True when new rows keep coming; False for a static table."""
        return is_streaming(self._plan)

    @property
    def struct(self) -> t.Struct:
        """The columns as Spark types.

        Raises:
            PlanError: They are not known without reading: the schema is inferred.
        """
        if self._schema is None:
            raise PlanError(
                "the columns of this stream are not known before something is read",
                where=self._shown(),
                fix="declare schema=, or ask the streaming table: table.schema, table.preview()",
            )
        return self._schema

    @property
    def schema(self) -> pa.Schema:
        """The columns as a ``pyarrow.Schema``. Raises as ``struct``."""
        from lakestream.plan.arrow_types import pyarrow_schema

        return pyarrow_schema(self.struct)

    @property
    def columns(self) -> list[str]:
        """The columns' names. Raises as ``struct``."""
        return list(self.struct.names)

    @property
    def dtypes(self) -> list[tuple[str, str]]:
        """The columns' names and Spark types. Raises as ``struct``."""
        return [(name, t.type_name(kind)) for name, kind in self.struct.fields]

    @property
    def writeStream(self) -> DataStreamWriter:  # noqa: N802 - PySpark's name
        """A new builder of a query that feeds a Delta table, for scripts and notebooks.

        A streaming table (``ls.streaming_table``) is the same with a declaration that Dagster,
        the command line and other tables can use.
        """
        from lakestream.stream_writer import DataStreamWriter

        return DataStreamWriter(self)

    def printSchema(self) -> None:  # noqa: N802 - PySpark's name
        """Print the columns as a tree, as PySpark does. Raises as ``struct``."""
        print("\n".join(["root", *_tree(self.struct, " |")]))  # noqa: T201 - that is its job

    def explain(self) -> None:
        """Print the logical plan, the output first."""
        print(explained(self._plan))  # noqa: T201 - that is its job

    def preview(self, n: int = 20) -> pa.Table:
        """Give the first rows that are there now; commits and records nothing.

        Args:
            n: How many rows at most.
        """
        from lakestream.query.overview import preview_plan

        return preview_plan(self._plan, rows=n)

    # --- rows ---------------------------------------------------------------------------------
    def filter(self, condition: Column | str) -> Stream:
        """Keep the rows for which a condition is true."""
        return Stream(Filter(self._plan, _expression(condition)))

    where = filter  # noqa: A003 - PySpark's two names of one method

    # --- columns ------------------------------------------------------------------------------
    def select(self, *cols: Column | str | Sequence[Column | str]) -> Stream:
        """Give exactly these columns; ``"*"`` stands for all."""
        given = _listed(cols)
        if not given:
            raise ConfigError("select() without columns", fix='name columns, or "*" for all')
        return Stream(Project(self._plan, tuple(named(each).expression for each in given)))

    def selectExpr(self, *expr: str) -> Stream:  # noqa: N802 - PySpark's name
        """Give columns by Spark SQL: ``selectExpr("id", "price * 2 AS double_price")``."""
        if not expr:
            raise ConfigError("selectExpr() without expressions", fix='give some, or "*" for all')
        return Stream(Project(self._plan, tuple(_expression(each) for each in _listed(expr))))

    def withColumn(self, colName: str, col: Column) -> Stream:  # noqa: N802, N803 - PySpark's names
        """Add a column, or replace the one of that name in its place."""
        return self.withColumns({colName: col})

    def withColumns(self, colsMap: Mapping[str, Column]) -> Stream:  # noqa: N802, N803 - PySpark's names
        """Add or replace several columns; each expression sees the columns as they were."""
        for name, each in colsMap.items():
            if not isinstance(each, Column):
                raise ConfigError(
                    f"column {name!r} is given as {type(each).__name__}",
                    where="withColumn",
                    fix='give a Column: F.col("..."), F.lit(...) or F.expr("...")',
                )
        columns = tuple((name, each.expression) for name, each in colsMap.items())
        return Stream(WithColumns(self._plan, columns))

    def withColumnRenamed(self, existing: str, new: str) -> Stream:  # noqa: N802 - PySpark's name
        """Rename a column; nothing happens when there is none of that name, as in PySpark."""
        return self.withColumnsRenamed({existing: new})

    def withColumnsRenamed(self, colsMap: Mapping[str, str]) -> Stream:  # noqa: N802, N803 - PySpark's names
        """Rename several columns."""
        return Stream(Rename(self._plan, tuple(colsMap.items())))

    def drop(self, *cols: Column | str) -> Stream:
        """Leave columns out; names that are not there are ignored, as in PySpark."""
        gone = tuple(
            each.expression if isinstance(each, Column) else column(each).expression
            for each in cols
        )
        return Stream(Drop(self._plan, gone))

    # --- several ------------------------------------------------------------------------------
    def alias(self, alias: str) -> Stream:
        """Name the stream, so that ``F.col("alias.column")`` says whose column it is."""
        return Stream(Alias(self._plan, alias))

    def join(
        self,
        other: Stream,
        on: str | Sequence[str] | Column | Sequence[Column] | None = None,
        how: str = "inner",
    ) -> Stream:
        """Join with a static table, which is read at its newest version in each batch.

        Args:
            other: What ``ls.table(...)`` gave; or a stream, when this is the static side.
            on: Column names that both have (then each comes out once), or conditions.
            how: ``inner``, ``left``, ``left_semi`` or ``left_anti`` with the stream on the left;
                ``inner`` or ``right`` with the stream on the right.

        Raises:
            ConfigError: ``on`` or ``how`` is missing or unknown.
            UnsupportedOperationError: Both sides are streams, or the join would need to know
                all rows to come.
        """
        kind = _HOW.get(str(how).lower().replace("_", ""))
        if kind is None:
            raise ConfigError(f"how={how!r} is unknown", where="join", fix=near_names(how, _HOW))
        if not isinstance(other, Stream):
            raise ConfigError(
                f"cannot join with a {type(other).__name__}",
                where="join",
                fix="read the other side with ls.table(...)",
            )
        from lakestream.sql.relation import check_join

        node = Join(self._plan, other._plan, kind, _join_on(on))
        check_join(node)
        return Stream(node)

    def mapBatches(  # noqa: N802 - PySpark's manner
        self, fn: Callable[[Any], Any], schema: str | None = None
    ) -> Stream:
        """Send rows through a Python function, up to 65,536 at a time.

        The function must treat each row for itself: where one batch ends is not defined, and a
        replay may cut elsewhere. Its annotation says what it takes: ``pyarrow.Table``,
        ``pyarrow.RecordBatch``, ``polars.DataFrame`` or ``pandas.DataFrame``.

        Args:
            fn: Takes a frame and gives a frame.
            schema: The output's columns as DDL. Without it the function is called once on no
                rows when the stream's schema is known.

        Raises:
            ConfigError: The annotation is missing or none of the four.
            PlanError: ``schema`` is no DDL.
        """
        from lakestream.sql.frames import frame_of

        declared = t.schema_of_ddl(schema) if schema is not None else None
        return Stream(MapBatches(self._plan, fn, frame_of(fn), declared))

    # --- columns by name ----------------------------------------------------------------------
    def __getitem__(self, item: str) -> Column:
        """Give a column of this stream.

        Raises:
            UnknownColumnError: The schema is known and has none of that name.
        """
        if not isinstance(item, str):
            raise TypeError("stream[...] takes a column's name; use select(...) or filter(...)")
        if self._schema is not None and not self._has(item):
            raise UnknownColumnError.from_names(item, self._schema.names, where=self._shown())
        return column(f"#{self._plan.serial}", item)

    def __getattr__(self, name: str) -> Column:
        """Give a column of this stream; a misspelt method is an error with near names."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self._schema is not None and self._has(name):
            return self[name]
        if name in _INSTEAD:
            raise AttributeError(f"a stream has no method {name!r}: {_INSTEAD[name]}")
        methods = [each for each in dir(type(self)) if not each.startswith("_")]
        if self._schema is not None:
            near = near_names(name, [*methods, *self._schema.names])
            raise AttributeError(f"a stream has no method or column {name!r}: {near}")
        import difflib

        # The columns are not known yet: only what is nearly a method's name is a misspelt one.
        close = difflib.get_close_matches(name, methods, n=1, cutoff=0.85)
        if close:
            raise AttributeError(f"a stream has no method {name!r}: did you mean {close[0]!r}?")
        return self[name]

    def _has(self, name: str) -> bool:
        names = self._schema.names if self._schema else ()
        return any(each.casefold() == name.casefold() for each in names)

    def __bool__(self) -> Never:
        raise TypeError("a stream has no truth and no length: its rows are still to come")

    __iter__ = None  # not iterable: without this Python would try stream[0], stream[1], ...

    def __repr__(self) -> str:
        if self._schema is None:
            return f"Stream[{self._shown()}]"
        shown = ", ".join(f"{name}: {kind}" for name, kind in self.dtypes)
        return f"Stream[{shown}]"

    def _shown(self) -> str:
        leaves = [n for n in walk(self._plan) if isinstance(n, Source | StaticTable)]
        return ", ".join(dict.fromkeys(leaf.description.description for leaf in leaves))


def _schema_of(plan: Node) -> t.Struct | None:
    """Give the plan's columns when all is declared; that is also when it is checked."""
    if isinstance(plan, Source | StaticTable):
        return plan.description.declared_schema
    leaves = (n for n in walk(plan) if isinstance(n, Source | StaticTable))
    if any(leaf.description.declared_schema is None for leaf in leaves):
        return None
    from lakestream.sql.analysis import known_schemas, plan_schema

    return plan_schema(plan, known_schemas(plan) or {})


def _listed(given: Sequence[Any]) -> Sequence[Any]:
    if len(given) == 1 and isinstance(given[0], list | tuple):
        return given[0]
    return given


def _expression(item: Column | str) -> exp.Expression:
    if isinstance(item, Column):
        return item.expression
    if not isinstance(item, str):
        raise ConfigError(
            f"not an expression: {type(item).__name__}",
            fix='give a Column or a Spark SQL text such as "price > 0"',
        )
    from lakestream.sql.dialect import parse_expression

    return parse_expression(item)


def _join_on(
    on: str | Sequence[str] | Column | Sequence[Column] | None,
) -> tuple[str, ...] | exp.Expression:
    given = [on] if isinstance(on, str | Column) else list(on or ())
    names = tuple(each for each in given if isinstance(each, str))
    if given and len(names) == len(given):
        return names
    if not given or names:
        raise ConfigError(
            "a join needs column names or conditions",
            where="join(on=...)",
            fix='give on="id", on=["a", "b"] or on=stream.id == table.key',
        )
    conditions = [each for each in given if isinstance(each, Column)]
    joined = conditions[0]
    for each in conditions[1:]:
        joined = joined & each
    return joined.expression


def _tree(kind: t.SparkType, indent: str) -> list[str]:
    match kind:
        case t.Struct(fields):
            lines = []
            for name, each in fields:
                lines.append(f"{indent}-- {name}: {_word(each)} (nullable = true)")
                lines.extend(_tree(each, f"{indent}    |"))
            return lines
        case t.Array(element):
            first = f"{indent}-- element: {_word(element)} (containsNull = true)"
            return [first, *_tree(element, f"{indent}    |")]
        case t.Map(key, value):
            first = f"{indent}-- key: {_word(key)}"
            second = f"{indent}-- value: {_word(value)} (valueContainsNull = true)"
            return [first, *_tree(key, f"{indent}    |"), second, *_tree(value, f"{indent}    |")]
        case _:
            return []


def _word(kind: t.SparkType) -> str:
    match kind:
        case t.Struct():
            return "struct"
        case t.Array():
            return "array"
        case t.Map():
            return "map"
        case t.Decimal():
            return t.type_name(kind)
        case _:
            return str(t.to_json(kind))


def explained(plan: Node) -> str:
    """Give a plan as an indented text, the output first."""
    from lakestream.sql.explain import explain

    return explain(plan)
