"""``order_by``: in which order the new files of one discovery get their places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from lakestream.errors import ConfigError
from lakestream.sources.files.option_values import WHERE, check_choice

if TYPE_CHECKING:
    from lakestream.sources.files.ledger_rows import Candidate

OrderBy = Literal["key", "modification_time"]
_BY_TIME: Final = attrgetter("modified_us", "key")
_BY_KEY: Final = attrgetter("key", "modified_us")


def checked_order(order: OrderBy | None, *, has_queue: bool) -> OrderBy | None:
    """Check ``order_by``.

    Raises:
        ConfigError: It is none, or a queue tells of the files.
    """
    if order is None:
        return None
    check_choice("order_by", order, get_args(OrderBy))
    if has_queue:
        raise ConfigError(
            "files that a queue tells of come in no order that could be kept",
            where=f"{WHERE}(order_by={order!r}, notifications=...)",
            fix="leave one of them out: with order_by the place is listed",
        )
    return order


def in_order(found: Iterable[Candidate], order: OrderBy | None) -> list[Candidate]:
    """Sort files; without a wish the oldest come first."""
    key: Callable[[Candidate], Any] = _BY_KEY if order == "key" else _BY_TIME
    return sorted(found, key=key)


def slices(found: Sequence[Candidate], length: int) -> Iterator[Sequence[Candidate]]:
    """Cut files into parts of at most so many, in their order."""
    for start in range(0, len(found), length):
        yield found[start : start + length]
