"""Giving quarantined records another try: written, decided, entered into the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakestream.checkpoint.history import file_outcomes
from lakestream.errors import ConfigError, LakestreamError
from lakestream.formats.archives import outer_key
from lakestream.formats.base import InputFile
from lakestream.sources.files import replay_body
from lakestream.sources.files.fetch import Fetch
from lakestream.sources.files.ledger_rows import values
from lakestream.sources.files.members import Archives
from lakestream.sources.files.replays import Replay, ReplayFile, ReplayLog, replay_key

if TYPE_CHECKING:
    from lakestream.formats.base import Format
    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.ledger import Ledger
    from lakestream.sources.files.replays import ReplayStore
    from lakestream.storage.base import ObjectInfo

#: By batch and file, each record's text by its id.
Records = Mapping[tuple[int, str], Mapping[str, bytes]]


class Replayer:
    """The replays of one source. Used by one thread at a time.

    Args:
        reader: The format.
        context: Checkpoint and clock.
        store: Where the files are, landed and replayed.
        ledger: Where a replay's files get their places.
    """

    def __init__(
        self, reader: Format, context: SourceContext, store: ReplayStore, ledger: Ledger
    ) -> None:
        self._format = reader
        self._context = context
        self._store = store
        self._ledger = ledger
        self._log = ReplayLog(context.log, f"sources/{context.name}/replays")

    def taken(self) -> set[str]:
        """Give the ids of the records that were replayed."""
        self._log.refresh()
        return self._log.taken

    def replay(self, records: Records, *, replay: str, by: str, reason: str) -> None:
        """Replay records: whole, or not at all.

        The files come first, then the decision, then their places: what was cut off behind the
        decision, the next discovery completes.

        Raises:
            ConfigError: The records cannot stand alone.
            CommitConflictError: Somebody else replays one of them.
            StorageUnavailableError, FencedError.
        """
        replay_body.check_replayable(self._format)
        headers = self._headers(records)
        files: list[ReplayFile] = []
        for place, texts in records.items():
            _, key = place
            parts = replay_body.bodies(self._format, list(texts.values()), headers.get(place, b""))
            for part in parts:
                files.append(self._store.put(replay_key(replay, len(files), key), part))
        self._ledger.refresh()
        self._log.append(
            Replay(
                id=replay,
                records=tuple(record for texts in records.values() for record in texts),
                files=tuple(files),
                after=self._ledger.last_seq,
                at=self._context.clock.now(),
                by=by,
                reason=reason,
            )
        )
        self.enter()

    def enter(self) -> None:
        """Give the files of replays their places, unless they have them.

        Cost: a request when there is nothing to do.
        """
        self._log.refresh()
        for each in self._log.waiting:
            self._ledger.refresh()
            now = self._context.clock.now()
            self._ledger.append_again(each.candidates(), found_at=now, after=each.after)
            self._log.append(Replay(id=each.id, entered=True))

    def _headers(self, records: Records) -> dict[tuple[int, str], bytes]:
        """Read the beginnings of the files that records came from, where they need it."""
        if not replay_body.needs_header(self._format):
            return {}
        return {place: self._header(place, info) for place, info in self._versions(records).items()}

    def _header(self, place: tuple[int, str], info: ObjectInfo | None) -> bytes:
        _, key = place
        failure: LakestreamError | None = None
        if info is not None:
            file = InputFile(0, info, self._store.uri_of(info.key))
            archives = Archives(opened=info.key != key)
            fetch = Fetch(
                self._store, self._format, ignore_missing=True, reuse={}, archives=archives
            )
            for chunk in fetch.chunks([file]):
                failure = chunk.failure
                if failure is None and chunk.file.info.key == key:
                    return replay_body.header_of(self._format, bytes(chunk.data))
        raise ConfigError(
            "the header of the records' file is gone: it was removed or overwritten",
            where=self._store.uri_of(key),
            fix="bring the file back, or land the mended records as a file of their own",
        ) from failure

    def _versions(self, records: Records) -> dict[tuple[int, str], ObjectInfo | None]:
        """Give the version of each file that its batch read."""
        stored: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for batch, key in records:
            stored.setdefault((batch, outer_key(key)), []).append((batch, key))
        seqs: dict[int, tuple[int, str]] = {}
        for rows in file_outcomes(self._context.log, start=min(batch for batch, _ in records)):
            columns = (values(rows, name) for name in ("batch_id", "key", "seq"))
            for batch, key, seq in zip(*columns, strict=True):
                if (batch, key) in stored:
                    seqs[seq] = (batch, key)
        found: dict[tuple[int, str], ObjectInfo | None] = dict.fromkeys(records)
        for seq, place in seqs.items():
            for each in self._ledger.files(seq - 1, seq):
                found.update(dict.fromkeys(stored[place], each.info))
        return found
