"""What became of each file: the ledger beside what the committed batches recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from arro3.core import RecordBatch

from lakestream.sources.files import ledger_rows
from lakestream.sources.files.actions import FileAction

if TYPE_CHECKING:
    from lakestream.sources.files.clean_log import Cleaned

State = Literal["pending", "committed", "quarantined", "skipped", "ignored", "done"]
_NOTHING_ASIDE: Final[Mapping[int, tuple[str, FileAction]]] = MappingProxyType({})
_LEDGER_COLUMNS: Final = ("seq", "key", "size", "discovered_at", "via")
_OUTCOME_COLUMNS: Final = (
    "seq", "batch_id", "delta_version", "rows", "rescued", "bad", "state", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileState:
    """One discovered file.

    Args:
        seq: Its place in the ledger.
        key: Its path below the source's root.
        size_bytes: Size of the version that was discovered.
        discovered_at: Aware UTC.
        state: ``pending``; ``committed``; ``quarantined``: it could not be read, none of its
            rows is in the table; ``skipped``: it was gone; ``ignored``: it was there before the
            first start and not wanted; ``done``: somebody marked it so, and it was not read.
        batch_id: The batch that read it, or left it out; None while there was none.
        delta_version: The table's version that carries the batch.
        rows: Rows that it gave.
        rescued: Of these, rows with rescued data.
        bad: Records that went to quarantine.
        reason: Why it was not read, or not kept.
        archive_mode: ``move`` or ``delete`` once ``clean_source`` took it away.
        archived_at: When, aware UTC.
        archived_to: Where it was moved.
    """

    seq: int
    key: str
    size_bytes: int
    discovered_at: datetime
    state: State
    batch_id: int | None = None
    delta_version: int | None = None
    rows: int | None = None
    rescued: int | None = None
    bad: int | None = None
    reason: str | None = None
    archive_mode: Literal["move", "delete"] | None = None
    archived_at: datetime | None = None
    archived_to: str | None = None


def file_states(
    known: Iterator[RecordBatch],
    outcomes: Iterator[RecordBatch],
    aside: Mapping[int, tuple[str, FileAction]] = _NOTHING_ASIDE,
) -> Iterator[FileState]:
    """Join the ledger's rows with the outcomes; both come in the order of ``seq``.

    Args:
        known: The ledger.
        outcomes: What batches did.
        aside: What is not to be read by a batch that is still to come.

    Memory is a batch of each.
    """
    recorded = _rows(outcomes, _OUTCOME_COLUMNS)
    outcome = next(recorded, None)
    for seq, key, size_bytes, discovered_at, via in _rows(known, _LEDGER_COLUMNS):
        while outcome is not None and outcome[0] < seq:
            outcome = next(recorded, None)
        if outcome is not None and outcome[0] == seq:
            _, batch_id, version, rows, rescued, bad, became, reason = outcome
            yield FileState(
                seq, key, size_bytes, discovered_at, became, batch_id, version, rows, rescued, bad,
                reason,
            )  # fmt: skip
        else:
            state: State = "ignored" if via == ledger_rows.IGNORED else "pending"
            marked, action = aside.get(seq, (None, None))
            if action is not None and marked == key:
                state = "done" if action.verb == "mark_done" else "quarantined"
            reason = None if action is None or marked != key else action.note
            yield FileState(seq, key, size_bytes, discovered_at, state, reason=reason)


def with_cleaned(states: Iterator[FileState], cleaned: Iterator[Cleaned]) -> Iterator[FileState]:
    """Say which files were moved or deleted; both come in the order of ``seq``."""
    following = next(cleaned, None)
    for state in states:
        while following is not None and following.seq < state.seq:
            following = next(cleaned, None)
        if following is None or following.seq != state.seq:
            yield state
        elif (mode := following.act) == "move" or mode == "delete":
            at, to = following.cleaned_at, following.place
            yield replace(state, archive_mode=mode, archived_at=at, archived_to=to)
        else:
            yield state


def _rows(batches: Iterator[RecordBatch], names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
