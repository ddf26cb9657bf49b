"""What people ask and decide about the files that a streaming table reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from lakestream.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from datetime import timedelta

    import pyarrow as pa

    from lakestream.query.definition import QueryDefinition
    from lakestream.query.file_actions import FileActionReport
    from lakestream.query.quarantine import ReplayReport
    from lakestream.sources.files.actions import FileAction, Verb
    from lakestream.sources.files.expiry import Expiry
    from lakestream.sources.files.schema_view import SchemaPreview, SchemaVersion
    from lakestream.sources.files.states import FileState


class TableFiles(ABC):
    """The part of ``StreamingTable`` that is about files; it has nothing of its own."""

    @property
    @abstractmethod
    def definition(self) -> QueryDefinition:
        """The query behind the table."""

    def files(self) -> Iterator[FileState]:
        """Tell of each discovered file what became of it, in the order of discovery."""
        from lakestream.query import overview

        return overview.files(self.definition, SYSTEM_CLOCK)

    def expiring_files(self, max_file_age: str | timedelta | None = None) -> Expiry:
        """Tell what ``max_file_age`` forgets and leaves out now; changes nothing.

        Args:
            max_file_age: An age to try, of 14 days or more; None takes what is declared.

        Returns:
            The known files, those of them that are forgotten, and those that lie there, are too
            old and were never taken.

        Cost: the ledger is read, and the landing place is listed.
        """
        from lakestream.query import overview
        from lakestream.sources.files.option_values import checked_max_age

        age = checked_max_age(max_file_age)
        return overview.expiring_files(self.definition, SYSTEM_CLOCK, max_age=age)

    def act_on_files(
        self,
        verb: Verb,
        *patterns: str,
        reason: str,
        by: str | None = None,
        again: bool = False,
        even_planned: bool = False,
        discover: bool = False,
        dry_run: bool = False,
    ) -> FileActionReport:
        """Decide about single files; who, when and why is kept beside the ledger.

        Args:
            verb: ``"mark_done"``: files that wait are never read. ``"quarantine"``: the same, and
                they are listed in quarantine. ``"replay"``: files that went to quarantine, were
                skipped, ignored or marked done are read by the next batches, as they are now.
                ``"forget"``: files that are settled are new to the next discovery that sees them;
                rows of theirs that are in the table come again.
            *patterns: Keys, or globs over whole keys (``*`` crosses ``/``).
            reason: Why, for those who look at it later.
            by: Who; by default this machine's user.
            again: A replay takes files, too, whose rows are in the table: they come again.
            even_planned: Files of a batch that is planned and not committed are set aside, too:
                how to get a query on that a file stops. If that batch is being written at this
                moment, it may have them.
            discover: Look for new files first, so that one that nobody has seen yet can be set
                aside.
            dry_run: Tell what would be done; change nothing.

        Returns:
            The files it is about, and of others that match why they are left alone.

        Raises:
            ConfigError: The table has never run, and is not to discover; or an argument does not
                fit.

        Delivery: exactly once, beside a running query too: what a batch did with a file is
        committed with it.
        """
        from lakestream.query import file_actions

        return file_actions.act(
            self.definition, SYSTEM_CLOCK, verb, patterns, reason=reason, by=by, again=again,
            even_planned=even_planned, discover=discover, dry_run=dry_run,
        )  # fmt: skip

    def file_actions(self) -> list[FileAction]:
        """Give what was decided about single files, oldest first."""
        from lakestream.query import file_actions

        return file_actions.decided(self.definition, SYSTEM_CLOCK)

    def schema_history(self) -> list[SchemaVersion]:
        """Give the schemas that each file source has had, oldest first, and what changed when.

        Returns:
            Nothing for sources whose columns are declared, and before the first run.
        """
        from lakestream.query import schemas

        return schemas.schema_history(self.definition, SYSTEM_CLOCK)

    def schema_preview(self, hints: str | None = None) -> list[SchemaPreview]:
        """Hold each file source's columns against hints, and against the newest files.

        Args:
            hints: DDL to try as ``schema_hints``, on top of those that are declared.

        Returns:
            Of each file source the columns that the next run starts with, what the hints change,
            and what the newest files hold otherwise. Nothing is written.

        Raises:
            ConfigError: The table reads no files, or a hint cannot be had any more.
            PlanError: The hints are no DDL, or lead through a type that has no such part.

        Cost: the landing place is listed, and the samples of one inference are read.
        """
        from lakestream.query import schemas

        return schemas.schema_preview(self.definition, SYSTEM_CLOCK, hints=hints)

    def quarantine(self) -> pa.Table:
        """Give the records and files that went to quarantine, in the order of the batches.

        Returns:
            batch_id (int64), delta_version (int64), attempt (string), committed_at (timestamp,
            UTC), file_key (string), line (int64, null for a whole file), code (string), reason
            (string), raw (binary, null for a whole file), id (string: what a replay names it by),
            state (string: ``open`` or ``replayed``).
        """
        from lakestream.query import quarantine

        return quarantine.listed(self.definition, SYSTEM_CLOCK)

    def replay_quarantined(
        self,
        *,
        reason: str,
        file: str | None = None,
        code: str | None = None,
        ids: Iterable[str] | None = None,
        edits: Mapping[str, str | bytes] | None = None,
        by: str | None = None,
        dry_run: bool = False,
    ) -> ReplayReport:
        """Give quarantined records another try, mended or as they are: the next batches read them.

        Args:
            reason: Why, for those who look at it later.
            file: Only records of these files: a key, or a glob over whole keys.
            code: Only records with this code.
            ids: Only these records, by their ``id``.
            edits: Only these records, by their ``id``, with their mended text.
            by: Who; by default this machine's user.
            dry_run: Tell what would be done; change nothing.

        Returns:
            The records it is about, and of others that match why they are left alone.

        Raises:
            ConfigError: The table has never run, or records of its format cannot stand alone.
            CommitConflictError: Somebody else replays one of the records; nothing was replayed.

        Delivery: exactly once: a record is replayed once, and one that is bad again is a new one
        in quarantine. Partition folders and ``_metadata`` are those of the file it came from.
        """
        from lakestream.query import quarantine

        return quarantine.replay(
            self.definition, SYSTEM_CLOCK, file=file, code=code, ids=ids, edits=edits,
            reason=reason, by=by, dry_run=dry_run,
        )  # fmt: skip
