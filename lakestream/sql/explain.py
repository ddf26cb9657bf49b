"""A plan as text, for people."""

from __future__ import annotations

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
    inputs_of,
)
from lakestream.sql.dialect import text_of
from lakestream.sql.frames import name_of


def explain(root: Node) -> str:
    """Give one line a node, the output first, inputs indented below what reads them."""
    lines = []
    pending = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        lines.append("  " * depth + _line(node))
        pending.extend((below, depth + 1) for below in reversed(inputs_of(node)))
    return "\n".join(lines)


def _line(node: Node) -> str:  # noqa: C901 - one case a node
    match node:
        case Source(description=description):
            return f"Source {description.description}"
        case StaticTable(description=description):
            return f"StaticTable {description.description}"
        case Alias(name=name):
            return f"Alias {name}"
        case Project(columns=columns):
            return f"Project {', '.join(text_of(each) for each in columns)}"
        case WithColumns(columns=named):
            return f"WithColumns {', '.join(f'{name} = {text_of(e)}' for name, e in named)}"
        case Rename(names=names):
            return f"Rename {', '.join(f'{old} -> {new}' for old, new in names)}"
        case Drop(columns=columns):
            return f"Drop {', '.join(text_of(each) for each in columns)}"
        case Filter(condition=condition):
            return f"Filter {text_of(condition)}"
        case Join(how=how, on=on):
            return f"Join {how} on {', '.join(on) if isinstance(on, tuple) else text_of(on)}"
        case MapBatches(frame=frame, schema=schema):
            told = f" -> {t.schema_ddl(schema)}" if schema else ""
            return f"MapBatches {name_of(node)}({frame}){told}"
