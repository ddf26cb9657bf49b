"""What every sink must do, as a test class: subclass it and give it a sink.

class TestMySink(SinkContract):
    @pytest.fixture
    def target(self, tmp_path):
        return Target(open=..., ids=...)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest
from arro3.core import Array, DataType, RecordBatch, RecordBatchReader

from lakestream.errors import (
    FencedError,
    LakestreamError,
    PlanMismatchError,
    SinkBehindError,
    SinkReplacedError,
)
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.types import Struct, schema_of_ddl
from lakestream.sinks.base import Inspection, Receipt, Sink

_SCHEMA: Final[Struct] = schema_of_ddl("id BIGINT")


@dataclass(frozen=True, slots=True)
class Target:
    """A sink under test.

    Args:
        open: Open the sink of one query over one table, as another run of that query would; the
            table is not there at first.
        ids: Read the column ``id`` of all rows that the table has now, past the sink.
    """

    open: Callable[[], Sink]
    ids: Callable[[], Iterable[int]]

    def prepared(self) -> Sink:
        """Open the sink over a table with one column, ``id BIGINT``."""
        sink = self.open()
        sink.prepare(_SCHEMA)
        return sink

    def commit(self, sink: Sink, batch_id: int, ids: Sequence[int]) -> Receipt:
        """Bring one batch to the table, in the engine's order; give its receipt."""
        before = sink.find_receipt(batch_id - 1) if batch_id else None
        version = None if before is None else before.version
        look(sink, batch_id, version).commit(_stream([ids]), _metadata(batch_id))
        receipt = sink.find_receipt(batch_id)
        assert receipt is not None
        sink.verify(receipt)
        return receipt

    def holds(self, ids: Iterable[int]) -> bool:
        """Tell whether the table has these ids, each as often as given."""
        return Counter(self.ids()) == Counter(ids)


def look(
    sink: Sink, batch_id: int, version: int | None = None, *, digest: str | None = None
) -> Inspection:
    """Inspect the table for a batch with the digest that the contract gives it."""
    return sink.inspect(
        batch_id,
        table_id=None,
        plan_digest=digest or _digest(batch_id),
        receipt_version=version,
    )


def _digest(batch_id: int) -> str:
    return f"digest of {batch_id}"


def _metadata(batch_id: int) -> dict[str, object]:
    return {"batch": batch_id, "planDigest": _digest(batch_id), "refs": {"a": "b"}}


def _stream(
    batches: Iterable[Sequence[int]], *, error: Exception | None = None
) -> RecordBatchReader:
    """Give a stream of ids, in the end broken by an error."""
    schema = arrow_schema(_SCHEMA)

    def given() -> Iterator[RecordBatch]:
        for ids in batches:
            yield RecordBatch.from_arrays([Array(ids, DataType.int64())], schema=schema)
        if error is not None:
            raise error

    return RecordBatchReader.from_batches(schema, given())


class SinkContract:
    """Tests of a sink. Subclasses define the fixture ``target``, without a table."""

    @pytest.fixture
    def target(self) -> Target:
        """Give a sink whose table is not there yet."""
        raise NotImplementedError

    def test_prepare_when_the_table_is_there_gives_its_id(self, target: Target) -> None:
        """Two first starts make one table."""
        table_id = target.open().prepare(_SCHEMA)
        assert target.open().prepare(_SCHEMA) == table_id
        assert table_id
        assert target.holds([])

    def test_batch_when_committed_is_readable_and_has_a_receipt(self, target: Target) -> None:
        """The receipt is what the sink's own log says: rows, version and our metadata."""
        receipt = target.commit(target.prepared(), 0, [1, 2, 2])

        assert (receipt.batch_id, receipt.rows) == (0, 3)
        assert receipt.metadata == _metadata(0)
        assert target.holds([1, 2, 2])

    def test_inspection_before_the_commit_has_no_receipt(self, target: Target) -> None:
        """It shows the table's columns and changes nothing."""
        found = look(target.prepared(), 0)

        assert found.receipt is None
        assert found.schema == _SCHEMA
        assert target.holds([])

    def test_widen_when_the_stream_fits_then_the_inspection_still_serves(
        self, target: Target
    ) -> None:
        """Nothing is changed, and nothing of the stream is taken."""
        found = look(target.prepared(), 0)
        stream = _stream([[1, 2]])

        assert not found.widen(stream, _metadata(0))
        assert found.widened == ()
        found.commit(stream, _metadata(0))
        assert target.holds([1, 2])

    def test_inspection_after_the_commit_has_the_receipt(self, target: Target) -> None:
        """Whoever looks: the committer, or another run after a crash."""
        sink = target.prepared()
        receipt = target.commit(sink, 0, [1])

        for each in (sink, target.open()):
            assert look(each, 0).receipt == receipt
            assert each.find_receipt(0) == receipt
            each.verify(receipt)

    def test_receipt_when_the_batch_was_never_committed_is_none(self, target: Target) -> None:
        """Not found is an answer."""
        sink = target.prepared()
        assert sink.find_receipt(0) is None
        target.commit(sink, 0, [1])
        assert sink.find_receipt(1) is None

    def test_batch_when_committed_by_another_plan_is_refused(self, target: Target) -> None:
        """Same number, other input: a checkpoint that was restored."""
        sink = target.prepared()
        target.commit(sink, 0, [1])
        with pytest.raises(PlanMismatchError):
            look(sink, 0, digest="of another plan")

    def test_batch_when_a_later_one_is_there_is_fenced(self, target: Target) -> None:
        """Another run is ahead."""
        sink = target.prepared()
        first = target.commit(sink, 0, [1])
        target.commit(sink, 1, [2])
        with pytest.raises(FencedError):
            look(target.open(), 0, first.version)

    def test_batch_when_one_before_it_is_missing_is_refused(self, target: Target) -> None:
        """Marks grow by one: a gap means that the table lost commits."""
        sink = target.prepared()
        with pytest.raises(SinkBehindError):
            look(sink, 1)
        target.commit(sink, 0, [1])
        with pytest.raises(SinkBehindError):
            look(sink, 2)

    def test_table_when_it_is_another_one_is_refused(self, target: Target) -> None:
        """The checkpoint knows its table by id."""
        sink = target.prepared()
        with pytest.raises(SinkReplacedError):
            sink.inspect(0, table_id="another", plan_digest="d", receipt_version=None)

    def test_commits_of_one_batch_when_two_runs_race_let_one_win(self, target: Target) -> None:
        """Both have looked before either commits; the loser's rows are nowhere."""
        one, other = target.prepared(), target.open()
        looks = [look(one, 0), look(other, 0)]
        looks[0].commit(_stream([[1]]), _metadata(0))

        with pytest.raises(LakestreamError):
            looks[1].commit(_stream([[2]]), _metadata(0))

        assert target.holds([1])
        receipt = look(other, 0).receipt
        assert receipt is not None
        assert receipt == one.find_receipt(0)

    def test_batch_when_empty_leaves_its_mark(self, target: Target) -> None:
        """The next batch needs it."""
        sink = target.prepared()
        look(sink, 0).commit(_stream([]), _metadata(0))

        receipt = sink.find_receipt(0)
        assert receipt is not None
        assert receipt.rows == 0
        sink.verify(receipt)
        target.commit(sink, 1, [7])
        assert target.holds([7])

    def test_stream_when_it_breaks_off_commits_nothing(self, target: Target) -> None:
        """All of a batch or nothing; then the same batch can be made again."""
        sink = target.prepared()
        # What comes out is the sink's or the library's: the engine only looks at the table.
        with pytest.raises(Exception):  # noqa: B017, PT011 - any class will do
            look(sink, 0).commit(_stream([[1], [2]], error=RuntimeError("gone")), _metadata(0))

        assert target.holds([])
        assert look(sink, 0).receipt is None
        target.commit(sink, 0, [1, 2])
        assert target.holds([1, 2])

    def test_batches_when_many_follow_each_other_keep_their_receipts_apart(
        self, target: Target
    ) -> None:
        """A batch's receipt is its own, not the newest one's."""
        sink = target.prepared()
        receipts = [target.commit(sink, number, [number] * number) for number in range(5)]

        assert [each.rows for each in receipts] == list(range(5))
        assert len({each.version for each in receipts}) == len(receipts)
        assert target.open().find_receipt(4) == receipts[4]
