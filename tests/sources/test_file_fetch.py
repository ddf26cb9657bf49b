from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.files_source import FilesPipe

from lakestream.errors import (
    AccessDeniedError,
    LakestreamError,
    StorageUnavailableError,
)
from lakestream.formats.base import InputFile
from lakestream.formats.json import JsonFormat
from lakestream.formats.text import TextFormat
from lakestream.sources.base import ReadLimit
from lakestream.sources.files.ahead import Ahead
from lakestream.sources.files.fetch import Fetch
from lakestream.sources.files.members import Archives
from lakestream.sources.files.sample_limits import SampleLimits
from lakestream.sources.files.sampling import Sampler
from lakestream.storage import stores
from lakestream.storage.base import ObjectInfo, ReadStore


@pytest.fixture
def pipe(tmp_path: Path) -> FilesPipe:
    return FilesPipe(tmp_path)


def _files(store: ReadStore, *keys: str) -> list[InputFile]:
    return [InputFile(n, store.head(key), store.uri_of(key)) for n, key in enumerate(keys)]


def _fetch(
    pipe: FilesPipe, store: ReadStore | None = None, *, multi_line: bool = False
) -> tuple[Fetch, ReadStore]:
    store = store or stores.open_read_store(str(pipe.landing))
    reader = JsonFormat(multi_line=multi_line)
    return Fetch(store, reader, ignore_missing=False, reuse={}), store


def test_chunks_when_files_are_small_and_big_come_in_order(pipe: FilesPipe) -> None:
    big = b"x" * (9 * 2**20)
    pipe.land("a.json", b"1")
    pipe.land("b.json", big)
    pipe.land("c.json.gz", gzip.compress(big))
    pipe.land("d.json", b"")
    fetch, store = _fetch(pipe)
    found: dict[str, bytes] = {}
    ends: list[str] = []
    for chunk in fetch.chunks(_files(store, "a.json", "b.json", "c.json.gz", "d.json")):
        key = chunk.file.info.key
        assert len(chunk.data) <= 4 * 2**20
        found[key] = found.get(key, b"") + chunk.data
        if chunk.last:
            ends.append(key)
    assert ends == ["a.json", "b.json", "c.json.gz", "d.json"]
    assert found == {"a.json": b"1", "b.json": big, "c.json.gz": big, "d.json": b""}


def test_chunks_when_the_format_wants_whole_files_are_one_a_file(pipe: FilesPipe) -> None:
    text = json.dumps([{"id": n, "pad": "x" * 100} for n in range(100_000)]).encode()
    pipe.land("a.json", text)
    pipe.land("b.json.gz", gzip.compress(text))
    fetch, store = _fetch(pipe, multi_line=True)
    chunks = list(fetch.chunks(_files(store, "a.json", "b.json.gz")))
    assert [(chunk.data == text, chunk.last) for chunk in chunks] == [(True, True)] * 2


class Refusing:
    """A store that answers one key's reads with an error."""

    def __init__(self, store: ReadStore, key: str, error: LakestreamError) -> None:
        self._store = store
        self._key = key
        self._error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def get_many(
        self, infos: Sequence[ObjectInfo], *, max_buffered_bytes: int
    ) -> Iterator[bytes | LakestreamError]:
        for info in infos:
            yield self._error if info.key == self._key else self._store.get(info)


@pytest.mark.parametrize(
    ("error", "where"),
    [(AccessDeniedError("403"), "b.json"), (StorageUnavailableError("503"), None)],
)
def test_chunks_when_one_key_is_refused_end_with_its_name(
    pipe: FilesPipe, error: LakestreamError, where: str | None
) -> None:
    pipe.land("a.json", b"1")
    pipe.land("b.json", b"2")
    inner = stores.open_read_store(str(pipe.landing))
    fetch, _ = _fetch(pipe, Refusing(inner, "b.json", error))
    with pytest.raises(type(error)) as caught:
        list(fetch.chunks(_files(inner, "a.json", "b.json")))
    if where is not None:
        assert where in str(caught.value)


def test_bytes_when_sampled_are_not_fetched_again(pipe: FilesPipe) -> None:
    pipe.land("a.json", {"id": 1})
    pipe.land("b.json", {"id": 2})
    reader = pipe.open()
    reader.discover()
    assert {info.key for info in reader.columns.kept} == {"a.json", "b.json"}
    (pipe.landing / "a.json").unlink()
    batch = pipe.read(reader, reader.initial(), reader.latest(reader.initial()))
    assert [row["id"] for row in batch.rows] == [1, 2]
    assert reader.columns.kept == {}


def test_sample_takes_the_newest_files_within_its_limits(pipe: FilesPipe) -> None:
    for age in range(5):
        pipe.land(f"{age}.txt", "12345", age_s=age + 10)
    pipe.land("empty.txt", age_s=1)
    store = stores.open_read_store(str(pipe.landing))
    keys = [f"{age}.txt" for age in range(5)] + ["empty.txt"]
    sampler = Sampler(store, TextFormat(), SampleLimits(files=3, bytes=10), Archives())
    chosen = sampler.choose(store.head(key) for key in keys)
    assert [each.key for each in chosen] == ["0.txt", "1.txt"]
    assert [(each.data, each.whole) for each in sampler.samples(chosen)] == [(b"12345", True)] * 2


def test_sample_of_a_big_compressed_file_is_its_beginning(pipe: FilesPipe) -> None:
    lines = b"".join(b'{"id": %d, "r": "%s"}\n' % (n, str(hash(n * 7.1)).encode() * 3)
                     for n in range(120_000))  # fmt: skip
    pipe.land("a.json.gz", gzip.compress(lines, 1))
    assert (pipe.landing / "a.json.gz").stat().st_size > 2**20
    reader = pipe.open()
    assert len(pipe.all_rows(reader)) == 120_000
    assert reader.schema.names == ("id", "r", "_rescued_data")


def test_young_file_when_it_grows_while_looked_at_waits(
    pipe: FilesPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipe.land("whole.json", {"id": 1}, age_s=0)
    growing = pipe.land("growing.json", {"id": 2}, age_s=0)
    reader = pipe.open()
    store = reader._landing.store
    seen = store.head

    def head(key: str) -> ObjectInfo:
        if key == "growing.json":
            with growing.open("a") as file:
                file.write('{"id": 3}\n')
        return seen(key)

    monkeypatch.setattr(type(store), "head", lambda _, key: head(key))
    reader.discover()
    assert reader.latest(reader.initial()) == '{"seqNum":0,"sourceVersion":1}'
    monkeypatch.undo()
    assert [row["id"] for row in pipe.all_rows(pipe.open())] == [1, 2, 3]
    assert whole.exists()


def test_ahead_when_its_items_fail_raises_after_them() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        message = "broken"
        raise ValueError(message)

    ahead = Ahead(items(), size_of=lambda _: 1, max_bytes=10)
    taken = []
    with pytest.raises(ValueError, match="broken"):
        taken.extend(iter(ahead))
    ahead.close()


def test_ahead_holds_no_more_than_its_bytes() -> None:
    made = []
    fourth = threading.Event()

    def items() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            if number == 3:
                fourth.set()
            yield b"x" * 2**20

    ahead = Ahead(items(), size_of=len, max_bytes=3 * 2**20)
    assert fourth.wait(60)
    ahead.close()
    assert len(made) == 4
    assert not ahead._thread.is_alive()


def test_batches_when_sizes_vary_stop_at_the_byte_limit(pipe: FilesPipe) -> None:
    for number, size in enumerate((100, 300, 50, 50)):
        pipe.land(f"{number}.json", {"id": number, "pad": "x" * size}, age_s=100 - number)
    reader = pipe.open()
    batches = list(pipe.run(reader, ReadLimit(max_bytes=200)))
    assert [[row["id"] for row in batch.rows] for batch in batches] == [[0, 1], [2, 3]]
