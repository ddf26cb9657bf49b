"""Deciding about single files of a query: replay, forget, mark done, quarantine."""

from __future__ import annotations

import getpass
import secrets
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import msgspec

from lakestream.checkpoint import history
from lakestream.clock import Clock
from lakestream.errors import ConfigError
from lakestream.query import overview
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.query.open_query import OpenQuery, open_query
from lakestream.sources.base import SourceContext
from lakestream.sources.files.acting import choose
from lakestream.sources.files.actions import FileAction, Verb
from lakestream.sources.files.ledger_rows import Candidate
from lakestream.sources.files.planner import BEFORE_FIRST, from_offset
from lakestream.sources.files.reader import FilesReader
from lakestream.sources.files.states import FileState, file_states
from lakestream.storage import stores

_WHERE = "act_on_files"


class FileActionReport(msgspec.Struct, frozen=True):
    """What a decision is about.

    Args:
        verb: What was decided.
        files: The files, as they were before.
        left: Of others that match: why they are left alone, and how many. A state;
            ``pending``: they wait for a batch anyway; ``planned``: their batch is planned
            already; ``gone``: they are not there any more, so that nothing could be read.
    """

    verb: Verb
    files: tuple[FileState, ...]
    left: Mapping[str, int]

    @property
    def committed(self) -> int:
        """How many of the files have rows in the table, which come again."""
        return sum(each.state == "committed" for each in self.files)


class _Decision(msgspec.Struct, frozen=True):
    """What is decided about one source."""

    source: str
    files: tuple[FileState, ...]
    after: int
    found: tuple[Candidate, ...]


def act(
    definition: QueryDefinition,
    clock: Clock,
    verb: Verb,
    patterns: Sequence[str],
    *,
    reason: str,
    by: str | None,
    again: bool,
    even_planned: bool,
    discover: bool,
    dry_run: bool,
) -> FileActionReport:
    """Decide about the files that match; see ``StreamingTable.act_on_files``.

    No run is waited for or stopped: every append is a compare-and-set, and what a batch did
    with a file is in that batch's own commit.

    Cost: the ledger and the history of all batches are read; a replay of more than a few files
    lists the landing place, and so does ``discover``.
    """
    _check(verb, patterns, reason, again=again, even_planned=even_planned)
    decisions: list[_Decision] = []
    left: Counter[str] = Counter()
    if discover and not dry_run:
        overview.discover(definition, clock, time_budget_s=None)
    query = open_query(definition, clock=clock, rehearse=True)
    try:
        if query.metadata is None and not discover:
            raise ConfigError(
                "the table has never run, so it knows no files",
                where=definition.name,
                fix="look for them first: --discover, or discover=True",
            )
        for name, reader in query.readers.items():
            if not isinstance(reader, FilesReader):
                continue
            if discover and dry_run:
                reader.discover()
            chosen = choose(
                verb,
                _states(query, reader),
                patterns,
                planned_to=_planned_to(query, name),
                again=again,
                even_planned=even_planned,
            )
            left.update(chosen.left)
            files, found = chosen.files, list[Candidate]()
            if verb == "replay" and files:
                found = reader.present({each.key for each in files})
                here = {each.key for each in found}
                left["gone"] += sum(each.key not in here for each in files)
                files = tuple(each for each in files if each.key in here)
            if files:
                decisions.append(_Decision(name, files, reader.last_place, tuple(found)))
    finally:
        query.close()
    if not dry_run:
        who = current_user() if by is None else by
        for decision in decisions:
            _carry_out(
                definition, clock, decision, verb, reason=reason, by=who, even_planned=even_planned
            )
    return FileActionReport(
        verb, tuple(each for one in decisions for each in one.files), dict(+left)
    )


def decided(definition: QueryDefinition, clock: Clock) -> list[FileAction]:
    """Give what was decided about the query's files, oldest first."""
    query = open_query(definition, clock=clock, rehearse=True)
    try:
        readers = [each for each in query.readers.values() if isinstance(each, FilesReader)]
        found = [action for reader in readers for action in reader.file_actions()]
    finally:
        query.close()
    return sorted(found, key=lambda each: each.at)


def _carry_out(
    definition: QueryDefinition,
    clock: Clock,
    decision: _Decision,
    verb: Verb,
    *,
    reason: str,
    by: str,
    even_planned: bool,
) -> None:
    log = stores.open_log_store(definition.checkpoint_location.uri, definition.storage_options)
    source = definition.named_sources()[decision.source]
    reader = description_of(source).open(SourceContext(name=decision.source, log=log, clock=clock))
    assert isinstance(reader, FilesReader)  # noqa: S101 - it was one when it was asked
    try:
        reader.act(
            FileAction(
                id=secrets.token_hex(8),
                verb=verb,
                files=tuple((each.seq, each.key) for each in decision.files),
                after=decision.after,
                at=clock.now(),
                by=by,
                reason=reason.strip(),
                even_planned=even_planned,
            ),
            decision.found,
        )
    finally:
        reader.close()


def _states(query: OpenQuery, reader: FilesReader) -> Iterator[FileState]:
    outcomes = iter(history.file_outcomes(query.log))
    return file_states(reader.known_files(), outcomes, reader.set_aside())


def _planned_to(query: OpenQuery, source: str) -> int:
    newest = query.offsets.newest()
    entry = None if newest is None else query.offsets.read(newest)
    end = dict(entry.offsets).get(source) if entry is not None else None
    return BEFORE_FIRST if end is None else from_offset(end)


def _check(
    verb: str, patterns: Sequence[str], reason: str, *, again: bool, even_planned: bool
) -> None:
    if verb not in get_args(Verb):
        raise ConfigError(
            f"there is no {verb!r} for files",
            where=_WHERE,
            fix=f"one of {', '.join(get_args(Verb))}",
        )
    if not patterns:
        raise ConfigError("no file is named", where=_WHERE, fix='give keys or globs; "*" is all')
    if not reason.strip():
        raise ConfigError("the reason is missing", where=_WHERE, fix="say why in a few words")
    if again and verb != "replay":
        raise ConfigError("again is of a replay only", where=_WHERE, fix="leave it out")
    if even_planned and verb not in ("mark_done", "quarantine"):
        raise ConfigError(
            "even_planned is of mark_done and quarantine only", where=_WHERE, fix="leave it out"
        )


def current_user() -> str:
    """Give who runs this, for those who look at it later."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"unknown@{socket.gethostname()}"
