from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from obstore.store import LocalStore

from lakestream.errors import (
    AccessDeniedError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
    UnsafeLogStoreError,
)
from lakestream.storage import local_files, local_log, local_read, stores
from lakestream.testing.store_contract import listed


def test_local_listing_when_compared_with_obstore_tells_the_same(tmp_path: Path) -> None:
    for name in ("a.json", "in/b c.json", "in/ü%20"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    ours = next(stores.open_read_store(tmp_path).list())
    theirs = next(iter(obstore.list(LocalStore(tmp_path), return_arrow=True)))
    columns = ["path", "last_modified", "size", "e_tag", "version"]
    rows = [
        sorted(zip(*(page.column(name).to_pylist() for name in columns), strict=True))
        for page in (ours, theirs)
    ]
    assert rows[0] == rows[1]


NAMES = st.text("a/-.!0ü\U0010fffe", min_size=1, max_size=6).filter(local_files.is_inside)


@given(names=st.sets(NAMES, max_size=12), after=st.none() | st.text("a/-.!0ü", max_size=6))
def test_local_listing_when_started_anywhere_gives_the_keys_behind_it_in_order(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], after: str | None
) -> None:
    root = tmp_path_factory.mktemp("root")
    for name in names:
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    files = [str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()]
    there = list(map(local_files.key_of_name, files))

    found = _keys(root, start_after=after)

    assert found == sorted(key for key in there if after is None or key > after)


def test_local_listing_when_it_goes_on_looks_at_no_file_and_no_folder_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1", "b/1", "b/2", "b/3", "c/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    looked: list[str] = []
    real = {name: getattr(os, name) for name in ("lstat", "open")}

    def watched(name: str) -> Callable[..., Any]:
        def call(path: str, *how: int) -> Any:
            looked.append(os.path.relpath(path, tmp_path))
            return real[name](path, *how)

        return call

    store = stores.open_read_store(tmp_path)
    for name in real:
        monkeypatch.setattr(os, name, watched(name))
    pages = list(store.list(start_after="b/2"))
    monkeypatch.undo()

    assert [each.num_rows for each in pages] == [2]
    assert looked == [".", "b", "b/3", "c", "c/1"]


def test_local_listing_when_folders_are_nested_deep_comes_to_their_end(tmp_path: Path) -> None:
    depth = 1_200
    (tmp_path / "stays").touch()
    (root := tmp_path / "root").mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)

    key = "d/" * depth + "file"
    found = _keys(root)

    # pytest's own cleaning goes no deeper than Python's stack.
    (root / key).unlink()
    os.removedirs(root / key.removesuffix("/file"))
    assert found == [key]


def _keys(root: Path, *, start_after: str | None = None) -> list[str]:
    pages = stores.open_read_store(root).list(start_after=start_after)
    return [key for page in pages for key in page.column("path").to_pylist()]


def test_local_store_when_there_are_links_and_devices_leaves_them_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (root / "a").write_bytes(b"a")
    (root / "link").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "fifo")
    store = stores.open_read_store(root)
    assert listed(store) == {"a"}
    info = store.head("a")
    for key in ("link", "folder/secret", "loop/a", "fifo", "loop"):
        with pytest.raises(StorageError):
            store.head(key)
        with pytest.raises(StorageError):
            store.get(replace(info, key=key, etag=None, size_bytes=1))
    for key in ("link", "folder/secret", "fifo", "loop"):
        with pytest.raises(StorageError):
            store.get(replace(info, key=key))  # the fifo blocks nobody


def test_local_store_when_a_file_grows_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    store = stores.open_read_store(tmp_path)
    info = store.head("a")
    with (tmp_path / "a").open("ab") as file:
        file.write(b"two\n")
    with pytest.raises(ObjectChangedError):
        store.get(info)


@pytest.mark.parametrize(
    "name", [b"new\nline", b"bad\xff\xfe", b"back\\slash", b"..a", b"\xf4\x8f\xbe\x80", b"\x1b[31m"]
)
def test_local_store_when_a_name_is_odd_reads_it_by_its_key(tmp_path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(b"odd")
    store = stores.open_read_store(tmp_path)
    (key,) = listed(store)
    key.encode()
    assert store.get(store.head(key)) == b"odd"
    assert store.uri_of(key).isascii()
    with pytest.raises(ObjectNotFoundError) as caught:
        store.head(key + "x")
    assert "\x1b" not in str(caught.value)


_names = st.binary(min_size=1, max_size=12).filter(lambda raw: b"/" not in raw and b"\0" not in raw)


@given(_names | st.text(st.characters(min_codepoint=0x10FF70), min_size=1).map(str.encode))
def test_key_when_made_of_any_bytes_leads_back_to_them(raw: bytes) -> None:
    key = local_files.key_of_name(os.fsdecode(raw))
    key.encode()
    assert os.fsencode(local_files.name_of_key(key)) == raw


@given(_names, _names)
def test_keys_when_of_two_names_are_two(first: bytes, second: bytes) -> None:
    keys = [local_files.key_of_name(os.fsdecode(each)) for each in (first, second)]
    assert (keys[0] == keys[1]) == (first == second)


def test_local_log_when_a_process_died_while_writing_shows_nothing_of_it(tmp_path: Path) -> None:
    log = stores.open_log_store(tmp_path)
    (tmp_path / "offsets").mkdir()
    (tmp_path / "offsets" / f"{local_log.TEMPORARY}0-abc").write_bytes(b"half")
    assert log.list("") == []
    assert log.put_absent("offsets/0", b"whole")
    assert log.list("offsets") == ["offsets/0"]


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_local_log_when_the_disk_fails_leaves_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    (tmp_path / "offsets").mkdir()
    log = stores.open_log_store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageUnavailableError):
            log.put_absent("offsets/0", b"x")
    assert list((tmp_path / "offsets").iterdir()) == []
    assert log.put_absent("offsets/0", b"x")


def test_local_log_when_there_are_no_hard_links_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(UnsafeLogStoreError):
        stores.open_log_store(tmp_path).put_absent("offsets/0", b"x")


def test_local_log_when_put_syncs_file_before_its_name_and_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noting(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            order.append(name)
            real(*arguments)

        return call

    log = stores.open_log_store(tmp_path)
    assert log.put_absent("offsets/0", b"x")
    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    assert log.put_absent("offsets/1", b"x")
    assert order == ["fsync", "link", "fsync"]


def test_local_log_when_a_folder_is_there_already_then_its_name_is_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who made it may have died before it synced the name."""
    (tmp_path / "check" / "offsets").mkdir(parents=True)
    synced: list[Path] = []

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())

    monkeypatch.setattr(os, "fsync", noting)
    log = stores.open_log_store(tmp_path / "check")
    log.put_absent("offsets/0", b"x")
    names = {tmp_path, tmp_path / "check"}
    assert names <= set(synced)

    synced.clear()
    log.put_absent("offsets/1", b"x")
    assert not names & set(synced)


def test_local_log_when_its_last_entry_is_deleted_drops_the_folder(tmp_path: Path) -> None:
    log = stores.open_log_store(tmp_path / "check")
    log.put_absent("batches/0-a/summary.json", b"{}")
    log.delete(["batches/0-a/summary.json"])
    assert [path.name for path in (tmp_path / "check").iterdir()] == []


@pytest.mark.parametrize("key", ["../x", "/x", "a//b", "a/../../x", ""])
def test_local_log_when_a_key_leads_out_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageError):
        stores.open_log_store(tmp_path / "check").put_absent(key, b"x")


def test_local_errors_when_denied_name_the_place() -> None:
    found = local_files.mapped(PermissionError(13, "denied"), "/landing/x")
    assert isinstance(found, AccessDeniedError)
    assert "/landing/x" in str(found)


def test_local_stores_when_opened_load_no_storage_library(tmp_path: Path) -> None:
    code = (
        "import sys; from lakestream.storage import stores;"
        "s = stores.open_log_store(sys.argv[1]); s.put_absent('a/b', b'x');"
        "list(stores.open_read_store(sys.argv[1]).list());"
        "bad = {'obstore', 'fsspec', 'pyarrow', 'numpy', 'deltalake'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_local_listing_when_names_change_what_they_are_meanwhile_then_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are gathered first and looked at in their turn: in a large folder much later."""
    monkeypatch.setattr(local_read, "PAGE_ROWS", 1)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x").write_bytes(b"s")
    root = tmp_path / "root"
    for name in ("a", "b", "c", "d", "e/x", "f/x", "g/x", "h"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    pages = stores.open_read_store(root).list()
    assert next(pages).column("path").to_pylist() == ["a"]

    for name in ("b", "c", "d", "e/x", "f/x", "g/x"):
        (root / name).unlink()
    for name in ("e", "f", "g"):
        (root / name).rmdir()
    (root / "b").mkdir()
    (root / "c").symlink_to(tmp_path / "secret" / "x")
    os.mkfifo(root / "d")
    (root / "e").symlink_to(tmp_path / "secret")
    (root / "f").write_bytes(b"a file now")
    rest = [key for page in pages for key in page.column("path").to_pylist()]

    assert rest == ["h"]


def test_local_listing_when_its_prefix_is_no_folder_of_the_root_then_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret" / "in").mkdir(parents=True)
    (tmp_path / "secret" / "in" / "x").write_bytes(b"s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "file").write_bytes(b"x")
    store = stores.open_read_store(root)
    for prefix in ("link", "link/in", "file", "file/in", "none"):
        assert list(store.list(prefix)) == []
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    assert listed(stores.open_read_store(linked)) == listed(store)


def test_local_listing_when_a_folder_is_denied_then_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "in/b\n/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    real = os.open

    def denied(path: str, *how: int) -> int:
        if path.endswith("\n"):
            raise PermissionError(13, "denied")
        return real(path, *how)

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(AccessDeniedError, match=r"in/b\\n/"):
        listed(stores.open_read_store(tmp_path))
