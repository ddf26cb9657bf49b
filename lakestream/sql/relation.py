"""A plan with its names resolved: the columns that each node puts out, as one nested SELECT."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.plan import types as t
from lakestream.plan.nodes import (
    Alias,
    Drop,
    Filter,
    Join,
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
from lakestream.sql.casts import field_of
from lakestream.sql.coercion import quote
from lakestream.sql.dialect import text_of
from lakestream.sql.expressions import Translator
from lakestream.sql.scope import Attribute, Origin, Scope, parts_of
from lakestream.sql.value import Value

_JOIN_WORDS: Final = {
    "inner": "INNER", "left": "LEFT", "right": "LEFT", "left_semi": "SEMI", "left_anti": "ANTI",
}  # fmt: skip

Leaf = Source | StaticTable | MapBatches


@dataclass(frozen=True, slots=True)
class Relation:
    """What a node is in SQL: something to select from, and its columns."""

    sql: str
    attributes: tuple[Attribute, ...]

    @property
    def schema(self) -> t.Struct:
        """The columns' names and types."""
        return t.Struct(tuple((each.name, each.kind) for each in self.attributes))


class Resolver:
    """Resolves the nodes of one plan.

    A leaf is a source, a static table or the output of a Python function: what the SQL reads
    as a registered stream. Its columns are called ``c0``, ``c1``, ... there, since Spark's names
    may differ only in case and DuckDB's may not.

    Args:
        schemas: The leaves' columns.
    """

    def __init__(self, schemas: Mapping[Leaf, t.Struct]) -> None:
        self._schemas = schemas
        self._done: dict[int, Relation] = {}
        self._names = 0
        self.leaves: dict[Leaf, str] = {}

    def resolve(self, root: Node) -> Relation:
        """Give the relation of a node.

        Raises:
            PlanError: A name, type or operation in it does not work.
            KeyError: The schema of a leaf is not known.
        """
        for node in walk(root):
            if node.serial not in self._done:
                found = self._node(node)
                seen = tuple(each.by(node.serial) for each in found.attributes)
                self._done[node.serial] = replace(found, attributes=seen)
        return self._done[root.serial]

    def translator(self, node: Node, where: str) -> Translator:
        """Give a translator for expressions over a resolved node's columns."""
        return Translator(Scope(self._done[node.serial].attributes, where))

    def _node(self, node: Node) -> Relation:
        match node:
            case Source() | StaticTable() | MapBatches():
                return self._leaf(node)
            case Alias(input=below, name=name):
                found = self._done[below.serial]
                named = tuple(replace(each, qualifier=name) for each in found.attributes)
                return Relation(found.sql, named)
            case Project():
                return self._project(node)
            case WithColumns():
                return self._with_columns(node)
            case Rename():
                return self._rename(node)
            case Drop():
                return self._drop(node)
            case Filter():
                return self._filter(node)
            case Join():
                return self._join(node)

    def _leaf(self, node: Leaf) -> Relation:
        schema = self._schemas[node]
        table = self.leaves.setdefault(node, f"t{len(self.leaves)}")
        alias = f"a{self._next()}"
        attributes = tuple(
            Attribute(name, kind, f"{alias}.c{i}", origins=self._origins(node, name))
            for i, (name, kind) in enumerate(schema.fields)
        )
        return self._select(f"FROM {table} AS {alias}", attributes, qualifier=None)

    def _origins(self, node: Leaf, name: str) -> frozenset[Origin]:
        if isinstance(node, MapBatches):
            below = self._done.get(node.input.serial)
            found = below.attributes if below else ()
            return frozenset(origin for each in found for origin in each.origins)
        return frozenset({(node.description, name)})

    def _next(self) -> int:
        self._names += 1
        return self._names

    def _select(
        self,
        tail: str,
        attributes: Iterable[Attribute],
        *,
        qualifier: str | None = "",
    ) -> Relation:
        """Wrap a FROM clause: columns get names of their own, so that nothing collides."""
        number = self._next()
        listed, named = [], []
        for i, each in enumerate(attributes):
            name = quote(f"c{number}_{i}")
            listed.append(f"{each.sql} AS {name}")
            kept = each.qualifier if qualifier == "" else qualifier
            named.append(replace(each, sql=name, qualifier=kept))
        columns = ", ".join(listed) or "1"
        return Relation(f"SELECT {columns} {tail}", tuple(named))

    def _from(self, node: Node) -> str:
        return f"FROM ({self._done[node.serial].sql})"

    # --- nodes over one input -----------------------------------------------------------------
    def _project(self, node: Project) -> Relation:
        translator = self.translator(node.input, "select")
        made: list[Attribute] = []
        for column in node.columns:
            star = _star_of(column)
            if star is not None:
                made.extend(_starred(star, translator.scope))
                continue
            made.append(self._output(translator, column))
        return self._select(self._from(node.input), made)

    def _output(self, translator: Translator, column: exp.Expression) -> Attribute:
        inner = column.this if isinstance(column, exp.Alias) else column
        parts = parts_of(inner)
        if parts is not None:
            attribute, rest = translator.scope.find(parts)
            if not rest:
                name = column.alias if isinstance(column, exp.Alias) else parts[-1]
                return replace(attribute, name=name)
        value = translator.translate(inner)
        return _attribute(_name_of(column), value)

    def _with_columns(self, node: WithColumns) -> Relation:
        translator = self.translator(node.input, "withColumn")
        attributes = list(translator.scope.attributes)
        for name, expression in node.columns:
            made = _attribute(name, translator.translate(_unaliased(expression)))
            same = [
                i for i, each in enumerate(attributes) if each.name.casefold() == name.casefold()
            ]
            if not same:
                attributes.append(made)
            for i in same:
                attributes[i] = made
        return self._select(self._from(node.input), attributes)

    def _rename(self, node: Rename) -> Relation:
        found = self._done[node.input.serial]
        attributes = found.attributes
        for old, new in node.names:
            # One after the other, as in Spark.
            attributes = tuple(
                replace(each, name=new) if each.name.casefold() == old.casefold() else each
                for each in attributes
            )
        return Relation(found.sql, attributes)

    def _drop(self, node: Drop) -> Relation:
        found = self._done[node.input.serial]
        scope = Scope(found.attributes, "drop")
        gone: set[str] = set()
        for column in node.columns:
            parts = parts_of(column) or []
            if len(parts) == 1:
                same = parts[0].casefold()
                gone.update(each.sql for each in found.attributes if each.name.casefold() == same)
            elif parts:
                gone.add(scope.find(parts)[0].sql)
        return Relation(found.sql, tuple(a for a in found.attributes if a.sql not in gone))

    def _filter(self, node: Filter) -> Relation:
        translator = self.translator(node.input, "filter")
        condition = translator.condition(_unaliased(node.condition))
        tail = f"{self._from(node.input)} WHERE {condition.sql}"
        return self._select(tail, translator.scope.attributes)

    # --- joins --------------------------------------------------------------------------------
    def _join(self, node: Join) -> Relation:
        check_join(node)
        left, right = self._done[node.left.serial], self._done[node.right.serial]
        if {each.sql for each in left.attributes} & {each.sql for each in right.attributes}:
            right = self._select(f"FROM ({right.sql})", right.attributes)
        # The stream always stands left, so that the hash table is built of the static side.
        swapped = is_streaming(node.right)
        first, second = (right, left) if swapped else (left, right)
        condition, attributes = self._joined(node, left, right)
        word = _JOIN_WORDS[node.how]
        tail = f"FROM ({first.sql}) {word} JOIN ({second.sql}) ON {condition.sql}"
        return self._select(tail, attributes)

    def _joined(
        self, node: Join, left: Relation, right: Relation
    ) -> tuple[Value, tuple[Attribute, ...]]:
        both = left.attributes + right.attributes
        semi = node.how in ("left_semi", "left_anti")
        if not isinstance(node.on, tuple):
            translator = Translator(Scope(both, "join"))
            condition = translator.condition(_unaliased(node.on))
            return condition, left.attributes if semi else both
        pairs = [
            (
                Scope(left.attributes, "join, left side").find([name])[0],
                Scope(right.attributes, "join, right side").find([name])[0],
            )
            for name in node.on
        ]
        condition = functools.reduce(_both, (_equal(*pair) for pair in pairs))
        if semi:
            return condition, left.attributes
        keys = [b if node.how == "right" else a for a, b in pairs]
        used = {each.sql for pair in pairs for each in pair}
        return condition, (*keys, *(each for each in both if each.sql not in used))


def _equal(left: Attribute, right: Attribute) -> Value:
    name = left.name
    expression = exp.EQ(this=exp.column(name, table="l"), expression=exp.column(name, table="r"))
    scope = Scope((replace(left, qualifier="l"), replace(right, qualifier="r", name=name)), "join")
    return Translator(scope).translate(expression)


def _both(left: Value, right: Value) -> Value:
    return left.merge(f"({left.sql} AND {right.sql})", t.BOOLEAN, right)


def check_join(node: Join) -> None:
    """Refuse the joins that a stream cannot do.

    Raises:
        UnsupportedOperationError: Two streams, or rows that only all input could decide.
    """
    left, right = is_streaming(node.left), is_streaming(node.right)
    if left and right:
        raise UnsupportedOperationError(
            "a stream can be joined with a static table only",
            where=f"join, how={node.how!r}",
            fix="read one side with ls.table(...)",
        )
    allowed = ("inner", "right") if right else ("inner", "left", "left_semi", "left_anti")
    if (left or right) and node.how not in allowed:
        side = "right" if right else "left"
        raise UnsupportedOperationError(
            f"a {node.how} join cannot have the stream on its {side} side",
            where="join",
            fix=f"with the stream there, these can: {', '.join(allowed)}",
        )


def _attribute(name: str, value: Value) -> Attribute:
    if _is_untyped(value.kind):
        raise PlanError(
            f"column {name!r} is an untyped null",
            where="the column's type",
            fix='say what it is: F.lit(None).cast("string")',
        )
    return Attribute(name, value.kind, value.sql, origins=value.origins)


def _is_untyped(kind: t.SparkType) -> bool:
    match kind:
        case t.Array(element):
            return _is_untyped(element)
        case t.Map(key, value):
            return _is_untyped(key) or _is_untyped(value)
        case t.Struct(fields):
            return any(_is_untyped(each) for _, each in fields)
        case _:
            return kind == t.VOID


def _unaliased(expression: exp.Expression) -> exp.Expression:
    return expression.this if isinstance(expression, exp.Alias) else expression


def _name_of(column: exp.Expression) -> str:
    if isinstance(column, exp.Alias):
        return column.alias
    parts = parts_of(column)
    return parts[-1] if parts else text_of(column)


def _star_of(column: exp.Expression) -> exp.Expression | None:
    if isinstance(column, exp.Star):
        return column
    if isinstance(column, exp.Column) and isinstance(column.this, exp.Star):
        return column
    return None


def _fields_of(scope: Scope, qualifier: str | None) -> tuple[Attribute, ...]:
    """Give the fields of a struct column, when the qualifier is one and no table."""
    if qualifier is None or any(_is_called(each.qualifier, qualifier) for each in scope.attributes):
        return ()
    found = [each for each in scope.attributes if _is_called(each.name, qualifier)]
    if len(found) != 1:
        return ()
    column = found[0]
    if not isinstance(column.kind, t.Struct):
        return ()
    return tuple(
        Attribute(name, kind, field_of(column.sql, name), origins=column.origins)
        for name, kind in column.kind.fields
    )


def _is_called(left: str | None, right: str) -> bool:
    return left is not None and left.casefold() == right.casefold()


def _starred(star: exp.Expression, scope: Scope) -> list[Attribute]:
    inner = star.this if isinstance(star, exp.Column) else star
    qualifier = star.table or None if isinstance(star, exp.Column) else None
    found = _fields_of(scope, qualifier) or scope.star(qualifier)
    for kind in ("rename", "replace"):
        if inner.args.get(kind):
            raise UnsupportedOperationError(
                f"* {kind.upper()} is not Spark SQL",
                where="select",
                fix="use EXCEPT, and name them",
            )
    gone = set()
    for each in inner.args.get("except_") or inner.args.get("except") or ():
        gone.add(Scope(found, "EXCEPT").find([each.name])[0].sql)
    return [each for each in found if each.sql not in gone]


def output_columns(relation: Relation) -> str:
    """Give the SELECT list of a plan's output, in order.

    Raises:
        PlanError: Two columns have one name, or there is none at all.
    """
    seen: set[str] = set()
    for each in relation.attributes:
        if each.name.casefold() in seen:
            raise PlanError(
                f"two columns are called {each.name!r}",
                where="the stream's output",
                fix="rename or drop one: tables cannot hold both",
            )
        seen.add(each.name.casefold())
    if not seen:
        raise PlanError("no column is left", where="the stream's output", fix="keep at least one")
    return ", ".join(each.sql for each in relation.attributes)
