"""The logical plan: frozen nodes, pure values. Expressions are sqlglot nodes in Spark's dialect.

A plan is a tree whose root the sink pulls from and whose leaves are sources and static tables.
Names are resolved when the leaves' schemas are known, so a plan may say "all columns and this
one" before anybody knows what all columns are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from sqlglot import exp

    from lakestream.plan.description import Description
    from lakestream.plan.types import Struct

JoinType = Literal["inner", "left", "right", "left_semi", "left_anti"]
FrameKind = Literal["pyarrow.Table", "pyarrow.RecordBatch", "polars.DataFrame", "pandas.DataFrame"]

_serials: Final = itertools.count(1)


def _next_serial() -> int:
    return next(_serials)


class _Numbered(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What all nodes have: a number by which ``stream["column"]`` says whose column it means."""

    serial: int = msgspec.field(default_factory=_next_serial)


class Source(_Numbered, frozen=True, eq=False):
    """A stream's leaf: rows that keep coming. ``description`` says from where."""

    description: Description


class StaticTable(_Numbered, frozen=True, eq=False):
    """A Delta table read anew, at its newest version, for each batch."""

    description: Description


class Alias(_Numbered, frozen=True, eq=False):
    """The same rows, whose columns may also be called ``name.column``."""

    input: Node
    name: str


class Project(_Numbered, frozen=True, eq=False):
    """Columns by expression, in this order; a star stands for all columns of the input."""

    input: Node
    columns: tuple[exp.Expression, ...]


class WithColumns(_Numbered, frozen=True, eq=False):
    """All columns of the input, some of them replaced, and new ones at the end."""

    input: Node
    columns: tuple[tuple[str, exp.Expression], ...]


class Rename(_Numbered, frozen=True, eq=False):
    """All columns of the input, some under new names; names that are not there are ignored."""

    input: Node
    names: tuple[tuple[str, str], ...]


class Drop(_Numbered, frozen=True, eq=False):
    """All columns of the input but these; names that are not there are ignored."""

    input: Node
    columns: tuple[exp.Expression, ...]


class Filter(_Numbered, frozen=True, eq=False):
    """Rows for which the condition is true."""

    input: Node
    condition: exp.Expression


class Join(_Numbered, frozen=True, eq=False):
    """A stream beside a static table, by column names that both have or by a condition."""

    left: Node
    right: Node
    how: JoinType
    on: tuple[str, ...] | exp.Expression


class MapBatches(_Numbered, frozen=True, eq=False):
    """A Python function over batches of rows, row-wise: it may not look across batches."""

    input: Node
    function: Callable[[Any], Any]
    frame: FrameKind
    schema: Struct | None


Node = (
    Source
    | StaticTable
    | Alias
    | Project
    | WithColumns
    | Rename
    | Drop
    | Filter
    | Join
    | MapBatches
)


def inputs_of(node: Node) -> tuple[Node, ...]:
    """Give the nodes that a node reads from."""
    match node:
        case Source() | StaticTable():
            return ()
        case Join():
            return (node.left, node.right)
        case _:
            return (node.input,)


def walk(node: Node) -> Iterator[Node]:
    """Give the node and all below it, inputs first, each as often as it is read.

    Works on its own stack, so a plan may be as deep as a program cares to build it.
    """
    pending: list[tuple[Node, bool]] = [(node, False)]
    while pending:
        each, opened = pending.pop()
        if opened:
            yield each
            continue
        pending.append((each, True))
        pending.extend((below, False) for below in reversed(inputs_of(each)))


def leaves_of(node: Node) -> tuple[Source | StaticTable, ...]:
    """Give the sources and static tables, each once, left to right."""
    return tuple(
        dict.fromkeys(each for each in walk(node) if isinstance(each, Source | StaticTable))
    )


def sources_of(node: Node) -> tuple[Source, ...]:
    """Give the streaming leaves, each once, left to right."""
    return tuple(each for each in leaves_of(node) if isinstance(each, Source))


def is_streaming(node: Node) -> bool:
    """Tell whether new rows keep coming out of the node."""
    return bool(sources_of(node))
