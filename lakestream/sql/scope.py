"""The names that an expression may use, and what each one is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from lakestream.errors import PlanError, UnknownColumnError
from lakestream.plan.description import Description
from lakestream.plan.types import SparkType

Origin = tuple[Description, str]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column on its way through a plan.

    Args:
        name: As the user wrote it.
        kind: Its Spark type.
        sql: Its quoted name in the SQL below.
        qualifier: The alias of the table that it comes from.
        producers: Serial numbers of the nodes that have put it out unchanged.
        origins: The leaves' columns that its values come from.
    """

    name: str
    kind: SparkType
    sql: str
    qualifier: str | None = None
    producers: frozenset[int] = frozenset()
    origins: frozenset[Origin] = frozenset()

    def by(self, serial: int) -> Attribute:
        """Give the column as one that a node has put out."""
        return replace(self, producers=self.producers | {serial})


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that are visible in one place, in order."""

    attributes: tuple[Attribute, ...]
    where: str

    def find(self, parts: Sequence[str]) -> tuple[Attribute, Sequence[str]]:
        """Find the column that a dotted name begins with.

        Names match whatever their case, as in Spark; an exact match wins over the others.

        Returns:
            The column, and the rest of the name: fields inside of it.

        Raises:
            UnknownColumnError: There is none.
            PlanError: There are several.
        """
        if len(parts) > 1 and is_stream_mark(parts[0]):
            return self._of_stream(int(parts[0][1:]), parts[1]), parts[2:]
        if len(parts) > 1:
            of_table = [a for a in self.attributes if _same(a.qualifier, parts[0])]
            if of_table:
                return self._pick(of_table, parts[1], ".".join(parts[:2])), parts[2:]
        return self._pick(self.attributes, parts[0], parts[0]), parts[1:]

    def star(self, qualifier: str | None) -> tuple[Attribute, ...]:
        """Give the columns that ``*`` or ``table.*`` stands for.

        Raises:
            UnknownColumnError: No table here is called so.
        """
        if qualifier is None:
            return self.attributes
        found = tuple(a for a in self.attributes if _same(a.qualifier, qualifier))
        if not found:
            known = {a.qualifier for a in self.attributes if a.qualifier}
            raise UnknownColumnError.from_names(f"{qualifier}.*", known, where=self.where)
        return found

    def _of_stream(self, serial: int, name: str) -> Attribute:
        mine = [a for a in self.attributes if serial in a.producers and _same(a.name, name)]
        if mine:
            return self._pick(mine, name, name)
        if any(_same(a.name, name) for a in self.attributes):
            raise PlanError(
                f"column {name!r} of that stream is not in this one any more",
                where=self.where,
                fix=f'it was computed anew or comes from elsewhere: write F.col("{name}")',
            )
        return self._pick(self.attributes, name, name)

    def _pick(self, among: Sequence[Attribute], name: str, shown: str) -> Attribute:
        found = [a for a in among if a.name == name] or [a for a in among if _same(a.name, name)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise UnknownColumnError.from_names(
                shown, (a.name for a in self.attributes), where=self.where
            )
        tables = sorted(a.qualifier for a in found if a.qualifier)
        hint = f"write {tables[0]}.{name}" if tables else f'write stream["{name}"]'
        raise PlanError(
            f"column {shown!r} could be any of {len(found)} columns",
            where=self.where,
            fix=f"say whose it is: {hint}, or rename one side before the join",
        )


def is_stream_mark(name: str) -> bool:
    """Tell whether a name is what ``stream["x"]`` puts before ``x``, and no column's own."""
    return name[:1] == "#" and name[1:].isdecimal()


def _same(left: str | None, right: str) -> bool:
    return left is not None and left.casefold() == right.casefold()


def parts_of(expression: exp.Expression) -> list[str] | None:
    """Give the dotted name that an expression is, or None when it is something else."""
    found: list[str] = []
    while isinstance(expression, exp.Dot):
        if not isinstance(expression.expression, exp.Identifier):
            return None
        found.append(expression.expression.name)
        expression = expression.this
    if not isinstance(expression, exp.Column) or isinstance(expression.this, exp.Star):
        return None
    inner = [part.name for part in _column_parts(expression)]
    return inner + found[::-1]


def _column_parts(column: exp.Column) -> Iterator[exp.Identifier]:
    for key in ("catalog", "db", "table", "this"):
        part = column.args.get(key)
        if part is not None:
            yield part
