from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from lakestream.errors import ConfigError, EnvironmentNotSetError
from lakestream.storage.location import Location, display, env, parse_location, resolve


def test_env_when_joined_shows_its_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    path = env("LAKE") / "bronze/orders" / "x"
    monkeypatch.setenv("LAKE", "s3://secret-bucket/")
    assert path.display == str(path) == display(path) == "$LAKE/bronze/orders/x"
    assert "secret" not in repr(path)
    assert resolve(path) == "s3://secret-bucket/bronze/orders/x"
    assert pickle.loads(pickle.dumps(path)) == path
    assert parse_location(path).uri == "s3://secret-bucket/bronze/orders/x"


def test_env_when_not_set_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE", raising=False)
    with pytest.raises(EnvironmentNotSetError, match="LAKE"):
        resolve(env("LAKE") / "a")
    with pytest.raises(ConfigError):
        env("not a name")


@pytest.mark.parametrize(
    ("given", "uri", "scheme"),
    [
        ("/a/b/", "/a/b", "file"),
        ("file:///a%20b/c", "/a b/c", "file"),
        ("file://localhost/a", "/a", "file"),
        ("s3a://bucket/a/b/", "s3://bucket/a/b", "s3"),
        ("S3://bucket", "s3://bucket", "s3"),
        ("memory://m/x", "memory://m/x", "memory"),
        ("gs://bucket/a b/", "gs://bucket/a b", "gs"),
        ("gcs://bucket/a", "gs://bucket/a", "gs"),
        ("az://c/x", "az://c/x", "az"),
        ("azure://c/x", "az://c/x", "az"),
        ("abfs://c/x/", "az://c/x", "az"),
        ("abfss://c@acc.dfs.core.windows.net/x/", "abfss://c@acc.dfs.core.windows.net/x", "abfss"),
        ("abfs://c@ACC.blob.core.windows.net", "abfss://c@acc.dfs.core.windows.net", "abfss"),
        ("sftp://host/a/", "sftp://host/a", "sftp"),
    ],
)
def test_location_when_parsed_is_canonical(given: str, uri: str, scheme: str) -> None:
    assert parse_location(given) == Location(uri, scheme)


def test_location_when_it_names_an_account_tells_it() -> None:
    named = parse_location("abfss://land@acc.dfs.core.windows.net/x/y")
    assert (named.bucket, named.account, named.prefix) == ("land", "acc", "x/y")
    assert str(named) == "abfss://land@acc.dfs.core.windows.net/x/y"
    assert not named.is_fabric
    assert parse_location("az://land/x").account is None
    assert parse_location("abfss://w@onelake.dfs.fabric.microsoft.com/l.Lakehouse").is_fabric


def test_location_when_relative_is_below_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_location("lake/x").local_path == str(tmp_path / "lake/x")
    assert parse_location(Path("lake") / "x").uri == str(tmp_path / "lake/x")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "  ",
        "s3://",
        "s3:///x",
        "s3://b//x",
        "s3://b/../x",
        "file://host/x",
        "a\0b",
        "s3:/b/x",
        "az://",
        "az://user@c/x",
        "abfss://c@acc.dfs.core.chinacloudapi.cn/x",
        "abfss://c:s3cr3t@acc.dfs.core.windows.net/x",
        "abfss://c@acc.dfs.core.windows.net//x",
        "dbfs:/mnt/x",
        Path("s3://b/x"),
    ],
)
def test_location_when_not_usable_is_refused(given: str | Path) -> None:
    with pytest.raises(ConfigError):
        parse_location(given)


def test_location_when_a_folder_is_called_like_a_scheme_is_that_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_location("./s3:/b").local_path == str(tmp_path / "s3:/b")


def test_location_when_it_holds_credentials_never_shows_them() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_location("s3://AKIA:s3cr3t@bucket/x")
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        parse_location("abfss://me:s3cr3t@acc.dfs.core.windows.net/x?sig=s3cr3t")
    assert "s3cr3t" not in str(caught.value)
    assert display("abfss://c@a/x?sig=s3cr3t") == "abfss://c@a/x?***"
    assert display("ftp://me:s3cr3t@host/x?sig=s3cr3t") == "ftp://***@host/x?***"
    assert "s3cr3t" not in str(parse_location("ftp://me:s3cr3t@host/x"))


def test_child_when_it_leads_elsewhere_is_refused() -> None:
    root = parse_location("s3://b/x")
    assert root.child("a", "b/c").uri == "s3://b/x/a/b/c"
    assert parse_location("/").child("a").uri == "/a"
    for part in ("..", "a/../b", ""):
        with pytest.raises(ConfigError):
            root.child(part)
