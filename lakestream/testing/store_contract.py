"""What every store must do, as test classes: subclass one and give it a store.

class TestMyStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, tmp_path):
        return Landing(store=MyStore(tmp_path), write=..., remove=...)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pytest
from arro3.core import RecordBatch

from lakestream.errors import ObjectChangedError, ObjectNotFoundError
from lakestream.storage.base import LogStore, ObjectInfo, ReadStore
from lakestream.storage.stores import probe_log_store

_COLUMNS: Final = ["path", "last_modified", "size", "e_tag", "version"]


@dataclass(frozen=True, slots=True)
class Landing:
    """A read store and a way to change what is in it from outside.

    Args:
        store: The store under test, over a place that is empty at first.
        write: Create or overwrite one object.
        remove: Delete one object.
    """

    store: ReadStore
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]


def listed(
    store: ReadStore, prefix: str = "", *, start_after: str | None = None, parallelism: int = 1
) -> set[str]:
    """Give the keys of a listing; a key that comes twice fails."""
    keys = [
        key
        for page in store.list(prefix, start_after=start_after, parallelism=parallelism)
        for key in page.column("path").to_pylist()
    ]
    assert len(keys) == len(set(keys)), "a key was listed twice"
    return set(keys)


def _rows(page: RecordBatch) -> list[dict[str, Any]]:
    """Give the rows of a page."""
    columns = [page.column(name).to_pylist() for name in _COLUMNS]
    return [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]


class ReadStoreContract:
    """Tests of a ``ReadStore``. Subclasses define the fixture ``landing``."""

    @pytest.fixture
    def landing(self) -> Landing:
        """Give a store over an empty place."""
        raise NotImplementedError

    def test_list_when_the_root_is_missing_gives_nothing(self, landing: Landing) -> None:
        """A landing folder may come later than the query."""
        assert listed(landing.store) == set()

    def test_list_when_there_are_folders_gives_every_object_once(self, landing: Landing) -> None:
        """Recursive, with the columns that the ledger reads."""
        for key in ("a.json", "in/b.json", "in/deep/c.json", "into/d.json"):
            landing.write(key, b"x")
        page = next(landing.store.list())
        assert page.schema.names == _COLUMNS
        assert listed(landing.store) == {"a.json", "in/b.json", "in/deep/c.json", "into/d.json"}

    def test_list_when_given_a_prefix_takes_whole_segments(self, landing: Landing) -> None:
        """``in`` is not ``into``."""
        landing.write("in/b.json", b"x")
        landing.write("into/d.json", b"x")
        assert listed(landing.store, "in") == {"in/b.json"}

    def test_list_when_several_folders_at_once_gives_the_same_rows(self, landing: Landing) -> None:
        """With the same columns; in no order."""
        keys = ["top", "%2e%2e/x", "a b+c#/1", "ü/雪/1", "ü/雪/2", "ü/b", "d=1/e=2/f=3/g=4/h=5/i"]
        for key in keys:
            landing.write(key, b"x")

        def rows(prefix: str, parallelism: int) -> list[dict[str, Any]]:
            pages = landing.store.list(prefix, parallelism=parallelism)
            found = [row for page in pages for row in _rows(page)]
            return sorted(found, key=lambda row: row["path"])

        assert listed(landing.store, parallelism=3) == set(keys)
        assert listed(landing.store, start_after="e", parallelism=3) == {"top", *keys[3:6]}
        for prefix in ("", "ü", "d=1/e=2", "none"):
            assert rows(prefix, 8) == rows(prefix, 2) == rows(prefix, 1)

    def test_list_when_started_after_a_key_gives_only_greater_ones(self, landing: Landing) -> None:
        """Whatever the server makes of the offset."""
        for key in ("a", "b", "b.x", "c"):
            landing.write(key, b"x")
        assert listed(landing.store, start_after="b") == {"b.x", "c"}

    def test_list_when_its_order_is_promised_gives_keys_by_their_texts(
        self, landing: Landing
    ) -> None:
        """What sorts before the slash comes before what lies in the folder; ``ü`` after ``z``."""
        keys = ["a", "a-b", "a.b/c", "b/c/d", "b/c-", "b!", "b0", "z", "ü/a", "üb", "雪"]
        for key in keys:
            landing.write(key, b"x")
        if not landing.store.lists_in_order:
            pytest.skip("the store promises no order")
        for after in (None, "a.b", "b/c", "b/c/d", "ü"):
            pages = landing.store.list(start_after=after)
            found = [row["path"] for page in pages for row in _rows(page)]
            assert found == sorted(key for key in keys if after is None or key > after)

    def test_list_when_compared_with_head_tells_the_same_version(self, landing: Landing) -> None:
        """The ledger's version and the reader's are one."""
        landing.write("a", b"hello")
        page = next(landing.store.list())
        info = landing.store.head("a")
        assert page.column("size").to_pylist() == [info.size_bytes] == [5]
        assert page.column("e_tag").to_pylist() == [info.etag]
        assert page.column("last_modified")[0].as_py() == info.modified

    @pytest.mark.parametrize(
        "key", ["%2e%2e/x", "a b+c#?.json", "ü/雪.json", "d=__HIVE_DEFAULT_PARTITION__/f"]
    )
    def test_key_when_odd_is_listed_and_read_unchanged(self, landing: Landing, key: str) -> None:
        """Keys are opaque."""
        landing.write(key, b"odd")
        assert listed(landing.store) == {key}
        assert landing.store.get(landing.store.head(key)) == b"odd"

    def test_get_when_given_a_range_gives_these_bytes(self, landing: Landing) -> None:
        """Half open, cut at the end."""
        landing.write("a", b"0123456789")
        info = landing.store.head("a")
        assert landing.store.get(info) == b"0123456789"
        assert landing.store.get(info, start=2, end=5) == b"234"
        assert landing.store.get(info, start=7) == b"789"
        assert landing.store.get(info, start=8, end=99) == b"89"
        assert landing.store.get(info, start=10) == b""

    def test_get_when_the_object_is_empty_gives_no_bytes(self, landing: Landing) -> None:
        """A zero-byte file is a file."""
        landing.write("a", b"")
        assert landing.store.get(landing.store.head("a")) == b""

    def test_get_when_overwritten_since_raises_changed(self, landing: Landing) -> None:
        """No mixture of versions, ever."""
        landing.write("a", b"first")
        info = landing.store.head("a")
        landing.write("a", b"other version")
        with pytest.raises(ObjectChangedError):
            landing.store.get(info)
        with pytest.raises(ObjectChangedError):
            landing.store.get(info, start=1, end=3)

    def test_get_when_removed_raises_not_found(self, landing: Landing) -> None:
        """Gone is not changed."""
        landing.write("a", b"first")
        info = landing.store.head("a")
        landing.remove("a")
        with pytest.raises(ObjectNotFoundError):
            landing.store.get(info)
        with pytest.raises(ObjectNotFoundError):
            landing.store.head("a")

    @pytest.mark.parametrize("key", ["../a", "x/../../a", "", "/etc/passwd", "a/./b"])
    def test_head_when_the_key_leads_out_finds_nothing(self, landing: Landing, key: str) -> None:
        """Nothing outside the root can be named."""
        with pytest.raises(Exception, match="LS-STORE"):
            landing.store.head(key)

    @pytest.mark.parametrize("max_buffered_bytes", [1, 100, 10**9])
    def test_get_many_when_one_is_missing_keeps_order_and_goes_on(
        self, landing: Landing, max_buffered_bytes: int
    ) -> None:
        """A failure stands in its object's place."""
        infos: list[ObjectInfo] = []
        for number in range(30):
            landing.write(f"f{number:02d}", b"%d" % number * 20)
            infos.append(landing.store.head(f"f{number:02d}"))
        infos[7] = msgspec.structs.replace(infos[7], key="gone")
        found = list(landing.store.get_many(infos, max_buffered_bytes=max_buffered_bytes))
        assert isinstance(found.pop(7), ObjectNotFoundError)
        assert found == [b"%d" % number * 20 for number in range(30) if number != 7]  # noqa: PLR2004 - the one that is missing

    def test_get_many_when_given_nothing_gives_nothing(self, landing: Landing) -> None:
        """No object, no request."""
        assert list(landing.store.get_many([], max_buffered_bytes=1)) == []

    def test_uri_of_when_the_key_is_odd_is_percent_encoded(self, landing: Landing) -> None:
        """As ``_metadata.file_path`` shows it."""
        uri = landing.store.uri_of("a b/c#d")
        assert uri.endswith("/a%20b/c%23d")


class LogStoreContract:
    """Tests of a ``LogStore``. Subclasses define the fixture ``store``, over an empty place."""

    @pytest.fixture
    def store(self) -> LogStore:
        """Give a store over an empty place."""
        raise NotImplementedError

    def test_put_absent_when_the_key_is_free_creates_it(self, store: LogStore) -> None:
        """Whole, and readable at once."""
        assert store.put_absent("offsets/0", b"whole \x00 entry")
        assert store.get("offsets/0") == b"whole \x00 entry"

    def test_put_absent_when_the_key_is_taken_keeps_the_first(self, store: LogStore) -> None:
        """The second caller is told."""
        assert store.put_absent("offsets/0", b"first")
        assert not store.put_absent("offsets/0", b"second")
        assert store.get("offsets/0") == b"first"

    def test_put_absent_when_many_race_lets_one_win(self, store: LogStore) -> None:
        """Of all callers exactly one gets True, and its data stand."""
        for number in range(5):
            barrier = threading.Barrier(8)
            won: list[bytes] = []

            def race(
                data: bytes,
                key: str = f"log/{number}",
                barrier: threading.Barrier = barrier,
                won: list[bytes] = won,
            ) -> None:
                barrier.wait()
                if store.put_absent(key, data):
                    won.append(data)

            threads = [threading.Thread(target=race, args=(b"%d" % n * 999,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert won == [store.get(f"log/{number}")]

    def test_get_when_there_is_no_entry_raises_not_found(self, store: LogStore) -> None:
        """Missing is not empty."""
        with pytest.raises(ObjectNotFoundError):
            store.get("offsets/7")

    def test_list_when_there_is_nothing_gives_no_key(self, store: LogStore) -> None:
        """A checkpoint that is not there yet is an empty one."""
        assert store.list("offsets") == []

    def test_list_when_there_are_entries_gives_keys_sorted_as_strings(
        self, store: LogStore
    ) -> None:
        """Recursive, whole segments, and from a key on."""
        keys = ["log/0/1", "log/0/10", "log/0/9", "log/00", "log/1/a", "logs/1"]
        for key in keys:
            store.put_absent(key, b"x")
        assert store.list("log") == keys[:-1]
        assert store.list("log/0") == keys[:3]
        assert store.list("log", start_after="log/0/10") == keys[2:5]
        assert store.list("log", start_after="log/00") == ["log/1/a"]
        assert store.list("", start_after="log/1/a") == ["logs/1"]

    def test_delete_when_some_are_missing_deletes_the_others(self, store: LogStore) -> None:
        """Deleting twice is no error, and a name can be put again."""
        for key in ("log/a/1", "log/a/2", "log/3"):
            store.put_absent(key, b"x")
        store.delete(["log/a/1", "log/missing", "log/a/2"])
        store.delete([])
        assert store.list("log") == ["log/3"]
        assert store.put_absent("log/a/1", b"again")

    def test_probe_when_the_store_is_safe_leaves_nothing_behind(self, store: LogStore) -> None:
        """A start of a query writes no rubbish."""
        probe_log_store(store)
        assert store.list("") == []
