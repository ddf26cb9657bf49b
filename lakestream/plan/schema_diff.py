"""What tells two schemas apart, field by field. Pure.

Paths are those of schema hints: ``a.b`` in a struct, ``tags.element`` in an array, ``m.key`` and
``m.value`` in a map. Names are compared without case, as Delta does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from lakestream.plan import types as t

Kind = Literal["added", "retyped", "removed"]


class SchemaChange(msgspec.Struct, frozen=True):
    """One field that two schemas do not share.

    Args:
        path: Its dotted path.
        kind: ``added`` and ``removed`` name the topmost field; ``retyped`` the innermost.
        before: Its type as DDL; None where it was added.
        after: The same after the change; None where it was removed.
    """

    path: str
    kind: Kind
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Give the change for people: ``+ city STRING``."""
        match self.kind:
            case "added":
                return f"+ {self.path} {self.after}"
            case "removed":
                return f"- {self.path} {self.before}"
            case "retyped":
                return f"~ {self.path} {self.before} -> {self.after}"


def schema_changes(before: t.Struct, after: t.Struct) -> tuple[SchemaChange, ...]:
    """Give what was added and retyped in ``after``'s order, then what was removed."""
    return tuple(_struct(before, after, ""))


def _struct(before: t.Struct, after: t.Struct, prefix: str) -> Iterator[SchemaChange]:
    old = {name.casefold(): kind for name, kind in before.fields}
    for name, kind in after.fields:
        path = f"{prefix}{name}"
        if name.casefold() in old:
            yield from _type(old[name.casefold()], kind, path)
        else:
            yield SchemaChange(path, "added", None, t.type_ddl(kind))
    kept = {name.casefold() for name in after.names}
    for name, kind in before.fields:
        if name.casefold() not in kept:
            yield SchemaChange(f"{prefix}{name}", "removed", t.type_ddl(kind), None)


def _type(before: t.SparkType, after: t.SparkType, path: str) -> Iterator[SchemaChange]:
    match before, after:
        case t.Struct(), t.Struct():
            yield from _struct(before, after, f"{path}.")
        case t.Array(old), t.Array(new):
            yield from _type(old, new, f"{path}.element")
        case t.Map(old_key, old), t.Map(new_key, new):
            yield from _type(old_key, new_key, f"{path}.key")
            yield from _type(old, new, f"{path}.value")
        case _ if before != after:
            yield SchemaChange(path, "retyped", t.type_ddl(before), t.type_ddl(after))
