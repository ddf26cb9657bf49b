"""The contract suites on every store that a user can name."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import fsspec
import pytest
import s3fs
from arro3.core import RecordBatch
from support.azurite import ACCOUNT, AzuriteServer
from support.gcs_double import CARELESS, GcsServer
from support.moto import MotoServer

from lakestream.errors import (
    AccessDeniedError,
    ConfigError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
    UnsafeLogStoreError,
)
from lakestream.storage import object_store, stores
from lakestream.storage.base import LogStore, ReadStore
from lakestream.storage.location import parse_location
from lakestream.storage.options import StorageOptions
from lakestream.storage.pages import page_of
from lakestream.testing import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.fault_kinds import says_exists
from lakestream.testing.fault_script import ALWAYS
from lakestream.testing.faults import FaultPlan, FaultyLogStore
from lakestream.testing.http_faults import answers
from lakestream.testing.store_contract import (
    Landing,
    LogStoreContract,
    ReadStoreContract,
    listed,
)

_names = itertools.count()


def _local_landing(root: Path, store: ReadStore) -> Landing:
    def write(key: str, data: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)

    return Landing(store, write, lambda key: (root / key).unlink())


class TestLocalReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, tmp_path: Path) -> Landing:
        root = tmp_path / "land here"
        return _local_landing(root, stores.open_read_store(root))


class TestFsspecLocalReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, tmp_path: Path) -> Landing:
        root = tmp_path / "land"
        filesystem = fsspec.filesystem("file")
        return _local_landing(root, stores.open_read_store(root, filesystem=filesystem))


class TestMemoryReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self) -> Landing:
        return _object_landing(f"memory://m{next(_names)}/pre fix/x", None)


class TestS3ReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, moto_server: MotoServer) -> Landing:
        options = StorageOptions.of(moto_server.options, where="test")
        return _object_landing(f"s3://{moto_server.bucket}/{secrets.token_hex(4)}/in x", options)


class TestAzureReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, azurite_server: AzuriteServer) -> Landing:
        options = StorageOptions.of(azurite_server.options, where="test")
        uri = f"az://{azurite_server.container}/{secrets.token_hex(4)}/in x"
        return _object_landing(uri, options)


class TestGoogleReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, gcs_server: GcsServer) -> Landing:
        options = StorageOptions.of(gcs_server.options, where="test")
        return _object_landing(f"gs://{CARELESS}/{secrets.token_hex(4)}/in x", options)


class TestS3fsReadStore(ReadStoreContract):
    @pytest.fixture
    def landing(self, moto_server: MotoServer) -> Landing:
        options = StorageOptions.of(moto_server.options, where="test")
        uri = f"s3://{moto_server.bucket}/{secrets.token_hex(4)}"
        filesystem = s3fs.S3FileSystem(**options.for_s3fs(), skip_instance_cache=True)
        through = stores.open_read_store(uri, filesystem=filesystem)
        written = _object_landing(uri, options)
        return Landing(through, written.write, written.remove)


def _object_landing(uri: str, options: StorageOptions | None) -> Landing:
    log = stores.open_log_store(uri, options)

    def write(key: str, data: bytes) -> None:
        log.delete([key])
        assert log.put_absent(key, data)

    return Landing(stores.open_read_store(uri, options), write, lambda key: log.delete([key]))


class TestLocalLogStore(LogStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        return stores.open_log_store(tmp_path / "not there yet")


class TestMemoryLogStore(LogStoreContract):
    @pytest.fixture
    def store(self) -> LogStore:
        return stores.open_log_store(f"memory://m{next(_names)}/check")


class TestS3LogStore(LogStoreContract):
    @pytest.fixture
    def store(self, moto_server: MotoServer) -> LogStore:
        options = StorageOptions.of(moto_server.options, where="test")
        uri = f"s3://{moto_server.bucket}/{secrets.token_hex(4)}/_lakestream"
        return stores.open_log_store(uri, options)


class TestAzureLogStore(LogStoreContract):
    @pytest.fixture
    def store(self, azurite_server: AzuriteServer) -> LogStore:
        options = StorageOptions.of(azurite_server.options, where="test")
        account = f"{azurite_server.container}@{ACCOUNT}.dfs.core.windows.net"
        return stores.open_log_store(f"abfss://{account}/{secrets.token_hex(4)}/_check", options)


class TestGoogleLogStore(LogStoreContract):
    @pytest.fixture
    def store(self, gcs_server: GcsServer) -> LogStore:
        options = StorageOptions.of(gcs_server.options, where="test")
        uri = f"gcs://{CARELESS}/{secrets.token_hex(4)}/_lakestream"
        return stores.open_log_store(uri, options)


def test_memory_store_when_opened_twice_by_name_has_the_same_objects() -> None:
    first = stores.open_log_store("memory://shared-by-name/a")
    assert first.put_absent("k", b"1")
    assert stores.open_log_store("memory://shared-by-name").get("a/k") == b"1"
    first.delete(["k"])


class Overwriting:
    """A store that ignores the condition, as s3rver does."""

    uri = "test://overwriting"

    def __init__(self, inner: LogStore) -> None:
        self.inner = inner

    def put_absent(self, key: str, data: bytes) -> bool:
        self.inner.delete([key])
        return self.inner.put_absent(key, data)

    def get(self, key: str) -> bytes:
        return self.inner.get(key)

    def delete(self, keys: Sequence[str]) -> None:
        self.inner.delete(keys)


def test_probe_when_the_store_overwrites_refuses_it_and_cleans_up(tmp_path: Path) -> None:
    inner = stores.open_log_store(tmp_path)
    with pytest.raises(UnsafeLogStoreError, match="put-if-absent"):
        stores.probe_log_store(Overwriting(inner))
    assert inner.list("") == []


class Lying(Overwriting):
    """Says that the second put was refused, and keeps it nevertheless."""

    def put_absent(self, key: str, data: bytes) -> bool:
        super().put_absent(key, data)
        return data == b"first"


def test_probe_when_the_first_reply_is_lost_below_us_accepts_the_store(tmp_path: Path) -> None:
    plan = FaultPlan().on("put", "*", says_exists())
    inner = stores.open_log_store(tmp_path)

    stores.probe_log_store(FaultyLogStore(inner, plan))

    assert plan.reached
    assert inner.list("") == []


def test_probe_when_the_store_refuses_every_put_refuses_it(tmp_path: Path) -> None:
    class Refusing(Overwriting):
        def put_absent(self, key: str, data: bytes) -> bool:
            return False

    with pytest.raises(UnsafeLogStoreError):
        stores.probe_log_store(Refusing(stores.open_log_store(tmp_path)))


def test_probe_when_the_store_keeps_the_second_content_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(UnsafeLogStoreError):
        stores.probe_log_store(Lying(stores.open_log_store(tmp_path)))


def test_probe_when_there_is_no_such_bucket_says_that(moto_server: MotoServer) -> None:
    options = StorageOptions.of(moto_server.options, where="test")
    with pytest.raises(ObjectNotFoundError, match="no such object or bucket"):
        stores.probe_log_store(stores.open_log_store("s3://misspelt/table", options))


def test_probe_when_writing_is_denied_says_that(azurite_server: AzuriteServer) -> None:
    wrong = {
        "account_name": ACCOUNT,
        "account_key": "d3Jvbmc=",
        "endpoint": azurite_server.endpoint,
        "allow_http": "true",
    }
    options = StorageOptions.of(wrong, where="test")
    with pytest.raises(AccessDeniedError):
        stores.probe_log_store(
            stores.open_log_store(f"az://{azurite_server.container}/denied", options)
        )


def test_read_store_when_no_library_speaks_the_scheme_says_so() -> None:
    with pytest.raises(ConfigError, match="nothing here speaks gopher://"):
        stores.open_read_store("gopher://hole/x")


def test_read_store_when_fsspec_knows_the_scheme_reads_through_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    store = stores.open_read_store(f"local://{tmp_path}")
    assert listed(store) == {"a"}


def test_read_store_when_an_fsspec_server_is_down_is_no_empty_folder() -> None:
    store = stores.open_read_store("http://127.0.0.1:1/landing")
    with pytest.raises(StorageUnavailableError):
        listed(store)


def test_log_store_when_the_bucket_is_missing_or_unreachable_is_a_coded_error(
    moto_server: MotoServer,
) -> None:
    options = StorageOptions.of(moto_server.options | {"max_retries": 0}, where="test")
    with pytest.raises(StorageUnavailableError, match="bucket"):
        stores.open_log_store("s3://no-such-bucket/x", options).list("")
    unreachable = moto_server.options | {"aws_endpoint": "http://127.0.0.1:1", "max_retries": 0}
    store = stores.open_log_store("s3://b/x", StorageOptions.of(unreachable, where="test"))
    with pytest.raises(StorageUnavailableError) as caught:
        store.put_absent("k", b"v")
    assert moto_server.options["aws_secret_access_key"] not in str(caught.value)


def test_s3_listing_when_a_key_cannot_be_expressed_is_a_coded_error(
    moto_server: MotoServer,
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=moto_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto's
    )
    prefix = secrets.token_hex(4)
    client.put_object(Bucket=moto_server.bucket, Key=f"{prefix}/a//b", Body=b"x")
    options = StorageOptions.of(moto_server.options, where="test")
    with pytest.raises(StorageError, match=r"(?s)LS-STORE-001.*the cause names it") as refused:
        listed(stores.open_read_store(f"s3://{moto_server.bucket}/{prefix}", options))
    assert f"{prefix}/a//b" in str(refused.value.__cause__)


def test_s3_listing_when_there_are_folder_markers_leaves_them_out(moto_server: MotoServer) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=moto_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - moto's
    )
    prefix = secrets.token_hex(4)
    for key in ("in/", "in/a", "empty/", "zero"):
        client.put_object(Bucket=moto_server.bucket, Key=f"{prefix}/{key}", Body=b"")
    options = StorageOptions.of(moto_server.options, where="test")
    store = stores.open_read_store(f"s3://{moto_server.bucket}/{prefix}", options)
    assert listed(store) == {"in/a", "zero"}
    assert listed(store, start_after="in") == {"in/a", "zero"}


def test_listing_of_folders_at_once_when_a_marker_cannot_be_asked_for_is_a_coded_error(
    moto_server: MotoServer,
) -> None:
    prefix = secrets.token_hex(4)
    with HttpFaultProxy(moto_server.endpoint) as proxy:
        options = StorageOptions.of(
            moto_server.options | {"aws_endpoint": proxy.url, "max_retries": 0}, where="test"
        )
        store = stores.open_read_store(f"s3://{moto_server.bucket}/{prefix}", options)
        log = stores.open_log_store(f"s3://{moto_server.bucket}/{prefix}", options)
        for key in ("zero", "in/a"):
            log.put_absent(key, b"")
        proxy.plan = HttpFaultPlan().on("HEAD", "*/zero", answers(403), times=ALWAYS)
        with pytest.raises(AccessDeniedError):
            listed(store, parallelism=2)
        proxy.plan = HttpFaultPlan().on("HEAD", "*/zero", answers(503), times=1)
        assert listed(store, parallelism=2) == {"zero", "in/a"}


def test_listing_in_no_order_when_it_breaks_off_then_does_not_go_on_behind_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an account with folders lists: ``a/z`` before ``a-b``."""
    store = object_store.ObjectStore(parse_location("memory://folders"), StorageOptions())
    store.lists_in_order = False
    asked: list[str | None] = []

    def pages(prefix: str, start_after: str | None) -> Iterator[RecordBatch]:
        asked.append(start_after)
        if len(asked) > 1:
            for key in ("a/z", "a-b"):
                if start_after is None or key > start_after:
                    yield page_of([key], [0], [1], ["e"], [None])
                if len(asked) == 2:
                    break
        if len(asked) <= 2:
            raise StorageUnavailableError("broke off", where=prefix)

    monkeypatch.setattr(store, "_pages", pages)
    listing = store.list_pages("", None)
    assert next(listing).column("path").to_pylist() == ["a/z"]
    with pytest.raises(StorageUnavailableError):
        next(listing)
    assert asked == [None, None]  # again at once, as long as nothing was given
