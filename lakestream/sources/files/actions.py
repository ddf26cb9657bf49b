"""What people decided about single files: an append-only log beside the ledger.

Each entry of ``sources/<name>/actions`` is a line of JSON, put if absent and merged in tiers. A
batch is planned with the entries that are there, and its offset says how many those were, so that
a redo leaves out the same files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from lakestream.checkpoint.log import EntryLog
from lakestream.checkpoint.tiered_log import TieredLog
from lakestream.checkpoint.tiers import WIDTH
from lakestream.errors import (
    CheckpointCorruptError,
    CommitConflictError,
    StorageUnavailableError,
)
from lakestream.storage.base import LogStore

Verb = Literal["replay", "forget", "mark_done", "quarantine"]
#: Files in one entry; a decision about more is several entries of one id.
ENTRY_FILES: Final = 50_000
#: Appends that others may win in a row before this one gives up.
_MAX_TRIES: Final = 20


class FileAction(msgspec.Struct, frozen=True):
    """One decision about some files.

    Args:
        id: Random; the same in the parts of a decision about very many files.
        verb: What was decided.
        files: Place in the ledger and key of each file.
        after: The ledger's last place when it was decided: later places are not meant.
        at: Aware UTC.
        by: Who decided.
        reason: Why.
        even_planned: Whether it holds for a batch, too, that was planned before it.
    """

    id: str
    verb: Verb
    files: tuple[tuple[int, str], ...]
    after: int
    at: datetime
    by: str
    reason: str
    even_planned: bool = False

    @property
    def note(self) -> str:
        """Who and why, in one line."""
        done = "marked done" if self.verb == "mark_done" else "put into quarantine"
        return f"{done} by {self.by}: {self.reason}"


class ActionLog:
    """The decisions about the files of one source. Not thread-safe.

    Args:
        store: The checkpoint.
        folder: ``sources/<name>/actions``.
    """

    def __init__(self, store: LogStore, folder: str) -> None:
        self._where = f"{store.uri}/{folder}"
        self._log = TieredLog(store, folder, b"".join)
        self._single = EntryLog(store, f"{folder}/0", width=WIDTH)
        self._actions: list[FileAction] = []
        self._loaded = False

    @property
    def actions(self) -> Sequence[FileAction]:
        """What was read so far, oldest first."""
        return self._actions

    def refresh(self) -> Sequence[FileAction]:
        """Read on, and give what is new. Cost: one request when there is nothing."""
        known = len(self._actions)
        self._loaded = True
        # A log that was never written to is not listed.
        if known or self._single.read(0) is not None:
            for entry in self._log.read(known):
                self._actions += self._decoded(entry.data, entry.last - entry.first + 1)
        return self._actions[known:]

    def load(self) -> None:
        """Read what is there, unless that was done before."""
        if not self._loaded:
            self.refresh()

    def _decoded(self, data: bytes, count: int) -> list[FileAction]:
        try:
            found = [
                msgspec.json.decode(line, type=FileAction, strict=False)
                for line in data.splitlines()
            ]
        except msgspec.DecodeError as error:
            raise self._corrupt("an entry of the log of file actions is damaged") from error
        if len(found) != count:
            raise self._corrupt("an entry of the log of file actions is damaged")
        return found

    def append(self, action: FileAction) -> None:
        """Make a decision durable: entirely, or up to a part that a repeated one completes.

        Raises:
            CommitConflictError, StorageUnavailableError, FencedError.
        """
        for start in range(0, len(action.files), ENTRY_FILES):
            part = action.files[start : start + ENTRY_FILES]
            self._append(msgspec.structs.replace(action, files=part))
        self._log.merge_due()

    def _append(self, part: FileAction) -> None:
        data = msgspec.json.encode(part) + b"\n"
        failure: StorageUnavailableError | None = None
        for _ in range(_MAX_TRIES):
            try:
                self._log.append(len(self._actions), data)
            except StorageUnavailableError as error:
                failure = error
            if part in self.refresh():
                return
        raise failure or CommitConflictError(
            f"others appended to the log of file actions {_MAX_TRIES} times in a row",
            where=self._where,
            fix="run the command again",
        )

    def set_aside(self, pinned: int | None = None) -> Mapping[int, tuple[str, FileAction]]:
        """Give the files that are not to be read: place to key and the first such decision.

        Args:
            pinned: How many entries a plan was made with; of later ones only those count that
                hold for planned batches. None counts all.

        Raises:
            CheckpointCorruptError: There are fewer entries than that.
        """
        if pinned is not None and pinned > len(self._actions):
            self.refresh()
            if pinned > len(self._actions):
                raise self._corrupt(
                    f"the offset log names {pinned:,} file actions, and there are"
                    f" {len(self._actions):,}"
                )
        found: dict[int, tuple[str, FileAction]] = {}
        for number, action in enumerate(self._actions):
            if action.verb in ("mark_done", "quarantine") and (
                pinned is None or number < pinned or action.even_planned
            ):
                for seq, key in action.files:
                    found.setdefault(seq, (key, action))
        return found

    def _corrupt(self, what: str) -> CheckpointCorruptError:
        return CheckpointCorruptError(
            what,
            where=self._where,
            fix="restore the checkpoint folder from a backup, or reset the table",
        )
