"""What fsspec reads: the contract suites on real servers, and what its options reach."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import adlfs
import pytest
import s3fs
from support.azurite import ACCOUNT, AzuriteServer
from support.cloud_pipeline import ids_in, ids_of, land
from support.file_servers import RunningFtp, ftp_server, http_server

import lakestream as ls
from lakestream.errors import (
    AccessDeniedError,
    CheckpointMismatchError,
    ConfigError,
    ObjectChangedError,
    StorageUnavailableError,
    UnknownOptionError,
)
from lakestream.sources.files.description import FilesDescription
from lakestream.storage import stores
from lakestream.storage.location import parse_location
from lakestream.storage.options import StorageOptions
from lakestream.streaming_table import StreamingTable
from lakestream.testing.store_contract import Landing, ReadStoreContract, listed

PASSWORD = "s3cr3t"  # noqa: S105 - a canary


def _landing(root: Path, uri: str, **options: object) -> Landing:
    def write(key: str, data: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)

    checked = StorageOptions.of(options, where="test", path=uri)
    return Landing(stores.open_read_store(uri, checked), write, lambda key: (root / key).unlink())


class TestAdlfsReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, azurite_server: AzuriteServer) -> Landing:
        uri = f"az://{azurite_server.container}/{secrets.token_hex(4)}"
        filesystem = adlfs.AzureBlobFileSystem(
            account_name=ACCOUNT,
            connection_string=azurite_server.connection_string,
            skip_instance_cache=True,
        )
        log = stores.open_log_store(uri, StorageOptions.of(azurite_server.options, where="test"))

        def write(key: str, data: bytes) -> None:
            log.delete([key])
            assert log.put_absent(key, data)

        through = stores.open_read_store(uri, filesystem=filesystem)
        return Landing(through, write, lambda key: log.delete([key]))


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[RunningFtp]:
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    with ftp_server(tmp_path, PASSWORD) as server:
        yield server


class TestFtpReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, ftp: RunningFtp, tmp_path: Path) -> Landing:
        uri = "ftp://127.0.0.1/landing"
        return _landing(
            tmp_path / "landing", uri, port=ftp.port, username="lake", password=PASSWORD
        )


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    with http_server(tmp_path) as url:
        yield url


def test_http_store_when_it_has_index_pages_lists_and_reads_below_them(
    web: str, tmp_path: Path
) -> None:
    for key in ("a.json", "in/b c.json", "in/deep/c.json"):
        (tmp_path / "landing" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "landing" / key).write_bytes(key.encode() * 3)
    (tmp_path / "beside.json").write_bytes(b"no")
    store = stores.open_read_store(f"{web}/landing")

    assert listed(store) == {"a.json", "in/b%20c.json", "in/deep/c.json"}
    assert listed(store, start_after="in/b%20c.json") == {"in/deep/c.json"}
    info = store.head("in/b%20c.json")
    assert store.uri == f"{web}/landing"
    assert store.uri_of(info.key) == f"{web}/landing/in/b%20c.json"
    assert store.get(info) == b"in/b c.json" * 3
    assert store.get(info, start=3, end=8) == b"b c.j"
    pages = [page for page in store.list() if "in/b%20c.json" in page.column("path").to_pylist()]
    at = pages[0].column("path").to_pylist().index("in/b%20c.json")
    assert pages[0].column("size")[at].as_py() == info.size_bytes == 33
    assert pages[0].column("last_modified")[at].as_py() == info.modified
    assert info.modified.year > 2000


def test_http_store_when_a_file_changed_since_says_so(web: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"first")
    store = stores.open_read_store(web)
    info = store.head("a.json")
    (tmp_path / "a.json").write_bytes(b"another")
    with pytest.raises(ObjectChangedError):
        store.get(info)


def test_http_store_when_the_folder_is_missing_lists_nothing(web: str) -> None:
    assert listed(stores.open_read_store(f"{web}/nothing/here")) == set()


def test_http_store_when_options_hold_a_header_sends_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"first")
    with http_server(tmp_path, password=PASSWORD) as url:
        headers = {"Authorization": f"Bearer {PASSWORD}"}
        options = StorageOptions.of({"headers": headers}, where="test", path=url)
        assert PASSWORD not in repr(options)
        assert listed(stores.open_read_store(url, options)) == {"a.json"}
        with pytest.raises(AccessDeniedError):
            stores.open_read_store(url).head("a.json")
        with pytest.raises(AccessDeniedError):
            listed(stores.open_read_store(url))


def test_ftp_store_when_the_connection_lay_idle_too_long_opens_another(
    ftp: RunningFtp, tmp_path: Path
) -> None:
    landing = _landing(
        tmp_path, "ftp://127.0.0.1/", port=ftp.port, username="lake", password=PASSWORD
    )
    landing.write("a", b"data")
    assert listed(landing.store) == {"a"}
    ftp.hang_up()
    assert landing.store.get(landing.store.head("a")) == b"data"


def test_ftp_store_when_the_password_is_wrong_is_denied_and_not_shown(ftp: RunningFtp) -> None:
    uri = f"ftp://lake:wr0ng@127.0.0.1:{ftp.port}/"
    with pytest.raises(AccessDeniedError) as caught:
        stores.open_read_store(uri)
    assert "wr0ng" not in str(caught.value)
    assert "ftp://***@127.0.0.1" in str(caught.value)


def test_ftp_store_when_nobody_answers_is_no_empty_folder() -> None:
    options = StorageOptions.of({"port": 1}, where="test", path="ftp://127.0.0.1/x")
    with pytest.raises(StorageUnavailableError):
        listed(stores.open_read_store("ftp://127.0.0.1/x", options))


def test_pipeline_when_files_are_on_another_server_reads_each_once(
    ftp: RunningFtp, tmp_path: Path
) -> None:
    lake, folder = tmp_path / "lake", tmp_path / "landing"
    folder.mkdir()

    @ls.streaming_table(lake)
    def bronze() -> ls.Stream:
        return ls.read_files(
            "ftp://127.0.0.1/landing",
            format="json",
            storage_options={"port": ftp.port, "username": "lake", "password": PASSWORD},
        )

    for number in range(3):
        (folder / f"{number}.json").write_text(f'{{"id": {number}}}\n')
        bronze.run()
    bronze.run()

    assert sorted(bronze.read().read_all()["id"].to_pylist()) == [0, 1, 2]
    shown = [path for path in (lake / "_lakestream").rglob("*") if path.is_file()]
    assert shown
    assert not any(PASSWORD.encode() in path.read_bytes() for path in shown)


@pytest.mark.parametrize("cloud", ["s3fs", "adlfs"])
def test_pipeline_when_given_an_opened_filesystem_reads_each_file_once(
    request: pytest.FixtureRequest, tmp_path: Path, cloud: str
) -> None:
    folder = secrets.token_hex(4)
    if cloud == "s3fs":
        moto = request.getfixturevalue("moto_server")
        root, given = f"s3://{moto.bucket}/{folder}", moto.options
        keywords = StorageOptions.of(given, where="test").for_s3fs()
        filesystem = s3fs.S3FileSystem(**keywords, skip_instance_cache=True)
    else:
        azurite = request.getfixturevalue("azurite_server")
        root, given = f"az://{azurite.container}/{folder}", azurite.options
        filesystem = adlfs.AzureBlobFileSystem(
            account_name=ACCOUNT,
            connection_string=azurite.connection_string,
            skip_instance_cache=True,
        )

    @ls.streaming_table(tmp_path / "lake")
    def bronze() -> ls.Stream:
        return ls.read_files(f"{root}/landing", format="json", filesystem=filesystem)

    land(root, given, range(2))
    bronze.run()
    land(root, given, range(2, 3))
    bronze.run()

    assert ids_in(bronze) == ids_of(range(3))
    assert bronze.run() == []


@pytest.mark.parametrize("value", [object(), {"auth": object()}])
def test_options_when_fsspec_would_need_an_object_say_how(value: object) -> None:
    with pytest.raises(ConfigError, match="filesystem="):
        StorageOptions.of({"client_kwargs": value}, where="test", path="http://h/x")


def test_options_when_the_place_is_a_variable_are_checked_at_the_run(
    monkeypatch: pytest.MonkeyPatch, web: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(b"first")
    place = ls.env("PLACE")
    options = StorageOptions.of({"headers": {"X-Who": "me"}}, where="test", path=place)
    monkeypatch.setenv("PLACE", web)
    assert listed(stores.open_read_store(place, options)) == {"a.json"}
    monkeypatch.setenv("PLACE", "gs://bucket/x")
    with pytest.raises(UnknownOptionError, match="headers"):
        stores.open_read_store(place, options)
    monkeypatch.setenv("PLACE", str(tmp_path))
    with pytest.raises(UnknownOptionError, match="headers"):
        stores.open_read_store(place, options)


def test_options_when_they_are_another_clouds_are_refused() -> None:
    options = {"aws_region": "eu-west-1"}
    with pytest.raises(UnknownOptionError, match="aws_region"):
        StorageOptions.of(options, where="test", path="az://c/x")
    with pytest.raises(UnknownOptionError, match="aws_region"):
        StorageOptions.of(options, where="test").at(
            parse_location("abfss://c@a.dfs.core.windows.net")
        )
    assert StorageOptions.of(options, where="test", path="/local/x").items
    with pytest.raises(ConfigError, match="account_name"):
        stores.open_read_store(
            "abfss://c@one.dfs.core.windows.net/x",
            StorageOptions.of({"account_name": "two"}, where="test"),
        )


def test_pipeline_when_the_password_in_its_url_changes_goes_on_and_keeps_neither(
    ftp: RunningFtp, tmp_path: Path
) -> None:
    folder = tmp_path / "landing"
    folder.mkdir()
    host = f"127.0.0.1:{ftp.port}"

    def bronze_of(url: str) -> StreamingTable:
        @ls.streaming_table(tmp_path / "lake")
        def bronze() -> ls.Stream:
            return ls.read_files(url, format="json", metadata_column="_metadata")

        return bronze

    (folder / "a b.json").write_text('{"id": 1}\n')
    bronze = bronze_of(f"ftp://lake:{PASSWORD}@{host}/landing")
    bronze.run()
    [row] = bronze.read().read_all().to_pylist()
    assert row["_metadata"]["file_path"] == f"ftp://***@{host}/landing/a%20b.json"
    metadata = tmp_path / "lake/_lakestream/metadata"
    assert PASSWORD not in metadata.read_text()

    ftp.add_user("night", "n3w")
    assert bronze_of(f"ftp://night:n3w@{host}/landing").run() == []
    with pytest.raises(CheckpointMismatchError) as caught:
        bronze_of(f"ftp://night:n3w@{host}/other").run()
    assert "n3w" not in str(caught.value)


def test_checkpoint_when_it_has_the_password_of_a_url_goes_on_and_shows_none(
    ftp: RunningFtp, tmp_path: Path
) -> None:
    url = f"ftp://lake:{PASSWORD}@127.0.0.1:{ftp.port}/landing"
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing/a.json").write_text('{"id": 1}\n')

    @ls.streaming_table(tmp_path / "lake")
    def bronze() -> ls.Stream:
        return ls.read_files(url, format="json")

    with pytest.MonkeyPatch.context() as older:
        kept = {"path": url, "format": "json"}
        older.setattr(FilesDescription, "fingerprint", lambda _: kept)
        bronze.run()
    assert PASSWORD in (tmp_path / "lake/_lakestream/metadata").read_text()

    assert bronze.run() == []

    @ls.streaming_table(tmp_path / "lake", name="bronze")
    def other() -> ls.Stream:
        return ls.read_files(f"{url}/below", format="json")

    with pytest.raises(CheckpointMismatchError) as caught:
        other.run()
    assert PASSWORD not in str(caught.value)
