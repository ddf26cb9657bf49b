"""Files that were read are deleted or moved in their version, on every store they land in."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from support.azurite import AzuriteServer
from support.gcs_double import GcsServer
from support.moto import MotoServer

from lakestream.errors import (
    ConfigError,
    ObjectChangedError,
    ObjectNotFoundError,
    StorageError,
)
from lakestream.storage import stores
from lakestream.storage.base import LogStore, ObjectInfo, ReadStore
from lakestream.storage.cleaning import CleanStore, open_clean_store
from lakestream.storage.location import parse_location
from lakestream.storage.options import StorageOptions

_names = itertools.count()


@dataclass
class Place:
    """A landing place, its archive, and who writes there."""

    landing: ReadStore
    archive: ReadStore
    clean: CleanStore
    write: Callable[[str, bytes], None]

    def landed(self, key: str, data: bytes) -> ObjectInfo:
        """Land a file and give it as a listing shows it."""
        self.write(f"in x/{key}", data)
        return next(each for each in self.files(self.landing) if each.key == key)

    def files(self, store: ReadStore) -> list[ObjectInfo]:
        """List a store."""
        names = ("path", "size", "e_tag", "version", "last_modified")
        return [
            ObjectInfo(*row)
            for page in store.list()
            for row in zip(*(page.column(name).to_pylist() for name in names), strict=True)
        ]

    def archived(self) -> dict[str, bytes]:
        """Give what the archive holds."""
        return {each.key: self.archive.get(each) for each in self.files(self.archive)}

    def left(self) -> list[str]:
        """Give the keys that are still where they landed."""
        return sorted(each.key for each in self.files(self.landing))


def _place(uri: str, options: StorageOptions | None, **opened: Any) -> Place:
    landing, archive = f"{uri}/in x", f"{uri}/arc hive"
    log: LogStore = stores.open_log_store(uri, options)

    def write(key: str, data: bytes) -> None:
        log.delete([key])
        assert log.put_absent(key, data)

    return Place(
        stores.open_read_store(landing, options, **opened),
        stores.open_read_store(archive, options, **opened),
        open_clean_store(parse_location(landing), parse_location(archive), options, **opened),
        write,
    )


@pytest.fixture(params=["local", "fsspec", "memory", "s3", "azure", "google"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    name = secrets.token_hex(4)
    match request.param:
        case "local":
            return _place(str(tmp_path), None)
        case "fsspec":
            return _place(str(tmp_path), None, filesystem=fsspec.filesystem("file"))
        case "memory":
            return _place(f"memory://c{next(_names)}/p q", None)
        case "s3":
            moto: MotoServer = request.getfixturevalue("moto_server")
            return _place(
                f"s3://{moto.bucket}/{name}", StorageOptions.of(moto.options, where="test")
            )
        case "azure":
            azurite: AzuriteServer = request.getfixturevalue("azurite_server")
            options = StorageOptions.of(azurite.options, where="test")
            return _place(f"az://{azurite.container}/{name}", options)
        case _:
            gcs: GcsServer = request.getfixturevalue("gcs_server")
            return _place(f"gs://{gcs.bucket}/{name}", StorageOptions.of(gcs.options, where="test"))


def test_delete_when_it_is_the_version_then_it_is_gone_and_no_other(place: Place) -> None:
    gone = place.landed("a/x #1.json", b"1")
    place.landed("a/y.json", b"2")

    place.clean.delete(gone)

    assert place.left() == ["a/y.json"]
    with pytest.raises(ObjectNotFoundError):
        place.clean.delete(gone)


def test_delete_when_it_was_overwritten_then_the_newer_version_stays(place: Place) -> None:
    old = place.landed("a.json", b"old")
    place.landed("a.json", b"newer")

    with pytest.raises(ObjectChangedError):
        place.clean.delete(old)
    with pytest.raises(ObjectChangedError):
        place.clean.move(old, ["a.json"])

    (left,) = place.files(place.landing)
    assert place.landing.get(left) == b"newer"
    assert place.archived() == {}


def test_move_when_it_is_the_version_then_it_is_there_and_no_longer_here(place: Place) -> None:
    info = place.landed("a/b/x 1.json", b"content")

    where = place.clean.move(info, ["a/b/x 1.json"])

    assert place.left() == []
    assert place.archived() == {"a/b/x 1.json": b"content"}
    assert where.endswith("/arc hive/a/b/x 1.json")


def test_move_when_the_name_is_taken_then_both_files_are_kept(place: Place) -> None:
    place.write("arc hive/a.json", b"somebody's")
    info = place.landed("a.json", b"content123")

    where = place.clean.move(info, ["a.json", "a~7.json"])

    assert place.archived() == {"a.json": b"somebody's", "a~7.json": b"content123"}
    assert (where.rpartition("/")[2], place.left()) == ("a~7.json", [])


def test_move_when_all_names_are_taken_then_it_stays(place: Place) -> None:
    place.write("arc hive/a.json", b"somebody's")
    info = place.landed("a.json", b"content123")

    with pytest.raises(StorageError, match="have its name"):
        place.clean.move(info, ["a.json"])

    assert place.left() == ["a.json"]


def test_move_when_it_was_cut_off_then_it_ends_the_same(place: Place) -> None:
    info = place.landed("a.json", b"content")
    place.write("arc hive/a.json", b"content")

    first = place.clean.move(info, ["a.json", "a~1.json"])
    again = place.clean.move(info, ["a.json", "a~1.json"])

    assert first == again
    assert (place.left(), place.archived()) == ([], {"a.json": b"content"})


def test_move_when_it_is_gone_from_here_and_not_there_then_it_says_so(place: Place) -> None:
    info = place.landed("a.json", b"content")
    place.clean.delete(info)

    with pytest.raises(ObjectNotFoundError):
        place.clean.move(info, ["a.json"])


@pytest.mark.parametrize("act", ["delete", "move"])
def test_local_file_when_overwritten_behind_the_last_look_then_the_newer_version_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    place = _place(str(tmp_path), None)
    info = place.landed("a.json", b"old")
    rename = os.rename

    def raced(source: str, target: str) -> None:
        monkeypatch.setattr(os, "rename", rename)
        place.landed("a.json", b"newer")
        rename(source, target)

    monkeypatch.setattr(os, "rename", raced)
    with pytest.raises(ObjectChangedError):
        _act(place, act, info)

    assert (tmp_path / "in x" / "a.json").read_bytes() == b"newer"
    assert [path.name for path in (tmp_path / "in x").iterdir()] == ["a.json"]


def _act(place: Place, act: str, info: ObjectInfo) -> None:
    if act == "delete":
        place.clean.delete(info)
    else:
        place.clean.move(info, [info.key])


def test_local_move_when_the_destination_is_another_disk_then_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _place(str(tmp_path), None)
    info = place.landed("a.json", b"content")
    link = os.link

    def on_two_disks(source: str, target: str, **options: Any) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "another disk")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", on_two_disks)
    place.clean.move(info, ["deep/er/a.json"])

    assert (place.left(), place.archived()) == ([], {"deep/er/a.json": b"content"})
    assert [path.name for path in (tmp_path / "arc hive/deep/er").iterdir()] == ["a.json"]


def test_local_delete_when_a_link_leads_away_then_nothing_is_touched(tmp_path: Path) -> None:
    place = _place(str(tmp_path), None)
    info = place.landed("a/x.json", b"1")
    (tmp_path / "in x" / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "in x" / "a").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ObjectNotFoundError):
        place.clean.delete(info)

    assert (tmp_path / "elsewhere" / "x.json").exists()


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("s3://b/landing", "s3://other/archive", "another store"),
        ("s3://b/landing", "/archive", "another store"),
        ("s3://b/landing", "s3://b/landing/done", "found again"),
        ("s3://b/landing/in", "s3://b/landing", "found again"),
        ("/landing", "/landing", "found again"),
    ],
)
def test_destination_when_files_would_land_again_or_elsewhere_then_refused(
    source: str, destination: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_clean_store(parse_location(source), parse_location(destination))
    assert "beside" in str(caught.value.fix) or "same bucket" in str(caught.value.fix)


def test_destination_when_only_its_name_begins_alike_then_taken(tmp_path: Path) -> None:
    open_clean_store(
        parse_location(str(tmp_path / "landing")), parse_location(str(tmp_path / "landing-done"))
    )
