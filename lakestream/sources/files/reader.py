"""The file source opened for one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.checkpoint.offset_log import Offset
from lakestream.errors import (
    BadFileError,
    CheckpointCorruptError,
    LakestreamError,
)
from lakestream.formats.archives import outer_key
from lakestream.formats.base import DecodePlan, InputFile
from lakestream.plan import types as t
from lakestream.sources.base import Backlog, BatchRead, ReadLimit, SourceContext
from lakestream.sources.files.actions import ActionLog, FileAction
from lakestream.sources.files.attempt import Attempt, FilesRead, Lessons
from lakestream.sources.files.batch_metrics import batch_metrics
from lakestream.sources.files.clean_log import Cleaned, CleanLog
from lakestream.sources.files.columns import SourceColumns
from lakestream.sources.files.discovery import Discovery
from lakestream.sources.files.expiry import Expiry, expiring
from lakestream.sources.files.extra_columns import Dressing, PlannedFile
from lakestream.sources.files.fetch import Fetch
from lakestream.sources.files.landing import Landing, open_landing
from lakestream.sources.files.layout import Layout
from lakestream.sources.files.ledger import Ledger
from lakestream.sources.files.ledger_rows import Candidate, LedgerFile
from lakestream.sources.files.partition_keys import new_keys
from lakestream.sources.files.partitions import raw_values_of, typed_values
from lakestream.sources.files.planner import (
    BEFORE_FIRST,
    actions_of,
    batch_end,
    from_offset,
    to_offset,
)
from lakestream.sources.files.replaying import Records, Replayer
from lakestream.sources.files.replays import ReplayStore
from lakestream.sources.files.requeue import present, requeue

if TYPE_CHECKING:
    from datetime import timedelta

    from arro3.core import RecordBatch

    from lakestream.checkpoint.batch_records import AttemptRecords
    from lakestream.sources.files.clean import Cleaner
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.notifications.discovery import NotifiedDiscovery
    from lakestream.storage.base import ObjectInfo

_FIELD: Final = "\x1f"
#: Keys of folders that are no columns, told by name.
_KEYS_TOLD: Final = 20


class FilesReader:
    """Implements ``SourceReader`` for files.

    Args:
        description: What was declared.
        context: The run's checkpoint, clock and filters.
    """

    def __init__(self, description: FilesDescription, context: SourceContext) -> None:
        self._description = description
        self._context = context
        folder = f"sources/{context.name}"
        landed = open_landing(description)
        store = ReplayStore(landed.store, context.log, f"{folder}/replayed")
        self._landing: Landing = msgspec.structs.replace(landed, store=store)
        self._ledger = Ledger(context.log, f"{folder}/files", versions=description.allow_overwrites)
        self._replays = Replayer(description.format, context, store, self._ledger)
        self._forgets = 0
        self._actions = ActionLog(context.log, f"{folder}/actions")
        self.columns = SourceColumns(description, context, store, self._files_to_infer_from)
        self._discovery = Discovery(description, context, self._landing, self._ledger)
        self._notified = _notified(
            description, context, self._landing, self._ledger, self._discovery
        )
        self._cleaner = self._opened_cleaner()
        self._position = BEFORE_FIRST
        self._loaded = False
        self._complete = True
        self._requeues = context.discovery.requeue
        self._bad: dict[int, LakestreamError] = {}
        self._batch: tuple[tuple[int, int], list[LedgerFile]] = ((BEFORE_FIRST, BEFORE_FIRST), [])

    @property
    def schema(self) -> t.Struct:
        """The columns that ``read`` gives now.

        Raises:
            SchemaInferenceError: None was given and there is no file yet to infer one from.
        """
        return self.columns.known().schema(self._description)

    def initial(self) -> Offset:
        """Give the offset before the first file."""
        return to_offset(BEFORE_FIRST)

    def resume(self, position: Offset) -> None:
        """Hold the ledger against the position: a ledger that lost files would number anew."""
        if (seq := from_offset(position)) != BEFORE_FIRST:
            self._ledger_to(seq)
        self._position = seq

    def discover(self, *, time_budget_s: float | None = None) -> None:
        """Bring what is new into the ledger, by queue or listing; infer the schema at first.

        Exactly once: a file is in the ledger once, whoever else discovers at the same time.
        """
        self._discovery.expire()
        self._forget()
        if self._notified is None:
            self._complete = self._discovery.run(time_budget_s, actions=self._forgets)
        else:
            self._complete = self._notified.run(time_budget_s, actions=self._forgets)
        self._loaded = True
        self._replays.enter()
        if self._requeues:
            # Once a run: a file that is bad again would get a new place at every trigger.
            self._requeues = False
            requeue(self._context, self._discovery, self._ledger)
        self.columns.resolve()
        if time_budget_s is None:
            self._clean()

    def latest(self, start: Offset) -> Offset:
        """Give the newest place in the ledger, not before ``start``."""
        return to_offset(max(from_offset(start), self._ledger_to(BEFORE_FIRST).last_seq))

    def plan(self, start: Offset, bound: Offset, limit: ReadLimit) -> Offset:
        """Pick the end of the next batch. Reads only the ledger entries it needs.

        While no schema is known, because there was no file with content yet, there is no batch.
        """
        first, last = from_offset(start), from_offset(bound)
        ledger = self._ledger_to(last)
        # Rows that are only ignored would be gone through at every trigger: the position stays.
        if not ledger.backlog(first, last).files or self.columns.resolve() is None:
            return start
        end = batch_end(ledger.sized(first, last), limit)
        if end is None:
            return start
        self._actions.refresh()
        return to_offset(end, actions=len(self._actions.actions))

    def digest_items(self, start: Offset, end: Offset) -> Sequence[str]:
        """Give one text a file version, in order."""
        first, last = from_offset(start), from_offset(end)
        return [
            _FIELD.join((each.info.key, str(each.info.size_bytes), _version(each.info)))
            for each in self._files(first, last)
        ]

    def read(self, start: Offset, end: Offset, records: AttemptRecords) -> BatchRead:
        """Open the files of ``(start, end]`` as one stream.

        Memory stays flat whatever their number and size; a few hundred bytes a file are held.
        """
        description = self._description
        first, last = from_offset(start), from_offset(end)
        layout = self.columns.with_new_keys(self.columns.known(), self._files(first, last))
        corrupt = description.corrupt_column
        after = self._ledger.backlog(last)
        planned = list(self._planned(first, last, layout))
        attempt = Attempt(
            planned,
            fetch=Fetch(
                self._landing.store,
                description.format,
                ignore_missing=description.ignore_missing,
                allow_overwrites=description.allow_overwrites,
                reuse=self.columns.kept,
                fits=self.columns.fits,
                archives=description.archives,
            ),
            reader=description.format,
            plan=DecodePlan(
                schema=layout.data,
                rescued_column=description.rescued_column,
                corrupt_column=corrupt if layout.data.get(corrupt) == t.STRING else None,
                mode=description.mode,
                unknown=description.unknown_fields,
                widen=description.widens,
                case_sensitive=description.case_sensitive,
                infer_types=description.infer_types,
            ),
            dressing=Dressing(
                layout.partitions, description.metadata_column, layout.schema(description)
            ),
            limits=description.bad_limits,
            records=records,
            done=self._set_aside(planned, actions_of(end)),
            lessons=Lessons(
                self._bad,
                grows=lambda drift: self.columns.grows(layout, drift),
                evolve=lambda drift: self.columns.evolve(layout, drift),
            ),
            metrics={
                "numFilesOutstanding": str(after.files),
                "numBytesOutstanding": str(after.bytes),
            },
        )
        return FilesRead(attempt)

    def backlog(self, start: Offset) -> Backlog:
        """Count the known files after ``start``."""
        first = from_offset(start)
        found = self._ledger_to(first).backlog(first)
        listed_to = self._discovery.stopped_at
        return Backlog(found.files, found.bytes, self._complete, listed_to)

    def known_files(self) -> Iterator[RecordBatch]:
        """Give the ledger's rows in order, without looking for news.

        Yields:
            Batches of ``ledger_rows.SCHEMA``: seq, key, size, etag, version, mtime,
            discovered_at, via (``ledger_rows.Via``; ``existing`` is ignored).
        """
        ledger = self._ledger_to(BEFORE_FIRST)
        return ledger.rows(BEFORE_FIRST, ledger.last_seq)

    def metrics(self, start: Offset, end: Offset) -> Mapping[str, str]:
        """Tell how the batch's files were found, and what came through the queue since the last."""
        first, last = from_offset(start), from_offset(end)
        rows = self._ledger_to(last).rows(first, last)
        found = dict(batch_metrics(rows, notified=self._notified is not None))
        if self._description.max_file_age is not None:
            found["numFilesTooOld"] = str(self._discovery.too_old)
        keys = (each.info.key for each in self._files(first, last))
        if strays := list(new_keys(self._description, self.columns.known(), keys)):
            found["newPartitionKeys"] = ", ".join(strays[:_KEYS_TOLD])
        for part in (self._discovery, self._notified, self._cleaner):
            if part is not None:
                found |= part.take_metrics()
        return found

    def expiring(self, max_age: timedelta | None) -> Expiry:
        """Tell what ``max_file_age``, or another age, forgets and leaves out; changes nothing."""
        versions = self._description.allow_overwrites
        known = Ledger(self._context.log, f"sources/{self._context.name}/files", versions=versions)
        return expiring(
            known,
            self._discovery,
            max_age or self._description.max_file_age,
            self._context.clock.now(),
        )

    def replayed_records(self) -> set[str]:
        """Give the ids of quarantined records that were given another try."""
        return self._replays.taken()

    def replay_records(self, records: Records, *, replay: str, by: str, reason: str) -> None:
        """Give quarantined records another try; see ``Replayer.replay``."""
        self._ledger_to(BEFORE_FIRST)
        self._replays.replay(records, replay=replay, by=by, reason=reason)

    def set_aside(self) -> Mapping[int, tuple[str, FileAction]]:
        """Give the files that no batch still to be planned reads: place to key and decision."""
        self._actions.refresh()
        return self._actions.set_aside()

    @property
    def last_place(self) -> int:
        """The newest place in the ledger."""
        return self._ledger_to(BEFORE_FIRST).last_seq

    def present(self, keys: set[str]) -> list[Candidate]:
        """Give the present versions of known files, oldest first."""
        return present(self._discovery, keys)

    def act(self, action: FileAction, found: Sequence[Candidate] = ()) -> None:
        """Make a decision durable, and give files a new place that are replayed.

        Args:
            action: The decision. It is written first: a replay that was cut off is repeated.
            found: What to replay.
        """
        self._actions.append(action)
        if action.verb == "replay":
            ledger = self._ledger_to(BEFORE_FIRST)
            ledger.append_again(found, found_at=self._context.clock.now(), after=action.after)

    def _forget(self) -> None:
        self._actions.refresh()
        for action in self._actions.actions[self._forgets :]:
            if action.verb == "forget":
                self._ledger.forget((key for _, key in action.files), after=action.after)
        self._forgets = len(self._actions.actions)

    def file_actions(self) -> Sequence[FileAction]:
        """Give what people decided about single files, oldest first."""
        self._actions.refresh()
        return self._actions.actions

    def committed(self, end: Offset) -> None:
        """Forget what was held for the batch; take away files whose time has come."""
        last = from_offset(end)
        self.columns.let_go()
        self._batch = ((BEFORE_FIRST, BEFORE_FIRST), [])
        for seq in [each for each in self._bad if each <= last]:
            del self._bad[seq]
        self._position = last
        self._clean()

    def close(self) -> None:
        """Let go of what is held, and of the queue's connections."""
        self.columns.let_go()
        if self._notified is not None:
            self._notified.close()

    def cleaned_files(self) -> Iterator[Cleaned]:
        """Give what became of files after their commit, in order."""
        return CleanLog(self._context.log, self._clean_folder).read()

    @property
    def _clean_folder(self) -> str:
        return f"sources/{self._context.name}/cleaned"

    def _opened_cleaner(self) -> Cleaner | None:
        policy = self._description.clean
        if policy.act == "off" or self._context.rehearsal:
            return None
        from lakestream.sources.files.clean import open_cleaner

        return open_cleaner(
            policy,
            self._description,
            self._context,
            log=CleanLog(self._context.log, self._clean_folder),
            landing=self._landing,
            ledger=self._ledger,
        )

    def _clean(self) -> None:
        if self._cleaner is not None:
            self._forget()
            self._cleaner.run(self._position)

    def _ledger_to(self, seq: int) -> Ledger:
        """Give the ledger, loaded at least once and at least up to ``seq``.

        Raises:
            CheckpointCorruptError: A logged offset lies beyond it.
        """
        if not self._loaded or self._ledger.last_seq < seq:
            self._ledger.refresh()
            self._loaded = True
        if self._ledger.last_seq < seq:
            raise CheckpointCorruptError(
                f"the offset log names file {seq:,}, the file ledger ends at"
                f" {self._ledger.last_seq:,}",
                where=f"{self._context.log.uri}/sources/{self._context.name}/files",
                fix="restore the checkpoint folder from a backup, or reset the table",
            )
        return self._ledger

    def _files(self, first: int, last: int) -> list[LedgerFile]:
        """Give the files of a batch; the last one asked for is kept, since it is asked again."""
        if self._batch[0] != (first, last):
            self._batch = ((first, last), list(self._ledger_to(last).files(first, last)))
        return self._batch[1]

    def _set_aside(self, planned: Sequence[PlannedFile], pinned: int) -> dict[int, str]:
        """Give why files are not to be read that were marked done; those in quarantine are bad."""
        self._actions.load()
        aside = self._actions.set_aside(pinned)
        done: dict[int, str] = {}
        for file in planned if aside else ():
            key, action = aside.get(file.seq, (None, None))
            if action is None or key != file.input.info.key:
                continue
            if action.verb == "mark_done":
                done[file.seq] = action.note
            else:
                self._bad[file.seq] = BadFileError(action.note, where=file.input.uri)
        return done

    def _files_to_infer_from(self) -> Iterator[ObjectInfo]:
        ledger = self._ledger_to(BEFORE_FIRST)
        self._actions.load()
        aside = self._actions.set_aside()
        files = ledger.files(BEFORE_FIRST, ledger.last_seq)
        return (each.info for each in files if each.seq not in aside)

    def _planned(self, first: int, last: int, layout: Layout) -> Iterator[PlannedFile]:
        """Give the files of a batch; one whose folder values do not fit is bad from the start."""
        names = layout.partitions.names
        uri_of = self._landing.store.uri_of
        cache: dict[str, tuple[str | None, ...] | BadFileError] = {}
        for index, each in enumerate(self._files(first, last)):
            info = each.info
            values: tuple[str | None, ...] | BadFileError = ()
            if names:
                folder = outer_key(info.key).rpartition("/")[0]
                if folder not in cache:
                    cache[folder] = _folder_values(folder, layout.partitions)
                values = cache[folder]
            if isinstance(values, BadFileError):
                self._bad[each.seq] = values
                values = (None,) * len(names)
            file = InputFile(index, info, uri_of(info.key))
            yield PlannedFile(file, each.seq, each.discovered_at, values)


def _notified(
    description: FilesDescription,
    context: SourceContext,
    landing: Landing,
    ledger: Ledger,
    listing: Discovery,
) -> NotifiedDiscovery | None:
    """Give discovery by the declared queue, whose code is loaded only then."""
    if description.notifications is None:
        return None
    from lakestream.sources.files.notifications.discovery import NotifiedDiscovery

    return NotifiedDiscovery(
        description.notifications,
        description,
        context,
        landing=landing,
        ledger=ledger,
        listing=listing,
    )


def _folder_values(folder: str, columns: t.Struct) -> tuple[str | None, ...] | BadFileError:
    try:
        return typed_values(raw_values_of(f"{folder}/", columns.names), columns)
    except BadFileError as error:
        return error


def _version(info: ObjectInfo) -> str:
    """Give what tells a version from another of the same size; time only for want of better."""
    if info.etag is None and info.version is None:
        return info.modified.isoformat()
    return f"{info.etag or ''}{_FIELD}{info.version or ''}"
