"""Which files a decision is about, and why others that match are left alone. Pure."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lakestream.sources.files.actions import Verb
from lakestream.sources.files.states import FileState

#: States that a verb is for; ``committed`` is added to those of a replay that doubles rows.
_STATES: Final[Mapping[Verb, frozenset[str]]] = {
    "replay": frozenset({"quarantined", "skipped", "ignored", "done"}),
    "forget": frozenset({"committed", "quarantined", "skipped", "ignored", "done"}),
    "mark_done": frozenset({"pending"}),
    "quarantine": frozenset({"pending"}),
}


class Chosen(msgspec.Struct, frozen=True):
    """What a decision is about.

    Args:
        files: The files, in the order of the ledger.
        left: Of others that match: why they are left alone, and how many.
    """

    files: tuple[FileState, ...]
    left: Mapping[str, int]


def choose(
    verb: Verb,
    states: Iterable[FileState],
    patterns: Sequence[str],
    *,
    planned_to: int,
    again: bool = False,
    even_planned: bool = False,
) -> Chosen:
    """Choose the files that match and that the verb is for.

    A file that got several places counts by its newest one, except that every place that waits
    is set aside.

    Args:
        verb: What is decided.
        states: All files, in the order of the ledger.
        patterns: Keys, or globs over whole keys.
        planned_to: Last place of the newest planned batch.
        again: A replay takes files, too, whose rows are in the table.
        even_planned: Files of a planned batch that is not committed are set aside, too.
    """
    matching = [each for each in states if _matches(each.key, patterns)]
    if verb in ("replay", "forget"):
        matching = sorted({each.key: each for each in matching}.values(), key=lambda each: each.seq)
    wanted = _STATES[verb] | ({"committed"} if again else frozenset())
    files: list[FileState] = []
    left: Counter[str] = Counter()
    for each in matching:
        reason = _reason(each, wanted, planned_to=-1 if even_planned else planned_to)
        if reason is None:
            files.append(each)
        else:
            left[reason] += 1
    return Chosen(tuple(files), left)


def _reason(file: FileState, wanted: frozenset[str], *, planned_to: int) -> str | None:
    """Give why a file is left alone, or None."""
    waits = file.batch_id is None and file.state != "ignored"
    if waits and "pending" not in wanted:
        return "pending"
    if file.state not in wanted:
        return file.state
    if waits and file.seq <= planned_to:
        return "planned"
    return None


def _matches(key: str, patterns: Sequence[str]) -> bool:
    return any(key == each or fnmatch.fnmatchcase(key, each) for each in patterns)
