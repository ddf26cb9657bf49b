"""The records and files in quarantine, and giving records another try."""

from __future__ import annotations

import fnmatch
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lakestream.checkpoint import history
from lakestream.clock import Clock
from lakestream.errors import ConfigError
from lakestream.query.definition import QueryDefinition, description_of
from lakestream.query.file_actions import current_user
from lakestream.query.open_query import OpenQuery, open_query
from lakestream.sources.base import SourceContext
from lakestream.sources.files.file_records import COMMITTED
from lakestream.sources.files.ledger_rows import values
from lakestream.sources.files.reader import FilesReader
from lakestream.storage import stores

if TYPE_CHECKING:
    import pyarrow as pa

_WHERE = "quarantine"


class ReplayReport(msgspec.Struct, frozen=True):
    """What a replay of records is about.

    Args:
        records: Their ids.
        files: The files that they came from.
        left: Of others that match, or were named: why they are left alone, and how many.
    """

    records: tuple[str, ...]
    files: tuple[str, ...]
    left: Mapping[str, int]


class _Wanted(msgspec.Struct, frozen=True):
    file: str | None
    code: str | None
    ids: frozenset[str] | None

    def takes(self, record: Mapping[str, Any]) -> bool:
        return (
            (self.ids is None or record["id"] in self.ids)
            and (self.code is None or record["code"] == self.code)
            and (self.file is None or fnmatch.fnmatchcase(record["file_key"], self.file))
        )


def listed(definition: QueryDefinition, clock: Clock) -> pa.Table:
    """Give what went to quarantine; see ``StreamingTable.quarantine``."""
    query = open_query(definition, clock=clock, rehearse=True)
    try:
        return _listed(query)
    finally:
        query.close()


def replay(
    definition: QueryDefinition,
    clock: Clock,
    *,
    file: str | None,
    code: str | None,
    ids: Iterable[str] | None,
    edits: Mapping[str, str | bytes] | None,
    reason: str,
    by: str | None,
    dry_run: bool,
) -> ReplayReport:
    """Give records another try; see ``StreamingTable.replay_quarantined``."""
    if not reason.strip():
        raise ConfigError("the reason is missing", where=_WHERE, fix="say why in a few words")
    wanted = _Wanted(file, code, _ids(ids, edits))
    query = open_query(definition, clock=clock, rehearse=True)
    try:
        name = _source(query)
        records = [each for each in _listed(query).to_pylist() if wanted.takes(each)]
    finally:
        query.close()
    left = Counter({"unknown": len(wanted.ids or ()) - len(records)} if wanted.ids else {})
    chosen = []
    for each in records:
        if each["raw"] is None:
            left["whole files"] += 1
        elif each["state"] == "replayed":
            left["replayed"] += 1
        else:
            chosen.append(each)
    texts = {each["id"]: _text(each, edits or {}) for each in chosen}
    if chosen and not dry_run:
        log = stores.open_log_store(definition.checkpoint_location.uri, definition.storage_options)
        context = SourceContext(name=name, log=log, clock=clock)
        reader = description_of(definition.named_sources()[name]).open(context)
        assert isinstance(reader, FilesReader)  # noqa: S101 - it was one when it was asked
        try:
            reader.replay_records(
                _by_file(chosen, texts),
                replay=secrets.token_hex(8),
                by=current_user() if by is None else by,
                reason=reason.strip(),
            )
        finally:
            reader.close()
    return ReplayReport(
        tuple(texts), tuple(dict.fromkeys(each["file_key"] for each in chosen)), dict(+left)
    )


def _listed(query: OpenQuery) -> pa.Table:
    import pyarrow as pa

    table = pa.table(history.quarantined(query.log))
    batches: list[Any] = table["batch_id"].to_pylist()
    keys: list[Any] = table["file_key"].to_pylist()
    is_whole = [each is None for each in table["raw"].to_pylist()]
    seen: Counter[int] = Counter()
    ids = []
    for batch in batches:
        ids.append(f"{batch}-{seen[batch]}")
        seen[batch] += 1
    readers = [each for each in query.readers.values() if isinstance(each, FilesReader)]
    taken = {record for reader in readers for record in reader.replayed_records()}
    whole = {key for key, whole in zip(keys, is_whole, strict=True) if whole}
    read = _last_committed(query, whole)
    states = [
        "replayed" if name in taken or (whole and read.get(key, -1) > batch) else "open"
        for name, key, batch, whole in zip(ids, keys, batches, is_whole, strict=True)
    ]
    return table.append_column("id", pa.array(ids, pa.string())).append_column(
        "state", pa.array(states, pa.string())
    )


def _last_committed(query: OpenQuery, keys: set[str]) -> dict[str, int]:
    """Give the last batch that has rows of each of some files."""
    if not keys:
        return {}
    found: dict[str, int] = {}
    for rows in history.file_outcomes(query.log):
        columns = (values(rows, name) for name in ("key", "batch_id", "state"))
        outcomes = zip(*columns, strict=True)
        found.update((key, n) for key, n, state in outcomes if key in keys and state == COMMITTED)
    return found


def _source(query: OpenQuery) -> str:
    """Give the query's one file source."""
    names = [name for name, each in query.readers.items() if isinstance(each, FilesReader)]
    if query.metadata is None or len(names) != 1:
        raise ConfigError(
            "the table has never run" if query.metadata is None else "it is not one file source's",
            where=query.definition.name,
            fix="records are replayed by a table that reads files, and has read them",
        )
    return names[0]


def _ids(
    ids: Iterable[str] | None, edits: Mapping[str, str | bytes] | None
) -> frozenset[str] | None:
    """Give the records that are named; those that were mended are named by it."""
    if ids is None and edits is None:
        return None
    return frozenset(ids or ()) | frozenset(edits or ())


def _text(record: Mapping[str, Any], edits: Mapping[str, str | bytes]) -> bytes:
    text = edits.get(record["id"], record["raw"])
    return text.encode() if isinstance(text, str) else bytes(text)


def _by_file(
    records: Sequence[Mapping[str, Any]], texts: Mapping[str, bytes]
) -> dict[tuple[int, str], dict[str, bytes]]:
    """Group the texts by batch and file, in order."""
    found: dict[tuple[int, str], dict[str, bytes]] = defaultdict(dict)
    for each in records:
        found[each["batch_id"], each["file_key"]][each["id"]] = texts[each["id"]]
    return found
