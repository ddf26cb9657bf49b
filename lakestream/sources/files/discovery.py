"""Looking for new files and making them known: protocol line 3 of the file source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lakestream.errors import ObjectNotFoundError
from lakestream.sources.files.glob import compile_glob
from lakestream.sources.files.ledger_rows import (
    MICROSECOND,
    Candidate,
    Via,
    candidate_of,
    microseconds,
    values,
)
from lakestream.sources.files.listing import ENTRY_FILES, candidates_of, pages
from lakestream.sources.files.order import in_order, slices
from lakestream.sources.files.passes import Pass, Passes
from lakestream.sources.files.paths import PathFilter
from lakestream.sources.files.replays import is_replay
from lakestream.storage.pages import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arro3.core import RecordBatch

    from lakestream.sources.base import SourceContext
    from lakestream.sources.files.description import FilesDescription
    from lakestream.sources.files.landing import Landing
    from lakestream.sources.files.ledger import Ledger

#: A local file modified within this time is looked at twice: it may still be growing. Objects
#: in a store appear whole.
_YOUNG: Final = timedelta(seconds=2)
#: A writer's clock may be ahead by this much.
_SKEW: Final = timedelta(days=1)
#: So many known files are looked up one by one; for more the place is listed.
_FEW: Final = 100
#: Files stay known so much longer than ``max_file_age``.
SLACK_US: Final = 86_400_000_000


class Discovery:
    """Lists a landing place into the ledger.

    Args:
        description: The source's own filters.
        context: Clock, checkpoint, and what this run is narrowed to.
        landing: Where the files are.
        ledger: What is known.
    """

    def __init__(
        self,
        description: FilesDescription,
        context: SourceContext,
        landing: Landing,
        ledger: Ledger,
    ) -> None:
        self._description = description
        self._context = context
        self._landing = landing
        self._ledger = ledger
        self._filter = PathFilter(
            pattern=landing.pattern,
            recursive=description.recursive,
            name=description.name_filter,
            patterns=description.patterns,
            modified_after=description.modified_after,
            modified_before=description.modified_before,
            hidden=landing.file is not None,
        )
        self._takes_in_run = _run_filter(context, landing)
        self._passes = Passes(description, context)
        self._oldest_us: int | None = None
        self.too_old = 0
        """Files that the last look left out because of ``max_file_age``."""
        self.expire()  # before the ledger is loaded, so that it does not load what is forgotten

    def expire(self) -> None:
        """Hold ``max_file_age`` against the run's clock; called before each look.

        Files are remembered a day longer than they are taken: a time that a message gave and
        the one that a listing shows may differ by seconds.
        """
        max_age = self._description.max_file_age
        if max_age is None:
            return
        oldest = microseconds(self._context.clock.now() - max_age)
        self._ledger.expire(oldest - SLACK_US)
        # A clock that was put back must not bring what is forgotten already.
        self._oldest_us = max(oldest, self._ledger.expired_us or oldest)
        self.too_old = 0

    @property
    def stopped_at(self) -> str | None:
        """The key behind which the next look goes on; None when it begins anew."""
        return self._passes.stopped_at

    def run(
        self,
        time_budget_s: float | None,
        *,
        rescued_before: datetime | None = None,
        purpose: str = "",
        actions: int = 0,
    ) -> bool:
        """Look once through the whole place, or until the time is up.

        Where the store lists in order, a look with a time limit goes on where the last one was
        cut; not before what was there at the first start is known to be ignored, since the
        longer that takes the more is.

        Args:
            time_budget_s: Seconds; None begins at the beginning and goes on to the end.
            rescued_before: A queue should have told of files modified before this time: what is
                found of them is marked as rescued.
            purpose: Why the place is listed; what was cut for another reason is not gone on with.
            actions: Decisions about single files until now; after new ones the whole place is
                listed, since what was forgotten may lie anywhere.

        Returns:
            Whether it was looked through to the end.

        With ``order_by`` nothing is recorded of a look that was cut: its files get their places in
        the order of the whole place.

        Cost: one listing; for new files one ledger entry each 50,000. Memory is one page and
        one entry; with ``order_by`` some 450 bytes for each new file.
        """
        clock = self._context.clock
        end = None if time_budget_s is None else clock.monotonic() + time_budget_s
        self._ledger.refresh()
        ignores = self._ignores_existing()
        narrowed = self._context.discovery.is_narrowed
        ordered = self._description.order_by is not None
        look = self._passes.begin(
            self._ledger.last_seq,
            can_be_cut=end is not None and not (ignores or ordered),
            in_order=self._lists_in_order,
            purpose=purpose,
            actions=actions,
        )
        complete = True
        pending: list[Candidate] = []
        for page in self._pages(self._ledger.unseen_on, self._takes, look):
            look.take(page)
            pending += page
            if len(pending) >= ENTRY_FILES and not ordered:
                self._append(pending, rescued_before)
                pending = []
            if end is not None and clock.monotonic() > end:
                complete = False
                break
        if complete or not ordered:
            self._append(pending, rescued_before)
        if ignores and complete and not narrowed:
            self._mark_existing_done()
        self._passes.end(look, self._ledger.last_seq, complete=complete)
        self._ledger.merge_due()
        return complete

    @property
    def _lists_in_order(self) -> bool:
        landing = self._landing
        is_narrowed = self._context.discovery.is_narrowed
        return landing.file is None and landing.store.lists_in_order and not is_narrowed

    def take_metrics(self) -> dict[str, str]:
        """Tell how the place was listed last, where that differs from time to time."""
        return self._passes.take_metrics()

    def find(self, keys: set[str]) -> list[Candidate]:
        """Give the present versions of some known files that this run takes.

        Cost: a request each for a few, and for replayed files; for others one listing.
        """
        is_few = len(keys) <= _FEW and self._landing.file is None
        alone = keys if is_few else {each for each in keys if is_replay(each)}
        looked_up = [each for key in sorted(alone) if (each := self._look_up(key)) is not None]
        found = [each for each in looked_up if self._takes_in_run.takes(each)]
        if alone == keys:
            return found

        def chosen(page: RecordBatch) -> list[int]:
            return [at for at, key in enumerate(values(page, "path")) if key in keys]

        for page in self._pages(chosen, self._takes_in_run.takes):
            found += page
        return found

    def _look_up(self, key: str) -> Candidate | None:
        try:
            return candidate_of(self._landing.store.head(key))
        except ObjectNotFoundError:
            return None

    def count_older(self, known: Ledger, oldest_us: int) -> int:
        """Count the files of the source that are older than a moment and were never taken."""

        def older(file: Candidate) -> bool:
            return self._filter.takes(file) and file.modified_us < oldest_us

        return sum(len(page) for page in self._pages(known.unseen_on, older))

    def _pages(
        self,
        fresh: Callable[[RecordBatch], Sequence[int]],
        takes: Callable[[Candidate], bool],
        look: Pass | None = None,
    ) -> Iterator[list[Candidate]]:
        if self._landing.file is not None:
            try:
                info = self._landing.store.head(self._landing.file)
            except ObjectNotFoundError:
                return
            page = page_of(
                [info.key],
                [microseconds(info.modified)],
                [info.size_bytes],
                [info.etag],
                [info.version],
            )
            found = candidates_of(page, fresh(page))
            yield [each for each in found if takes(each)]
            return
        parallelism = self._description.listing_parallelism
        yield from pages(self._landing.store, "", fresh, takes, look, parallelism=parallelism)

    def takes_path(self, key: str) -> bool:
        """Tell whether a path is the source's, whatever its age."""
        return self._filter.takes_path(key) and self._landing.file in {None, key}

    def takes(self, file: Candidate) -> bool:
        """Tell whether a file is the source's, as far as it is known before it is read."""
        return self.takes_path(file.key) and self._takes(file)

    def record(self, found: Sequence[Candidate], *, via: Via) -> dict[str, float]:
        """Make files known, oldest first.

        Returns:
            The keys of those that are too young, and in how many seconds to look again.
        """
        now = self._context.clock.now()
        ready, young = self._ready(found, now)
        if ready:
            self._ledger.append(ready, via=via, found_at=now)
        min_age_us = self._description.min_age // MICROSECOND
        return {
            each.key: (each.modified_us + min_age_us - microseconds(now)) / 1e6 for each in young
        }

    def _takes(self, file: Candidate) -> bool:
        if not (self._filter.takes(file) and self._takes_in_run.takes(file)):
            return False
        if self._oldest_us is not None and file.modified_us < self._oldest_us:
            self.too_old += 1
            return False
        return True

    def _append(self, found: list[Candidate], rescued_before: datetime | None) -> None:
        """Make listed files known, in order.

        Whether they were there before the first start is asked after they were listed: another
        run's first listing may have ended meanwhile, and what that did not see is new.
        """
        now = self._context.clock.now()
        ready, _ = self._ready(found, now)
        if ready and self._ignores_existing():
            self._append_all(ready, "existing", now)
            return
        rescued = 0
        if rescued_before is not None:
            limit = microseconds(rescued_before)
            rescued = sum(each.modified_us < limit for each in ready)  # the first: oldest first
            self._append_all(ready[:rescued], "backfill", now)
        self._append_all(ready[rescued:], "listing", now)

    def _append_all(self, ready: list[Candidate], via: Via, now: datetime) -> None:
        for part in slices(ready, ENTRY_FILES):
            self._ledger.append(part, via=via, found_at=now)

    def _ready(
        self, found: Sequence[Candidate], now: datetime
    ) -> tuple[list[Candidate], list[Candidate]]:
        """Part files, in order, into those that can be read and those that are too young."""
        oldest_young = microseconds(now - _YOUNG)
        ready: list[Candidate] = []
        young: list[Candidate] = []
        for each in in_order(found, self._description.order_by):
            is_ready = self._is_old_enough(each, now) and (
                each.modified_us <= oldest_young or self._is_settled(each)
            )
            (ready if is_ready else young).append(each)
        return ready, young

    def _is_old_enough(self, file: Candidate, now: datetime) -> bool:
        """Hold ``min_age``; a time far in the future says nothing about a file's age."""
        min_age = self._description.min_age
        return (
            not min_age
            or file.modified_us <= microseconds(now - min_age)
            or file.modified_us > microseconds(now + _SKEW)
        )

    def _is_settled(self, file: Candidate) -> bool:
        """Look again at a young local file: one that changed meanwhile waits."""
        if not self._landing.is_local:
            return True
        try:
            info = self._landing.store.head(file.key)
        except ObjectNotFoundError:
            return False
        return (info.etag, info.size_bytes) == (file.etag, file.size_bytes)

    @property
    def _marker(self) -> str:
        return f"sources/{self._context.name}/existing"

    def _ignores_existing(self) -> bool:
        """Tell whether what is found now was there before the first start and is not wanted.

        That lasts until one listing went through: a first start that was killed goes on.
        """
        if self._description.include_existing or not self._ledger.only_ignored:
            return False
        try:
            self._context.log.get(self._marker)
        except ObjectNotFoundError:
            return True
        return False

    def _mark_existing_done(self) -> None:
        text = json.dumps({"listedAt": self._context.clock.now().isoformat()})
        self._context.log.put_absent(self._marker, text.encode())


def _run_filter(context: SourceContext, landing: Landing) -> PathFilter:
    run = context.discovery
    pattern = run.path_glob
    if pattern is not None and pattern.startswith(f"{landing.store.uri}/"):
        pattern = pattern[len(landing.store.uri) + 1 :]
    return PathFilter(
        pattern=None if pattern is None else compile_glob(pattern, option="path_glob"),
        modified_after=run.modified_after,
        modified_before=run.modified_before,
        hidden=True,
    )
