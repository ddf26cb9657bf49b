"""Holding a table against what must be in it, as multisets: a doubled row shows like a lost one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Final

_SHOWN: Final = 10
_LONGEST: Final = 200
_NAN: Final = object()


class RowsDifferError(AssertionError):
    """The rows found are not the rows expected.

    Args:
        lost: Expected and not found, or not often enough: file and row, as text, with how many.
        doubled: Found more often than expected.
        unexpected: Found and not expected at all.
    """

    def __init__(
        self, lost: Mapping[str, int], doubled: Mapping[str, int], unexpected: Mapping[str, int]
    ) -> None:
        self.lost: Final = dict(lost)
        self.doubled: Final = dict(doubled)
        self.unexpected: Final = dict(unexpected)
        kinds = {"lost": lost, "doubled": doubled, "unexpected": unexpected}
        super().__init__("\n".join(_lines(kinds)))


def check_exactly_once(
    expected: Iterable[tuple[str, object]], found: Iterable[tuple[str, object]]
) -> None:
    """Check that each row of each file is there as often as it should be.

    Args:
        expected: ``(file, row)`` pairs, in any order; a row is any value: a mapping of columns,
            a tuple, a line. A row that the file holds twice is expected twice.
        found: What the table holds, in the same form.

    Raises:
        RowsDifferError: Naming the lost, the doubled and the unexpected rows with their files;
            at most ten of each kind.

    Mappings are compared without their order, a NaN equals a NaN, and a truth value is no number.
    Cost: memory is both sides.
    """
    names: dict[Hashable, str] = {}
    wanted, there = _counted(expected, names), _counted(found, names)
    if wanted == there:
        return
    more = there - wanted
    raise RowsDifferError(
        lost=_named(wanted - there, names),
        doubled=_named(Counter({key: n for key, n in more.items() if key in wanted}), names),
        unexpected=_named(Counter({key: n for key, n in more.items() if key not in wanted}), names),
    )


def _counted(rows: Iterable[tuple[str, object]], names: dict[Hashable, str]) -> Counter[Hashable]:
    counted: Counter[Hashable] = Counter()
    for file, row in rows:
        key = (file, _frozen(row))
        counted[key] += 1
        if key not in names:
            names[key] = f"{file}: {row!r}" if file else repr(row)
    return counted


def _frozen(value: object) -> Hashable:
    """Give a hashable stand-in that is equal exactly for equal values."""
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, Mapping):
        return frozenset((str(key), _frozen(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return tuple(_frozen(each) for each in value)
    if value != value:  # noqa: PLR0124 - only a NaN differs from itself
        return _NAN
    if isinstance(value, Hashable):
        return value
    return repr(value)


def _named(counted: Counter[Hashable], names: Mapping[Hashable, str]) -> dict[str, int]:
    return {names[key]: times for key, times in counted.items()}


def _lines(kinds: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    for kind, rows in kinds.items():
        if not rows:
            continue
        yield f"{kind}: {sum(rows.values()):,}"
        for name, times in sorted(rows.items())[:_SHOWN]:
            short = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
            yield f"  {times:,} x {short}"
        if len(rows) > _SHOWN:
            yield f"  and {len(rows) - _SHOWN:,} others"
