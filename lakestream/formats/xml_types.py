"""The types of XML: what inference gives a text or an element, and how they merge.

| in the file | type |
|---|---|
| text | bigint, decimal(p,0), double, date, timestamp, boolean, string: the first that reads it |
| an empty element | of any type |
| an element with attributes or children | struct; text beside them is its field ``value_tag`` |
| an element that stands twice in its parent | array |

A text here and a struct there is a struct with the text as ``value_tag``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from lakestream.formats.csv_values import ValueRules
from lakestream.formats.csv_values import kind_of as kind_of_value
from lakestream.formats.infer import merge_kinds
from lakestream.formats.schema import can_be_column
from lakestream.formats.xml_tree import Node, TreeRules
from lakestream.plan import types as t

#: The floats without digits as XML Schema writes them.
VALUES: Final = ValueRules(nan_value="NaN", positive_inf="INF", negative_inf="-INF")


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What inference needs to know.

    Args:
        tree: How elements become fields.
        null_value: A text that is null; None for none.
        types: Whether texts have types, or are strings.
        values: How values are written.
    """

    tree: TreeRules
    null_value: str | None = None
    types: bool = True
    values: ValueRules = field(default_factory=lambda: VALUES)


def kind_of(node: Node, rules: TypeRules) -> t.SparkType:
    """Give the type of a text or an element; ``VOID`` when it has no value."""
    if isinstance(node, str):
        if not node or node == rules.null_value:
            return t.VOID
        kind = kind_of_value(node, rules.values) if rules.types else t.STRING
        return t.LONG if kind == t.INT else kind
    return struct_of(node, rules)


def struct_of(element: Element, rules: TypeRules) -> t.Struct:
    """Give an element's fields with their types."""
    found: tuple[tuple[str, t.SparkType], ...] = ()
    for name, nodes in rules.tree.fields(element).items():
        if can_be_column(name):
            kind = kind_of_nodes(nodes, rules)
            found = _merged_structs(t.Struct(found), t.Struct(((name, kind),)), rules).fields
    return t.Struct(found)


def kind_of_nodes(nodes: list[Node], rules: TypeRules) -> t.SparkType:
    """Give the type of all the fields of one name."""
    kind: t.SparkType = t.VOID
    for node in nodes:
        kind = merged(kind, kind_of(node, rules), rules)
    return t.Array(kind) if len(nodes) > 1 else kind


def merged(one: t.SparkType, other: t.SparkType, rules: TypeRules) -> t.SparkType:
    """Give the type that holds both."""
    if other in (one, t.VOID):
        return one
    match one, other:
        case t.VOID, _:
            return other
        case (t.Array(), _) | (_, t.Array()):
            first, second = (
                each.element if isinstance(each, t.Array) else each for each in (one, other)
            )
            return t.Array(merged(first, second, rules))
        case t.Struct(), t.Struct():
            return _merged_structs(one, other, rules)
        case (t.Struct(), _):
            return _merged_structs(one, t.Struct(((rules.tree.value_tag, other),)), rules)
        case (_, t.Struct()):
            return _merged_structs(t.Struct(((rules.tree.value_tag, one),)), other, rules)
        case ((t.DATE | t.TIMESTAMP), (t.DATE | t.TIMESTAMP)):
            return t.TIMESTAMP
        case ((t.LONG | t.DOUBLE | t.Decimal()), (t.LONG | t.DOUBLE | t.Decimal())):
            return merge_kinds(one, other)
        case _:
            return t.STRING


def _merged_structs(one: t.Struct, other: t.Struct, rules: TypeRules) -> t.Struct:
    fields = dict(one.fields)
    spelling = {name.casefold(): name for name in fields}
    for name, kind in other.fields:
        known = spelling.setdefault(name.casefold(), name)
        fields[known] = merged(fields[known], kind, rules) if known in fields else kind
    return t.Struct(tuple(fields.items()))
