"""Moving or deleting files once their rows are in the table: protocol line 10.

Files are seen to in the order of their places, so that one number says how far it got. What a
run does not get to, or a store refuses for the moment, the next one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from lakestream.checkpoint.history import file_outcomes
from lakestream.errors import (
    AccessDeniedError,
    LakestreamError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
)
from lakestream.sources.files.clean_log import Act, Cleaned
from lakestream.sources.files.file_records import COMMITTED, reason_of
from lakestream.sources.files.ledger_rows import moments, values
from lakestream.storage.cleaning import open_clean_store
from lakestream.storage.location import Location, parse_location

if TYPE_CHECKING:
    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.clean_log import CleanLog
    from lakestream.sources.files.clean_policy import CleanPolicy
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.landing import Landing
    from lakestream.sources.files.ledger import Ledger
    from lakestream.storage.base import ObjectInfo
    from lakestream.storage.cleaning import CleanStore

#: Files seen to after a batch, unless the run waits for all that are due.
AT_ONCE: Final = 1_000
_CONCURRENT: Final = 16
_AFTER_A_FAILURE: Final = timedelta(minutes=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Due(msgspec.Struct, frozen=True):
    seq: int
    key: str
    batch_id: int
    state: str


class Cleaner:
    """Cleans one source for one run. Used by one thread at a time.

    Args:
        policy: What is done, and when.
        context: The run's checkpoint and clock.
        log: What was cleaned before.
        store: The landing place.
        ledger: Which version of each file was read.
    """

    def __init__(
        self,
        policy: CleanPolicy,
        context: SourceContext,
        *,
        log: CleanLog,
        store: CleanStore,
        ledger: Ledger,
    ) -> None:
        self._policy = policy
        self._context = context
        self._store = store
        self._ledger = ledger
        self._log = log
        self._next_look = _LONG_AGO
        #: Where the query stood when nothing was left to clean.
        self._done_to: int | None = None
        self._counts = {"move": 0, "delete": 0}
        self._failure: LakestreamError | None = None

    def run(self, position: int) -> None:
        """See to files whose time has come.

        Args:
            position: The last committed place: files with a later one are still to be read.

        Cost: nothing before the next file's time; then the outcomes since the last one seen to,
        and two to six requests a file, 16 at a time.
        """
        now = self._context.clock.now()
        while now >= self._next_look and self._done_to != position:
            self._log.refresh()
            limit = now - self._policy.retention
            due = list(islice(self._committed_before(limit, position), AT_ONCE))
            done = self._seen_to(due, self._read_again(due, position), now)
            if done:
                self._log.append(done)
            if len(done) < len(due):
                self._next_look = now + _AFTER_A_FAILURE
            if len(done) < AT_ONCE or not self._policy.waits:
                return

    def take_metrics(self) -> dict[str, str]:
        """Give what was done since the last call."""
        counts, failure = self._counts, self._failure
        self._counts, self._failure = {"move": 0, "delete": 0}, None
        told = {
            "numFilesMoved": str(counts["move"]),
            "numFilesDeleted": str(counts["delete"]),
        }
        return told if failure is None else {**told, "cleanSourceError": reason_of(failure)}

    def _read_again(self, due: Sequence[_Due], position: int) -> set[str]:
        """Give the keys of those files that people had replayed, or that wait to be."""
        wanted = {each.key for each in due}
        found = wanted & self._ledger.forgotten
        for rows in self._ledger.rows(position, self._ledger.last_seq):
            found.update(wanted.intersection(values(rows, "key")))
        return found

    def _committed_before(self, limit: datetime, position: int) -> Iterator[_Due]:
        """Give files in the order of their places; note when the first one after them is due."""
        retention = self._policy.retention
        for batch in file_outcomes(self._context.log, start=self._log.last_batch):
            columns = (values(batch, name) for name in ("seq", "key", "batch_id", "state"))
            times = moments(batch, "committed_at")
            for seq, key, batch_id, state, committed_at in zip(*columns, times, strict=True):
                if seq <= self._log.last_seq:
                    continue
                if committed_at is None or committed_at > limit:
                    self._next_look = (committed_at or limit) + retention
                    return
                yield _Due(seq, key, batch_id, state)
        self._next_look = limit + 2 * retention
        self._done_to = position

    def _seen_to(self, due: Sequence[_Due], again: set[str], now: datetime) -> list[Cleaned]:
        """Move or delete files; end before the first one that the store refuses for now."""
        if not due:
            return []
        rows = self._ledger.files(due[0].seq - 1, due[-1].seq)
        infos = {each.seq: each.info for each in rows}
        done: list[Cleaned] = []

        def act(each: _Due) -> Cleaned | LakestreamError:
            if each.key in again:
                return Cleaned(each.seq, each.batch_id, "kept", None, "it is read again", now)
            return self._one(each, infos.get(each.seq), now)

        with ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="lakestream-clean") as pool:
            for start in range(0, len(due), _CONCURRENT):
                for outcome in pool.map(act, due[start : start + _CONCURRENT]):
                    if isinstance(outcome, LakestreamError):
                        self._failure = outcome
                        return done
                    done.append(outcome)
                    if outcome.act in self._counts:
                        self._counts[outcome.act] += 1
        return done

    def _one(self, due: _Due, info: ObjectInfo | None, now: datetime) -> Cleaned | LakestreamError:
        if due.state != COMMITTED or info is None or info.key != due.key:
            return Cleaned(due.seq, due.batch_id, "kept", None, due.state, now)
        try:
            act, place = self._taken(due.seq, info)
        except (AccessDeniedError, StorageUnavailableError) as error:
            return error
        except ObjectNotFoundError:
            return Cleaned(due.seq, due.batch_id, "gone", None, None, now)
        except ObjectChangedError:
            why = "it was overwritten after it was read"
            return Cleaned(due.seq, due.batch_id, "kept", None, why, now)
        except StorageError as error:
            self._failure = error
            return Cleaned(due.seq, due.batch_id, "kept", None, reason_of(error), now)
        return Cleaned(due.seq, due.batch_id, act, place, None, now)

    def _taken(self, seq: int, info: ObjectInfo) -> tuple[Act, str | None]:
        if self._policy.act == "delete":
            self._store.delete(info)
            return "delete", None
        return "move", self._store.move(info, [info.key, _beside(info.key, seq)])


def open_cleaner(
    policy: CleanPolicy,
    description: FilesDescription,
    context: SourceContext,
    *,
    log: CleanLog,
    landing: Landing,
    ledger: Ledger,
) -> Cleaner:
    """Open the landing place for cleaning.

    Raises:
        ConfigError: Files cannot be moved to the destination.
        EnvironmentNotSetError.
    """
    destination: Location | None = None
    if policy.destination is not None:
        destination = parse_location(policy.destination)
    root, _ = description.split_path()
    if landing.file is not None:
        root = root.rpartition("/")[0]
    store = open_clean_store(
        parse_location(root),
        destination,
        description.storage_options,
        filesystem=description.filesystem,
    )
    return Cleaner(policy, context, log=log, store=store, ledger=ledger)


def _beside(key: str, seq: int) -> str:
    """Give a name for a file whose own is taken: ``a/b.json`` and 7 give ``a/b~7.json``."""
    folder, slash, name = key.rpartition("/")
    stem, dot, rest = name.partition(".")
    return f"{folder}{slash}{stem}~{seq}{dot}{rest}"
