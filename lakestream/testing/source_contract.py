"""What every source must do, as a test class: subclass it and give it a source.

class TestMySource(SourceContract):
    @pytest.fixture
    def feed(self, tmp_path):
        return Feed(open=..., add=..., log=...)
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from lakestream.checkpoint.batch_records import AttemptRecords
from lakestream.sources.base import (
    BatchRead,
    Offset,
    ReadLimit,
    ReplanNeeded,
    SourceReader,
)
from lakestream.storage.base import LogStore

_MOST_REPLANS: Final = 10
_NO_LIMIT: Final = ReadLimit()
_ONE: Final = ReadLimit(max_files=1)


@dataclass(frozen=True, slots=True)
class Feed:
    """A source under test, and a way to put data into it from outside.

    Args:
        open: Open a reader over the feed's own checkpoint, as another run would.
        add: Add one unit (a file, a commit, a message) that holds a row for each given number
            in a column ``id``. Rows must differ by it; other columns do not matter.
        log: The checkpoint that the readers use; empty at first.
    """

    open: Callable[[], SourceReader]
    add: Callable[[Sequence[int]], None]
    log: LogStore

    def read(self, reader: SourceReader, start: Offset, end: Offset) -> Counter[int]:
        """Read ``(start, end]`` to its end as the engine does; give how often each id came."""
        for _ in range(_MOST_REPLANS):
            records = AttemptRecords(self.log, 0, secrets.token_hex(8))
            found = _ids(reader.read(start, end, records))
            if found is not None:
                return found
        raise AssertionError(f"one plan asked to be read again {_MOST_REPLANS} times")

    def batches(
        self, reader: SourceReader, start: Offset, limit: ReadLimit
    ) -> list[tuple[Offset, Counter[int]]]:
        """Discover and read all batches from an offset on; give each one's end and ids."""
        reader.discover()
        bound = reader.latest(start)
        found: list[tuple[Offset, Counter[int]]] = []
        while (end := reader.plan(start, bound, limit)) != start:
            found.append((end, self.read(reader, start, end)))
            reader.committed(end)
            start = end
        return found


def _ids(read: BatchRead) -> Counter[int] | None:
    """Give how often each id came; None when the attempt must be made again."""
    found: Counter[int] = Counter()
    try:
        for batch in read.stream:
            assert batch.schema.names == list(read.schema.names)
            found.update(batch.column("id").to_pylist())
    except Exception:
        if isinstance(read.failure, ReplanNeeded):
            return None
        if read.failure is not None:
            raise read.failure from None
        raise
    assert read.failure is None
    assert read.report.rows == sum(found.values())
    return found


class SourceContract:
    """Tests of a source. Subclasses define the fixture ``feed``, over an empty place."""

    @pytest.fixture
    def feed(self) -> Feed:
        """Give a source to which nothing was added yet."""
        raise NotImplementedError

    def test_batches_when_limited_give_every_row_once(self, feed: Feed) -> None:
        """No batch crosses its limit, and together they are the input."""
        for unit in range(4):
            feed.add([unit * 2, unit * 2 + 1])
        reader = feed.open()

        found = feed.batches(reader, reader.initial(), _ONE)

        assert [sum(ids.values()) for _, ids in found] == [2] * 4
        assert sum((ids for _, ids in found), Counter()) == Counter(range(8))

    def test_plan_when_unlimited_takes_all_that_was_discovered(self, feed: Feed) -> None:
        """One batch, whose end reaches the bound."""
        for unit in range(3):
            feed.add([unit])
        reader = feed.open()
        reader.discover()
        start = reader.initial()
        bound = reader.latest(start)

        end = reader.plan(start, bound, _NO_LIMIT)

        assert reader.plan(end, bound, _NO_LIMIT) == end
        assert feed.read(reader, start, end) == Counter(range(3))

    def test_plan_when_nothing_is_new_gives_its_start(self, feed: Feed) -> None:
        """No empty batches."""
        feed.add([1])
        reader = feed.open()
        [(end, _)] = feed.batches(reader, reader.initial(), _NO_LIMIT)
        reader.discover()

        bound = reader.latest(end)

        assert reader.plan(end, bound, _NO_LIMIT) == end
        assert feed.batches(feed.open(), end, _NO_LIMIT) == []

    def test_plan_when_it_starts_beyond_the_bound_gives_its_start(self, feed: Feed) -> None:
        """Another run's plan may have gone further than this run's frozen end."""
        feed.add([1])
        reader = feed.open()
        [(frozen, _)] = feed.batches(reader, reader.initial(), _NO_LIMIT)
        feed.add([2])
        [(further, _)] = feed.batches(reader, frozen, _NO_LIMIT)

        assert reader.plan(further, frozen, _NO_LIMIT) == further

    def test_offsets_are_single_lines_of_json(self, feed: Feed) -> None:
        """They stand in the offset log, a line each."""
        feed.add([1])
        reader = feed.open()
        [(end, _)] = feed.batches(reader, reader.initial(), _NO_LIMIT)
        for offset in (reader.initial(), end):
            assert "\n" not in offset
            assert json.loads(offset) is not None

    def test_range_when_read_again_by_another_run_gives_the_same_rows(self, feed: Feed) -> None:
        """Replayable: what lies between two offsets never changes, whatever is added later."""
        for unit in range(3):
            feed.add([unit])
        reader = feed.open()
        start = reader.initial()
        found = feed.batches(reader, start, _ONE)
        feed.add([99])
        again = feed.open()
        assert again.initial() == start
        again.resume(start)
        again.discover()

        for end, ids in found:
            assert feed.read(again, start, end) == ids
            start = end

    def test_digest_when_opened_again_is_equal(self, feed: Feed) -> None:
        """Equal items mean equal input, so equal input must have equal items."""
        for unit in range(3):
            feed.add([unit])
        reader = feed.open()
        start = reader.initial()
        ends = [end for end, _ in feed.batches(reader, start, _ONE)]
        items = [list(reader.digest_items(start, end)) for end in ends]
        feed.add([99])
        again = feed.open()
        again.discover()

        assert [list(again.digest_items(start, end)) for end in ends] == items
        assert len({tuple(each) for each in items}) == len(ends)

    def test_discovery_when_repeated_finds_nothing_more(self, feed: Feed) -> None:
        """Idempotent, also by another run over the same checkpoint."""
        feed.add([1])
        feed.add([2])
        reader = feed.open()
        start = reader.initial()
        reader.discover()
        bound = reader.latest(start)

        reader.discover()
        other = feed.open()
        other.discover()

        assert reader.latest(start) == other.latest(start) == bound
        found = feed.batches(other, start, _NO_LIMIT)
        assert [ids for _, ids in found] == [Counter([1, 2])]

    def test_latest_when_asked_looks_for_no_news(self, feed: Feed) -> None:
        """What arrives after discovery waits for the next one, and none comes before ``start``."""
        feed.add([1])
        reader = feed.open()
        start = reader.initial()
        reader.discover()
        bound = reader.latest(start)

        feed.add([2])

        assert reader.latest(start) == bound
        assert reader.latest(bound) == bound
        found = feed.batches(reader, start, _NO_LIMIT)
        assert sum((ids for _, ids in found), Counter()) == Counter([1, 2])

    def test_committed_when_repeated_changes_nothing(self, feed: Feed) -> None:
        """A run that recovers says it again; the rows after it are still to come."""
        feed.add([1])
        reader = feed.open()
        [(end, _)] = feed.batches(reader, reader.initial(), _NO_LIMIT)
        feed.add([2])

        reader.committed(end)
        again = feed.open()
        again.resume(end)
        again.committed(end)
        again.committed(end)

        assert [ids for _, ids in feed.batches(again, end, _NO_LIMIT)] == [Counter([2])]

    def test_read_when_broken_off_can_be_made_again(self, feed: Feed) -> None:
        """An attempt that nobody reads to its end leaves the next one whole."""
        feed.add(range(100))
        reader = feed.open()
        reader.discover()
        start = reader.initial()
        end = reader.plan(start, reader.latest(start), _NO_LIMIT)
        broken_off = reader.read(start, end, AttemptRecords(feed.log, 0, "broken-off"))
        del broken_off

        assert feed.read(reader, start, end) == Counter(range(100))

    def test_backlog_when_read_is_nothing(self, feed: Feed) -> None:
        """It tells what is known and waits."""
        feed.add([1])
        feed.add([2])
        reader = feed.open()
        start = reader.initial()
        reader.discover()

        assert reader.backlog(start).files > 0
        [(end, _)] = feed.batches(reader, start, _NO_LIMIT)
        assert reader.backlog(end).files == 0

    def test_reader_when_closed_twice_is_closed(self, feed: Feed) -> None:
        """A run closes what a failure may have closed."""
        feed.add([1])
        reader = feed.open()
        reader.close()
        reader.close()
