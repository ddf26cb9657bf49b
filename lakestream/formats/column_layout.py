"""Which column of a file is which column of the schema, by name or by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lakestream.errors import NewColumnsError
from lakestream.formats.base import DecodePlan
from lakestream.formats.schema import can_be_column


@dataclass(frozen=True, slots=True)
class Stranger:
    """A column of the file that the schema does not have.

    Args:
        index: Its position in the file.
        name: Its name in the file.
        new: False when the schema has it in another spelling, or the name is taken by the
            rescued or the corrupt-record column, or no column can have it: it can be rescued,
            but never be a new column.
    """

    index: int
    name: str
    new: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """What files with one header have in common.

    Args:
        names: The file's columns; its length is the width of every whole record.
        sources: For each column of the plan its position in the file, or None.
        strangers: The other columns of the file.
    """

    names: tuple[str, ...]
    sources: tuple[int | None, ...]
    strangers: tuple[Stranger, ...]


def safe_names(header: Sequence[str | None]) -> tuple[str, ...]:
    """Name the columns of a header as Spark does.

    A column without a name is ``_c<position>``; a name that stands twice gets its position
    behind it, each time. Names that differ only in case stay: one is the column, as in Auto
    Loader, and the others' values are rescued.
    """
    times = Counter(name for name in header if name)
    return tuple(
        f"_c{at}" if not name else f"{name}{at}" if times[name] > 1 else name
        for at, name in enumerate(header)
    )


def positional_names(width: int) -> tuple[str, ...]:
    """Name the columns of files without header: ``_c0``, ``_c1``, ..."""
    return tuple(f"_c{at}" for at in range(width))


def layout_of_header(names: tuple[str, ...], plan: DecodePlan, *, where: str) -> Layout:
    """Match a file's columns with the plan's by name, in any order.

    Raises:
        NewColumnsError: ``unknown="fail"``, and a column is new.
    """
    wanted = {name: at for at, name in enumerate(plan.schema.names) if name != plan.corrupt_column}
    folded: dict[str, int] = {}
    for name, at in wanted.items():
        folded.setdefault(name.lower(), at)
    sources: list[int | None] = [None] * len(plan.schema.names)
    strangers: list[int] = []
    for index, name in enumerate(names):
        target = wanted.get(name)
        if target is None and not plan.case_sensitive:
            target = folded.get(name.lower())
        if target is None or sources[target] is not None:
            strangers.append(index)
        else:
            sources[target] = index
    return _layout(names, sources, strangers, plan, where)


def layout_of_width(width: int, plan: DecodePlan, *, where: str) -> Layout:
    """Match the columns of a file without header with the plan's by position.

    Raises:
        NewColumnsError: ``unknown="fail"``, and the file has more columns.
    """
    sources: list[int | None] = []
    used = 0
    for name in plan.schema.names:
        has = name != plan.corrupt_column and used < width
        sources.append(used if has else None)
        used += has
    return _layout(positional_names(width), sources, list(range(used, width)), plan, where)


def _layout(
    names: tuple[str, ...],
    sources: list[int | None],
    strangers: list[int],
    plan: DecodePlan,
    where: str,
) -> Layout:
    if plan.unknown == "ignore":
        return Layout(names, tuple(sources), ())
    taken = {name.lower() for name in (*plan.schema.names, plan.rescued_column or "")}
    new = {names[at]: None for at in strangers if names[at].lower() not in taken}
    if new and plan.unknown == "fail":
        raise NewColumnsError(
            f"the file has columns that the schema does not have: {', '.join([*new][:20])}",
            where=where,
            fix='add them to the schema, or choose schema_evolution="add_new_columns"',
        )
    found = [(at, names[at]) for at in strangers]
    return Layout(
        names,
        tuple(sources),
        tuple(Stranger(at, name, name in new and can_be_column(name)) for at, name in found),
    )
