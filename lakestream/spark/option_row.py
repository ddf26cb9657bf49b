"""A row of an options table: what one of Spark's options is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from lakestream.spark.option_values import text

Status = Literal["works", "accepted", "declined", "open"]
NOT_BUILT: Final = "not built yet"
_STORAGE: Final = "storage_options."


@dataclass(frozen=True, slots=True)
class Row:
    """One of Spark's options.

    Args:
        name: Spark's name; a name that ends in ``.*`` stands for all that begin so.
        to: The typed option that it becomes; ``storage_options.<name>`` is one of these. Empty
            when there is none.
        read: Makes the typed value of the text.
        only: Values that are accepted without effect, in lower case, since lakestream does so
            anyway; None is any value.
        why: Why other values, or all, have no effect or are refused; with ``to``, a remark.
        instead: What to do instead of a refused one.
    """

    name: str
    to: str = ""
    read: Callable[[Any], object] = text
    only: tuple[str, ...] | None = ()
    why: str = ""
    instead: str = "leave it out"

    @property
    def status(self) -> Status:
        """Whether it works, is accepted without effect, is declined, or is not built yet."""
        if self.to:
            return "works"
        if self.why == NOT_BUILT:
            return "open"
        return "declined" if self.only == () else "accepted"

    @property
    def late(self) -> bool:
        """Whether ``ls.env`` may stand as its value, to be resolved by a run."""
        return bool(self.storage_option) or self.to == "notifications"

    @property
    def storage_option(self) -> str:
        """The storage option that it becomes; empty when it becomes none."""
        return self.to.removeprefix(_STORAGE) if self.to.startswith(_STORAGE) else ""

    def accepts(self, value: str) -> bool:
        """Whether a value may stand though it has no effect."""
        return self.only is None or value.lower() in self.only
