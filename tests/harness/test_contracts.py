"""Our own sources and sink under the suites that users subclass, and suites that go red."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import DeltaTable, write_deltalake

from lakestream.clock import SYSTEM_CLOCK
from lakestream.sinks.delta import DeltaSink
from lakestream.sources.base import Offset, SourceContext, SourceDescription
from lakestream.sources.delta.describe import describe_delta
from lakestream.sources.files.describe import describe_files
from lakestream.storage import stores
from lakestream.testing.sink_contract import SinkContract, Target
from lakestream.testing.source_contract import Feed, SourceContract


def feed_of(
    folder: Path, description: SourceDescription, add: Callable[[Sequence[int]], None]
) -> Feed:
    log = stores.open_log_store(str(folder / "checkpoint"))
    return Feed(
        open=lambda: description.open(SourceContext("source", log, SYSTEM_CLOCK)),
        add=add,
        log=log,
    )


def files_feed(folder: Path, **options: Any) -> Feed:
    landing = folder / "landing"
    landing.mkdir()

    def add(ids: Sequence[int]) -> None:
        number = len(list(landing.iterdir()))
        # Every file brings a column of its own, so that each batch has to be read again.
        lines = (f'{{"id": {each}, "extra{number}": 1}}\n' for each in ids)
        (landing / f"{number}.json").write_text("".join(lines))

    return feed_of(folder, describe_files(str(landing), format="json", **options), add)


class TestFilesSourceInferred(SourceContract):
    @pytest.fixture
    def feed(self, tmp_path: Path) -> Feed:
        return files_feed(tmp_path)


class TestFilesSourceDeclared(SourceContract):
    @pytest.fixture
    def feed(self, tmp_path: Path) -> Feed:
        return files_feed(tmp_path, schema="id BIGINT")


class TestDeltaSource(SourceContract):
    @pytest.fixture
    def feed(self, tmp_path: Path) -> Feed:
        path = str(tmp_path / "table")

        def add(ids: Sequence[int]) -> None:
            write_deltalake(path, pa.table({"id": list(ids)}), mode="append")

        return feed_of(tmp_path, describe_delta(path), add)


def delta_target(folder: Path) -> Target:
    path = folder / "table"

    def ids() -> Iterable[int]:
        for uri in DeltaTable(path).file_uris():
            yield from pa.parquet.read_table(uri).column("id").to_pylist()

    return Target(open=lambda: DeltaSink(str(path), query_id="q-1", query_name="orders"), ids=ids)


class TestDeltaSink(SinkContract):
    @pytest.fixture
    def target(self, tmp_path: Path) -> Target:
        return delta_target(tmp_path)


class Wrapped:
    """A source or sink of which a test breaks one method."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        broken = self._methods.get(name)
        if broken is None:
            return getattr(self._inner, name)
        return lambda *args, **named: broken(self._inner, *args, **named)


def forgets_the_limit(reader: Any, start: Offset, bound: Offset, limit: object) -> Offset:
    return bound


def counts_opens() -> Callable[..., list[str]]:
    calls = iter(range(99))
    return lambda *_: [str(next(calls))]


def gives_nothing_twice() -> Callable[..., Any]:
    seen: set[str] = set()

    def read(reader: Any, start: Offset, end: Offset, records: Any) -> Any:
        again = end in seen
        seen.add(end)
        return reader.read(end if again else start, end, records)

    return read


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        ({"plan": forgets_the_limit}, "test_batches_when_limited_give_every_row_once"),
        ({"digest_items": counts_opens()}, "test_digest_when_opened_again_is_equal"),
        (
            {"read": gives_nothing_twice()},
            "test_range_when_read_again_by_another_run_gives_the_same_rows",
        ),
        (
            {"latest": lambda reader, start: (reader.discover(), reader.latest(start))[1]},
            "test_latest_when_asked_looks_for_no_news",
        ),
        ({"plan": forgets_the_limit}, "test_plan_when_it_starts_beyond_the_bound_gives_its_start"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_source_contract_when_a_method_is_broken_then_it_goes_red(
    tmp_path: Path, broken: dict[str, Any], test: str
) -> None:
    whole = files_feed(tmp_path, schema="id BIGINT")
    feed = Feed(open=lambda: Wrapped(whole.open(), **broken), add=whole.add, log=whole.log)  # type: ignore[arg-type,return-value] # a reader by its methods

    with pytest.raises(AssertionError):
        getattr(SourceContract(), test)(feed)


def commits_through_a_fresh_look(sink: Any, *args: Any, **named: Any) -> Any:
    """Break the rule of line 8: the handle that was inspected is not the one that commits."""
    seen = sink.inspect(*args, **named)

    def commit(_: Any, stream: Any, metadata: Any) -> None:
        sink.inspect(*args, **named).commit(stream, metadata)

    return Wrapped(seen, commit=commit)


def never_refuses(sink: Any, batch_id: int, **named: Any) -> Any:
    """Look at the table as if it had just the batches that it should have."""
    found = sink.find_receipt(batch_id)
    named["plan_digest"] = found.metadata["planDigest"] if found else named["plan_digest"]
    return sink.inspect(batch_id, **named)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (
            {"inspect": commits_through_a_fresh_look},
            "test_commits_of_one_batch_when_two_runs_race_let_one_win",
        ),
        ({"inspect": never_refuses}, "test_batch_when_committed_by_another_plan_is_refused"),
        (
            {"find_receipt": lambda sink, _: sink.find_receipt(0)},
            "test_batches_when_many_follow_each_other_keep_their_receipts_apart",
        ),
        (
            {"find_receipt": lambda *_: None},
            "test_batch_when_empty_leaves_its_mark",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_sink_contract_when_a_method_is_broken_then_it_goes_red(
    tmp_path: Path, broken: dict[str, Any], test: str
) -> None:
    whole = delta_target(tmp_path)
    target = Target(open=lambda: Wrapped(whole.open(), **broken), ids=whole.ids)  # type: ignore[arg-type,return-value] # a sink by its methods

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(SinkContract(), test)(target)
