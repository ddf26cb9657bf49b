"""``ls.sql``: Spark SQL text over streams, as the same plan nodes that DataFrame methods build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, TypeVar, cast

from sqlglot import exp

from lakestream.errors import PlanError, UnsupportedOperationError, near_names
from lakestream.plan.nodes import Alias, Filter, Join, JoinType, Node, Project
from lakestream.sql.dialect import parse_statement

_CLAUSES: Final = {
    "distinct": ("SELECT DISTINCT", "keep duplicates, or remove them in the table's readers"),
    "group": ("GROUP BY", "aggregate in a batch job over the table"),
    "having": ("HAVING", "aggregate in a batch job over the table"),
    "order": ("ORDER BY", "a table has no order: sort when you read it"),
    "sort": ("SORT BY", "a table has no order: sort when you read it"),
    "cluster": ("CLUSTER BY", "use partition_by of the streaming table"),
    "distribute": ("DISTRIBUTE BY", "use partition_by of the streaming table"),
    "limit": ("LIMIT", "use .preview(n) to look at a few rows"),
    "offset": ("OFFSET", "use .preview(n) to look at a few rows"),
    "qualify": ("QUALIFY", "rank in a batch job over the table"),
    "windows": ("WINDOW", "rank in a batch job over the table"),
    "laterals": ("LATERAL VIEW", "unnest in a batch job over the table"),
    "pivots": ("PIVOT", "pivot in a batch job over the table"),
    "sample": ("TABLESAMPLE", "filter by a hash of a key"),
}  # fmt: skip
_PLAIN: Final = {"expressions", "from_", "from", "joins", "where", "with_", "with", "kind", "hint"}
_HOW: Final[Mapping[tuple[str, str], JoinType]] = {
    ("", ""): "inner", ("", "INNER"): "inner", ("LEFT", ""): "left", ("LEFT", "OUTER"): "left",
    ("RIGHT", ""): "right", ("RIGHT", "OUTER"): "right", ("LEFT", "SEMI"): "left_semi",
    ("", "SEMI"): "left_semi", ("LEFT", "ANTI"): "left_anti", ("", "ANTI"): "left_anti",
}  # fmt: skip
_WHERE: Final = "ls.sql"


class Planned(Protocol):
    """A stream, as far as this room knows it: a plan, and made of one."""

    def __init__(self, plan: Node) -> None:
        """Wrap a plan."""
        ...

    @property
    def plan(self) -> Node:
        """The logical plan."""
        ...


S = TypeVar("S", bound=Planned)


def sql(text: str, /, **streams: S) -> S:
    """Give the stream that a Spark SQL SELECT describes.

    Builds what the DataFrame methods build; nothing is read.

    Args:
        text: One stateless SELECT: columns, WHERE, CTEs, subqueries in FROM, joins of one stream
            with static tables.
        streams: The tables of the text by name: streams, and static tables of ``ls.table``.

    Raises:
        PlanError: Not Spark SQL, an unknown table, or (as soon as all schemas are declared) an
            unknown column or function.
        UnsupportedOperationError: A clause that needs more than one row at a time.
    """
    if not streams:
        raise PlanError(
            "no table is given", where=_WHERE, fix="give them by name: ls.sql(text, orders=orders)"
        )
    for name, stream in streams.items():
        if not isinstance(getattr(stream, "plan", None), Node):
            raise PlanError(
                f"table {name!r} is a {type(stream).__name__}, not a stream",
                where=_WHERE,
                fix="give what ls.read_files, ls.table or a stream's method returned; a streaming"
                " table comes as a parameter of the function",
            )
    plan = plan_sql(text, {name: stream.plan for name, stream in streams.items()})
    return type(next(iter(streams.values())))(plan)


def plan_sql(text: str, tables: Mapping[str, Node]) -> Node:
    """Give the plan of one SELECT over named streams and static tables.

    Raises:
        PlanError: Not Spark SQL, or a table that was not given.
        UnsupportedOperationError: A clause that needs more than one row at a time.
    """
    statement = parse_statement(text, where=_WHERE)
    return _query(statement, {name.casefold(): node for name, node in tables.items()})


def _query(query: exp.Expression, tables: Mapping[str, Node]) -> Node:
    if isinstance(query, exp.Subquery) and not query.alias:
        return _query(query.this, tables)
    if isinstance(query, exp.SetOperation):
        raise _refused(type(query).__name__.upper(), "write two streaming tables")
    if not isinstance(query, exp.Select):
        raise UnsupportedOperationError(
            f"this is a {type(query).__name__.upper()}, not a SELECT",
            where=_WHERE,
            fix="ls.sql takes one SELECT",
        )
    _refuse_clauses(query)
    known = dict(tables)
    with_ = query.args.get("with_") or query.args.get("with")
    for each in with_.expressions if with_ else ():
        known[each.alias.casefold()] = _query(each.this, known)
    plan = _from(query, known)
    where = query.args.get("where")
    if where is not None:
        plan = Filter(plan, where.this)
    return Project(plan, tuple(query.expressions))


def _refuse_clauses(query: exp.Select) -> None:
    for name, value in query.args.items():
        if not value or name in _PLAIN:
            continue
        word, fix = _CLAUSES.get(name, (name.rstrip("_").upper(), "write the query without it"))
        raise _refused(word, fix)


def _refused(word: str, fix: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        f"{word} needs more than one row at a time, which a stream cannot do here",
        where=_WHERE,
        fix=fix,
    )


def _from(query: exp.Select, tables: Mapping[str, Node]) -> Node:
    clause = query.args.get("from_") or query.args.get("from")
    if clause is None:
        raise PlanError(
            "the SELECT reads from nothing", where=_WHERE, fix="name a stream: FROM orders"
        )
    plan = _table(clause.this, tables)
    for join in query.args.get("joins") or ():
        plan = _join(plan, join, tables)
    for join in clause.this.args.get("joins") or ():
        plan = _join(plan, join, tables)
    return plan


def _table(item: exp.Expression, tables: Mapping[str, Node]) -> Node:
    if isinstance(item, exp.Subquery):
        inner = _query(item.this, tables)
        return Alias(inner, item.alias) if item.alias else inner
    if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
        raise UnsupportedOperationError(
            f"cannot read from {type(item).__name__.lower()}",
            where=_WHERE,
            fix="read from a stream, a static table or a subquery",
        )
    for part in ("pivots", "sample", "laterals", "version", "when"):
        if item.args.get(part):
            raise _refused(*_CLAUSES.get(part, (part.upper(), "read the table as it is")))
    name = ".".join(part.name for part in item.parts)
    node = tables.get(name.casefold())
    if node is None:
        raise PlanError(
            f"unknown table {name!r}",
            where=_WHERE,
            fix=f"{near_names(name, tables)} (tables are keyword arguments: ls.sql(text, {item.name}=...))",  # noqa: E501 - one sentence
        )
    return Alias(node, item.alias or item.name)


def _join(left: Node, join: exp.Join, tables: Mapping[str, Node]) -> Node:
    right = _table(join.this, tables)
    side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
    how = _HOW.get((side, kind))
    using = join.args.get("using")
    on = join.args.get("on")
    if how is None or join.args.get("method") or (using is None and on is None):
        shown = " ".join(part for part in (join.args.get("method"), side, kind, "JOIN") if part)
        raise UnsupportedOperationError(
            f"{shown} is not possible here" if shown != "JOIN" else "a join needs a condition",
            where=_WHERE,
            fix="use [INNER] JOIN, LEFT JOIN, RIGHT JOIN, LEFT SEMI or LEFT ANTI with ON or USING",
        )
    if using:
        return Join(left, right, how, tuple(each.name for each in using))
    return Join(left, right, how, cast("exp.Expression", on))
