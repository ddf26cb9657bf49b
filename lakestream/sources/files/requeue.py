"""Giving files another try: those that went to quarantine whole, were skipped, or ignored.

Files whose rows are in the table never get a new place, so a replay changes no row that is
there already.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.checkpoint.history import file_outcomes
from lakestream.sources.files.ledger_rows import IGNORED, Candidate, values
from lakestream.sources.files.planner import BEFORE_FIRST

if TYPE_CHECKING:
    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.discovery import Discovery
    from lakestream.sources.files.ledger import Ledger

#: Files that were read, and files that are not to be read.
_SETTLED: Final = frozenset({"committed", "done"})


class _Place(msgspec.Struct, frozen=True):
    """A file's newest row in the ledger."""

    seq: int
    ignored: bool


def requeue(context: SourceContext, discovery: Discovery, ledger: Ledger) -> None:
    """Give the present version of each such file that this run takes a new place.

    Safe to repeat: a file with a new place that no batch has read yet gets no other.

    Cost: the ledger and the history of all batches are read, and the landing place is listed.
    """
    last = ledger.last_seq
    wanted = _wanted(context, ledger)
    if wanted:
        ledger.append_again(present(discovery, wanted), found_at=context.clock.now(), after=last)


def present(discovery: Discovery, keys: set[str]) -> list[Candidate]:
    """Give the present versions of known files, oldest first."""
    listed = {each.key: each for each in discovery.find(keys)}  # a listing may repeat itself
    return sorted(listed.values(), key=attrgetter("modified_us", "key"))


def _wanted(context: SourceContext, ledger: Ledger) -> set[str]:
    """Give the keys whose newest row is ignored, or was read without any of it being kept."""
    failed: dict[int, str] = {}
    for batch in file_outcomes(context.log):
        columns = (values(batch, name) for name in ("seq", "key", "state"))
        failed.update({seq: key for seq, key, state in zip(*columns, strict=True)
                       if state not in _SETTLED})  # fmt: skip
    keys = set(failed.values())
    newest: dict[str, _Place] = {}
    for rows in ledger.rows(BEFORE_FIRST, ledger.last_seq):
        columns = (values(rows, name) for name in ("seq", "key", "via"))
        for seq, key, via in zip(*columns, strict=True):
            ignored = via == IGNORED
            # A later place counts also where an ignored file got it and gave its rows from there.
            if ignored or key in keys or key in newest:
                newest[key] = _Place(seq, ignored)
    return {key for key, place in newest.items() if place.ignored or failed.get(place.seq) == key}
