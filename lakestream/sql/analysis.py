"""What can be said of a plan without running it: its columns, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping

from lakestream.plan import types as t
from lakestream.plan.nodes import MapBatches, Node, Source, StaticTable, leaves_of, walk
from lakestream.sql.relation import Leaf, Resolver
from lakestream.sql.scope import Origin


def known_schemas(root: Node) -> dict[Source | StaticTable, t.Struct] | None:
    """Give the leaves' declared schemas, or None when one of them is not known without I/O."""
    found = {leaf: leaf.description.declared_schema for leaf in leaves_of(root)}
    if any(schema is None for schema in found.values()):
        return None
    return {leaf: schema for leaf, schema in found.items() if schema is not None}


def plan_schema(root: Node, schemas: Mapping[Source | StaticTable, t.Struct]) -> t.Struct | None:
    """Give the columns of a plan, or None when a Python function does not say what it gives.

    Calls no function and opens no engine; as far as the answer goes, the plan is valid.

    Raises:
        PlanError: A name, type or operation in it does not work.
    """
    known: dict[Leaf, t.Struct] = dict(schemas.items())
    resolver = Resolver(known)
    for node in walk(root):
        if isinstance(node, MapBatches):
            if node.schema is None:
                resolver.resolve(node.input)
                return None
            known[node] = node.schema
    return resolver.resolve(root).schema


def column_lineage(
    root: Node, schemas: Mapping[Source | StaticTable, t.Struct]
) -> dict[str, list[Origin]]:
    """Give, for each output column, the leaves' columns that its values are computed from.

    Direct lineage: a filter or join key that only decides which rows there are does not count.
    What comes out of a Python function depends on all that went in.

    Returns:
        Output column to ``(description, column)`` pairs, sorted by location and column.

    Raises:
        PlanError: The plan does not work with these schemas.
    """
    from lakestream.sql.frames import output_schema

    known: dict[Leaf, t.Struct] = dict(schemas.items())
    resolver = Resolver(known)
    for node in walk(root):
        if isinstance(node, MapBatches):
            known[node] = output_schema(node, resolver.resolve(node.input).schema)
    return {
        each.name: sorted(each.origins, key=lambda origin: (origin[0].location, origin[1]))
        for each in resolver.resolve(root).attributes
    }
