"""The logical plan: frozen nodes, pure values. Expressions are sqlglot nodes in Spark's dialect.

A plan is a tree whose root the sink pulls from and whose leaves are sources and static tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sqlglot import exp

    from lakestream.plan.description import Description
    from lakestream.plan.types import Struct

JoinType = Literal["inner", "left", "right", "left_semi", "left_anti"]
FrameKind = Literal["pyarrow.Table", "pyarrow.RecordBatch", "polars.DataFrame", "pandas.DataFrame"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A stream's leaf: rows that keep coming. ``description`` says from where."""

    description: Description


@dataclass(frozen=True, slots=True, eq=False)
class StaticTable:
    """A Delta table read anew, at its newest version, for each batch."""

    description: Description


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """Columns by expression: the output has exactly these, in this order."""

    input: Node
    columns: tuple[tuple[str, exp.Expression], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """Rows for which the condition is true."""

    input: Node
    condition: exp.Expression


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """A stream beside a static table."""

    left: Node
    right: Node
    how: JoinType
    on: tuple[str, ...] | exp.Expression


@dataclass(frozen=True, slots=True, eq=False)
class MapBatches:
    """A Python function over batches of rows, row-wise: it may not look across batches."""

    input: Node
    function: Callable[[Any], Any]
    frame: FrameKind
    schema: Struct | None


Node = Source | StaticTable | Project | Filter | Join | MapBatches


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
    """Give the node and all below it, inputs first."""
    for each in inputs_of(node):
        yield from walk(each)
    yield node


def sources_of(node: Node) -> tuple[Source, ...]:
    """Give the streaming leaves, each once, left to right."""
    return tuple(dict.fromkeys(each for each in walk(node) if isinstance(each, Source)))
